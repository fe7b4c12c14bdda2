"""A page with one widget in the state a notebook leaves it in, and the book's host script."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from serve import serving

HOST = Path(__file__).resolve().parents[2] / "book" / "ext" / "widget_host.js"
HOSTILE = "<img src=x onerror=alert(1)>"
VIEW = "application/vnd.jupyter.widget-view+json"
PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>widget</title>
<link rel="icon" href="data:,">
<script type="application/vnd.jupyter.widget-state+json">{state}</script>{views}
<script src="widget_host.js"></script></html>"""


def write_page(folder, widget, *, views=1, theme="light"):
    """Write `index.html` with one widget in so many views, and the host beside it."""
    from ipywidgets.embed import dependency_state

    models = dependency_state([widget], drop_defaults=False)
    write_state(folder, models, widget.model_id, views=views, theme=theme)


def write_state(folder, models, model_id, *, views=1, theme="light"):
    """Write `index.html` with the models that a notebook stored, and views of one of them."""
    state = json.dumps({"version_major": 2, "version_minor": 0, "state": models})
    view = f'<div><script type="{VIEW}">{{"model_id": "{model_id}"}}</script></div>'
    text = PAGE.format(theme=theme, state=state.replace("<", "\\u003c"), views=view * views)
    (folder / "index.html").write_text(text, "utf-8")
    shutil.copy(HOST, folder)


def views_of(selector, ready, *, tables=False):
    """Return the fixture `show`: it puts a widget on a bare page and returns its views.

    A view is ready when `ready` is in it; with `tables` its tables are opened then.
    """

    @pytest.fixture
    def show(page, tmp_path):
        (tmp_path / "index.html").touch()
        with serving(tmp_path) as address:

            def put(widget, *, views=1, theme="light", page=page, tables=tables):
                write_page(tmp_path, widget, views=views, theme=theme)
                page.goto(address)
                found = [page.locator(selector).nth(place) for place in range(views)]
                for view in found:
                    view.locator(ready).first.wait_for(state="attached")
                    for summary in view.locator("summary:visible").all() if tables else []:
                        summary.click()
                return found

            yield put

    return show


def put_in_hand(page, widget, names, selector, ready):
    """Draw one view of a model that the test can set and count the listeners of."""
    page.evaluate(MODEL, {})
    page.evaluate(SET, wire(widget.get_state(names)))
    page.add_style_tag(content=widget._css)
    page.evaluate(RENDER, widget._esm)
    view = page.locator(selector)
    view.locator(ready).first.wait_for(state="attached")
    return view


def check_nothing_is_left(page, view, name, value):
    """Clean up a view in hand; then neither a trait nor the page's size may trouble it."""
    assert page.evaluate("model.count()") > 0
    page.evaluate("cleanup()")
    assert page.evaluate("model.count()") == view.count() == 0
    page.evaluate("([name, value]) => model.set(name, value)", [name, value])
    page.set_viewport_size({"width": 500, "height": 500})


def walk(page, steps):
    """Press Tab so many times; return the names passed, and assert that each shows where it is."""
    names = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
              const at = document.activeElement;
              const label = at.labels?.[0] ?? at;
              const text = at.tagName === "SELECT" ? label.firstChild : label;
              return [at.ariaLabel ?? text.textContent, getComputedStyle(at).outlineStyle];
            }"""
        )
        names.append(name)
        assert outline == "solid", name
    return names


def drag(page, slider, start, end):
    """Pull a slider's thumb from one fraction of its way to another."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    inside = [box["x"] + 10 + (box["width"] - 20) * at for at in (start, end)]
    middle = box["y"] + box["height"] / 2
    page.mouse.move(inside[0], middle)
    page.mouse.down()
    page.mouse.move(inside[1], middle, steps=8)
    page.mouse.up()


def brightness(view, property):
    """Mean of the red, green and blue of a colour that the browser computed, 0 to 255."""
    colour = view.evaluate("(view, name) => getComputedStyle(view)[name]", property)
    return np.mean([int(channel) for channel in re.findall(r"\d+", colour)[:3]])


# A model that the test itself can set and count the listeners of, and one view of it.
MODEL = """(state) => {
  const listeners = new Map();
  window.model = {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      for (const event of [`change:${name}`, "change"])
        for (const listener of listeners.get(event) ?? []) listener();
    },
    save_changes() {},
    on: (event, f) => listeners.set(event, (listeners.get(event) ?? new Set()).add(f)),
    off: (event, f) => listeners.get(event)?.delete(f),
    count: () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0),
  };
}"""
RENDER = """async (script) => {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  const el = document.body.appendChild(document.createElement("div"));
  window.cleanup = widget.render({ model: window.model, el });
}"""
# Set traits of that model; arrays come as their numbers.
SET = """(traits) => {
  const types = {
    float64: Float64Array, float32: Float32Array, bool: Uint8Array, uint8: Uint8Array,
    uint16: Uint16Array,
  };
  for (const [name, value] of Object.entries(traits)) {
    if (!value?.dtype) model.set(name, value);
    else model.set(name, { ...value,
      bytes: new DataView(types[value.dtype].from(value.values).buffer) });
  }
}"""


def wire(traits):
    """Traits as JSON for the page: an array as its numbers."""
    kinds = {"float64": "<f8", "float32": "<f4", "bool": "u1", "uint8": "u1", "uint16": "<u2"}
    values = {}
    for name, value in traits.items():
        if isinstance(value, dict) and value.get("bytes") == b"":
            value = None
        elif isinstance(value, dict) and "bytes" in value:
            numbers = np.frombuffer(value["bytes"], kinds[value["dtype"]]).tolist()
            value = {"shape": value["shape"], "dtype": value["dtype"], "values": numbers}
        values[name] = value
    return values


def time_steps(slider, step):
    """Move a slider over its whole range; return the script's milliseconds a step."""
    return slider.evaluate(
        """async (slider, step) => {
          const times = [];
          for (let place = Number(slider.min); place < Number(slider.max); place += step) {
            await new Promise(requestAnimationFrame);
            slider.value = place;
            const start = performance.now();
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            times.push(performance.now() - start);
          }
          return times;
        }""",
        step,
    )
