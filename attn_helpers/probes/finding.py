"""What a probe finds, and how it measures: two outputs, and the largest change between them."""

import functools
import warnings
from dataclasses import dataclass

import numpy as np

from attn_helpers.arguments import real_array
from attn_helpers.tensors import as_numpy, is_tensor, like, namespace

__all__ = ["Finding", "Report", "copied", "drawn", "largest_change", "probe", "raw_bytes"]


@dataclass(frozen=True)
class Finding:
    """What one probe found; as text, one line.

    Parameters
    ----------
    name : str
        The probe, in words.
    passed : bool
    worst : float
        The largest change that was measured, infinite where a result was missing or not finite.
    where : str
        Where that was.
    sentence : str
        What the probe did, what it measured and, after a failure, what that means.
    """

    name: str
    passed: bool
    worst: float
    where: str
    sentence: str

    def __repr__(self):
        return f"{'✓' if self.passed else '✗'} {self.name}: {self.sentence}"


@dataclass(frozen=True)
class Report:
    """Findings, shown one a line."""

    findings: tuple[Finding, ...]

    @property
    def passed(self):
        """True if every probe passed."""
        return all(finding.passed for finding in self.findings)

    def __repr__(self):
        held = sum(finding.passed for finding in self.findings)
        verdict = f"{held} of {len(self.findings)} probes passed."
        return "\n".join([*map(repr, self.findings), verdict])


class Broken(Exception):
    """What the probed function did instead of returning an output."""


class Subject:
    """The probed function, called quietly; what it raises or returns is turned into a finding."""

    def __init__(self, fn):
        self.fn = fn
        self.rounding = 0.0  # relative error of the coarsest dtype in the last call
        self.called = False

    def __call__(self, *arrays, **mask):
        """Call the function on copies; return its output, checked, in float64."""
        out = self._output(arrays, mask)
        if not self.called:
            again = self._output(arrays, mask)
            if not np.allclose(out, again, rtol=0, atol=self.allowed(out), equal_nan=True):
                raise Broken("one input gave two outputs; if dropout is on, call .eval() first")
        self.called = True
        return out

    def allowed(self, out):
        """Return how far rounding may move `out`: 4e-11 of its largest in float64, 4% in bf16."""
        return self.rounding ** (2 / 3) * np.abs(out).max(initial=0, where=np.isfinite(out))

    def _output(self, arrays, mask):
        out = self.raw(*map(copied, arrays), **{name: copied(mask[name]) for name in mask})
        if out.shape[:-1] != arrays[0].shape[:-1]:
            shapes = f"{tuple(out.shape)} for an input of {tuple(arrays[0].shape)}"
            raise Broken(f"it gave an output of {shapes}; all axes but the last should be the same")
        return as_numpy(out)

    def raw(self, *arrays, **mask):
        """Call the function on the arrays themselves; return its output as it is."""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                out = self.fn(*arrays, **mask)
                out = out[0] if isinstance(out, tuple) and out else out
                numbers = out if is_tensor(out) else np.asarray(out)
        except Exception as error:
            first_line = str(error).partition("\n")[0]
            raise Broken(f"it raised {type(error).__name__}: {first_line}") from error
        if not is_tensor(numbers) and numbers.dtype.kind not in "biuf":
            raise Broken(f"it returned no array of numbers but a {type(out).__name__}")
        self.rounding = max(map(rounding, (*arrays, numbers)))
        return numbers

    def gradients(self, *arrays, **mask):
        """Return the gradient of the summed output by each array, or () if there is none."""
        if not is_tensor(arrays[0]):
            return ()
        leaves = [array.clone().requires_grad_() for array in arrays]
        try:
            out = self.raw(*map(copied, leaves), **mask)
            if not (is_tensor(out) and out.requires_grad):
                return ()
            return [as_numpy(g) for g in namespace(out).autograd.grad(out.sum(), leaves)]
        except Broken as broken:
            if isinstance(broken.__cause__, NotImplementedError):
                return ()  # a kernel without a backward pass
            raise
        except RuntimeError as error:
            raise Broken(f"its backward pass raised {str(error).partition(chr(10))[0]}") from error


def probe(did, means, *, least=0.0):
    """Make a probe of a law: a generator of (label, expected, got), the last two to be equal.

    Parameters
    ----------
    did : str
        What the probe did to what; the sentence goes on "by ...".
    means : str
        What it means if that is not zero.
    least : float, default 0
        A change that is always allowed.
    """

    def decorate(law):
        name = law.__name__.replace("_", " ")

        @functools.wraps(law)
        def run(fn, /, *arrays, **options):
            subject, worst, where, allowed = Subject(fn), 0.0, "", least
            try:
                for label, expected, got in law(subject, *arrays, **options):
                    change, place = largest_change(expected, got)
                    if change > worst:
                        worst, where = change, f"{label}, at out{place}" if place else label
                    allowed = max(allowed, subject.allowed(expected))
            except Broken as broken:
                return Finding(name, False, np.inf, "", str(broken))
            if worst <= allowed:  # what rounding did differs by machine: the sentence leaves it out
                by = f"less than {allowed:.0e}" if allowed else "0"
                return Finding(name, True, worst, where, f"{did} by {by}")
            by = f"{worst:.2g} ({where}): {means}" if worst < np.inf else f"NaN or inf ({where})"
            return Finding(name, False, worst, where, f"{did} by {by}")

        return run

    return decorate


def largest_change(expected, got):
    """Return the largest difference and its place; what is not finite differs infinitely."""
    with np.errstate(invalid="ignore"):
        change = np.abs(np.subtract(got, expected))
    change = np.where(np.isfinite(change), change, np.inf)
    if change.size == 0:
        return 0.0, []
    place = np.unravel_index(change.argmax(), change.shape)
    return float(change[place]), [int(i) for i in place]


def copied(array):
    """Copy an array or tensor."""
    return array.clone() if is_tensor(array) else np.array(array)


def rounding(array):
    """Return the relative rounding error of an array's dtype, 0 for whole numbers."""
    xp = namespace(array)
    real = array.is_floating_point() if is_tensor(array) else array.dtype.kind == "f"
    return float(xp.finfo(array.dtype).eps) if real else 0.0


def raw_bytes(array):
    """Return the memory of an array or tensor."""
    if is_tensor(array):
        array = array.detach().cpu().flatten().view(namespace(array).uint8).numpy()
    return np.asarray(array).tobytes()


def drawn(rng, *, axes=2, **examples):
    """Return normal numbers in the shape, dtype and kind of each example."""
    arrays = {n: e if is_tensor(e) else real_array(n, e) for n, e in examples.items()}
    every = ", ".join(f"{name} is {tuple(array.shape)}" for name, array in arrays.items())
    for name, array in arrays.items():
        if is_tensor(array) and not array.is_floating_point():
            raise TypeError(f"{name} must hold real numbers, but it holds {array.dtype} ({every})")
        if array.ndim < axes or array.shape[-2] < 2 or 0 in array.shape:
            needed = f"{name} needs {axes} axes or more, none empty, and at least two tokens"
            raise ValueError(f"{needed} (axis -2): {every}")
    if len({array.shape[:-2] for array in arrays.values()}) > 1:
        raise ValueError(f"q, k and v need the same axes before the last two: {every}")
    return [like(array, rng.standard_normal(array.shape)) for array in arrays.values()]
