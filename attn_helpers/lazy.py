"""Names of a package that load at first use, so that importing the package stays fast."""

import importlib

__all__ = ["loader"]


def loader(package, homes):
    """Return the `__getattr__` of a package; `homes` has the submodule that defines each name."""

    def load(name):
        if name in homes:
            return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load
