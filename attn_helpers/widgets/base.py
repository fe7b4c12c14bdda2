"""What every widget stands on: its browser source, and traits that check what they are given."""

from importlib.resources import files

import traitlets

__all__ = ["Checked", "Mismatch", "script", "style"]


def script(stem):
    """Return the ES module of a widget as text: `shared.js`, then `<stem>.js`.

    The browser loads it from a blob URL, where a relative import leads nowhere; so what the
    widgets share is put in front of each.
    """
    return _joined("shared.js", f"{stem}.js")


def style(stem):
    """Return the style sheet of a widget as text: `base.css`, then `<stem>.css`."""
    return _joined("base.css", f"{stem}.css")


def _joined(*names):
    folder = files(__package__)
    return "\n".join((folder / name).read_text("utf-8") for name in names)


class Checked(traitlets.TraitType):
    """A trait whose value goes through `check`, which returns it made plain, or raises.

    Unlike the traits that come with traitlets it raises the ValueError or TypeError that `check`
    raises, before anything is assigned.
    """

    def __init__(self, check):
        super().__init__()
        self.check = check

    def validate(self, obj, value):
        """Return the value to keep."""
        return self.check(value)


class Mismatch(traitlets.TraitError, ValueError):
    """Two traits that do not go together; as a TraitError it makes traitlets take both back."""
