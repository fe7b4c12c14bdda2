"""The book's Sphinx extensions, function by function."""

import asyncio
import base64
import io
import json
import re
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import zmq.asyncio
from docutils import nodes
from fontTools.ttLib import TTFont
from jupyter_cache import get_cache
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.session import Session
from nbformat.v4 import new_code_cell, new_notebook, new_output
from sphinxcontrib import katex

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "book" / "ext"))

import folded_cells  # noqa: E402
import joined_streams  # noqa: E402
import notebook_runs  # noqa: E402
import offline_assets  # noqa: E402
import widget_host  # noqa: E402

ROCKET, ANCHOR = 0xF135, 0xF13D


@pytest.fixture
def warnings(monkeypatch):
    """The warnings an extension gives; with -W each would fail the build."""
    given = []
    logger = SimpleNamespace(warning=lambda text, *values, **_: given.append(text % values))
    monkeypatch.setattr(widget_host, "LOGGER", logger)
    monkeypatch.setattr(offline_assets, "LOGGER", logger)
    return given


def prepared_state(state):
    """Return the JSON text that a page would carry for this widget state."""
    body = json.dumps({"version_major": 2, "version_minor": 0, "state": state})
    attributes = {"body": body.replace("</script>", r"<\/script>")}
    metadata = {"page": {"js_files": {"ipywidgets_state": (None, attributes)}}}
    app = SimpleNamespace(env=SimpleNamespace(docname="page", nb_metadata=metadata))
    widget_host.prepare_state(app, None)
    return attributes["body"]


def model(module, **state):
    return {"model_name": "Model", "model_module": module, "state": state}


def test_state_keeps_its_labels_and_cannot_end_its_script(warnings):
    label = "a</script></SCRIPT ><!--<script><b>"
    text = prepared_state({"one": model("anywidget", label=label)})
    assert "<" not in text
    assert json.loads(text)["state"]["one"]["state"]["label"] == label
    assert not warnings


def test_a_container_that_holds_an_anywidget_is_a_warning(warnings):
    slider = model("@jupyter-widgets/controls", value=3)
    box = model("@jupyter-widgets/controls", children=["IPY_MODEL_a", "IPY_MODEL_s"])
    prepared_state({"s": slider, "box": box})
    assert not warnings
    prepared_state({"a": model("anywidget"), "s": slider, "box": box})
    assert len(warnings) == 1 and "one after the other" in warnings[0]


def test_the_cache_of_notebook_outputs_follows_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr(notebook_runs, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("numpy==2.0\n")
    (tmp_path / "attn_helpers").mkdir()
    module = tmp_path / "attn_helpers" / "widget.js"
    app, config = SimpleNamespace(outdir=tmp_path / "html"), SimpleNamespace()

    def cache(text):
        module.write_text(text)
        notebook_runs.key_cache_by_package(app, config)
        return config.nb_execution_cache_path

    assert cache("one") == cache("one") != cache("two")


MEET = """
import time
from pathlib import Path
Path("{mine}").touch()
while not Path("{other}").exists():
    time.sleep(0.05)
print("{mine} met {other}")
"""


def test_notebooks_run_together_and_only_once(monkeypatch, tmp_path):
    said = []
    logger = SimpleNamespace(info=lambda text, *values: said.append(text % values))
    monkeypatch.setattr(notebook_runs, "LOGGER", logger)
    monkeypatch.setattr(notebook_runs.os, "cpu_count", lambda: 2)
    sources = {"a": MEET.format(mine="a", other="b"), "b": MEET.format(mine="b", other="a")}
    for name, source in (sources | {"c": "1 / 0"}).items():
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), tmp_path / f"{name}.ipynb")
    config = SimpleNamespace(nb_execution_mode="cache", nb_execution_timeout=60)
    config.nb_execution_cache_path = str(tmp_path / "cache")
    files = {"a": "a.ipynb", "b": "b.ipynb", "c": "c.ipynb", "page": "page.md"}
    env = SimpleNamespace(config=config, doc2path=lambda name: str(tmp_path / files[name]))

    notebook_runs.run_notebooks(None, env, ["page", "b", "a"])  # neither ends without the other
    cache = get_cache(config.nb_execution_cache_path)
    for name, other in ("ab", "ba"):
        plain = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
        _, found = cache.merge_match_into_notebook(plain)
        assert found.cells[0].outputs[0].text == f"{name} met {other}\n"
    assert said.pop(0) == "notebooks to run: 2, 2 at a time"
    assert sorted(line.split("s  ")[1] for line in said) == ["a ran", "b ran"]

    said.clear()
    notebook_runs.run_notebooks(None, env, ["a", "b"])
    assert not said
    notebook_runs.run_notebooks(None, env, ["a", "c"])
    assert [line.split("s  ")[-1] for line in said] == [
        "notebooks to run: 1, 1 at a time",
        "c failed",
    ]
    assert len(cache.list_cache_records()) == 2


async def seconds_to_a_reply():
    """Let a kernel's reply come just before the client sends something else."""
    context = zmq.asyncio.Context()
    client, kernel = context.socket(zmq.DEALER), zmq.Context.shadow(context).socket(zmq.ROUTER)
    client.connect(f"tcp://127.0.0.1:{kernel.bind_to_random_port('tcp://127.0.0.1')}")
    session = Session(key=b"")
    channel = AsyncZMQSocketChannel(client, session)
    channel.send(session.msg("execute_request"))
    name, request = session.recv(kernel, mode=0)
    reply = asyncio.ensure_future(channel.get_msg(timeout=2))
    await asyncio.sleep(0.1)  # the client waits
    session.send(kernel, "execute_reply", parent=request, ident=name)
    time.sleep(0.2)  # it has come
    channel.send(session.msg("comm_msg"))
    began = time.monotonic()
    assert (await reply)["msg_type"] == "execute_reply"
    client.close(0), kernel.close(0), context.term()
    return time.monotonic() - began


def test_no_reply_is_missed(monkeypatch):
    assert asyncio.run(seconds_to_a_reply()) < 1
    monkeypatch.setattr(AsyncZMQSocketChannel, "send", AsyncZMQSocketChannel.send.__wrapped__)
    assert asyncio.run(seconds_to_a_reply()) > 1, "jupyter_client mends it: drop kernel_replies"


@pytest.mark.parametrize(
    ("tag", "mode", "prompt"),
    [("solution", "all", "solution"), ("setup", "all", "set-up"), ("claims", "input", "verdict")],
)
def test_tagged_cells_are_folded_and_others_are_left(tag, mode, prompt):
    document = nodes.section()
    tagged = nodes.container(nb_element="cell_code", classes=["cell", f"tag_{tag}"])
    plain = nodes.container(nb_element="cell_code", classes=["cell", "tag_hide-output"])
    document += [tagged, plain]
    folded_cells.fold_cells(None, document)
    assert tagged["hide_mode"] == mode and prompt in tagged["prompt_show"]
    assert "hide_mode" not in plain


@pytest.mark.node
@pytest.mark.skipif(shutil.which("node") is None, reason="no Node on PATH")
def test_a_formula_that_katex_cannot_read_is_a_warning(warnings):
    offline_assets.use_local_katex(None, SimpleNamespace())
    for formula in (r"\frac{1}{2}", r"\frac{1}{"):
        body = katex.render_latex(formula)
        offline_assets.report_katex_errors(None, "page", "page.html", {"body": body}, None)
    assert len(warnings) == 1 and "KaTeX" in warnings[0]


def test_the_icon_font_holds_the_icons_of_the_pages_and_few_others(tmp_path):
    styles = tmp_path / "_static" / "styles"
    shutil.copytree(offline_assets.THEME_STATIC / "styles", styles)
    (tmp_path / "page.html").write_text('<i class="fas fa-rocket"></i>', encoding="utf-8")
    css = offline_assets.icon_stylesheet(tmp_path)
    solid = re.search(r"font-weight: 900.*?base64,([^)]+)", css)[1]
    characters = TTFont(io.BytesIO(base64.b64decode(solid))).getBestCmap()
    assert ROCKET in characters and ANCHOR not in characters
    assert len(css) < 20_000


def test_what_is_printed_piece_by_piece_stays_on_its_line():
    pieces = [new_output("stream", text=text) for text in ("##", "#", "\n", "done\n")]
    outputs = [pieces[0], new_output("display_data", {"text/plain": "a picture"}), *pieces[1:]]
    stream, picture = joined_streams.join_streams(outputs)
    assert stream["text"] == "###\ndone\n"
    assert picture["output_type"] == "display_data"
    assert pieces[0]["text"] == "##"  # what was executed is kept as it is
