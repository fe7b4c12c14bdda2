"""PNGs with a palette: a third of the size for figures of flat colours, which ours are.

A notebook keeps its figures inside itself, and a page loads them all. Matplotlib writes four bytes
for each pixel; a heat map has a few thousand shades, nearly all from the edges of letters, and
looks the same with 256. A figure with a photograph in it has more shades and stays as it is.
"""

from types import MethodType

__all__ = ["save_small"]

_MAX_SHADES = 1 << 13


def save_small(figure):
    """Let `figure` write small PNGs, by `savefig` and in a notebook alike.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Changed for good, where its canvas is drawn by Agg; else it stays as it is.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if isinstance(figure.canvas, FigureCanvasAgg):
        figure.canvas.print_png = MethodType(_print_png, figure.canvas)


def _print_png(canvas, target, *, metadata=None, pil_kwargs=None, **_):
    """Do what `FigureCanvasAgg.print_png` does, with a palette where 256 shades are enough."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    FigureCanvasAgg.draw(canvas)
    pixels = np.asarray(canvas.buffer_rgba())  # (height, width, 4)
    picture = Image.fromarray(pixels[..., :3].copy())
    see_through = pixels[..., 3].min() < 255
    if metadata or pil_kwargs or see_through or picture.getcolors(_MAX_SHADES) is None:
        FigureCanvasAgg.print_png(canvas, target, metadata=metadata, pil_kwargs=pil_kwargs)
    else:
        dpi = canvas.figure.dpi
        picture.quantize(256, kmeans=1, dither=Image.Dither.NONE).save(
            target, format="png", optimize=True, dpi=(dpi, dpi)
        )
