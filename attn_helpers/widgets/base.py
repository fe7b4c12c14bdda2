"""What every widget stands on: its browser source, and traits that check what they are given."""

from importlib.resources import files

import anywidget
import numpy as np
import traitlets

__all__ = ["Array", "Checked", "CheckedWidget", "Mismatch", "check_names", "script", "style"]

PACKED_ONE = 65535  # the weight 1 in a packed array; shared.js has the same


def script(*stems):
    """Return the ES module of a widget as text: `shared.js`, then `<stem>.js` for each stem.

    The browser loads it from a blob URL, where a relative import leads nowhere; so what the
    widgets share is put in front of each.
    """
    return _joined("shared.js", *(f"{stem}.js" for stem in stems))


def style(*stems):
    """Return the style sheet of a widget as text: `base.css`, then `<stem>.css` for each stem."""
    return _joined("base.css", *(f"{stem}.css" for stem in stems))


def _joined(*names):
    folder = files(__package__)
    return "\n".join((folder / name).read_text("utf-8") for name in names)


def check_names(name, value):
    """Return the names of queries or keys as a list of str; `name` is the argument's, for errors.

    Raises
    ------
    TypeError
        If it is one string or no sequence, or if an item is not a string.
    """
    if isinstance(value, str) or not np.iterable(value):
        raise TypeError(f"{name} must be a list of strings, but it is {value!r}")
    value = list(value)
    for place, item in enumerate(value):
        if not isinstance(item, str):
            raise TypeError(
                f"{name} must hold strings, but {name}[{place}] is {item!r} "
                f"({type(item).__name__}; {name} is ({len(value)},))"
            )
    return [str(item) for item in value]


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


class Array(Checked):
    """A checked trait of an array, or None; it goes out as raw bytes.

    The value kept is the reader's no more: a copy that cannot be written into, so that the
    picture and Python never differ. The browser gets `{shape, dtype, bytes}`, little-endian,
    with a shape of three axes or more. None has no shape and no bytes, but the same form: a built
    page may still hold the bytes of an earlier value, and needs a place to put them.

    A `packed` array holds weights, from 0 to 1; they go out as whole numbers of 16 bits, from 0 to
    65535, a quarter of what float64 takes.
    """

    def __init__(self, check, *, packed=False):
        super().__init__(check)
        self.tag(sync=True, to_json=_to_packed if packed else _to_wire, from_json=_from_wire)

    def validate(self, obj, value):
        """Return a read-only copy; an array that is one already stays itself."""
        array = super().validate(obj, value)
        if array is None or (array.flags.owndata and not array.flags.writeable):
            return array
        array = np.array(array, order="C")
        array.flags.writeable = False
        return array


def _to_wire(array, _):
    if array is None:
        return {"shape": None, "dtype": None, "bytes": b""}
    shape = (1,) * (3 - array.ndim) + array.shape
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return {"shape": list(shape), "dtype": array.dtype.name, "bytes": little.tobytes()}


def _to_packed(weights, _):
    return _to_wire(np.rint(PACKED_ONE * weights).astype(np.uint16), _)


def _from_wire(wire, _):
    if wire["shape"] is None:
        return None
    dtype = np.dtype(wire["dtype"]).newbyteorder("<")
    array = np.frombuffer(wire["bytes"], dtype).reshape(wire["shape"])
    return array / PACKED_ONE if array.dtype == np.uint16 else array


class Mismatch(traitlets.TraitError, ValueError):
    """Traits that do not go together; as a TraitError it makes traitlets take them back."""


class CheckedWidget(anywidget.AnyWidget):
    """A widget of checked traits, which may be set one by one or several at once."""

    def set(self, **traits):
        """Change several traits at once, in one message to the browser, or none of them.

        Raises
        ------
        TypeError, ValueError
            If one of them is wrong, or they do not go together; then all keep their old value.
        """
        known = [name for name, trait in self.traits().items() if isinstance(trait, Checked)]
        unknown = sorted(traits.keys() - set(known))
        if unknown:
            raise TypeError(f"set takes {', '.join(known)}, not {unknown}")
        for name, value in traits.items():
            traits[name] = self.traits()[name].check(value)
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in traits.items():
                setattr(self, name, value)
