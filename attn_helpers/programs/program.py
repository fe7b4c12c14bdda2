"""Attention programs: what one is, how two compose, and what it does to scores in NumPy."""

import json
import re
from itertools import chain, count

import numpy as np

from attn_helpers.arguments import boolean_array, real_array, shapes
from attn_helpers.programs.expr import ProgramError, check_size
from attn_helpers.programs.grid import Grid
from attn_helpers.programs.lowering import ONE, S, linear, uses
from attn_helpers.programs.operations import NUMPY
from attn_helpers.programs.printing import latex_of, plain, text_of
from attn_helpers.programs.tree import (
    Call,
    Item,
    Name,
    depth,
    evaluate,
    is_truth,
    map_leaves,
    names_in,
    nodes,
)
from attn_helpers.programs.values import array, number

__all__ = ["Program", "apart"]


class Program:
    """A mask, a change of scores, or both, with the numbers and arrays they use.

    `program`, `per_head`, `mask_from` and `program_from_json` make one. Programs compose:
    ``a & b`` (two masks: both must allow; a mask and a score: the score changes where the mask
    allows), ``a | b`` and ``~a`` for masks, ``a >> b`` (first a, then b on the scores a made). What
    two programs call by one name stays apart: the second shows as ``slope_2``. None ever changes.

    `repr` is Python that makes a program which does the same; `to_json` also keeps `n_heads`, and
    that one number may stand in mask and score.

    Attributes
    ----------
    mask, score : tree, or None where the program has no such part
    numbers : dict of str to float
    arrays : dict of str to ndarray
    n_heads : int or None
        The number of heads it is for, where `per_head` made it.
    """

    def __init__(self, *, mask=None, score=None, numbers, arrays, n_heads=None):
        self.mask, self.n_heads = mask, n_heads
        self.score = None if mask and score == S else score  # "s" changes nothing
        for tree in self.trees:
            check_size(len(text_of(tree)), depth(tree))
        used = {name for tree in self.trees for name in names_in(tree)}
        self.numbers = {name: value for name, value in numbers.items() if name in used}
        self.arrays = {name: value for name, value in arrays.items() if name in used}

    @property
    def trees(self):
        """The trees of its parts, the mask first."""
        return [tree for tree in (self.mask, self.score) if tree is not None]

    @property
    def items(self):
        """The `Item` nodes of its trees, each once."""
        every = (node for tree in self.trees for node in nodes(tree) if isinstance(node, Item))
        return list(dict.fromkeys(every))

    def replace(self, **values):
        """Return the same program with other numbers or arrays: ``mode.replace(slope=0.5)``."""
        unknown = values.keys() - self.numbers.keys() - self.arrays.keys()
        if unknown:
            known = ", ".join([*self.numbers, *self.arrays]) or "none"
            raise ProgramError(f"{self} has no {min(unknown)}; its names: {known}")
        numbers = {name: number(name, values.get(name, old)) for name, old in self.numbers.items()}
        arrays = {name: array(name, values.get(name, old)) for name, old in self.arrays.items()}
        for name, old in self.arrays.items():
            if arrays[name].ndim != old.ndim:
                raise ProgramError(f"{name} was {old.shape}: it cannot be {arrays[name].shape}")
        return self.copy(numbers=numbers, arrays=arrays)

    def copy(self, **changes):
        """Return the same program with some attributes changed."""
        return Program(**vars(self) | changes)

    def _key(self):
        arrays = {(name, array.shape, array.tobytes()) for name, array in self.arrays.items()}
        numbers = frozenset(self.numbers.items())
        return self.mask, self.score, numbers, frozenset(arrays), self.n_heads

    def __eq__(self, other):
        return self._key() == other._key() if isinstance(other, Program) else NotImplemented

    def __hash__(self):
        return hash(self._key())

    # ------------------------------------------------------------------------ composition

    def __bool__(self):
        raise ProgramError("and, or and not cannot join programs: write a & b, a | b, ~a")

    def __and__(self, other):
        other = apart(other, self.numbers, self.arrays)
        if self.score and other.score:
            raise ProgramError(
                f"& cannot join two changes of the score: write a >> b, which changes it by "
                f"a = {text_of(self.score)}, then by b = {text_of(other.score)}"
            )
        return self._joined(other, _both(self.mask, other.mask), self.score or other.score)

    def __rshift__(self, other):
        other = apart(other, self.numbers, self.arrays)
        mask, score = (
            map_leaves(tree, lambda leaf: self.score if leaf == S else leaf)
            if tree and self.score
            else tree
            for tree in (other.mask, other.score)
        )
        return self._joined(other, _both(self.mask, mask), score or self.score)

    def __or__(self, other):
        other = apart(other, self.numbers, self.arrays)
        return self._joined(other, _join("or", self._only_mask("|"), other._only_mask("|")))

    def __invert__(self):
        match self._only_mask("~"):
            case Call("not", (inner,)) if is_truth(inner):
                return self.copy(mask=inner)
            case mask:
                return self.copy(mask=Call("not", (mask,)))

    def _only_mask(self, operator):
        if self.score:
            raise ProgramError(f"{operator} is for masks, but this changes the score: {self}")
        return self.mask

    def _joined(self, other, mask, score=None):
        """Return a program of new trees with the numbers and arrays of both."""
        if None not in (self.n_heads, other.n_heads) and self.n_heads != other.n_heads:
            raise ProgramError(f"one is for {self.n_heads} heads, the other for {other.n_heads}")
        return Program(
            mask=mask,
            score=score,
            numbers=self.numbers | other.numbers,
            arrays=self.arrays | other.arrays,
            n_heads=self.n_heads or other.n_heads,
        )

    # ------------------------------------------------------------------------ numbers

    def apply(self, scores, *, mask=None, q_start=0):
        """Change scores, and put minus infinity where a query may not attend.

        Parameters
        ----------
        scores : array-like of shape (..., n_q, n_k)
            `h` counts along axis -3 and `b` along axis -4; without such an axis they are 0.
        mask : boolean array-like that broadcasts to the scores, optional
            True where a query may attend, beside what the program allows.
        q_start : int, default 0
            Position of the first query: with a key-value cache, how many came before it.

        Returns
        -------
        ndarray of the shape and dtype of `scores`

        Raises
        ------
        ProgramError
            If an array is too short, or a score that the mask allows comes out as NaN or +inf.
        """
        scores = real_array("scores", scores)
        if scores.ndim < 2:
            raise ValueError(f"scores need two axes, (n_q, n_k): {shapes(scores=scores)}")
        keep, new = self._computed(Grid(*((None, None) + scores.shape)[-4:], q_start), scores)
        with np.errstate(over="ignore"):
            new = np.broadcast_to(new, scores.shape).astype(scores.dtype)
        keep = keep if mask is None else keep & boolean_array("mask", mask)
        np.copyto(new, -np.inf, where=~keep)
        if not (new < np.inf).all():  # False for NaN, too
            place = tuple(int(at) for at in np.argwhere(~(new < np.inf))[0])
            raise ProgramError(
                f"{self} gives a score of {new[place]} at {place}, {shapes(scores=scores)}"
            )
        return new

    def allowed(self, n_q, n_k, *, n_heads=None, batch=None, q_start=0):
        """Return where a query may attend, as booleans.

        Returns
        -------
        ndarray of shape (n_q, n_k), (n_heads, n_q, n_k) or (batch, n_heads, n_q, n_k)
            With `batch` and no `n_heads` there is one head.

        Raises
        ------
        ProgramError
            If that depends on the scores, or an array is too short.
        """
        if self.mask and uses(self.mask, "s"):
            raise ProgramError(f"what {self} allows depends on the scores: use apply")
        grid = _asked(n_q, n_k, n_heads, batch, q_start)
        keep, _ = self.copy(score=None)._computed(grid)
        return np.broadcast_to(keep, grid.shape).copy()

    def bias(self, n_q, n_k, *, n_heads=None, batch=None, q_start=0):
        """Return what the program adds to the scores: -inf where a query may not attend.

        Returns
        -------
        ndarray of shape (n_q, n_k), (n_heads, n_q, n_k) or (batch, n_heads, n_q, n_k)

        Raises
        ------
        ProgramError
            If the program does more than add to the scores, as ``s / tau`` does.
        """
        factor, shift = linear(self.score or S) or (None, None)
        if factor != ONE or (self.mask and uses(self.mask, "s")):
            raise ProgramError(f"{self} does more than add to the scores: use apply")
        zeros = np.zeros(_asked(n_q, n_k, n_heads, batch, q_start).shape)
        return self.copy(score=shift).apply(zeros, q_start=q_start)

    def _computed(self, grid, scores=None):
        """Compute mask and new scores as arrays that broadcast to the grid."""
        grid.check(self)
        with np.errstate(all="ignore"):  # NaN and infinity are judged where they count
            values = grid.values(self) | {S: scores}
            keep = evaluate(self.mask, values, NUMPY) if self.mask else np.True_
            new = evaluate(self.score, values, NUMPY) if self.score else scores
        return keep, new

    # ------------------------------------------------------------------------ FlexAttention

    def score_mod(self, **options):
        """Return the change of scores for FlexAttention: see `flex.score_mod`."""
        from attn_helpers.programs import flex

        return flex.score_mod(self, **options)

    def mask_mod(self, **options):
        """Return the mask for FlexAttention: see `flex.mask_mod`."""
        from attn_helpers.programs import flex

        return flex.mask_mod(self, **options)

    def block_mask(self, n_q, n_k, **options):
        """Return the `BlockMask` for FlexAttention: see `flex.block_mask`."""
        from attn_helpers.programs import flex

        return flex.block_mask(self, n_q, n_k, **options)

    # ------------------------------------------------------------------------ text

    def __str__(self):
        texts = [text_of(tree) for tree in self.trees]
        return texts[0] if len(texts) == 1 else " & ".join(f"({text})" for text in texts)

    def __repr__(self):
        calls = []
        for tree in self.trees:
            values = self.numbers | self.arrays
            names = [name for name in dict.fromkeys(names_in(tree)) if name in values]
            given = "".join(f", {name}={plain(values[name])}" for name in names)
            calls.append(f'program("{text_of(tree)}"{given})')
        return " & ".join(calls)

    def latex(self):
        """Return the program as a formula, without dollar signs."""
        if not (self.mask and self.score):
            return latex_of(self.mask or self.score)
        return (
            rf"\begin{{cases}} {latex_of(self.score)} & \text{{if }} {latex_of(self.mask)} \\ "
            r"-\infty & \text{otherwise} \end{cases}"
        )

    def to_json(self):
        """Return the program as JSON text, which `program_from_json` reads."""
        fields = {
            "mask": self.mask and text_of(self.mask),
            "score": self.score and text_of(self.score),
            "numbers": {name: plain(value) for name, value in self.numbers.items()},
            "arrays": {name: plain(value) for name, value in self.arrays.items()},
            "n_heads": self.n_heads,
        }
        return json.dumps({name: field for name, field in fields.items() if field})


def apart(other, numbers, arrays):
    """Rename what a program calls by a name that is taken; equal arrays stay one."""
    if not isinstance(other, Program):
        raise ProgramError(f"a program can be joined with a program, not with {other!r}")
    new, taken = {}, {*numbers, *arrays}
    for name in [*other.numbers, *other.arrays]:
        held = other.arrays.get(name)
        twins = (
            ours
            for ours, array in arrays.items()
            if _stem(ours) == _stem(name) and held is not None and np.array_equal(array, held)
        )
        numbered = (f"{_stem(name)}_{n}" for n in count(2))
        fresh = (candidate for candidate in chain([name], numbered) if candidate not in taken)
        new[name] = next(chain(twins, fresh))
        taken.add(new[name])

    def renamed(leaf):
        match leaf:
            case Name(name):
                return Name(new.get(name, name))
            case Item(name, index):
                return Item(new[name], index)
        return leaf

    return other.copy(
        mask=other.mask and map_leaves(other.mask, renamed),
        score=other.score and map_leaves(other.score, renamed),
        numbers={new[name]: value for name, value in other.numbers.items()},
        arrays={new[name]: value for name, value in other.arrays.items()},
    )


def _stem(name):
    return re.sub(r"_\d+$", "", name)


def _both(left, right):
    return _join("and", left, right) if left and right else left or right


def _asked(n_q, n_k, n_heads, batch, q_start):
    """Return the grid of what a reader asks for: a batch has heads, one by default."""
    if batch is not None and n_heads is None:
        n_heads = 1
    grid = Grid(batch, n_heads, n_q, n_k, q_start)
    grid.check_sizes()
    return grid


def _join(op, *trees):
    """Join by `and` or `or` on one level, so that (a & b) & c is a & (b & c)."""
    parts = (tree.args if isinstance(tree, Call) and tree.op == op else (tree,) for tree in trees)
    return Call(op, tuple(chain(*parts)))
