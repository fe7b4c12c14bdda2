"""Fetch the two third-party packages of the built book, once, at pinned versions.

KaTeX gives the stylesheet and fonts of the formulas, ipywidgets' html-manager the classic
widgets. Both come through npm into _build/assets; the Sphinx extension `offline_assets` copies
them into the built pages, so that a reader's browser asks nobody but the book.

    python book/tools/assets.py
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[2] / "_build" / "assets"


@dataclass(frozen=True)
class Package:
    """An npm package: its exact version, the checksum of its archive, the files the book needs."""

    name: str
    version: str
    sha512: str
    files: str

    @property
    def folder(self) -> str:
        return f"{self.name.rpartition('/')[2]}-{self.version}"


# The version of katex.min.js inside sphinxcontrib-katex; offline_assets checks that they agree.
KATEX = Package(
    "katex",
    "0.16.22",
    "XCHRdUw4lf3SKBaJe4EvgqIuWwkPSo9XoeO8GjQW94Bp7TWv9hNhzZjZ+OH9yf1UmLygb7DIT5GSFQiyt16zYg==",
    r"LICENSE|dist/(katex\.min\.css|fonts/.*\.woff2)",
)
HTML_MANAGER = Package(
    "@jupyter-widgets/html-manager",
    "1.0.15",
    "5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
    r"dist/(embed\.js|.*\.woff2|embed\.js\.LICENSE\.txt)",
)


def fetch(package: Package) -> Path:
    """Return the folder that holds a package's files, downloading them if it is not there yet.

    Raises
    ------
    RuntimeError
        If npm is missing, the download fails, or the archive is not the pinned one.
    """
    folder = ASSETS / package.folder
    if folder.is_dir():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            f"{package.name} {package.version} has to be fetched once, and npm is not on PATH: "
            "install Node.js 18 or later"
        )
    ASSETS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ASSETS) as scratch:
        archive = _download(npm, package, Path(scratch))
        unpacked = Path(scratch, "unpacked")
        _unpack(archive, re.compile(f"package/({package.files})"), unpacked)
        unpacked.rename(folder)
    return folder


def _download(npm: str, package: Package, target: Path) -> Path:
    command = [npm, "pack", "--pack-destination", str(target)]
    answer = subprocess.run(
        [*command, f"{package.name}@{package.version}"], capture_output=True, text=True
    )
    if answer.returncode:
        reason = (answer.stderr.strip() or "no reason given").splitlines()[-1]
        raise RuntimeError(f"npm could not fetch {package.name} {package.version}: {reason}")
    archive = next(target.glob("*.tgz"))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != package.sha512:
        raise RuntimeError(
            f"{package.name} {package.version} came with sha512 {digest}, not {package.sha512}"
        )
    return archive


def _unpack(archive: Path, wanted: re.Pattern[str], target: Path) -> None:
    """Write the wanted files of an archive below `target`, less the package/ and dist/ before."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and wanted.fullmatch(member.name):
                path = target / member.name.removeprefix("package/").removeprefix("dist/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(tar.extractfile(member).read())


if __name__ == "__main__":
    try:
        for wanted_package in (KATEX, HTML_MANAGER):
            print(fetch(wanted_package))
    except RuntimeError as error:
        raise SystemExit(f"assets.py: {error}") from None
