"""Exercises of chapter 5.7: rounding to bfloat16, blocks left by a mask, the scale of a loss."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["count_blocks", "loss_scales", "to_bfloat16"]


def rounded(x):
    """Round to the nearest number with 7 binary digits after the point, ties to the even one."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    even = (bits >> 16) & 1
    return ((bits + 0x7FFF + even) >> 16 << 16).view(np.float32)


def _digits(x, digits, how=np.round):
    """Round to some binary digits after the point, counted from the first one."""
    m, e = np.frexp(x)
    return np.ldexp(how(np.ldexp(m, digits + 1)), e - digits - 1)


def _away(x):
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


_SOME = np.array([[1 / 3, -2.7182817, 1e-30], [123.456, -0.001, 3e30]], np.float32)
_SOME = _SOME.astype(float)
_TIES = np.array([1 + 2**-8, 1 + 3 * 2**-8, -(2 + 2**-7), -(4 + 3 * 2**-6), 0.5 + 2**-9])

to_bfloat16 = Exercise(
    "to_bfloat16",
    rounded,
    properties=[
        Property(
            "gives the nearest number that bfloat16 has",
            [(_SOME,), (np.array([0.1, 0.7, 1000.3, -5.55]),)],
            "Print a number and your result in bits, `f'{bits:032b}'`: the upper 16 may have "
            "grown by one, the lower 16 are zero.",
        ),
        Property(
            "takes the even neighbour of two that are equally near",
            [(_TIES,)],
            "1 + 1/256 lies between 1 and 1 + 1/128. Even is the one whose "
            "last kept bit, the 16th, is 0.",
        ),
        Property(
            "leaves alone what bfloat16 has, and carries over into the next power of two",
            [(np.array([0.0, 1.0, -0.5, 256.0, 1.9999, -255.7]),)],
            "When all digits are 1, rounding up changes the exponent. Addition on the bits carries "
            "by itself.",
        ),
        Property(
            "takes a single number and tables", [(np.array(0.3),), (_SOME[:, :, None],)],
            "`np.asarray(x, np.float32).view(np.uint32)` has the shape of x.",
        ),
    ],
    mistakes=[
        (
            "The lower bits are cut off, which is rounding towards zero. First add half a gap.",
            lambda x: _digits(x, 7, np.trunc),
        ),
        ("This rounds upwards always: add under half a gap.", lambda x: _digits(x, 7, np.ceil)),
        ("This rounds downwards always.", lambda x: _digits(x, 7, np.floor)),
        (
            "That is float16, with 10 digits and few exponents.",
            lambda x: np.asarray(x, np.float16).astype(float),
        ),
        (
            "One digit too many: 8 bits are sign and exponent's first 7. Keep 16 in all, of which "
            "7 are digits after the point.",
            lambda x: _digits(x, 8),
        ),
        ("One digit too few: 7 remain after the point.", lambda x: _digits(x, 6)),
        (
            "These are the bits as whole numbers. `view(np.float32)` reads them as what they mean.",
            lambda x: rounded(x).view(np.uint32).astype(float),
        ),
        (
            "These are the upper 16 bits as whole numbers. Shift back, then `view(np.float32)`.",
            lambda x: (rounded(x).view(np.uint32) >> 16).astype(float),
        ),
        ("Nothing has been rounded.", lambda x: np.asarray(x, np.float32)),
        ("This is what rounding takes away.", lambda x: x - rounded(x)),
        (
            "You rounded to 7 digits after the point of the *number*. The point stands after its "
            "first digit, wherever that is.",
            lambda x: np.round(np.asarray(x) * 128) / 128,
        ),
        (
            "bfloat16 keeps the sign.",
            lambda x: np.abs(rounded(x)),
        ),
    ],
)  # fmt: skip


def blocks(allowed, size):
    """How many blocks are open in every cell, and how many in some."""
    tiles = _tiles(allowed, size)
    every, some = tiles.all((1, 3)).sum(), tiles.any((1, 3)).sum()
    return every, some - every


def _tiles(allowed, size):
    n_q, n_k = allowed.shape
    return np.reshape(allowed, (n_q // size, size, n_k // size, size))


def _window(n_q, n_k, width):
    i, j = np.arange(n_q)[:, None], np.arange(n_k)
    return (j <= i) & (i - j < width)


_GAPPED = _window(20, 28, 9) & (np.arange(28) % 7 != 3)  # some keys are open to nobody
_HOLED = np.arange(150).reshape(10, 15) // 75 == 0  # five rows open, five closed
_HOLED[2, 2] = False
_HOLED[7, 12] = True
_SPOTS = np.random.default_rng(0).random((12, 20)) < 0.08

count_blocks = Exercise(
    "count_blocks",
    blocks,
    properties=[
        Property(
            "counts the blocks that are open in every cell, and those open in some but not in all",
            [(_GAPPED, 4), (_window(12, 20, 99), 4), (_window(30, 20, 7), 5)],
            "Cut the mask into blocks, (rows of blocks, size, columns of blocks, size), and ask "
            "`all` and `any` along the two axes inside a block.",
        ),
        Property(
            "takes masks without any order",
            [(_SPOTS, 2), (_SPOTS, 4), (_SPOTS.T.copy(), 4), (_HOLED, 5)],
            "Only count what is in the mask: it need not be causal, and not square.",
        ),
        Property(
            "takes blocks of one cell, and a mask that is open or closed throughout",
            [(_SPOTS, 1), (np.ones((6, 9), bool), 3), (np.zeros((6, 4), bool), 2)],
            "A block of one open cell is open in every cell.",
        ),
    ],
    mistakes=[
        ("The two are exchanged: first those open in every cell.", lambda a, s: blocks(a, s)[::-1]),
        (
            "The second number is of blocks open in *some* cells: those open in all count once, "
            "in the first.",
            lambda a, s: (blocks(a, s)[0], sum(blocks(a, s))),
        ),
        (
            "The second number is of blocks that are closed. Wanted are those open in some cells.",
            lambda a, s: (blocks(a, s)[0], a.size // s**2 - sum(blocks(a, s))),
        ),
        (
            "The second number takes in the closed blocks: partial ones are open in *some* cell.",
            lambda a, s: (blocks(a, s)[0], a.size // s**2 - blocks(a, s)[0]),
        ),
        (
            "The first number takes in the partial blocks: full ones are open in *every* cell.",
            lambda a, s: (sum(blocks(a, s)), blocks(a, s)[1]),
        ),
        (
            "Turned round: True means that a query may attend.",
            lambda a, s: blocks(~a, s),
        ),
        (
            "Reshaped to (-1, size, size), a block takes cells that lie one after the other in "
            "memory. A block of the table is size rows of size columns: four axes.",
            lambda a, s: _counted(a.reshape(-1, s * s)),
        ),
        (
            "These are rows, cut into pieces of `size` keys. A block has `size` queries as well.",
            lambda a, s: _counted(a.reshape(-1, s)),
        ),
        (
            "These are columns, cut into pieces of `size` queries. A block has `size` keys, too.",
            lambda a, s: _counted(a.T.reshape(-1, s)),
        ),
        ("These are cells. Count blocks.", lambda a, s: (a.sum(), (~a).sum())),
        (
            "These are shares. Return the numbers of blocks.",
            lambda a, s: tuple(x / (a.size / s**2) for x in blocks(a, s)),
        ),
        (
            "You looked at one cell of each block, its first.",
            lambda a, s: (a[::s, ::s].sum(), 0),
        ),
        (
            "You looked at the blocks on the diagonal only.",
            lambda a, s: _diagonal(a, s),
        ),
        (
            "You counted blocks that touch each other: they should lie side by side, `size` apart.",
            lambda a, s: _counted(
                np.lib.stride_tricks.sliding_window_view(a, (s, s)).reshape(-1, s * s)
            ),
        ),
    ],
    returns=("full", "partial"),
)  # fmt: skip


def _counted(pieces):
    every, some = pieces.all(1).sum(), pieces.any(1).sum()
    return every, some - every


def _diagonal(allowed, size):
    tiles = _tiles(allowed, size)
    k = min(tiles.shape[0], tiles.shape[2])
    return _counted(np.stack([tiles[i, :, i].ravel() for i in range(k)]))


def scales(overflow, start, interval):
    """Play the scaler: return the scale of each step."""
    return _scales(overflow, start, interval)


def _scales(
    overflow, start, interval, *, up=2.0, down=0.5, reset=True, late=False, grown_reset=True,
    after=False, from_start=False,
):  # fmt: skip
    scale, good, found = start, 0, []
    for bad in overflow:
        if not after:
            found.append(scale)
        if bad:
            scale, good = (start if from_start else scale) * down, 0 if reset else good
        else:
            good += 1
            if good >= interval + late:
                scale, good = scale * up, 0 if grown_reset else good
        if after:
            found.append(scale)
    return np.array(found)


def _wrong(**changes):
    return lambda overflow, start, interval: _scales(overflow, start, interval, **changes)


_RUN = np.array([1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], bool)
_LUCK = np.zeros(11, bool)

loss_scales = Exercise(
    "loss_scales",
    scales,
    properties=[
        Property(
            "halves the scale after an overflow, and doubles it after `interval` good steps",
            [(_RUN, 1024.0, 4), (_RUN[3:], 65536.0, 3)],
            "Keep two things: the scale, and the number of good steps since it last changed. Note "
            "the scale of a step before the step changes it.",
        ),
        Property(
            "starts counting anew when the scale has changed",
            [(np.array([0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0], bool), 8.0, 3), (_LUCK, 1.0, 5)],
            "An overflow sets the count to 0, and so does doubling.",
        ),
        Property(
            "takes a run without overflow, one of nothing else, and doubling at every step",
            [(_LUCK, 2.0, 100), (~_LUCK, 2.0, 3), (_LUCK, 1.0, 1)],
            "No special cases are needed. Scales may fall below 1, so whole numbers will not do.",
        ),
    ],
    mistakes=[
        ("The scales *after* each step; the first step runs at `start`.", _wrong(after=True)),
        (
            "Turned round: an overflow calls for a smaller scale.",
            lambda o, s, i: _scales(~np.asarray(o), s, i),
        ),
        ("The scale never grows.", _wrong(up=1.0)),
        ("The scale never shrinks: after an overflow it is halved.", _wrong(down=1.0)),
        ("An overflow starts the count of good steps anew.", _wrong(reset=False)),
        ("After doubling, the count starts anew.", _wrong(grown_reset=False)),
        ("It doubles one step late: after `interval` good steps, not one more.", _wrong(late=True)),
        ("It doubles one step early.", lambda o, s, i: _scales(o, s, i - 1)),
        ("Doubled, not ten times.", _wrong(up=10.0)),
        ("Halved, not a tenth.", _wrong(down=0.1)),
        (
            "It doubles with every good step: wait for `interval` of them in a row.",
            lambda o, s, i: _scales(o, s, 1),
        ),
        ("An overflow halves the scale, it does not set it back.", _wrong(from_start=True)),
        ("This is the last scale. Return one for each step.", lambda o, s, i: _scales(o, s, i)[-1]),
    ],
)  # fmt: skip
