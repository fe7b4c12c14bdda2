"""Exercise checkers, one module for each chapter: `checks.ch01.softmax(my_softmax)`."""

import importlib
import pkgutil

__all__ = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name.startswith("ch"))


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"there are no checks for '{name}'; there are {', '.join(__all__)}")


def __dir__():
    return __all__
