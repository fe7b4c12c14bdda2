import io
import subprocess
import sys
from itertools import combinations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from attn_helpers.plots import (
    arcs,
    bars,
    curves,
    heatmap,
    style,
    subplots,
    temperature_bars,
    use_style,
)
from tests.plots.drawn import contrast, open_figures, render, texts

FIGURES = {
    "heatmap": lambda: heatmap([[0.2, 0.8], [0.5, 0.5]], mask=np.tri(2, dtype=bool), title="t"),
    "scores": lambda: heatmap(np.eye(3), kind="scores"),
    "bars": lambda: bars({"a": [0.2, 0.8], "b": [1, 0]}, title="t"),
    "arcs": lambda: arcs(np.full((3, 3), 0.3), queries=["a", "b", "c"], title="t"),
    "two rows": lambda: arcs(np.full((3, 2), 0.3), queries=["a", "b", "c"], keys=["x", "y"]),
    "curves": lambda: curves(
        [1, 2, 3],
        {str(i): np.arange(1, 4) + i for i in range(5)},
        xlabel="x",
        ylabel="y",
        logx=True,
        mark_minimum=True,
    ),
    "temperature": lambda: temperature_bars([1, 2, 3])[0],
}


def test_import_loads_no_matplotlib():
    code = "import sys, attn_helpers.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_function_is_not_shadowed_by_the_module_of_its_name():
    code = "import attn_helpers.plots.bars; from attn_helpers.plots import bars; bars.__call__"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("figure", FIGURES)
def test_one_call_opens_one_figure_quietly(figure, recwarn):
    ax = FIGURES[figure]()
    render(ax)
    assert open_figures() == 1
    assert not [str(warning.message) for warning in recwarn]


@pytest.mark.parametrize("figure", FIGURES)
def test_the_face_is_opaque_and_every_text_reads_on_it(figure):
    ax = FIGURES[figure]()
    face = matplotlib.colors.to_hex(ax.figure.get_facecolor(), keep_alpha=True)
    assert face == style.FACE.lower() + "ff"
    assert contrast(face[:7], "white") < 1.05
    for text in texts(ax):
        in_cell = ax.images and text in ax.texts
        assert in_cell or contrast(text.get_color(), face[:7]) >= 4.5, text


@pytest.mark.parametrize("figure", FIGURES)
def test_letters_are_large_enough_on_a_page_700_pixels_wide(figure):
    ax = FIGURES[figure]()
    width = ax.figure.get_figwidth()
    for text in texts(ax):
        assert text.get_fontsize() / 72 * 700 / max(width, 6) >= 11


def test_the_readers_own_style_is_neither_used_nor_changed():
    own = {"font.size": 30, "figure.facecolor": "black", "text.usetex": False}
    with matplotlib.rc_context(own):
        before = dict(matplotlib.rcParams)
        ax = bars([0.5, 0.5])
        assert dict(matplotlib.rcParams) == before
        assert max(text.get_fontsize() for text in texts(ax)) < 13
        assert contrast(ax.figure.get_facecolor(), "white") < 1.05


def test_the_style_is_put_back_after_an_error():
    before = dict(matplotlib.rcParams)
    with pytest.raises(ZeroDivisionError), use_style():
        assert matplotlib.rcParams["figure.facecolor"] == style.FACE
        1 / 0  # noqa: B018
    assert dict(matplotlib.rcParams) == before


def test_text_is_black_or_white_by_contrast():
    greys = np.linspace(0, 1, 256)
    for grey in greys:
        colour = (grey, grey, grey)
        best = max("black", "white", key=lambda ink: contrast(ink, colour))
        assert contrast(style.text_on(colour), colour) >= min(4.5, contrast(best, colour))


@pytest.mark.parametrize("kind", ["weights", "scores"])
def test_more_is_darker(kind):
    shades = style.colours(kind)(np.linspace(0, 1, 101))
    against = np.array([contrast(shade[:3], "white") for shade in shades])
    half = 50 if kind == "scores" else 0
    assert (np.diff(against[half:]) > 0).all()
    assert (np.diff(against[: half + 1]) < 0).all()


# Machado, Oliveira and Fernandes, 2009: full protanopia, deuteranopia, tritanopia, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(linear):
    """CIE L*a*b* of linear sRGB, under D65."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(linear, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_line_colours_stay_apart(blindness):
    c = np.array([to_rgb(colour) for colour in style.PALETTE])
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    seen = [lab(np.array(BLINDNESS[blindness]) @ colour) for colour in linear]
    nearest = min(np.linalg.norm(a - b) for a, b in combinations(seen, 2))
    assert nearest > 18  # a difference of 2 is just noticeable
    assert all(contrast(colour, style.FACE) >= 3 for colour in style.PALETTE)  # WCAG, graphics


def shades(png):
    with Image.open(io.BytesIO(png)) as picture:
        return picture.mode, np.asarray(picture.convert("RGB")).astype(int)


def test_a_png_with_a_palette_looks_like_the_one_without():
    ax = heatmap(np.random.default_rng(0).normal(size=(8, 8)), kind="scores", rows=["token"] * 8)
    render(ax)
    ax.figure.set_layout_engine("none")  # which moves things by a pixel at each drawing
    mode, small = shades(render(ax))
    del ax.figure.canvas.print_png  # Matplotlib's own
    full_mode, full = shades(render(ax))
    assert (mode, full_mode) == ("P", "RGBA")
    assert small.shape == full.shape
    assert np.abs(small - full).mean() < 0.5
    assert (np.abs(small - full).max(axis=-1) > 12).mean() < 0.01


def test_a_photograph_keeps_all_its_shades():
    _, ax = subplots()
    ax.imshow(np.random.default_rng(0).random((200, 200, 3)))
    assert shades(render(ax))[0] == "RGBA"


def test_a_transparent_picture_stays_transparent():
    ax = bars([0.5, 0.5])
    target = io.BytesIO()
    ax.figure.savefig(target, format="png", transparent=True)
    with Image.open(target) as picture:
        assert picture.convert("RGBA").getpixel((0, 0))[3] == 0


@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_other_formats_are_as_ever(form):
    ax = FIGURES["heatmap"]()
    target = io.BytesIO()
    ax.figure.savefig(target, format=form)
    assert target.getvalue()


def test_subplots_returns_the_axes_asked_for():
    assert subplots(2, 3)[1].shape == (2, 3)
    _, axes = subplots(1, 2, sharey=True)
    axes[0].set_ylim(3, 4)
    assert axes[1].get_ylim() == (3, 4)
    plt.close("all")
