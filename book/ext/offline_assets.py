"""Sphinx extension: everything a page loads lies in the built book, and is no more than it needs.

KaTeX's stylesheet and fonts and ipywidgets' html-manager are copied from `_build/assets`. The
theme's icon script (1.5 MB) gives way to the theme's own icon font, cut down to the icons that
the book's pages use. Formulas are rendered while building; one that KaTeX cannot read is a warning.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinxcontrib import katex

sys.path.append(str(Path(__file__).resolve().parents[1] / "tools"))
import assets  # noqa: E402

LOGGER = logging.getLogger(__name__)
THEME_STATIC = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
FONT_FILES = THEME_STATIC / "vendor/fontawesome/webfonts"
# family, weight, file: the three fonts in which the theme's icons come
ICON_FONTS = (
    ("Font Awesome 6 Free", 900, "fa-solid-900.ttf"),
    ("Font Awesome 6 Free", 400, "fa-regular-400.ttf"),
    ("Font Awesome 6 Brands", 400, "fa-brands-400.ttf"),
)
# html-manager brings an older Font Awesome with the same class names.
KEEP_ICON_FONTS = """\
.fas, .fa-solid { font-family: "Font Awesome 6 Free" !important; }
.fab, .fa-brands { font-family: "Font Awesome 6 Brands" !important; }
"""
# What the built book has no use for: it is never asked for, and only makes the site larger.
UNUSED = ("scripts/fontawesome.js", "*webpack-macros.html", "**/*.map", "**/*.ttf")

# Jupyter Book's own redirect has no icon, so browsers ask the server for one that is not there.
ENTRANCE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="_static/favicon.svg">
<meta http-equiv="refresh" content="0; url={page}.html">
<a href="{page}.html">{title}</a>
</html>
"""


def use_local_katex(app: Sphinx, config) -> None:
    """Have formulas rendered at build time, with a stylesheet that lies in the book."""
    if katex.katex_version != assets.KATEX.version:
        raise ExtensionError(
            f"sphinxcontrib-katex renders with KaTeX {katex.katex_version}, but assets.py fetches "
            f"the stylesheet of {assets.KATEX.version}: give both the same version"
        )
    katex.NODEJS_BINARY = node_binary()
    # Its other way in, a socket file, is opened as soon as the file is there, which can be before
    # Node listens: a build then fails now and then.
    katex.KaTeXServer.start_server_process = katex.KaTeXServer.start_network_socket
    config.html_math_renderer = "katex"
    config.katex_prerender = True
    config.katex_css_path = "katex/katex.min.css"


def node_binary() -> str:
    """Return the path of Node itself.

    `node` on PATH may be a wrapper that starts another process; the KaTeX server would then be
    ended by its wrapper's end only, and stay behind after every build.
    """
    if shutil.which("node") is None:
        raise ExtensionError("formulas are rendered by Node.js: install it, node is not on PATH")
    command = ["node", "--print", "process.execPath"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def fetch_assets(app: Sphinx) -> None:
    """Fetch what is missing now, rather than at the end of a build of minutes."""
    try:
        for package in (assets.KATEX, assets.HTML_MANAGER):
            assets.fetch(package)
    except RuntimeError as error:
        raise ExtensionError(str(error)) from None


def report_katex_errors(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    for title in re.findall(r'class="katex-error" title="([^"]*)"', context.get("body", "")):
        LOGGER.warning("KaTeX cannot read a formula: %s", title, location=pagename)


def copy_assets(app: Sphinx, exception: Exception | None) -> None:
    """Put the third-party files, the cut-down icon font and the entrance into the built book."""
    if exception or app.builder.name != "html":
        return
    static = Path(app.outdir, "_static")
    for package in (assets.KATEX, assets.HTML_MANAGER):
        name = package.folder.removesuffix(f"-{package.version}")
        shutil.copytree(assets.fetch(package), static / name, dirs_exist_ok=True)
    for pattern in UNUSED:
        for path in static.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (static / "icons.css").write_text(icon_stylesheet(Path(app.outdir)), encoding="ascii")
    entrance = ENTRANCE.format(title=app.config.html_title, page=app.config.root_doc)
    Path(app.outdir, "index.html").write_text(entrance, encoding="utf-8")


def icon_stylesheet(outdir: Path) -> str:
    """Return CSS with the theme's icon fonts cut down to the icons that `outdir` mentions.

    The theme's stylesheet maps class names to characters and names the full fonts; these rules
    come after it, so a browser asks for a full font only where an icon is missing here.
    """
    pages = [*outdir.rglob("*.html"), *outdir.glob("_static/scripts/*theme.js")]
    mentioned = {
        name
        for page in pages
        for name in re.findall(r"\bfa-[a-z0-9-]+", page.read_text(encoding="utf-8"))
    }
    wanted = set()
    for sheet in outdir.glob("_static/styles/*theme.css"):
        css = sheet.read_text(encoding="utf-8")
        wanted.update(map(ord, re.findall("[\uf000-\uf8ff]", css)))
        for selectors, character in re.findall(r'([^{}]+)\{[^{}]*"\\(f[0-9a-f]{3})"', css):
            names = set(re.findall(r"\bfa-[a-z0-9-]+", selectors))
            if not names or names & mentioned:
                wanted.add(int(character, 16))
    faces = [
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-display: block; '
        f"src: url(data:font/woff;base64,{font_subset(FONT_FILES / name, wanted)}); }}\n"
        for family, weight, name in ICON_FONTS
    ]
    return "".join(faces) + KEEP_ICON_FONTS


def font_subset(path: Path, characters: set[int]) -> str:
    """Return the base64 WOFF of the font at `path` with these characters alone."""
    options = subset.Options(flavor="woff", layout_features=[])
    font = subset.load_font(str(path), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    target = io.BytesIO()
    subset.save_font(font, target, options)
    return base64.b64encode(target.getvalue()).decode("ascii")


def setup(app: Sphinx) -> dict:
    app.setup_extension("sphinxcontrib.katex")
    app.config.templates_path.append(str(Path(__file__).parent / "templates"))
    app.connect("config-inited", use_local_katex, priority=100)
    app.connect("builder-inited", fetch_assets)
    app.connect("html-page-context", report_katex_errors)
    app.connect("build-finished", copy_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
