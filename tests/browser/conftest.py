"""Chromium with the network cut off, and the built book on a local port.

Fixtures: `browser` and `site` for the session; `page` (1280 x 900, light) and `dark_phone_page`
(390 x 844, dark) for one test. Both pages fail their test at the end when anything was asked of
another host, or when the console showed an error or a script threw.
"""

import os
import shutil
from pathlib import Path

import pytest
from serve import serving

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def missing(reason):
    """Skip with one line on a reader's machine; fail where CI promises the tool."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium that can reach 127.0.0.1 and nothing else."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        missing("no Chromium on PATH: browser tests do not run")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site():
    """The address of the built book, served with gzip; no final slash."""
    if not (HTML / "index.html").is_file():
        missing("no built book in _build/html: run `make book` for the browser tests")
    with serving(HTML) as address:
        yield address


def watched_page(browser, **context_options):
    """Yield a page; at the end assert that it stayed on its host and logged no error.

    A test that expects something in the lists takes it out of `page.complaints` itself.
    """
    context = browser.new_context(**context_options)
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.complaints = complaints = []

    def on_request(request):
        if not request.url.startswith(("http://127.0.0.1:", "blob:", "data:", "about:")):
            complaints.append(f"request to another host: {request.url}")

    def on_console(message):
        if message.type == "error":
            complaints.append(f"console error: {message.text} ({message.location.get('url')})")

    page.on("request", on_request)
    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
    yield page
    context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def page(browser):
    """A wide light page that must stay on its host and log no error."""
    yield from watched_page(browser, viewport={"width": 1280, "height": 900}, color_scheme="light")


@pytest.fixture
def dark_phone_page(browser):
    """A phone in dark mode that must stay on its host and log no error."""
    yield from watched_page(
        browser,
        viewport={"width": 390, "height": 844},
        color_scheme="dark",
        is_mobile=True,
        has_touch=True,
    )
