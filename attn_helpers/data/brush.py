"""Shapes that are painted onto an image: ellipses, convex polygons and strokes, with soft edges.

Every shape knows its signed distance in pixels, below zero inside. A pixel is covered by the
share 1/2 minus the distance of its middle, cut to [0, 1]: the edge is one pixel soft.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Ellipse", "Polygon", "Stroke", "ellipse", "extent", "paint", "polygon", "stroke"]


@dataclass(frozen=True)
class Ellipse:
    """The unit circle after `axes`, whose columns are the half axes, and a shift to `centre`."""

    centre: np.ndarray
    axes: np.ndarray

    def moved(self, matrix, shift):
        """Return the shape after x -> matrix @ x + shift."""
        return Ellipse(matrix @ self.centre + shift, matrix @ self.axes)

    def extent(self):
        """Return the corners of the tight box, (2, 2): lowest x and y, highest x and y."""
        reach = np.sqrt((self.axes**2).sum(axis=1))
        return np.array([self.centre - reach, self.centre + reach])

    def distance(self, x, y):
        """Signed distance, to first order."""
        (p, q), (r, s) = self.axes.tolist()
        a, b, c, d = np.array([s, -q, -r, p]) / (p * s - q * r)  # the inverse of axes
        x, y = x - self.centre[0], y - self.centre[1]
        u, v = a * x + b * y, c * x + d * y
        length = np.sqrt(u * u + v * v)
        return (length - 1) * length / (np.hypot(a * u + c * v, b * u + d * v) + 1e-9)


@dataclass(frozen=True)
class Polygon:
    """A convex polygon, (n, 2) corners in either sense."""

    points: np.ndarray

    def moved(self, matrix, shift):
        """Return the shape after x -> matrix @ x + shift."""
        return Polygon(self.points @ matrix.T + shift)

    def extent(self):
        """Return the corners of the tight box, (2, 2)."""
        return np.array([self.points.min(axis=0), self.points.max(axis=0)])

    def distance(self, x, y):
        """Signed distance to the farthest of the edges' lines."""
        ends = np.roll(self.points, -1, axis=0)
        (px, py), (ex, ey) = self.points.T, (ends - self.points).T
        sense = np.sign((px * ends[:, 1] - py * ends[:, 0]).sum())
        normals = sense * np.array([ey, -ex]) / np.hypot(ex, ey)
        offsets = normals[0] * px + normals[1] * py
        return np.max([nx * x + ny * y - o for nx, ny, o in zip(*normals, offsets)], axis=0)  # noqa: B905


@dataclass(frozen=True)
class Stroke:
    """A line through `points`, (n, 2), with round ends, `radius` on each side."""

    points: np.ndarray
    radius: float

    def moved(self, matrix, shift):
        """Return the shape after x -> matrix @ x + shift; the radius grows as the root of area."""
        radius = self.radius * np.sqrt(abs(np.linalg.det(matrix)))
        return Stroke(self.points @ matrix.T + shift, radius)

    def extent(self):
        """Return the corners of the tight box, (2, 2)."""
        return np.array(
            [self.points.min(axis=0) - self.radius, self.points.max(axis=0) + self.radius]
        )

    def distance(self, x, y):
        """Signed distance to the nearest segment."""
        found = np.inf
        for (px, py), (qx, qy) in zip(self.points[:-1], self.points[1:], strict=True):
            ex, ey = qx - px, qy - py
            along = (((x - px) * ex + (y - py) * ey) / (ex * ex + ey * ey)).clip(0, 1)
            found = np.minimum(found, (x - px - along * ex) ** 2 + (y - py - along * ey) ** 2)
        return np.sqrt(found) - self.radius


def ellipse(x, y, rx, ry=None, angle=0.0):
    """Return an ellipse around (x, y); `angle` in degrees, clockwise since y points down."""
    ry, turn = rx if ry is None else ry, np.deg2rad(angle)
    cos, sin = np.cos(turn), np.sin(turn)
    return Ellipse(np.array([x, y], float), np.array([[cos * rx, -sin * ry], [sin * rx, cos * ry]]))


def polygon(*points):
    """Return a convex polygon with these corners."""
    return Polygon(np.array(points, float))


def stroke(*points, radius):
    """Return a line through these points."""
    return Stroke(np.array(points, float), radius)


def extent(shapes):
    """Return the corners of the tight box around all shapes, (2, 2)."""
    corners = np.array([shape.extent() for shape in shapes])
    return np.array([corners[:, 0].min(axis=0), corners[:, 1].max(axis=0)])


def paint(image, shape, colour, cover=None):
    """Paint a shape onto an image, in place.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3)
    shape : Ellipse, Polygon or Stroke
        In pixels; (0, 0) is the upper left corner of the image, y points down.
    colour : array-like of shape (3,)
    cover : ndarray of shape (height, width), optional
        Raised to the share of each pixel that the shape covers.
    """
    height, width = image.shape[:2]
    (x0, y0), (x1, y1) = shape.extent().tolist()
    x0, y0 = max(int(x0) - 1, 0), max(int(y0) - 1, 0)
    x1, y1 = min(int(x1) + 2, width), min(int(y1) + 2, height)
    if x0 >= x1 or y0 >= y1:
        return
    x, y = np.arange(x0, x1) + 0.5, np.arange(y0, y1)[:, None] + 0.5
    share = np.minimum(np.maximum(0.5 - shape.distance(x, y), 0), 1)
    part = image[y0:y1, x0:x1]
    part += share[:, :, None] * (np.asarray(colour) - part)
    if cover is not None:
        np.maximum(cover[y0:y1, x0:x1], share, out=cover[y0:y1, x0:x1])
