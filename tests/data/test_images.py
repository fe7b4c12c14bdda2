"""The photograph is what it says, belongs to the caller, and names its author."""

import sys

import numpy as np
import pytest

from attn_helpers import data


@pytest.fixture
def china():
    pytest.importorskip("sklearn")
    pytest.importorskip("PIL")
    return data.photograph()


def test_shape_and_range(china):
    assert china.shape == (427, 640, 3)
    assert china.dtype == np.float64
    assert china.min() == 0 and china.max() == 1
    np.testing.assert_allclose(china * 255, np.rint(china * 255), atol=1e-12)


def test_the_right_way_up_with_red_first(china):
    sky, trees = china[:40, 400:], china[-40:, :100]
    assert sky.mean() > 2 * trees.mean()
    assert sky[..., 2].mean() > sky[..., 0].mean()  # the sky is blue


def test_each_call_gives_a_fresh_array(china):
    again = data.photograph()
    again[:] = 0.5
    assert china.max() == data.photograph().max() == 1


def test_the_credit_names_author_and_licence():
    assert "danielbuechele" in data.PHOTOGRAPH_CREDIT
    assert "CC BY 2.0" in data.PHOTOGRAPH_CREDIT


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    for name in "sklearn", "sklearn.datasets":
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"scikit-learn and pillow.*attn_helpers\[images\]"):
        data.photograph()


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    pytest.importorskip("sklearn")
    for name in [name for name in sys.modules if name.split(".")[0] == "PIL"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"scikit-learn and pillow.*attn_helpers\[images\]"):
        data.photograph()
