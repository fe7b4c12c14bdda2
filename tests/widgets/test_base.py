import subprocess
import sys

import pytest
import traitlets

from attn_helpers.plots import style as plot_style
from attn_helpers.widgets import base


def test_script_is_the_shared_text_then_the_module():
    text = base.script("softmax_temperature")
    assert text.index("export function softmax") < text.index("export default")
    assert text.count("export default") == 1
    assert "\nimport " not in text  # a blob URL has no neighbours to import from


def test_style_is_the_shared_sheet_then_the_widget_s_own():
    text = base.style("softmax_temperature")
    assert text.index(".attn-widget {") < text.index(".attn-softmax-ends {")
    assert "@import" not in text and "url(" not in text


def test_widgets_have_the_colours_of_the_plots():
    sheet = base.style("softmax_temperature")
    for colour in plot_style.INK, plot_style.PALETTE[0], plot_style.PALETTE[1]:
        assert f"light-dark({colour.lower()}," in sheet
    ink = plot_style.ink_of(plot_style.PALETTE[1])
    assert f"--attn-limit-ink: light-dark({ink.lower()}," in sheet


def test_a_checked_trait_raises_the_error_of_its_check_and_keeps_the_old_value():
    class Owner(traitlets.HasTraits):
        count = base.Checked(int)

    owner = Owner(count="3")
    with pytest.raises(ValueError, match="invalid literal"):
        owner.count = "many"
    with pytest.raises(ValueError, match="invalid literal"), owner.hold_trait_notifications():
        owner.count = "many"
    assert owner.count == 3


def test_widgets_load_ipywidgets_only_when_one_is_asked_for():
    code = (
        "import sys, attn_helpers.widgets as widgets\n"
        "assert 'ipywidgets' not in sys.modules\n"
        "assert {'AttentionExplorer', 'FastWeightMemory'} < set(dir(widgets))\n"
        "widgets.SoftmaxTemperature\n"
        "assert 'ipywidgets' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_widget_is_an_attribute_error():
    from attn_helpers import widgets

    with pytest.raises(AttributeError, match="no attribute 'HardMax'"):
        widgets.HardMax  # noqa: B018
