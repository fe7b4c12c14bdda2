"""Drawings of a cat, a dog and a bird, each in two poses, from the shapes of `brush`.

A drawing is a list of (shape, role), from back to front, in a frame of about -1 to 1 with y
pointing down; the animal looks to the right. The role names a colour: "body", "shade" (a darker
body), "pale" (a lighter one), "accent", "dark", "line" (whiskers).
"""

from attn_helpers.data.brush import ellipse, polygon, stroke

__all__ = ["CLASSES", "ROLES", "draw_animal"]

CLASSES = ("cat", "dog", "bird")
ROLES = ("body", "shade", "pale", "accent", "dark", "line")


def draw_animal(name, rng):
    """Return the parts of a cat, a dog or a bird in a pose drawn at random.

    Parameters
    ----------
    name : {"cat", "dog", "bird"}
    rng : numpy.random.Generator

    Returns
    -------
    list of (shape, str)
        Shapes of `brush` with the role of their colour, from back to front.
    """
    upright = rng.random() < 0.5
    lively = rng.uniform(-1, 1)  # how high the tail or the wings are
    if name == "bird" and upright:
        return [*perched(lively), *spots(0, 0.2, rng), *bird_head(0.4, -0.3, 0.31)]
    if name == "bird":
        return [*flying(lively), *spots(0, 0.26, rng), *bird_head(0.54, 0.08, 0.25)]
    tail, head = (cat_tail, cat_head) if name == "cat" else (dog_tail, dog_head)
    if upright:
        x = 0.12 + 0.05 * rng.uniform(-1, 1)
        return [*tail(-0.38, 0.72, lively), *sitting(), *spots(0, 0.3, rng), *head(x, -0.42)]
    return [
        *tail(-0.62, 0.02, lively),
        *walking(lively),
        *spots(-0.1, 0.16, rng),
        *head(0.55, -0.34),
    ]


def spots(x, y, rng):
    """Draw up to four spots and as many stripes on a body, around (x, y), in its colours."""
    marks = []
    for number in range(rng.integers(9)):
        dx, dy, size = rng.uniform((-0.3, -0.18, 0.03), (0.3, 0.18, 0.13))
        role = ROLES[rng.integers(len(ROLES))]
        spot = ellipse(x + dx, y + dy, size, 0.8 * size)
        stripe = stroke((x + dx, y + dy - size), (x + dx + 0.06, y + dy + size), radius=0.025)
        marks.append((spot if number % 2 else stripe, role))
    return marks


def sitting():
    """Draw the body of a cat or dog that sits."""
    return [
        (ellipse(-0.14, 0.66, 0.42, 0.32), "shade"),
        (ellipse(0.02, 0.34, 0.36, 0.62, 8), "body"),
        (ellipse(0.16, 0.3, 0.17, 0.36, 8), "pale"),
        (stroke((0.1, 0.4), (0.1, 0.92), radius=0.1), "body"),
        (stroke((0.32, 0.4), (0.34, 0.92), radius=0.1), "body"),
    ]


def walking(lively):
    """Draw the body of a cat or dog on its four legs."""
    step = 0.09 * lively
    return [
        (stroke((-0.4, 0.3), (-0.4 - step, 0.84), radius=0.1), "shade"),
        (stroke((0.36, 0.3), (0.36 + step, 0.84), radius=0.1), "shade"),
        (ellipse(-0.05, 0.2, 0.64, 0.34), "body"),
        (stroke((-0.54, 0.26), (-0.56 + step, 0.88), radius=0.11), "body"),
        (stroke((0.22, 0.3), (0.2 - step, 0.88), radius=0.11), "body"),
        (ellipse(0.0, 0.38, 0.4, 0.13), "pale"),
    ]


def cat_tail(x, y, lively):
    """Draw a long thin tail that curls up."""
    top = y - 0.75 - 0.15 * lively
    curve = (x, y), (x - 0.3, y - 0.08), (x - 0.44, y - 0.4), (x - 0.38, top), (x - 0.22, top - 0.1)
    return [(stroke(*curve, radius=0.075), "body")]


def cat_head(x, y):
    """Draw a round head with two pointed ears, whiskers on both sides."""
    parts = []
    for side in (-1, 1):
        corners = (x + side * 0.42, y - 0.68), (x + side * 0.05, y - 0.28), (x + side * 0.42, y)
        inner = [(0.55 * px + 0.45 * (x + side * 0.32), 0.55 * py - 0.45 * 0.3 + 0.45 * y)
                 for px, py in corners]  # fmt: skip
        parts += [(polygon(*corners), "body"), (polygon(*inner), "accent")]
    parts += [(ellipse(x, y, 0.43, 0.37), "body"), (ellipse(x, y + 0.17, 0.22, 0.15), "pale")]
    for side in (-1, 1):
        parts.append((ellipse(x + side * 0.19, y - 0.06, 0.075, 0.115), "dark"))
        for lift in (-0.07, 0.08):
            ends = (x + side * 0.2, y + 0.16), (x + side * 0.68, y + 0.16 + lift)
            parts.append((stroke(*ends, radius=0.02), "line"))
    nose = (x - 0.08, y + 0.09), (x + 0.08, y + 0.09), (x, y + 0.2)
    return [*parts, (polygon(*nose), "accent")]


def dog_tail(x, y, lively):
    """Draw a short thick tail, held up."""
    tip = (x - 0.32, y - 0.38 - 0.12 * lively)
    return [(stroke((x, y), (x - 0.2, y - 0.12), tip, radius=0.1), "body")]


def dog_head(x, y):
    """Draw a head with hanging ears and a long muzzle with a large nose."""
    return [
        (ellipse(x - 0.02, y - 0.06, 0.37, 0.38), "body"),
        (ellipse(x + 0.36, y + 0.14, 0.3, 0.19, 8), "pale"),
        (stroke((x + 0.2, y + 0.27), (x + 0.5, y + 0.27), radius=0.025), "dark"),
        (ellipse(x + 0.6, y + 0.06, 0.115, 0.1), "dark"),
        (ellipse(x + 0.26, y + 0.37, 0.08, 0.12), "accent"),
        (ellipse(x - 0.3, y + 0.08, 0.16, 0.4, 12), "shade"),
        (ellipse(x + 0.14, y - 0.13, 0.07, 0.08), "dark"),
    ]


def perched(lively):
    """Draw a bird that stands: tilted body, folded wing, fanned tail, beak, two thin legs."""
    lift = 0.12 * lively
    return [
        (stroke((-0.08, 0.5), (-0.04, 0.93), (0.12, 0.93), radius=0.035), "accent"),
        (stroke((0.16, 0.5), (0.2, 0.93), (0.36, 0.93), radius=0.035), "accent"),
        (polygon((-0.4, 0.1), (-0.98, 0.3 - lift), (-0.98, 0.56 - lift), (-0.3, 0.44)), "shade"),
        (ellipse(0.0, 0.2, 0.58, 0.4, -24), "body"),
        (ellipse(0.2, 0.3, 0.3, 0.26, -30), "pale"),
        (ellipse(-0.16, 0.16, 0.42, 0.22, -12), "shade"),
    ]


def flying(lively):
    """Draw a bird with both wings spread."""
    top = -0.82 - 0.1 * lively
    return [
        (polygon((0.1, 0.1), (0.42, top + 0.02), (0.16, top + 0.1), (-0.12, 0.06)), "shade"),
        (polygon((-0.4, 0.14), (-0.98, 0.1), (-0.9, 0.42), (-0.3, 0.4)), "shade"),
        (ellipse(0.0, 0.26, 0.55, 0.26, -8), "body"),
        (ellipse(0.14, 0.34, 0.3, 0.15, -8), "pale"),
        (polygon((0.2, 0.24), (-0.36, top), (-0.66, top + 0.22), (-0.3, 0.3)), "body"),
        (polygon((-0.36, top), (-0.66, top + 0.22), (-0.62, top + 0.45), (-0.28, top + 0.3)),
         "shade"),
    ]  # fmt: skip


def bird_head(x, y, r):
    """Draw a small round head of radius r with a beak."""
    beak = (x + 0.65 * r, y - 0.55 * r), (x + 2.05 * r, y + 0.2 * r), (x + 0.65 * r, y + 0.6 * r)
    return [
        (ellipse(x, y, r), "body"),
        (polygon(*beak), "accent"),
        (ellipse(x + 0.25 * r, y - 0.2 * r, 0.25 * r), "dark"),
    ]
