"""Serve the built book as GitHub Pages does: plain files, text compressed with gzip.

python book/tools/serve.py [--port 8000] [--directory _build/html]
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gzip
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOK = Path(__file__).resolve().parents[2] / "_build" / "html"
GZIP_LEVEL = 6
# Fonts and raster images are compressed already, so they go out as they are.
TEXT = (".css", ".html", ".ipynb", ".js", ".json", ".md", ".svg", ".txt", ".xml")


@functools.lru_cache(maxsize=512)
def _compressed(path: str, modified: float) -> bytes:
    """Return a file's gzip bytes; `modified` makes a rebuilt file a new entry."""
    return gzip.compress(Path(path).read_bytes(), GZIP_LEVEL, mtime=0)


class _BookHandler(SimpleHTTPRequestHandler):
    """Answer GET with gzip where the browser takes it, and print nothing for each request."""

    protocol_version = "HTTP/1.1"
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".ipynb": "application/json",
        ".js": "text/javascript",
        ".woff": "font/woff",
        ".woff2": "font/woff2",
    }

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_dir() and self.path.partition("?")[0].endswith("/"):
            path /= "index.html"
        takes_gzip = "gzip" in self.headers.get("Accept-Encoding", "")
        if not (takes_gzip and path.suffix in TEXT and path.is_file()):
            super().do_GET()
            return
        body = _compressed(str(path), path.stat().st_mtime)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Vary", "Accept-Encoding")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def server(directory: Path = BOOK, port: int = 0) -> ThreadingHTTPServer:
    """Return a server for `directory` on 127.0.0.1; port 0 takes any free one."""
    if not (directory / "index.html").is_file():
        raise FileNotFoundError(f"no built book in {directory}: run `make book` first")
    handler = functools.partial(_BookHandler, directory=str(directory))
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


@contextlib.contextmanager
def serving(directory: Path = BOOK):
    """Serve `directory` in the background and yield its address, without a final slash."""
    with server(directory) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}"
        finally:
            httpd.shutdown()
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--directory", type=Path, default=BOOK)
    arguments = parser.parse_args()
    try:
        httpd = server(arguments.directory.resolve(), arguments.port)
    except OSError as error:
        raise SystemExit(f"serve.py: {error}") from None
    print(f"The book is at http://127.0.0.1:{httpd.server_port} (stop with Ctrl-C)", flush=True)
    with httpd, contextlib.suppress(KeyboardInterrupt):
        httpd.serve_forever()


if __name__ == "__main__":
    main()
