"""The built book in a browser without a network: every page, wide and light, narrow and dark."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
NOTEBOOKS = [name for name in PAGES if name.startswith("chapters/")]
FIRST_WIDGET_PAGE = "chapters/01_background"
PAGE_BYTES = 1_000_000

# Every text on the page whose contrast with what lies behind it is under WCAG AA.
LOW_CONTRAST = """() => {
  const parse = (css) => {
    const n = css.match(/[\\d.]+/g).map(Number);
    return css.startsWith("color(srgb") ? [...n.slice(0, 3).map((x) => x * 255), n[3] ?? 1]
                                        : [...n.slice(0, 3), n[3] ?? 1];
  };
  const over = ([r, g, b, a], [R, G, B]) =>
    [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const behind = (el) => {
    if (!el) return [255, 255, 255, 1];
    const own = parse(getComputedStyle(el).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(el.parentElement));
  };
  const luminance = (rgb) => {
    const linear = (x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((x) => linear(x / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const el = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !el.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const rect = el.getBoundingClientRect();
    if (el.closest("svg, .katex-mathml, .skip-link") || rect.width < 2 || rect.height < 2) continue;
    const style = getComputedStyle(el);
    const paper = behind(el);
    const [a, b] = [luminance(over(parse(style.color), paper)), luminance(paper)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) {
      const where = `${el.tagName.toLowerCase()}.${el.className} ${style.color}`;
      if (!found.has(where)) found.set(where, `${ratio.toFixed(2)} ${where}: ${text.slice(0, 40)}`);
    }
  }
  return [...found.values()];
}"""


def visit(page, address):
    """Load a page and scroll through it, so that what loads late is loaded too."""
    page.goto(address)
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 600):
        page.evaluate("top => window.scrollTo(0, top)", top)
    page.wait_for_load_state("networkidle")


def assert_sound(page, width):
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "scrolls sideways"
    assert page.locator(".katex-error").count() == 0
    assert page.get_by_text("\\begin{", exact=False).locator("visible=true").count() == 0
    broken = page.evaluate(
        "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    )
    assert not broken, f"broken images: {broken}"
    faint = page.evaluate(LOW_CONTRAST)
    assert not faint, "text under WCAG AA contrast:\n" + "\n".join(faint)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound_wide_and_light(page, site, name):
    visit(page, f"{site}/{name}.html")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert_sound(page, 1280)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound_narrow_and_dark(dark_phone_page, site, name):
    visit(dark_phone_page, f"{site}/{name}.html")
    assert dark_phone_page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert_sound(dark_phone_page, 390)


@pytest.mark.parametrize("name", [*NOTEBOOKS, "book/claims"])
def test_a_phone_shows_the_whole_ledger(dark_phone_page, site, name):
    dark_phone_page.goto(f"{site}/{name}.html")
    tables = dark_phone_page.locator(":is(.tag_claims, #the-ledger-of-claims) table")
    boxes = tables.evaluate_all("all => all.map(t => [t.scrollWidth, t.parentElement.clientWidth])")
    assert boxes and all(width <= room for width, room in boxes), boxes


@pytest.mark.parametrize("name", PAGES)
def test_links_within_the_book_lead_somewhere(page, site, name):
    page.goto(f"{site}/{name}.html")
    links = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)")
    inside = {link for link in links if link.startswith(site)}
    assert inside
    for address, anchors in grouped_by_page(inside).items():
        answer = page.request.get(address)
        assert answer.ok, f"{address} answers {answer.status}"
        ids = set(re.findall(r'\bid="([^"]+)"', answer.text())) if anchors else set()
        assert anchors <= ids, f"{address} has no {anchors - ids}"


def grouped_by_page(links):
    """Return the anchors asked of each address; a bare `#` is the top of the page."""
    pages = {}
    for link in links:
        address, _, anchor = link.partition("#")
        pages.setdefault(address, set()).update({anchor} - {""})
    return pages


def test_the_site_opens_at_the_introduction(page, site):
    page.goto(f"{site}/")
    page.wait_for_url(f"{site}/{TOC['root']}.html")
    assert page.locator("h1").last.inner_text().startswith(CONFIG["title"])


def test_search_finds_a_word_without_a_network(page, site):
    page.goto(f"{site}/search.html?q=softmax")
    first = page.locator("#search-results li a").first
    first.wait_for()
    first.click()
    page.wait_for_url(re.compile(r"/(book|chapters)/"))
    assert "softmax" in page.locator("main").inner_text().lower()


@pytest.mark.parametrize("name", PAGES)
def test_launch_and_download_buttons_point_at_the_page(page, site, name):
    page.goto(f"{site}/{name}.html")
    links = page.evaluate(
        "[...document.querySelectorAll('.article-header-buttons a[href]')].map(a => a.href)"
    )
    slug = CONFIG["repository"]["url"].removeprefix("https://github.com/")
    branch = CONFIG["repository"]["branch"]
    launch = {
        f"https://colab.research.google.com/github/{slug}/blob/{branch}/{name}.ipynb",
        f"https://mybinder.org/v2/gh/{slug}/{branch}?urlpath=lab/tree/{name}.ipynb",
    }
    found = {link for link in links if "colab" in link or "mybinder" in link}
    assert found == (launch if name in NOTEBOOKS else set())
    suffix = ".ipynb" if name in NOTEBOOKS else ".md"
    assert f"{site}/_sources/{name}{suffix}" in links
    source = page.request.get(f"{site}/_sources/{name}{suffix}")
    assert source.body() == (ROOT / f"{name}{suffix}").read_bytes()


def test_fullscreen_button_works(page, site):
    page.goto(f"{site}/{FIRST_WIDGET_PAGE}.html")
    page.locator("button[onclick='toggleFullScreen()'], .btn-fullscreen-button").first.click()
    page.wait_for_function("document.fullscreenElement !== null")


def transfer_sizes(page, address):
    """Return the bytes that crossed the wire for each address while a page was read to its end."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    addresses, sizes = {}, {}
    session.on(
        "Network.responseReceived",
        lambda event: addresses.update({event["requestId"]: event["response"]["url"]}),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}),
    )
    visit(page, address)
    pairs = ((addresses.get(key, ""), size) for key, size in sizes.items())
    return {url: size for url, size in pairs if url.startswith("http")}


def test_first_page_with_a_widget_is_light(page, site):
    sizes = transfer_sizes(page, f"{site}/{FIRST_WIDGET_PAGE}.html")
    for address, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size:>9,}  {address.removeprefix(site)}")
    total = sum(sizes.values())
    print(f"{total:>9,}  in all, to the end of the page")
    assert any("widget_host.js" in address for address in sizes), "the page holds no widget"
    assert total <= PAGE_BYTES


def test_widgets_are_there_within_a_second_of_load(page, site):
    page.goto(f"{site}/{FIRST_WIDGET_PAGE}.html", wait_until="load")
    page.wait_for_function(
        "document.querySelectorAll('.widget-view').length > 0 &&"
        "[...document.querySelectorAll('.widget-view > div')].every(el => el.childElementCount)",
        timeout=1000,
    )
    assert page.locator(".widget-failed").count() == 0


def test_classic_widgets_wait_for_the_reader(page, site):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/{FIRST_WIDGET_PAGE}.html")
    page.wait_for_load_state("networkidle")
    if page.locator("script[type*='widget-view']").count() == 0:
        pytest.skip("the page holds no classic widget")
    assert not any("html-manager" in url for url in asked), "fetched before anyone came near"
    page.locator("script[type*='widget-view']").first.evaluate(
        "script => script.parentElement.scrollIntoView()"
    )
    page.locator(".widget-slider").first.wait_for()
    assert any(url.startswith(f"{site}/_static/html-manager/") for url in asked)
