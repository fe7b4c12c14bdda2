import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from attn_helpers import attention, probes
from tests import planted

QKV = [np.zeros(shape) for shape in ((2, 3, 4, 5), (2, 3, 7, 5), (2, 3, 7, 6))]
HEADS = [np.zeros(shape) for shape in ((2, 4, 6, 5), (2, 4, 7, 5), (2, 4, 7, 6))]
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def tensors(dtype=torch.float64):
    return [torch.zeros(array.shape, dtype=dtype) for array in QKV]


def named(findings):
    return {finding.name.replace(" ", "_"): finding for finding in findings}


# ---- right attention passes ----
@pytest.mark.parametrize("fn", planted.RIGHT_NUMPY)
@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_right_functions_in_numpy_pass(fn, leading, dtype):
    examples = [np.zeros(leading + array.shape[-2:], dtype) for array in QKV]
    report = probes.probe_all(fn, *examples)
    assert report.passed, report
    assert len(report.findings) == (8 if leading else 6)


@pytest.mark.parametrize("fn", planted.RIGHT_TORCH)
@pytest.mark.parametrize("dtype", DTYPES)
def test_right_functions_in_torch_pass(fn, dtype):
    report = probes.probe_all(fn, *tensors(dtype))
    assert report.passed, report


@pytest.mark.parametrize("seed", range(20))
def test_no_seed_raises_a_false_alarm(seed):
    for fn, dtype in ((planted.sdpa, torch.bfloat16), (planted.einsum, torch.float16)):
        report = probes.probe_all(fn, *tensors(dtype), rng=seed)
        assert report.passed, report


@pytest.mark.parametrize("d_k", [2, 64, 513])
@pytest.mark.parametrize("n_k", [2, 3, 100])
def test_the_scale_is_recognised_at_any_size(d_k, n_k):
    sizes = ((4, d_k), (n_k, d_k), (n_k, 6))
    for dtype in DTYPES:
        finding = probes.missing_scale(planted.sdpa, *(torch.zeros(s, dtype=dtype) for s in sizes))
        assert finding.passed, finding
    unscaled = planted.with_scale(lambda q, k, v: 1)
    finding = probes.missing_scale(unscaled, *(np.zeros(s, np.float32) for s in sizes))
    assert not finding.passed and "about 1, not" in finding.sentence


@pytest.mark.parametrize("dtype", DTYPES)
def test_sdpa_gives_zeros_and_no_gradient_where_a_query_sees_nothing(dtype):
    """Seen with torch 2.13 on a CPU, in every dtype; MultiheadAttention gives NaN (below)."""
    q, k, v = (torch.randn(a.shape, dtype=dtype, requires_grad=True) for a in QKV)
    mask = torch.ones(4, 7, dtype=torch.bool)
    mask[0] = False
    out = planted.sdpa(q, k, v, mask)
    out.sum().backward()
    assert (out[..., 0, :] == 0).all() and (q.grad[..., 0, :] == 0).all()
    assert all(a.grad.isfinite().all() for a in (q, k, v))
    assert probes.masked_rows(planted.sdpa, *tensors()).passed


# ---- planted faults are caught ----
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "name, words, fn", planted.FAULTY, ids=[f"{i}-{c[0]}" for i, c in enumerate(planted.FAULTY)]
)
def test_a_planted_fault_is_caught_by_its_probe(name, words, fn, seed):
    finding = named(probes.probe_all(fn, *QKV, rng=seed).findings)[name]
    assert not finding.passed and finding.worst > 0
    assert words in finding.sentence, finding


def test_writing_in_place_confuses_no_other_probe():
    for name, _, fn in planted.FAULTY:
        if name == "in_place":
            findings = probes.probe_all(fn, *QKV).findings
            assert [f.name for f in findings if not f.passed] == ["in place"], findings


def test_a_gradient_where_none_may_flow_is_caught():
    finding = probes.masked_rows(planted.gradient_into_masked_row, *tensors())
    assert not finding.passed and "gradient of q" in finding.where


def test_a_gradient_of_nan_is_caught_where_the_output_is_right():
    q, k, v = (torch.randn(array.shape) for array in QKV)
    mask = torch.zeros(4, 1, dtype=torch.bool)
    assert (planted.nan_to_num(q, k, v, mask) == 0).all()  # nothing to see forwards
    finding = probes.masked_rows(planted.nan_to_num, *tensors())
    assert not finding.passed and "gradient of q" in finding.where


def test_saturated_scores_do_not_hide_a_missing_scale():
    q, k, v = (100 * np.random.default_rng(3).normal(size=a.shape) for a in QKV)
    unscaled = planted.with_scale(lambda q, k, v: 1)
    assert np.allclose(unscaled(q, k, v), attention(q, k, v)[0])  # the anchors' check is blind
    assert not probes.missing_scale(unscaled, q, k, v).passed


def test_a_masked_softmax_that_edits_its_scores_is_caught():
    scores, mask = np.random.default_rng(4).normal(size=(2, 3, 5)), np.tri(3, 5, dtype=bool)
    kept = scores.copy()
    finding = probes.in_place(planted.masked_softmax_that_edits, scores, mask)
    assert not finding.passed and finding.where == "argument 0"
    assert (scores == kept).all()  # the probe works on copies
    assert probes.in_place(planted.masked_softmax, scores, mask).passed


@pytest.mark.parametrize(
    "fill, worst",
    [(-0.0, np.finfo(float).tiny), (1e-300, 1e-300), (np.inf, np.inf), (np.nan, np.inf)],
)
def test_in_place_compares_bytes(fill, worst):
    scores = np.array([[0.0, -np.inf, np.nan], [3.0, 4.0, 5.0]])

    def edits(a):
        a[0, 0] = fill
        return a * 1

    finding = probes.in_place(edits, scores)
    assert not finding.passed and finding.worst == worst
    assert not probes.in_place(
        lambda t: torch.tensor(edits(t.numpy())), torch.tensor(scores)
    ).passed
    assert probes.in_place(lambda a: a, scores).passed  # NaN and -inf that stay are no change
    assert probes.in_place(lambda a: a, torch.tensor(scores)).passed


def test_in_place_sees_a_new_shape():
    assert not probes.in_place(lambda t: t.transpose_(0, 1), torch.zeros(2, 3)).passed


# ---- layers and modules ----
X = torch.zeros(2, 7, 12)


def test_a_mask_dropped_after_the_first_layer_is_caught():
    assert probes.future_leak(planted.stack(True), np.zeros((2, 7, 5))).passed
    finding = probes.future_leak(planted.stack(False), np.zeros((2, 7, 5)))
    assert not finding.passed and "after it" in finding.sentence


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_right_module_passes_in_its_own_dtype(dtype):
    layer, x = planted.SelfAttention(dtype=dtype), X.to(dtype)
    for law in (probes.future_leak, probes.batch_mixing, probes.padding_leak, probes.in_place):
        assert law(layer, x).passed, law(layer, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "fault, law",
    [
        ("attends to the future", probes.future_leak),
        ("split without transpose", probes.future_leak),
        ("merge without transpose", probes.future_leak),
        ("padding inverted", probes.padding_leak),
        ("batch statistics", probes.batch_mixing),
    ],
)
def test_a_fault_in_a_module_is_caught(fault, law, dtype):
    finding = law(planted.SelfAttention(fault, dtype), X.to(dtype))
    assert not finding.passed, finding


def test_dropout_is_named_as_such():
    finding = probes.batch_mixing(planted.SelfAttention("dropout"), X)
    assert not finding.passed and ".eval()" in finding.sentence


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def mha(request):
    return torch.nn.MultiheadAttention(12, 3, batch_first=True, dtype=request.param)


def test_torch_multihead_attention_passes(mha):
    x = X.to(mha.in_proj_weight.dtype)
    future = torch.ones(7, 7, dtype=torch.bool).triu(1)
    findings = [
        probes.future_leak(lambda x: mha(x, x, x, attn_mask=future), x),
        probes.padding_leak(lambda x, keep: mha(x, x, x, key_padding_mask=~keep), x),
        probes.batch_mixing(lambda x: mha(x, x, x, need_weights=False), x),
        probes.permutation(mha, x[:, :4], x, x),
        probes.permutation(lambda q, k, v: mha(q, q, q), x, x, x),
        probes.query_order(mha, x[:, :4], x, x),
        probes.in_place(mha, x[:, :4], x, x),
    ]
    assert all(finding.passed for finding in findings), findings


def test_the_mistakes_people_make_with_multihead_attention_are_caught(mha):
    x = X.to(mha.in_proj_weight.dtype)
    may = torch.ones(7, 7, dtype=torch.bool).tril()
    assert not probes.future_leak(lambda x: mha(x, x, x, attn_mask=may), x).passed
    wrong = probes.padding_leak(lambda x, keep: mha(x, x, x, key_padding_mask=keep), x)
    assert not wrong.passed
    mha.batch_first = False
    assert not probes.batch_mixing(lambda x: mha(x, x, x), x).passed


def test_multihead_attention_gives_nan_where_a_query_sees_nothing(mha):
    x = X.to(mha.in_proj_weight.dtype)
    fn = lambda q, k, v, mask=None: mha(q, k, v, attn_mask=None if mask is None else ~mask)  # noqa: E731
    finding = probes.masked_rows(fn, x[:, :4], x, x)
    assert not finding.passed and "NaN" in finding.sentence


def test_is_causal_of_sdpa_is_wrong_for_one_cached_query():
    q, k, v = tensors()
    finding = probes.cached_query(planted.top_left_causal, q, k, v)
    assert not finding.passed and "top left" in finding.sentence
    assert probes.cached_query(planted.bottom_right_causal, q, k, v).passed
    assert probes.cached_query(attention, *QKV).passed


def test_positions_break_permutation_of_a_layer():
    def with_positions(x):
        x = x + np.arange(x.shape[-2])[:, None]
        return attention(x, x, x)

    x = np.zeros((2, 7, 5))
    assert not probes.permutation(lambda q, k, v: with_positions(q), x, x, x).passed
    assert probes.permutation(lambda q, k, v: attention(q, q, q), x, x, x).passed


# ---- what a probe says ----
def raises(*arrays, mask=None):
    raise RuntimeError("size mismatch\nand more")


BROKEN = [
    (raises, "it raised RuntimeError: size mismatch"),
    (None, "not callable"),
    (lambda q, k, v, mask=None: None, "no array of numbers but a NoneType"),
    (lambda q, k, v, mask=None: "text", "no array of numbers but a str"),
    (lambda q, k, v, mask=None: [[1.0], [1.0, 2.0]], "it raised ValueError"),
    (lambda q, k, v, mask=None: (), "(0,)"),
    (lambda q, k, v, mask=None: 1.0, "an output of ()"),
    (lambda q, k, v, mask=None: T(q), "all axes but the last"),
    (lambda q: q, "it raised TypeError"),
]


def T(array):
    return np.swapaxes(array, -1, -2)


@pytest.mark.parametrize("fn, words", BROKEN)
def test_a_broken_function_is_a_finding_not_an_error(fn, words):
    report = probes.probe_all(fn, *QKV)
    assert not report.passed
    for finding in report.findings:
        assert "and more" not in str(finding)
        if finding.name != "in place" or "rais" in words or "returned" in words:
            assert not finding.passed and words in finding.sentence, finding


def test_a_broken_backward_pass_is_a_finding():
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a.clone()

        @staticmethod
        def backward(ctx, grad):
            raise RuntimeError("lost")

    def fn(q, k, v, mask=None):
        return Bad.apply(planted.sdpa(q, k, v, mask))

    finding = probes.masked_rows(fn, *tensors())
    assert not finding.passed and "backward pass raised lost" in finding.sentence


def test_no_backward_pass_and_no_gradient_are_no_fault():
    def forward_only(q, k, v, mask=None):
        if q.requires_grad:
            raise NotImplementedError("no backward here")
        return planted.sdpa(q, k, v, mask)

    assert probes.masked_rows(forward_only, *tensors()).passed
    assert probes.masked_rows(torch.no_grad()(planted.sdpa), *tensors()).passed


def test_a_finding_says_what_was_done_and_the_worst_case():
    def leaks(x):
        out = np.zeros_like(x)
        out[1, 2, 3] = np.sign(x[1, 5, 0])
        out[0, 6] = 1
        return out

    x = np.zeros((2, 7, 5))
    finding = probes.future_leak(leaks, x, rng=2)
    assert (finding.name, finding.worst) == ("future leak", 2)
    assert finding.where == "token 5 changed, at out[1, 2, 3]"
    assert str(finding) == (
        "✗ future leak: changing each token in turn moved the outputs before it by 2 (token 5 "
        "changed, at out[1, 2, 3]): a token sees what comes after it. Is the mask missing, "
        "inverted, shifted or transposed?"
    )
    right = probes.future_leak(planted.stack(True), x)
    start = "✓ future leak: changing each token in turn moved the outputs before it by less than"
    assert re.fullmatch(rf"{start} \de-1\d", str(right)), right


def test_a_report_shows_a_line_for_each_finding_and_a_verdict():
    report = probes.probe_all(planted.with_scale(lambda q, k, v: 1), *QKV)
    lines = repr(report).splitlines()
    assert len(lines) == 9 and lines[-1] == "7 of 8 probes passed." and not report.passed
    assert [line[0] for line in lines].count("✗") == 1


def test_one_seed_gives_one_finding():
    fn = planted.with_mask(np.logical_not)
    assert probes.probe_all(fn, *QKV, rng=5) == probes.probe_all(fn, *QKV, rng=5)
    assert probes.probe_all(fn, *QKV, rng=5) != probes.probe_all(fn, *QKV, rng=6)


def test_the_examples_are_left_alone():
    examples = [np.random.default_rng(1).normal(size=array.shape) for array in QKV]
    kept = [array.copy() for array in examples]
    probes.probe_all(planted.edits_v_by_a_hair, *examples)
    assert all((a == b).all() for a, b in zip(examples, kept, strict=True))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: probes.future_leak(attention, np.zeros(5)), "x is (5,)"),
        (lambda: probes.future_leak(attention, np.zeros((2, 1, 5))), "two tokens"),
        (lambda: probes.padding_leak(attention, np.zeros((7, 5))), "3 axes"),
        (lambda: probes.batch_mixing(attention, np.zeros((1, 7, 5))), "two examples"),
        (lambda: probes.permutation(attention, *QKV[:2], QKV[2][0]), "v is (3, 7, 6)"),
        (lambda: probes.future_leak(attention, torch.zeros(2, 7, dtype=int)), "torch.int64"),
        (lambda: probes.future_leak(attention, "text"), "real numbers"),
    ],
)
def test_a_bad_example_is_the_callers_error(call, words):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert words in str(caught.value)


def test_probes_load_without_torch():
    code = "import sys, attn_helpers.probes; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
