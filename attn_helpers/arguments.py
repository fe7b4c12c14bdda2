"""Arguments made safe: arrays of real, finite numbers, and errors that show every shape.

Every public function of the package turns what a reader passes into arrays here, before any
arithmetic, so that one kind of mistake reads the same everywhere. Left out on purpose: type
checks of anything but numbers, and repairs. An argument is taken as it is or refused.
"""

import numpy as np

__all__ = ["boolean_array", "finite_array", "positive", "real_array", "shapes"]


def shapes(**arrays):
    """Say every argument's shape in one phrase.

    >>> shapes(q=np.zeros((2, 5, 8)), k=np.zeros((2, 5, 6)))
    'q is (2, 5, 8), k is (2, 5, 6)'
    """
    return ", ".join(f"{name} is {tuple(np.shape(array))}" for name, array in arrays.items())


def real_array(name, value, *, ndim=None):
    """Turn `value` into an array of real floating-point numbers, without a needless copy.

    Parameters
    ----------
    name : str
        The argument's name, for the error.
    value : array-like of real numbers
        float16, float32 and float64 are kept; integers and truth values become float64.
    ndim : int, optional
        The exact number of axes wanted.

    Returns
    -------
    ndarray

    Raises
    ------
    TypeError
        If `value` does not hold real numbers.
    ValueError
        If `value` is ragged or does not have `ndim` axes.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged: its rows must all have the same length") from None
    except RuntimeError as error:  # a torch tensor that requires a gradient
        raise TypeError(f"{name} cannot become a NumPy array: {error}") from None
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    if array.dtype.kind != "f":
        raise TypeError(f"{name} must hold real numbers, but its dtype is {array.dtype}")
    if ndim is not None and array.ndim != ndim:
        wanted = f"have {ndim} axes" if ndim else "be one number"
        raise ValueError(f"{name} must {wanted}, but {shapes(**{name: array})}")
    return array


def finite_array(name, value, *, ndim=None):
    """Turn `value` into an array as `real_array` does, and refuse NaN and infinity.

    Raises
    ------
    ValueError
        If an entry is NaN or infinite; the error names the first such place.
    """
    array = real_array(name, value, ndim=ndim)
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        found = f"{array[place]} at {place}" if place else f"{array[place]}"
        raise ValueError(f"{name} must be finite, but it holds {found} ({shapes(**{name: array})})")
    return array


def boolean_array(name, value):
    """Turn `value` into an array of truth values, and refuse numbers that stand in for them.

    Raises
    ------
    TypeError
        If the dtype is not bool: 0 and 1, or 0 and -inf, mean opposite things in other libraries.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged: its rows must all have the same length") from None
    if array.dtype != np.bool_:
        raise TypeError(
            f"{name} must be boolean, True where a query may attend, but its dtype is "
            f"{array.dtype} ({shapes(**{name: array})}); convert it with {name}.astype(bool) if "
            f"nonzero means may attend"
        )
    return array


def positive(name, value):
    """Turn `value` into a float that is finite and above zero.

    Raises
    ------
    TypeError, ValueError
        If it is not one real number, or not a finite one above zero.
    """
    number = float(real_array(name, value, ndim=0))
    if not 0 < number < np.inf:  # also refuses NaN
        raise ValueError(f"{name} must be a finite number above 0, but it is {number:g}")
    return number
