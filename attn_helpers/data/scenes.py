"""Small pictures of one cat, dog or bird among clutter, with its true box and mask.

Only the drawing tells the three apart. Colours, size, place and surroundings come from the same
draws for all of them: the animal is stretched to fill a box that is drawn first, and the clutter
is painted in the animals' colours, too. Left out on purpose: a second animal, and anything in
front of it but grass.
"""

from dataclasses import dataclass

import numpy as np

from attn_helpers.data.animals import CLASSES, draw_animal
from attn_helpers.data.brush import ellipse, extent, paint, polygon, stroke

__all__ = ["CLASSES", "SIDE", "Scenes", "draw_scenes"]

SIDE = 64  # pixels
_COATS = np.array(
    [
        (0.90, 0.55, 0.20), (0.55, 0.35, 0.20), (0.82, 0.68, 0.48), (0.95, 0.88, 0.74),
        (0.55, 0.55, 0.57), (0.33, 0.36, 0.42), (0.72, 0.30, 0.20), (0.93, 0.76, 0.30),
        (0.25, 0.22, 0.22), (0.88, 0.88, 0.90),
    ]
)  # fmt: skip
_ACCENTS = np.array([(0.95, 0.60, 0.15), (0.90, 0.45, 0.45), (0.95, 0.80, 0.30), (0.45, 0.4, 0.4)])
_GREENS = np.array([(0.25, 0.50, 0.22), (0.40, 0.58, 0.25), (0.20, 0.40, 0.30), (0.55, 0.6, 0.25)])
_GROUNDS = np.array([(0.50, 0.66, 0.35), (0.80, 0.72, 0.52), (0.62, 0.55, 0.42), (0.86, 0.89, 0.9)])
_SKIES = np.array([(0.62, 0.80, 0.93), (0.85, 0.87, 0.90), (0.95, 0.80, 0.68), (0.70, 0.76, 0.9)])

_THINGS = ("bush", "stone", "ball", "cloud", "sun", "tent", "branch", "flower")


@dataclass(frozen=True)
class Scenes:
    """Pictures with the truth about them.

    Attributes
    ----------
    images : ndarray of float32, shape (n, 64, 64, 3)
        Red, green and blue between 0 and 1.
    labels : ndarray of int, shape (n,)
        Places in `CLASSES`, as many of each as `n` allows.
    boxes : ndarray of int, shape (n, 4)
        The tight box of the animal, x0, y0, x1, y1 in pixels: columns x0 to x1 - 1, rows y0 to
        y1 - 1.
    masks : ndarray of bool, shape (n, 64, 64)
        True where the animal covers at least half of a pixel.
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray


def draw_scenes(n, *, clutter=12, rng):
    """Draw pictures of one animal each.

    Parameters
    ----------
    n : int
        Number of pictures.
    clutter : int, default 12
        Number of things around the animal; 0 leaves it alone between sky and ground.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    Scenes

    Raises
    ------
    ValueError
        If `n` is below 1 or `clutter` below 0.
    """
    if n < 1 or clutter < 0:
        raise ValueError(f"n must be at least 1 and clutter at least 0: n is {n}, {clutter=}")
    labels = rng.permutation(np.arange(n) % len(CLASSES))
    images = np.empty((n, SIDE, SIDE, 3), np.float32)
    masks = np.empty((n, SIDE, SIDE), bool)
    boxes = np.empty((n, 4), int)
    for i, label in enumerate(labels):
        picture = _background(rng)
        for _ in range(clutter):
            _thing(picture, rng)
        masks[i] = _animal(picture, CLASSES[label], rng)
        if clutter:
            _grass(picture, rng)
        boxes[i] = _box(masks[i])
        picture *= rng.uniform(0.85, 1.1) * rng.uniform(0.94, 1.06, 3)  # the light of the day
        images[i] = (picture + 0.02 * rng.standard_normal(picture.shape)).clip(0, 1)
    return Scenes(images, labels, boxes, masks)


def _of(colours, rng, spread=0.05):
    """One of the colours, a little changed."""
    return (colours[rng.integers(len(colours))] + spread * rng.uniform(-1, 1, 3)).clip(0, 1)


def _background(rng):
    """Sky above, ground below, each a little lighter towards the horizon: (64, 64, 3)."""
    horizon = rng.uniform(20, 44)
    y = np.arange(SIDE) + 0.5
    depth = abs(y - horizon)[:, None, None] / SIDE
    colour = np.where((y < horizon)[:, None], _of(_SKIES, rng), _of(_GROUNDS, rng))[:, None]
    return np.repeat(colour * (1.03 - 0.25 * depth), SIDE, axis=1)


def _animal(picture, name, rng):
    """Paint an animal that fills a box drawn at random; return its mask, (64, 64)."""
    parts = draw_animal(name, rng)
    size = rng.uniform(23, 40) * np.exp([0.14, -0.14] * rng.uniform(-0.3, 1, 2))
    corner = rng.uniform(1, SIDE - 1 - size)
    low, high = extent([shape for shape, _ in parts])
    scale = size / (high - low)
    shift = corner - scale * low
    if rng.random() < 0.5:  # looks to the left
        scale, shift = scale * [-1, 1], [corner[0] + scale[0] * high[0], shift[1]]
    colours = _coat(rng)
    cover = np.zeros((SIDE, SIDE))
    for shape, role in parts:
        paint(picture, shape.moved(np.diag(scale), shift), colours[role], cover)
    return cover >= 0.5


def _coat(rng):
    """Return a colour for each role of an animal's parts."""
    body, other = _of(_COATS, rng), _of(_COATS, rng)
    mixed = rng.uniform(0, 0.6) if rng.random() < 0.5 else 0.0  # two colours, or one
    shade, pale = rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.6)
    line = np.full(3, rng.uniform(0.04, 0.3) if rng.random() < 0.5 else rng.uniform(0.8, 1))
    return {
        "line": line,
        "body": body,
        "shade": shade * (body + mixed * (other - body)),
        "pale": body + mixed * (other - body) + pale * (1 - body),
        "accent": _of(_ACCENTS, rng),
        "dark": np.full(3, rng.uniform(0.02, 0.28)),
    }


def _box(mask):
    """Return the tight box of a mask: x0, y0, x1, y1."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def _thing(picture, rng):
    """Paint a bush, a stone, a ball, a cloud, a sun, a tent, a branch or a flower somewhere."""
    (x, y), r = rng.uniform(0, SIDE, 2), rng.uniform(3, 8)
    kind = _THINGS[rng.integers(len(_THINGS))]
    coat, green = _of(_COATS, rng), _of(_GREENS, rng)
    if kind == "bush":
        for dx, dy, part in rng.uniform((-r, -r / 2, 0.4 * r), (r, r / 2, 0.8 * r), (4, 3)):
            paint(picture, ellipse(x + dx, y + dy, part), green * rng.uniform(0.8, 1.15))
    elif kind == "stone":
        lean = rng.uniform(-25, 25)
        paint(picture, ellipse(x, y, r, 0.65 * r, lean), coat * 0.75)
        paint(picture, ellipse(x - 0.1 * r, y - 0.15 * r, 0.8 * r, 0.45 * r, lean), coat)
    elif kind == "ball":
        paint(picture, ellipse(x, y, 0.7 * r), coat)
        paint(picture, ellipse(x, y, 0.7 * r, 0.2 * r, rng.uniform(0, 180)), _of(_ACCENTS, rng))
        paint(picture, ellipse(x - 0.2 * r, y - 0.25 * r, 0.13 * r), 0.4 * coat + 0.6)
    elif kind == "cloud":
        for dx, part in ((-0.7 * r, 0.4 * r), (0.7 * r, 0.4 * r), (0, 0.6 * r)):
            paint(picture, ellipse(x + dx, y, 1.2 * part, 0.8 * part), (0.96, 0.96, 0.97))
    elif kind == "sun":
        paint(picture, ellipse(x, y, 0.6 * r), (0.99, 0.87, 0.35))
    elif kind == "tent":
        foot = rng.uniform(-0.4, 0.4) * r
        paint(picture, polygon((x - 0.6 * r, y), (x + foot, y - 1.3 * r), (x + 0.6 * r, y)), coat)
        paint(picture, polygon((x - 0.2 * r, y), (x + foot, y - r), (x + 0.2 * r, y)), 0.6 * coat)
    elif kind == "branch":
        end = rng.uniform(-1.6, 1.6, (2, 2)) * r
        paint(
            picture, stroke((x, y), (x, y) + end[0], (x, y) + end[1], radius=0.12 * r), 0.6 * coat
        )
        for end in rng.uniform(-1, 1, (3, 2)) * r:
            paint(picture, stroke((x, y), (x, y) + end, radius=0.5), 0.3 * coat)
    else:
        paint(picture, stroke((x, y), (x + 0.2 * r, y + r), radius=0.5), green)
        for turn in (0, 60, 120):
            paint(picture, ellipse(x, y, 0.42 * r, 0.16 * r, turn), _of(_ACCENTS, rng, 0.02))
        paint(picture, ellipse(x, y, 0.14 * r), np.full(3, rng.uniform(0.02, 0.28)))


def _grass(picture, rng):
    """Paint blades of grass, in front of everything."""
    green = _of(_GREENS, rng)
    for x, y, lean in rng.uniform((0, SIDE / 2, -2), (SIDE, SIDE, 2), (5, 3)):
        paint(picture, stroke((x, y), (x + lean, y - 4), radius=0.4), green)
