"""Fetching the built book's third-party files."""

import io
import subprocess
import tarfile

import assets
import pytest


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """An npm that packs a small archive; returns the package it packs and its files."""
    files = {
        "LICENSE": b"MIT",
        "README": b"long",
        "dist/a.css": b"a {}",
        "dist/fonts/b.woff2": b"font",
        "dist/fonts/b.ttf": b"larger",
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    calls = []

    def run(command, **_):
        calls.append(command[-1])
        target = command[command.index("--pack-destination") + 1]
        with open(f"{target}/package.tgz", "wb") as archive:
            archive.write(packed.getvalue())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(assets, "ASSETS", tmp_path / "assets")
    monkeypatch.setattr(assets.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(assets.subprocess, "run", run)
    digest = assets.base64.b64encode(assets.hashlib.sha512(packed.getvalue()).digest()).decode()
    return assets.Package("@scope/it", "1.2.3", digest, r"LICENSE|dist/(a\.css|.*\.woff2)"), calls


def test_a_package_is_fetched_once_with_the_files_it_names(registry):
    package, calls = registry
    folder = assets.fetch(package)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"LICENSE", "a.css", "fonts/b.woff2"}
    assert assets.fetch(package) == folder
    assert calls == ["@scope/it@1.2.3"]
    assert [path.name for path in assets.ASSETS.iterdir()] == ["it-1.2.3"]


def test_an_archive_with_another_checksum_is_refused(registry):
    package, _ = registry
    other = assets.Package(package.name, package.version, "AAAA", package.files)
    with pytest.raises(RuntimeError, match="sha512"):
        assets.fetch(other)
    assert not (assets.ASSETS / "it-1.2.3").exists()


def test_without_npm_one_line_says_what_to_install(registry, monkeypatch):
    monkeypatch.setattr(assets.shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match=r"npm is not on PATH: install Node\.js"):
        assets.fetch(registry[0])
