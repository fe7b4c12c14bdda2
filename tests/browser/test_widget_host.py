"""widget_host.js on a small book of its own: what a static page must do for any widget."""

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import pytest
from serve import serving

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "<img src=x onerror=alert(1)></script></SCRIPT ><!--<script>"

COUNTER = f'''
import anywidget
import ipywidgets as widgets
import traitlets

class Counter(anywidget.AnyWidget):
    _esm = """
    window.log = window.log ?? [];
    window.log.push("load");
    export default {{
      initialize({{ model }}) {{
        window.log.push("initialize");
        return () => window.log.push("end model");
      }},
      render({{ model, el }}) {{
        const button = (name, action) => {{
          const b = el.appendChild(document.createElement("button"));
          b.className = name;
          b.textContent = name;
          b.onclick = action;
        }};
        const text = el.appendChild(document.createElement("output"));
        const show = () => (text.textContent = `${{model.get("label")}} ${{model.get("value")}}`);
        model.on("change:value", show);
        model.on("change", () => window.log.push(`change to ${{model.get("value")}}`));
        button("add", () => {{
          model.set("value", model.get("value") + 1);
          model.save_changes();
        }});
        button("same", () => model.set({{ value: model.get("value"), points: [[1, 2], [3]] }}));
        button("forget", () => model.off("change:value", show));
        button("forget-all", () => model.off());
        button("bytes", () => {{
          const view = model.get("data");
          text.textContent = [view.constructor.name, view.getUint8(0), view.getUint8(2)].join(" ");
        }});
        show();
        return () => window.log.push("end view");
      }},
    }};
    """
    _css = ".add {{ outline: 3px solid rgb(1, 2, 3); }}"
    value = traitlets.Int(3).tag(sync=True)
    label = traitlets.Unicode("n").tag(sync=True)
    data = traitlets.Bytes(bytes([1, 2, 255])).tag(sync=True)
    points = traitlets.List([[1, 2], [3]]).tag(sync=True)

shared = Counter(label={HOSTILE!r})
shared
'''
CELLS = [
    COUNTER,
    "shared",
    "Counter(value=7)",
    """class Broken(Counter):
    _esm = "export default { render({ el }) { el.append('half'); throw new Error('<b>boom</b>') } }"
Broken()""",
    """class Factory(anywidget.AnyWidget):
    _esm = "export default async () => ({ render({ el }) { el.append('made by a function') } })"
Factory()""",
    """@widgets.interact(x=(0, 5))
def square(x=2):
    print("x squared is", x * x)""",
    """a, b = widgets.IntSlider(description="a"), widgets.IntSlider(description="b")
widgets.jslink((a, "value"), (b, "value"))
widgets.VBox([a, b])""",
]


@pytest.fixture(scope="session")
def small_site(tmp_path_factory):
    """A book of one notebook, built with the course's own configuration and extensions."""
    if not (ROOT / "_build" / "assets").is_dir():
        pytest.skip("no _build/assets: run `make book` for the browser tests")
    source = tmp_path_factory.mktemp("small-book")
    for name in ("book/ext", "book/static", "book/tools", "_build/assets"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("_config.yml", "requirements.txt", "book/references.bib"):
        shutil.copy(ROOT / name, source / name)
    (source / "_toc.yml").write_text("format: jb-book\nroot: page\n", encoding="utf-8")
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_markdown_cell("# Page")]
    notebook.cells += [nbformat.v4.new_code_cell(text.strip()) for text in CELLS]
    nbformat.write(notebook, source / "page.ipynb")
    program = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", ".", "-n", "-W", "--keep-going"]
    run = partial(subprocess.run, command, cwd=source, capture_output=True, text=True)
    try:
        built = run(timeout=90)
    except subprocess.TimeoutExpired:  # rarely a kernel never answers: ipykernel 7, seen with 7.4
        built = run(timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    with serving(source / "_build" / "html") as address:
        yield address


@pytest.fixture
def widgets(page, small_site):
    """The page of the small book, once its widgets are there."""
    page.goto(f"{small_site}/page.html")
    page.get_by_text("made by a function", exact=True).wait_for()
    return page


def outputs(page):
    return page.locator(".widget-view output").all_inner_texts()


def click(page, name, view=0):
    page.locator(f".widget-view button.{name}").nth(view).click()


def test_labels_are_text_and_never_markup(widgets):
    assert outputs(widgets)[0] == f"{HOSTILE} 3"
    assert widgets.locator("img[src=x]").count() == 0


def test_views_of_one_model_move_together_and_others_stay(widgets):
    click(widgets, "add", view=1)
    assert outputs(widgets) == [f"{HOSTILE} 4", f"{HOSTILE} 4", "n 7"]


def test_a_module_is_loaded_once_and_each_model_initialised_once(widgets):
    log = widgets.evaluate("window.log")
    assert log.count("load") == 1
    assert log.count("initialize") == 2  # the shared model, and the one of its own
    styles = "[...document.querySelectorAll('style')].map(s => s.textContent)"
    assert sum("rgb(1, 2, 3)" in text for text in widgets.evaluate(styles)) == 1


def test_setting_the_same_value_tells_nobody(widgets):
    click(widgets, "same")
    assert not [entry for entry in widgets.evaluate("window.log") if "change" in entry]


def test_off_removes_what_it_names_in_its_own_view(widgets):
    click(widgets, "forget", view=0)
    click(widgets, "add", view=0)
    assert outputs(widgets)[:2] == [f"{HOSTILE} 3", f"{HOSTILE} 4"]
    assert widgets.evaluate("window.log").count("change to 4") == 2  # both still hear `change`
    click(widgets, "forget-all", view=0)
    click(widgets, "add", view=0)
    assert outputs(widgets)[:2] == [f"{HOSTILE} 3", f"{HOSTILE} 5"]
    assert widgets.evaluate("window.log").count("change to 5") == 1


def test_binary_state_arrives_as_a_data_view(widgets):
    click(widgets, "bytes")
    assert outputs(widgets)[0] == "DataView 1 255"


def test_a_widget_that_throws_says_so_in_place(widgets):
    message = widgets.locator(".widget-failed")
    assert message.count() == 1
    assert "<b>boom</b>" in message.inner_text()
    assert widgets.get_by_text("half", exact=True).count() == 0
    click(widgets, "add")
    assert outputs(widgets)[0] == f"{HOSTILE} 4"


def test_cleanups_run_when_the_page_goes_but_not_when_it_is_kept(widgets):
    def leave(kept):
        widgets.evaluate(
            "kept => window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: kept}))",
            kept,
        )
        return [entry for entry in widgets.evaluate("window.log") if entry.startswith("end")]

    assert leave(kept=True) == []
    assert sorted(leave(kept=False)) == ["end model"] * 2 + ["end view"] * 3


def test_classic_widgets_link_and_show_their_stored_output(widgets):
    widgets.locator("script[type*='widget-view']").first.evaluate(
        "script => script.parentElement.scrollIntoView()"
    )
    sliders = widgets.locator(".widget-slider")
    sliders.nth(2).wait_for()
    assert widgets.get_by_text("x squared is 4").count() == 1
    sliders.nth(1).locator(".noUi-handle").focus()
    for _ in range(3):
        widgets.keyboard.press("ArrowRight")
    assert sliders.locator(".widget-readout").all_inner_texts() == ["2", "3", "3"]


def test_loading_classic_widgets_leaves_the_other_scripts_alone(page, small_site):
    held = []
    page.route("**/html-manager/embed.js", lambda route: held.append(route))
    page.goto(f"{small_site}/page.html", wait_until="domcontentloaded")
    page.wait_for_function("document.querySelector('script[src$=\"embed.js\"]') !== null")
    early = (
        "(() => { let ran = false; addEventListener('load', () => (ran = true)); return ran })()"
    )
    assert not page.evaluate(early), "another script's load listener was called at once"
    held[0].continue_()
    page.locator(".widget-slider").nth(2).wait_for()


def test_a_page_opened_from_disk_is_alive(browser, small_site, tmp_path_factory):
    built = next(tmp_path_factory.getbasetemp().glob("small-book*/_build/html/page.html"))
    page = browser.new_page()
    page.goto(built.as_uri())
    page.get_by_text("made by a function", exact=True).wait_for()
    click(page, "add")
    assert outputs(page)[1] == f"{HOSTILE} 4"
    page.close()
