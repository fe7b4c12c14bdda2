"""The widgets in JupyterLab: the reader's hand moves the Python object, and Python the picture."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
import scipy.special

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "chapters" / "01_background.ipynb"
CELLS = [
    "from attn_helpers.widgets import SoftmaxTemperature\n"
    "w = SoftmaxTemperature([2.0, 1.0, 0.1], ['cat', 'dog', 'bird'])\n"
    "w",
    "w",
    "print([w.temperature, w.scores, w.weights.tolist()])",
    "w.temperature = 10",
    "w.set(scores=[0, 3], labels=['<b>yes</b>', 'no'])",
    "try:\n    w.scores = [1, float('nan')]\nexcept ValueError as error:\n    print(error)",
]
EXPLORER_CELLS = [
    "import json, numpy as np\n"
    "from attn_helpers.widgets import AttentionExplorer\n"
    "rng = np.random.default_rng(0)\n"
    "q, k = rng.normal(size=(2, 2, 4, 3)); v = rng.normal(size=(5, 2))\n"
    "k = np.concatenate([k, q[:, :1]], axis=1)\n"
    "e = AttentionExplorer(list('abcd'), list('vwxyz'), q=q, k=k, v=v, mask=q[..., :1] > -1)\n"
    "e",
    "e",
    "print(json.dumps([e.temperature, e.similarity, e.query, e.head, e.weights.tolist(),\n"
    "                  e.out.tolist()]))",
    "e.set(tokens=['<b>one</b>', 'two'], q=3 * q[0, :2].astype(np.float32), mask=None, query=1)",
    "e.temperature, e.similarity, e.head = 0.3, 'dot', 1",
    "try:\n    e.q = q\nexcept ValueError as error:\n    print(error)",
]
EDITOR_CELLS = [
    "import json, numpy as np\n"
    "from attn_helpers.programs.modes import mode\n"
    "from attn_helpers.widgets import ProgramEditor\n"
    "q, k = np.random.default_rng(0).normal(size=(2, 5, 4))\n"
    "e = ProgramEditor(list('abcde'), q=q, k=k, program=mode('focus'))\n"
    "e",
    "e",
    "print(json.dumps([repr(e.program), e.weights.tolist(), e.query]))",
    "e.program = mode('causal') & mode('recency')",
]
FILM_CELLS = [
    "import json, numpy as np\n"
    "from attn_helpers.widgets import TrainingFilm\n"
    "rng = np.random.default_rng(0)\n"
    "weights = rng.dirichlet(np.ones(3), size=(4, 2, 2))\n"
    "f = TrainingFilm(['a', 'b'], weights, list('xyz'), steps=[0, 2, 5, 9], losses=rng.random(9))\n"
    "f",
    "f",
    "print(json.dumps([f.frame, f.head, f.query, f.weights.tolist(), f.losses.tolist()]))",
    "f.set(weights=weights[::-1], losses=1 + f.losses, frame=1)",
]
KERNEL_READY = """async () => {
  const { sessionContext } = jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  await sessionContext.session.kernel.info;
}"""
# Done means answered, and everything printed before has arrived.
KERNEL_DONE = """() => {
  return jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo();
}"""
RUN_COMMAND = "([name, options]) => jupyterapp.commands.execute(name, options)"
NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Start JupyterLab in a folder and a home of its own; yield its address and the folder."""
    pytest.importorskip("jupyterlab")
    home = tmp_path_factory.mktemp("lab")
    folder = home / "course"
    for path in (folder, home / "config" / "labconfig"):
        path.mkdir(parents=True)
    (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(NO_NEWS))
    own = {
        "HOME": home,
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"),
        "--LabApp.expose_app_in_browser=True",
    ]
    log = home / "lab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {name: str(value) for name, value in own.items()},
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, server, log)
        yield address, folder
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(address, server, log, seconds=60):
    """Return when JupyterLab answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


def open_notebook(page, lab, name):
    """Show one notebook with its kernel ready."""
    address, _ = lab
    page.set_default_timeout(40_000)
    page.goto(f"{address}/lab/tree/{name}?reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.evaluate(KERNEL_READY)


class Notebook:
    """A notebook in the page, run cell by cell as a reader does."""

    def __init__(self, page):
        self.page = page
        self.ran = 0

    def cell(self, index):
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def run(self, index):
        """Run one cell and return what it prints."""
        cell = self.cell(index)
        cell.locator(".jp-InputPrompt").click()
        self.page.keyboard.press("Control+Enter")
        self.ran += 1
        cell.locator(".jp-InputPrompt", has_text=f"[{self.ran}]:").wait_for()
        self.page.evaluate(KERNEL_DONE)
        return "".join(cell.locator(".jp-OutputArea-output pre").all_inner_texts())

    def slider(self, index, name="temperature"):
        return self.cell(index).get_by_role("slider", name=name, exact=True)

    def weights(self, index):
        """Return the weights that the view under a cell shows, at full precision."""
        numbers = self.cell(index).locator(".attn-softmax-track + data")
        return [float(value) for value in numbers.evaluate_all("all => all.map((n) => n.value)")]


def opened(page, lab, cells, slider="temperature"):
    """Open a fresh notebook, with the widget, and its slider, under its first two cells."""
    _, folder = lab
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, folder / "widget.ipynb")
    open_notebook(page, lab, "widget.ipynb")
    notebook = Notebook(page)
    for index in (0, 1):
        notebook.run(index)
        notebook.slider(index, slider).wait_for()
    return notebook


@pytest.fixture
def notebook(page, lab):
    """A notebook of SoftmaxTemperature."""
    yield opened(page, lab, CELLS)
    close(page)


@pytest.fixture
def explorer(page, lab):
    """A notebook of AttentionExplorer."""
    yield opened(page, lab, EXPLORER_CELLS)
    close(page)


@pytest.fixture
def editor(page, lab):
    """A notebook of ProgramEditor."""
    yield opened(page, lab, EDITOR_CELLS, "tau")
    close(page)


@pytest.fixture
def film(page, lab):
    """A notebook of TrainingFilm."""
    yield opened(page, lab, FILM_CELLS, "step")
    close(page)


def close(page):
    """End the kernel and leave nothing unsaved behind."""
    page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")


def state(notebook):
    """Run the cell that prints the Python object, and return its three parts."""
    return json.loads(notebook.run(2))


def test_keys_reach_the_widget_and_python_sees_it(notebook):
    slider = notebook.slider(0)
    slider.focus()
    for key in ["ArrowRight"] * 6 + ["ArrowDown", "PageUp"]:
        notebook.page.keyboard.press(key)
    place = slider.evaluate("slider => slider.valueAsNumber")
    assert place == pytest.approx(0.5)
    assert slider.evaluate("slider => slider === document.activeElement")

    score = notebook.slider(0, "score of bird")
    score.press("End")

    temperature, scores, weights = state(notebook)
    assert temperature == pytest.approx(10**place, rel=0.005)
    assert scores == [2.0, 1.0, 5.0]
    np.testing.assert_allclose(weights, scipy.special.softmax(np.array(scores) / temperature))
    for index in (0, 1):  # both views show what Python has
        np.testing.assert_allclose(notebook.weights(index), weights, rtol=0, atol=1e-12)
    assert notebook.slider(1).evaluate("slider => slider.valueAsNumber") == place

    number = notebook.cell(0).get_by_role("spinbutton", name="temperature")
    number.click()
    number.press("Control+a")
    notebook.page.keyboard.type("0.25")  # no digit turns the cell into a heading
    assert state(notebook)[0] == 0.25
    assert notebook.page.locator(".jp-Notebook .jp-CodeCell").count() == len(CELLS)


def test_python_and_the_theme_change_both_pictures(notebook):
    notebook.run(3)
    expected = scipy.special.softmax(np.array([2.0, 1.0, 0.1]) / 10)
    for index in (0, 1):
        notebook.cell(index).locator("[aria-valuetext^='10,']").wait_for()
        np.testing.assert_allclose(notebook.weights(index), expected, rtol=0, atol=1e-12)

    notebook.run(4)
    expected = scipy.special.softmax(np.array([0.0, 3.0]) / 10)
    for index in (0, 1):
        notebook.slider(index, "score of <b>yes</b>").wait_for()
        np.testing.assert_allclose(notebook.weights(index), expected, rtol=0, atol=1e-12)

    assert "scores must be finite" in notebook.run(5)
    assert notebook.weights(0) == pytest.approx(expected)
    assert state(notebook)[:2] == [10.0, [0.0, 3.0]]

    ground = "view => getComputedStyle(view).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    view = notebook.cell(0).locator(".attn-softmax")
    assert min(view.evaluate(ground)) > 240
    notebook.page.evaluate(RUN_COMMAND, ["apputils:change-theme", {"theme": "JupyterLab Dark"}])
    notebook.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    assert max(view.evaluate(ground)) < 60
    left = "all => all.map((node) => node.getBoundingClientRect().left)"
    name_and_number = view.locator(".attn-readout > :first-child > div")
    assert len(set(name_and_number.evaluate_all(left))) == 1  # JupyterLab's own style stays out


def explored(notebook):
    """Ask Python for its numbers, and hold both views to them; return Python's choices."""
    temperature, similarity, query, head, weights, out = json.loads(notebook.run(2))
    for index in (0, 1):
        view = notebook.cell(index).locator(".attn-explorer")
        view.locator(f"select >> option:checked[value='{query}']").wait_for(state="attached")
        bars = view.locator(".bar").evaluate_all("all => all.map((b) => b.getAttribute('height'))")
        np.testing.assert_allclose(
            np.array(bars, float) / 64, weights[head][query], rtol=0, atol=1e-6
        )
        shown = view.locator(".attn-explorer-out data").evaluate_all("all => all.map(n => n.value)")
        np.testing.assert_allclose(np.array(shown, float), out[head][query], rtol=0, atol=1e-6)
    return temperature, similarity, query, head


def test_every_control_of_the_explorer_reaches_python_and_the_other_view(explorer):
    page, view = explorer.page, explorer.cell(0).locator(".attn-explorer")
    assert explored(explorer) == (1.0, "scaled dot", 0, 0)

    explorer.slider(0).focus()
    for key in "ArrowRight", "PageUp", "ArrowUp":
        page.keyboard.press(key)
    place = explorer.slider(1).evaluate("slider => slider.valueAsNumber")
    assert place == pytest.approx(0.44)
    assert explored(explorer)[0] == pytest.approx(10**place, rel=0.005)

    view.get_by_role("radio", name="scaled dot").focus()
    page.keyboard.press("ArrowRight")
    view.get_by_role("radio", name="head 0").focus()
    page.keyboard.press("ArrowRight")
    assert explored(explorer)[1:] == ("cosine", 0, 1)

    select = view.get_by_role("combobox", name="query")
    select.focus()
    page.keyboard.press("ArrowDown")
    assert explored(explorer)[2] == 1

    grid = view.get_by_role("grid")
    grid.focus()
    for key in "ArrowDown", "ArrowDown", "Home", "ArrowRight":
        page.keyboard.press(key)
    assert grid.evaluate("grid => grid === document.activeElement")
    names = view.locator(".attn-explorer-sum strong bdi")
    assert names.all_inner_texts() == ["d", "w"]
    assert explored(explorer)[2] == 3

    size = grid.bounding_box()
    grid.click(position={"x": size["width"] * 0.9, "y": size["height"] * 0.4})
    assert names.all_inner_texts() == ["b", "z"]
    assert explored(explorer)[2] == 1
    view.locator("summary").press("Enter")
    view.get_by_role("rowheader").filter(has_text="a").first.wait_for()
    with page.expect_download() as download:
        view.get_by_role("button", name="Save PNG").press("Enter")
    assert download.value.suggested_filename == "attention.png"
    assert page.locator(".jp-Notebook .jp-CodeCell").count() == len(EXPLORER_CELLS)


def test_python_changes_every_view_of_the_explorer(explorer):
    explorer.run(3)
    explorer.run(4)
    for index in (0, 1):
        explorer.cell(index).locator("svg text", has_text="<b>one</b>").first.wait_for()
        explorer.cell(index).locator("[aria-valuetext^='0.3,']").wait_for()
    assert explored(explorer) == (0.3, "dot", 1, 1)
    assert "q needs 2 rows" in explorer.run(5)

    # JupyterLab keeps the theme that another test has chosen, so this one takes the other.
    page, canvas = explorer.page, explorer.cell(0).locator(".attn-cells canvas")
    corner = """canvas => canvas.getContext("2d").getImageData(0, 0, 1, 1).data[0]"""
    was_light = page.locator("body").get_attribute("data-jp-theme-light") == "true"
    before = canvas.evaluate(corner)
    assert (before > 128) == was_light
    theme = f"JupyterLab {'Dark' if was_light else 'Light'}"
    page.evaluate(RUN_COMMAND, ["apputils:change-theme", {"theme": theme}])
    canvas.scroll_into_view_if_needed()
    page.wait_for_function(
        f"([canvas, before]) => Math.abs(({corner})(canvas) - before) > 128",
        arg=[canvas.element_handle(), before],
    )


def edited(notebook):
    """Ask Python for the program, and hold both views to its numbers; return its repr."""
    text, weights, query = json.loads(notebook.run(2))
    for index in (0, 1):
        notebook.cell(index).locator(".attn-program-python code", has_text=text).first.wait_for()
        bars = notebook.cell(index).locator(".bar")
        shown = bars.evaluate_all("all => all.map((bar) => bar.getAttribute('height') / 64)")
        np.testing.assert_allclose(shown[:5], weights[query], rtol=0, atol=1e-12)
    return text


def test_a_typed_turned_and_painted_program_is_the_program_in_python(editor):
    view, keyboard = editor.cell(0), editor.page.keyboard
    view.get_by_role("textbox", name="mask A").click()
    keyboard.type("abs(i-j)<=a or j==0", delay=20)  # a and b would add cells to the notebook
    assert (
        edited(editor) == 'program("abs(i - j) <= a or j == 0", a=1) & program("s / tau", tau=0.25)'
    )
    typed = view.get_by_role("textbox", name="mask A").input_value()
    assert typed == "abs(i-j)<=a or j==0"  # nothing comes back and stands in the way
    editor.slider(0, "a").press("ArrowRight")
    assert (
        edited(editor) == 'program("abs(i - j) <= a or j == 0", a=2) & program("s / tau", tau=0.25)'
    )

    view.get_by_role("checkbox", name="paint the mask").check()
    grid = view.get_by_role("grid")
    grid.focus()
    for key in ["End", " ", "ArrowLeft", " "]:
        keyboard.press(key)
    assert grid.evaluate("grid => grid === document.activeElement")
    anchors = "j < anchors or i < anchors or abs(i - j) <= width"  # the first row is open now
    assert edited(editor).startswith(f'program("{anchors}", anchors=1, width=2) & ')
    assert editor.page.locator(".jp-Notebook .jp-CodeCell").count() == len(EDITOR_CELLS)

    editor.run(3)
    assert edited(editor) == 'program("j <= i") & program("s - slope * abs(i - j)", slope=0.5)'
    assert view.get_by_role("textbox", name="mask A").input_value() == "j <= i"


def watched(notebook):
    """Ask Python for the film, and hold both views to it; return the frame, head and query."""
    frame, head, query, weights, losses = json.loads(notebook.run(2))
    loss = [*losses, losses[-1]][[0, 2, 5, 9][frame]]
    for index in (0, 1):
        view = notebook.cell(index).locator(".attn-film")
        view.locator(f".attn-panel-title data[value='{loss!r}']").wait_for()
        bars = view.locator(".bar").evaluate_all(
            "all => all.map((bar) => bar.getAttribute('height') / 64)"
        )
        np.testing.assert_allclose(bars, weights[frame][0][head][query], rtol=0, atol=1e-5)
    return frame, head, query


def test_a_film_slides_and_plays_in_every_view_and_in_python(film):
    page, view = film.page, film.cell(0).locator(".attn-film")
    assert watched(film) == (0, 0, 0)
    film.slider(0, "step").focus()
    for key in "ArrowRight", "End", "ArrowDown", "PageDown", "ArrowUp":
        page.keyboard.press(key)
    assert watched(film) == (1, 0, 0)
    view.get_by_role("grid").first.focus()
    page.keyboard.press("ArrowRight")
    view.get_by_role("grid").last.focus()
    page.keyboard.press("ArrowDown")
    assert watched(film) == (1, 1, 1)
    film.run(3)
    assert watched(film) == (1, 1, 1)
    view.get_by_role("button", name="Play").press("Enter")
    view.get_by_role("button", name="Pause").wait_for()
    view.get_by_role("button", name="Play").wait_for()  # at its end
    assert watched(film) == (3, 1, 1)
    assert page.locator(".jp-Notebook .jp-CodeCell").count() == len(FILM_CELLS)


def test_the_first_chapter_runs(page, lab):
    if not CHAPTER.exists():
        pytest.skip("chapters/01_background.ipynb is not there")
    _, folder = lab
    shutil.copy(CHAPTER, folder)
    open_notebook(page, lab, CHAPTER.name)
    page.evaluate(RUN_COMMAND, ["notebook:run-all-cells", {}])
    page.locator(".attn-softmax").first.wait_for(state="attached")
    page.evaluate(RUN_COMMAND, ["docmanager:save", {}])
    ran = nbformat.read(folder / CHAPTER.name, as_version=4)
    code = [cell for cell in ran.cells if cell.cell_type == "code" and cell.source.strip()]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    errors = [out for cell in code for out in cell.outputs if out.output_type == "error"]
    assert not errors, errors
    close(page)
