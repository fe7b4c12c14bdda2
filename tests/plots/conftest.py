import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def leave_nothing_behind():
    """Every test here fails on a changed rcParam; the figures it opened are closed."""
    import matplotlib.pyplot as plt

    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture(params=["Noto Sans CJK SC", None], ids=["with CJK font", "without CJK font"])
def cjk(request, monkeypatch):
    """The two kinds of machine. Where no font is installed, only the second can be played."""
    from attn_helpers.plots import fonts

    installed = fonts.cjk_family()
    if request.param and installed is None:
        pytest.skip("no CJK font is installed")
    family = installed if request.param else None
    monkeypatch.setattr(fonts, "cjk_family", lambda: family)
    return family
