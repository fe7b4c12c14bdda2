"""What a finished figure holds, read back from Matplotlib, and what a person would see of it."""

import io

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.text import Text


def render(ax):
    """Draw the figure to PNG bytes, as a notebook does, and return them."""
    target = io.BytesIO()
    ax.figure.savefig(target, format="png", bbox_inches="tight")
    return target.getvalue()


def ticks(ax, axis):
    return [text.get_text() for text in getattr(ax, f"get_{axis}ticklabels")()]


def texts(ax):
    """Every non-empty text of a drawn figure."""
    render(ax)
    found = [t for t in ax.figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return found


def contrast(one, other):
    """Contrast ratio of WCAG 2.2, written here anew, from 1 to 21."""
    from matplotlib.colors import to_rgb

    def luminance(colour):
        c = np.array(to_rgb(colour))
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def open_figures():
    return len(plt.get_fignums())
