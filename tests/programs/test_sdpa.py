"""Programs on SDPA: what is proved, what is added, what is kept between calls."""

import math

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from attn_helpers import program
from attn_helpers.programs import ProgramModule, per_head, sdpa, torch_attention
from attn_helpers.programs.grid import Grid
from attn_helpers.programs.kept import KEPT, Kept
from attn_helpers.programs.sdpa import lower

CPU = torch.device("cpu")
RECENT = program("s - slope * abs(i - j)", slope=0.25)


def plan(one, *grid, dtype=torch.float32):
    return lower(one, {}, Grid(*grid), dtype, CPU)


@pytest.fixture
def calls(monkeypatch):
    """The options of every call of SDPA."""
    seen = []

    def spy(*args, **options):
        seen.append(options | {"attn_mask": args[3]})
        return scaled_dot_product_attention(*args, **options)

    monkeypatch.setattr(sdpa.F, "scaled_dot_product_attention", spy)
    return seen


@pytest.fixture
def small_blocks(monkeypatch):
    """Two rows at a time, as with very long sequences."""
    monkeypatch.setattr(sdpa, "BLOCK", 16)


@pytest.mark.parametrize("blocks", ["one block", "blocks of rows"])
@pytest.mark.parametrize(
    ("text", "grid", "is_causal"),
    [
        ("j <= i", (2, 3, 8, 8), True),
        ("j <= i", (None, None, 8, 8), True),
        ("not j > i and j < 99", (2, 3, 5, 7), True),
        ("i - j >= 0", (2, 3, 7, 5), True),
        ("j <= i", (2, 3, 8, 8, 1), False),  # a cache: SDPA's causal mask starts at key 0
        ("j <= i - 2", (2, 3, 8, 8, 2), True),
        ("j <= i or h == 2 and j == 7", (2, 3, 8, 8), False),
        ("j <= i or h == 2 and j == 7", (2, 2, 8, 8), True),
        ("j < i", (2, 3, 8, 8), False),
        ("j <= min(i, 6)", (2, 3, 8, 8), False),  # differs in the last place alone
        ("j <= 0 * h", (2, 3, 8, 8), False),  # causal for the first row alone
        ("j <= 0 * h", (2, 3, 1, 8), True),
    ],
)
def test_a_mask_is_causal_where_it_is(text, grid, is_causal, blocks, monkeypatch):
    if blocks != "one block":
        monkeypatch.setattr(sdpa, "BLOCK", 16)
    found = plan(program(text), *grid)
    assert found.is_causal == is_causal
    assert (found.bias is None) == is_causal


def test_one_query_after_the_cache_sees_all_of_it(calls):
    q, k, v = torch.randn(1, 2, 1, 4), torch.randn(1, 2, 9, 4), torch.randn(1, 2, 9, 4)
    out = torch_attention(q, k, v, program=program("j <= i"), q_start=8)
    assert torch.equal(out, scaled_dot_product_attention(q, k, v))
    assert calls == [{"attn_mask": None, "is_causal": False, "scale": 0.5}]


def test_a_causal_program_with_a_number_as_factor_runs_on_is_causal(calls):
    q, k, v = torch.randn(3, 2, 3, 8, 4)
    out = torch_attention(q, k, v, program=program("j <= i") & program("s / tau", tau=4))
    assert calls == [{"attn_mask": None, "is_causal": True, "scale": 0.125}]
    expected = scaled_dot_product_attention(q / 4, k, v, is_causal=True)
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize(
    ("one", "shape"),
    [
        (RECENT, (1, 1, 5, 7)),
        (program("s - 0.1 * j"), (1, 1, 1, 7)),
        (program("s - m[h] * j", m=[0.1, 0.2, 0.3]), (1, 3, 1, 7)),
        (program("flag[b, j] == 1", flag=[[1, 0, 1, 1, 1, 1, 1]] * 2), (2, 1, 1, 7)),
        (program("flag[b, j] != i", flag=[[1, 0, 1, 1, 1, 1, 1]] * 2), (2, 1, 5, 7)),
        (program("s + 3"), (1, 1, 1, 1)),
    ],
)
def test_a_bias_has_no_axis_that_it_does_not_need(one, shape, small_blocks):
    found = plan(one, 2, 3, 5, 7).bias
    assert found.shape == shape and found.is_contiguous() and found.dtype == torch.float32
    whole = torch.from_numpy(one.bias(5, 7, n_heads=3, batch=2)).float()
    torch.testing.assert_close(found.expand(2, 3, 5, 7), whole)


@pytest.mark.parametrize("text", ["s * i", "j % 3 > i or h > b", "s * (i + 1) - j", "s + i * h"])
def test_blocks_of_rows_change_nothing(text, small_blocks, monkeypatch):
    q, k, v = torch.randn(3, 2, 3, 8, 4, dtype=torch.float64)
    one = program(text)
    out = torch_attention(q, k, v, program=one)
    monkeypatch.setattr(sdpa, "BLOCK", 2**20)
    KEPT.entries.clear()
    assert torch.equal(out, torch_attention(q, k, v, program=one))
    torch.testing.assert_close(out, torch_attention(q, k, v, program=one, backend="eager"))


@pytest.mark.parametrize("text", ["s", "j <= i", "j < i", "s - 0.1 * i * j", "s / 2", "j <= i - 3"])
def test_a_further_mask_joins_the_program(text):
    q, k, v = torch.randn(3, 2, 3, 5, 4, dtype=torch.float64)
    mask = torch.rand(2, 1, 5, 5, generator=torch.Generator().manual_seed(0)) < 0.5
    mask[0, 0, 3] = False
    given = {"program": program(text), "mask": mask}
    out = torch_attention(q, k, v, **given, backend="sdpa")
    assert (out[0, :, 3] == 0).all()
    torch.testing.assert_close(out, torch_attention(q, k, v, **given, backend="eager"))


def test_a_factor_that_could_overflow_unseen_has_no_plan():
    assert plan(program("s * 1000"), 1, 1, 4, 4).factor == 1000
    assert plan(program("s * 1001"), 1, 1, 4, 4) is None
    assert plan(program("s / (i - 2)"), 1, 1, 4, 4) is None
    assert plan(program("s * j"), 1, 1, 4, 4) is None
    assert plan(program("s > 0"), 1, 1, 4, 4) is None


# ------------------------------------------------------------------------------ kept


def test_a_bias_is_built_once_for_a_program_and_a_shape(monkeypatch):
    built = []
    real = sdpa.leaves
    monkeypatch.setattr(sdpa, "leaves", lambda *args: built.append(args) or real(*args))
    one = program("s - slope * abs(i - j)", slope=0.25)
    q, k, v = torch.randn(3, 2, 3, 6, 4)

    def run(*xs, **options):
        return torch_attention(*xs, program=one, backend="sdpa", **options)

    first = run(q, k, v)
    again = run(q, k, v)
    assert torch.equal(first, again) and len(built) == 1
    run(q.double(), k.double(), v.double())
    run(q[:, :, :5], k, v)
    run(q, k, v, q_start=1)
    run(q.bfloat16(), k.bfloat16(), v.bfloat16())
    assert len(built) == 5
    assert torch.equal(first, run(q, k, v)) and len(built) == 5
    # another program of the same text has numbers of its own
    steeper = torch_attention(q, k, v, program=one.replace(slope=2))
    assert not torch.equal(first, steeper) and len(built) == 6


def test_what_inference_keeps_serves_training():
    one = program("s - slope * abs(i - j) + i", slope=0.3)
    q, k, v = torch.randn(3, 1, 2, 6, 4)
    with torch.inference_mode():
        first = torch_attention(q, k, v, program=one)
    q.requires_grad_()
    second = torch_attention(q, k, v, program=one)
    second.sum().backward()
    assert torch.equal(first, second) and q.grad.isfinite().all()


def test_what_is_kept_is_bounded_and_the_oldest_goes_first():
    kept, made = Kept(100_000), []
    programs = [program("s + x", x=number) for number in range(6)]

    def get(at):
        def make():
            made.append(at)
            return (torch.zeros(5000),)  # 20,000 bytes

        return kept.get(programs[at], ("key",), make)

    for at in (0, 1, 2, 3, 0, 4):  # 0 is used again before there is no room for 4
        get(at)
        assert kept.size <= kept.most
        assert kept.size == sum(size for _, size, _ in kept.entries.values())
    assert made == [0, 1, 2, 3, 4]
    get(0)
    assert made == [0, 1, 2, 3, 4]
    get(1)
    assert made == [0, 1, 2, 3, 4, 1]
    large = kept.get(programs[5], ("key",), lambda: (torch.zeros(10**6),))
    assert len(large[0]) == 10**6 and len(kept.entries) == 4  # too large to be kept


def test_a_program_that_is_gone_cannot_lend_its_place_to_another():
    q, k, v = torch.randn(3, 1, 1, 4, 4)
    for number in range(50):  # without the programs kept, ids would come again
        one = program("s + x * j", x=number)
        expected = torch_attention(q, k, v, program=one, backend="eager")
        torch.testing.assert_close(torch_attention(q, k, v, program=one), expected)
        del one


def test_numbers_that_learn_are_never_kept():
    module = ProgramModule(RECENT)
    q, k, v = torch.randn(3, 1, 1, 6, 4)
    before = len(KEPT.entries)
    for slope in (0.5, 2.0):
        with torch.no_grad():
            module.slope.fill_(slope)
            expected = torch_attention(
                q, k, v, program=RECENT.replace(slope=slope), backend="eager"
            )
            torch.testing.assert_close(module(q, k, v), expected)
        torch.testing.assert_close(module(q, k, v), expected)
    assert len(KEPT.entries) == before + 2  # what eager kept


def test_what_the_caller_does_to_its_tensors_does_not_reach_what_is_kept():
    one = per_head([program("j <= i - 1"), program("s - j")])
    q, k, v = torch.randn(3, 1, 2, 4, 4)
    out = torch_attention(q, k, v, program=one)
    expected = out.clone()
    out.fill_(math.nan)
    assert torch.equal(torch_attention(q, k, v, program=one), expected)
