"""Where the scores of one attention stand: batch, heads, queries, keys, and the first position."""

from typing import NamedTuple

import numpy as np

from attn_helpers.programs.expr import ProgramError
from attn_helpers.programs.tree import Name

__all__ = ["Grid"]


class Grid(NamedTuple):
    """The axes of the scores; `batch` and `n_heads` are None where there is no such axis."""

    batch: int | None
    n_heads: int | None
    n_q: int
    n_k: int
    q_start: int = 0

    @property
    def shape(self):
        """The shape of the scores."""
        return tuple(size for size in self[:4] if size is not None)

    @property
    def positions(self):
        """Return i, j, h and b as integer arrays that broadcast to the scores."""
        heads, batch = (
            np.arange(size).reshape(-1, *ones) if size is not None else np.array(0)
            for size, ones in ((self.n_heads, (1, 1)), (self.batch, (1, 1, 1)))
        )
        i = self.q_start + np.arange(self.n_q)[:, None]
        return {"i": i, "j": np.arange(self.n_k), "h": heads, "b": batch}

    def values(self, program):
        """Return what each name and item of a program stands for, but for the scores."""
        at = self.positions
        sizes = {"n_q": self.n_q, "n_k": self.n_k}
        named = {name: np.float64(value) for name, value in (sizes | program.numbers).items()}
        named |= {name: position.astype(float) for name, position in at.items()}
        return {Name(name): value for name, value in named.items()} | {
            item: program.arrays[item.array][tuple(at[axis] for axis in item.index)]
            for item in program.items
        }

    def check_sizes(self):
        """Refuse sizes that cannot be."""
        for name, size in zip(self._fields, self, strict=True):
            optional = name in ("batch", "n_heads")
            if not (optional and size is None) and not (
                type(size) is not bool and isinstance(size, (int, np.integer)) and 0 <= size < 2**53
            ):
                raise ValueError(f"{name} must be a whole number, 0 or more, but it is {size!r}")

    def check(self, program):
        """Refuse sizes that cannot be, or that go beyond the arrays of a program."""
        self.check_sizes()
        if program.n_heads not in (None, self.n_heads):
            there = (
                "but there is no axis of heads" if self.n_heads is None else f"not {self.n_heads}"
            )
            raise ProgramError(f"the program is for {program.n_heads} heads, {there}")
        needs = {"b": self.batch or 1, "h": self.n_heads or 1, "j": self.n_k,
                 "i": self.q_start + self.n_q}  # fmt: skip
        for item in program.items:
            shape = program.arrays[item.array].shape
            for axis, (letter, size) in enumerate(zip(item.index, shape, strict=True)):
                if size < needs[letter]:
                    raise ProgramError(
                        f"{item.array}[{', '.join(item.index)}] needs {needs[letter]} entries "
                        f"along {letter}, axis {axis}, but {item.array} is {shape} "
                        f"(n_q {self.n_q}, n_k {self.n_k}, q_start {self.q_start})"
                    )
