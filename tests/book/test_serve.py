"""Serving the built book as GitHub Pages does."""

import gzip
import json
import urllib.error
import urllib.request

import pytest
import serve


@pytest.fixture
def small_site(tmp_path):
    (tmp_path / "index.html").write_text("<p>softmax</p>" * 500, encoding="utf-8")
    (tmp_path / "font.woff2").write_bytes(b"font" * 500)
    (tmp_path / "page.ipynb").write_text(json.dumps({"cells": []}), encoding="utf-8")
    with serve.serving(tmp_path) as address:
        yield address


def ask(address, encoding="gzip"):
    request = urllib.request.Request(address, headers={"Accept-Encoding": encoding})
    with urllib.request.urlopen(request) as answer:
        return answer.headers, answer.read()


def test_text_goes_out_compressed_and_fonts_as_they_are(small_site, tmp_path):
    for path in ("/", "/index.html", "/index.html?v=1"):
        headers, body = ask(small_site + path)
        assert headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(body) == (tmp_path / "index.html").read_bytes()
    assert ask(small_site + "/page.ipynb")[0]["Content-Encoding"] == "gzip"
    headers, body = ask(small_site + "/font.woff2")
    assert headers["Content-Encoding"] is None and headers["Content-Type"] == "font/woff2"
    assert body == b"font" * 500


def test_a_browser_without_gzip_gets_plain_text(small_site):
    headers, body = ask(small_site + "/index.html", encoding="identity")
    assert headers["Content-Encoding"] is None and body.startswith(b"<p>softmax</p>")


def test_a_missing_page_is_not_found(small_site):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(small_site + "/nowhere.html")


def test_without_a_built_book_the_server_says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="make book"):
        serve.server(tmp_path)
