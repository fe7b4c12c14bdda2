"""Programs in torch: the same numbers on every back end, gradients, and errors."""

import math
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch.nn.attention import flex_attention

from attn_helpers import ProgramError, attention, program
from attn_helpers.programs import per_head, torch_attention
from attn_helpers.programs.dispatch import attend
from attn_helpers.programs.operations import NUMPY
from attn_helpers.programs.torch_operations import operations
from tests.programs.generated import cases

BACKENDS = ["eager", "sdpa", "flex", "auto"]
TRAINED = ["eager", "sdpa"]
BOUNDS = {torch.float64: 1e-9, torch.float32: 1e-5}


@pytest.fixture(autouse=True)
def flex_at_once(monkeypatch):
    """FlexAttention traces each new program for a second; its own switch for debugging does not."""
    monkeypatch.setattr(flex_attention, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)


def qkv(*leading, n_q=5, n_k=7, d_k=4, d_v=3, dtype=torch.float64, seed=0):
    rng = torch.Generator().manual_seed(seed)
    sizes = [(n_q, d_k), (n_k, d_k), (n_k, d_v)]
    q, k, v = (torch.randn(*leading, *size, generator=rng, dtype=torch.float64) for size in sizes)
    return q.to(dtype), k.to(dtype), v.to(dtype)


def tensor(array, dtype):
    """A tensor that is not contiguous."""
    wide = torch.zeros(*array.shape, 2, dtype=torch.bool if array.dtype == bool else dtype)
    wide[..., 0] = torch.from_numpy(array)
    return wide[..., 0]


# ------------------------------------------------------------------------------ parity


def test_the_operations_are_numpys():
    special = [0.0, -0.0, 1, -1, 0.5, -2.5, 3, 7.3, -0.1, 0.3, 1e-300, np.inf, -np.inf, np.nan]
    a, b = (pair.ravel() for pair in np.meshgrid(special, special))
    table = operations(torch.float64)
    count = {"where": 3, "neg": 1, "not": 1, "abs": 1, "exp": 1, "log": 1, "sqrt": 1, "floor": 1}
    for op in NUMPY.keys() - {"number"}:
        for values in ([a, b, 2 * b], [a > b, b > 0, a < 1], [a, b > 0, b], [a > b, b, a > 0]):
            args = values[: count.get(op, 2)]
            with np.errstate(all="ignore"):
                expected = NUMPY[op](*args)
            seen = table[op](*map(torch.from_numpy, args)).numpy()
            assert seen.dtype == expected.dtype, op
            np.testing.assert_allclose(seen, expected, rtol=1e-14, err_msg=op)
            if expected.dtype == float:
                number = ~np.isnan(expected)
                assert (np.signbit(seen) == np.signbit(expected))[number].all(), op


def test_every_back_end_gives_numpys_numbers(record_property):
    largest, ran, errors, texts = Counter(), Counter(), 0, set()

    def error(case, backend):
        """The largest difference from NumPy of one back end; None if both refuse the program."""
        given = {name: tensor(x, dtype) for name, x in case.items() if isinstance(x, np.ndarray)}
        rest = {name: x for name, x in case.items() if name not in given}
        try:
            out, reason = torch_attention(**given, **rest, backend=backend, explain=True)
        except ProgramError as problem:
            assert expected is None, problem
            return None
        assert expected is not None, f"{backend} accepts {case['program']}"
        assert out.dtype == dtype and out.shape == expected.shape
        ran[reason] += 1
        return np.abs(out.numpy() - expected).max(initial=0)

    @settings(max_examples=400, deadline=None, derandomize=True)
    @given(case=cases())
    def compare(case):
        nonlocal expected, dtype, errors
        try:
            expected = attention(**case)[0]
        except ProgramError:
            expected, errors = None, errors + 1
        texts.add(repr(case["program"]))
        for dtype, bound in BOUNDS.items():
            for backend in BACKENDS[:3]:
                off = error(case, backend)
                if off is not None:
                    assert off <= bound, f"{backend} {dtype}: {off:.1e} for {case['program']!r}"
                    name = f"{backend} {str(dtype)[6:]}"
                    largest[name] = max(off, largest[name])

    expected = dtype = None
    compare()
    summary = ", ".join(f"{name} {off:.1e}" for name, off in largest.items())
    summary = f"{len(texts)} programs, {errors} refused, largest differences: {summary}"
    print(summary, ran)
    record_property("torch", summary)
    assert len(texts) > 200 and len(ran) >= 9, ran


AT_I, AT_J = (
    torch.arange(2, 7).double()[:, None],
    torch.arange(7).double(),
)  # n_q 5, n_k 7, q_start 2
DOC = torch.tensor([[0, 0, 1, 1, 1, 2, 2], [0, 1, 1, 1, 1, 1, 2]])
AT_H = torch.arange(3.0)[:, None, None]
HAND_WRITTEN = {  # what the score s becomes, in torch
    "j <= i": lambda s: s.masked_fill(AT_J > AT_I, -math.inf),
    "abs(i - j) <= 1": lambda s: s.masked_fill((AT_J - AT_I).abs() > 1, -math.inf),
    "j < 3 or j <= i": lambda s: s.masked_fill((AT_J >= 3) & (AT_J > AT_I), -math.inf),
    "doc[b, i] == doc[b, j]": lambda s: s.masked_fill(
        (DOC[:, 2:7, None] != DOC[:, None, :])[:, None], -math.inf
    ),
    "(i - j) % 3 == 0": lambda s: s.masked_fill(torch.remainder(AT_I - AT_J, 3) != 0, -math.inf),
    "j < 1 or i < 3 or abs(i - j) <= 1": lambda s: s.masked_fill(
        ~((AT_J < 1) | (AT_I < 3) | ((AT_I - AT_J).abs() <= 1)), -math.inf
    ),
    "s / tau": lambda s: s / 0.25,
    "s - 2 ** -(8 * (h + 1) / 3) * abs(i - j)": lambda s: (
        s
        - torch.tensor([2 ** (-8 / 3), 2 ** (-16 / 3), 2**-8])[:, None, None] * (AT_I - AT_J).abs()
    ),
    "cap * (1 - 2 / (exp(2 * s / cap) + 1))": lambda s: 3 * torch.tanh(s / 3),
    "s * exp(-abs(i - j) / reach)": lambda s: s * torch.exp(-(AT_I - AT_J).abs() / 2),
    "s * log(2 + i) / log(n_k)": lambda s: s * torch.log(2 + AT_I) / math.log(7),
    "s * (i > 3) + (j < 2)": lambda s: s * (AT_I > 3) + (AT_J < 2),
    "where(s > 0.5, s, log(0))": lambda s: s.masked_fill(s <= 0.5, -math.inf),
    "where(h == 1, s, s - b)": lambda s: s - (AT_H != 1) * torch.arange(2.0)[:, None, None, None],
}


@pytest.mark.parametrize("text", HAND_WRITTEN)
@pytest.mark.parametrize("backend", BACKENDS)
def test_equals_torch_written_by_hand(backend, text):
    values = {"tau": 0.25, "cap": 3, "reach": 2, "doc": DOC}
    one = program(text, **{name: value for name, value in values.items() if name in text})
    q, k, v = qkv(2, 3)
    scores = HAND_WRITTEN[text](q @ k.mT / 2).double()
    expected = torch.softmax(scores, -1).nan_to_num(0) @ v
    out = torch_attention(q, k, v, program=one, backend=backend, q_start=2)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-6 if "2 **" in text else 1e-12)


def test_a_program_per_head_equals_its_heads():
    heads = [program("j <= i"), program("s / tau", tau=0.5), program("j <= i") & program("s - j")]
    q, k, v = qkv(2, 3)
    each = [torch_attention(q[:, h], k[:, h], v[:, h], program=p) for h, p in enumerate(heads)]
    for backend in BACKENDS:
        out = torch_attention(q, k, v, program=per_head(heads), backend=backend)
        torch.testing.assert_close(out, torch.stack(each, 1))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_positions_are_not_rounded_to_half_precision(backend, dtype):
    q, k, v = qkv(1, 1, n_q=700, n_k=700, dtype=dtype)
    for one in (
        program("j == i - 1 or j == i"),
        program("s + 2 * j - 3 * i"),  # a bias of 700, where bfloat16 has steps of 4
        program("j <= i") & program("s / tau - slope * abs(i - j)", tau=2, slope=0.7),
    ):
        expected, _ = attention(*(x.double().numpy() for x in (q, k, v)), program=one)
        out = torch_attention(q, k, v, program=one, backend=backend)
        assert out.dtype == dtype
        bound = 0.03 if dtype == torch.bfloat16 else 0.005
        torch.testing.assert_close(out.double(), torch.from_numpy(expected), rtol=0, atol=bound)


@pytest.mark.parametrize("backend", BACKENDS)
def test_axes_broadcast_as_in_numpy(backend):
    q, k, v = qkv(3)
    keys = (torch.arange(7) < torch.tensor([[7], [4]]))[:, None, None]
    one = program("s - bonus[h] * abs(i - j) - b", bonus=[0.1, 0.2, 0.3])
    for case in (
        {"q": q, "k": k, "v": v},
        {"q": q[0], "k": k[0], "v": v[0]},
        {"q": q[:1], "k": k[0], "v": v[0]},
        {"q": q, "k": k[0], "v": v[:1]},
        {"q": q[0], "k": k[0], "v": v},  # the scores have no heads: h is 0
        {"q": q, "k": k, "v": v, "mask": keys},
        {"q": q[0], "k": k[0], "v": v[0], "mask": keys},
        {"q": q[0], "k": k[0], "v": v[0], "mask": torch.arange(7) < 5},
        {"q": q, "k": k[:, :0], "v": v[:, :0]},
        {"q": q[:, :0], "k": k, "v": v},
        {"q": q[:0], "k": k[:0], "v": v[:0]},
    ):
        for chosen in (one, None):
            expected, _ = attention(**{n: x.numpy() for n, x in case.items()}, program=chosen)
            out = torch_attention(**case, program=chosen, backend=backend)
            torch.testing.assert_close(out, torch.from_numpy(expected), rtol=0, atol=1e-12)


def test_scale_is_a_factor_on_the_dot_products():
    q, k, v = qkv(2)
    for scale in (0.0, 0.3, -2.0):
        expected, _ = attention(q.numpy(), k.numpy(), v.numpy(), scale=scale)
        for backend in BACKENDS:
            out = torch_attention(q, k, v, scale=scale, backend=backend)
            torch.testing.assert_close(out, torch.from_numpy(expected))


# ------------------------------------------------------------------------------ bad scores


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "text",
    ["s + log(i - j)", "s / (i - j)", "exp(s * 1000)", "s * 1e200 * 1e200", "s + 1e39", "s * 3e38"],
)
def test_nan_or_plus_infinity_where_a_query_may_attend_raises(backend, text):
    q, k, v = qkv(1, 1, dtype=torch.float32)
    bad = program(text)
    with pytest.raises(ProgramError, match="gives a score of (nan|inf)"):
        torch_attention(10 * q, k, v, program=bad, backend=backend)
    out = torch_attention(10 * q, k, v, program=program("j < 0") & bad, backend=backend)
    assert (out == 0).all()
    nothing = torch.zeros(5, 7, dtype=torch.bool)
    assert (torch_attention(q, k, v, program=bad, mask=nothing, backend=backend) == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_in_q_is_not_the_programs_fault(backend):
    q, k, v = qkv(1, 1)
    q[..., 2, :] = math.nan
    for one in (program("s / tau", tau=2), program("s * s")):
        out = torch_attention(q, k, v, program=one, backend=backend)
        assert out[..., 2, :].isnan().all() and out[..., [0, 1, 3, 4], :].isfinite().all()


# ------------------------------------------------------------------------------ gradients


SMOOTH = [
    "s - slope * abs(i - j)",
    "s / tau - slope * j",
    "s * (1 + slope * i)",
    "s * exp(-slope * abs(i - j))",
    "tau * (1 - 2 / (exp(2 * s / tau) + 1))",
    "where(i < j, s, s * s / tau)",
    "where(j <= i, s, slope * log(0))",
    "min(s, tau) + slope ** 2 * h",
]


@pytest.mark.parametrize("backend", TRAINED)
@pytest.mark.parametrize("text", SMOOTH)
@pytest.mark.parametrize("mask", [None, "j <= i - 1"])
def test_gradients_are_those_of_finite_differences(backend, text, mask):
    named = {"slope": 0.3, "tau": 0.7}
    one = program(text, **{name: value for name, value in named.items() if name in text})
    one = one if mask is None else program(mask) & one
    names = list(one.numbers)
    values = [torch.tensor(one.numbers[name], dtype=torch.float64) for name in names]
    inputs = [x.requires_grad_() for x in (*qkv(2, n_q=3, n_k=4, d_k=2), *values)]

    def run(q, k, v, *values):
        numbers = dict(zip(names, values, strict=True))
        return attend(q, k, v, None, one, numbers, backend, 0)[0]

    assert torch.autograd.gradcheck(run, inputs)


@pytest.mark.parametrize("backend", TRAINED)
@pytest.mark.parametrize(
    "text",
    [
        "s - slope * abs(i - j)",  # plain, with closed rows
        "s + slope * log(i - 2 - j)",  # log(0) is -inf, log of less NaN, both masked
        "s + slope * log(max(0, i - 2 - j))",  # -inf masks by itself
        "s * (1 + slope * log(max(0, i - 2 - j)))",
        "s * s - slope / (i - 2 - j)",
        "where(i - 2 > j, s - slope * log(abs(i - 2 - j)), log(0))",
        "s - sqrt(slope * max(0, i - 3 - j))",  # an infinite derivative, times zero
    ],
)
def test_what_is_masked_gives_zero_and_never_nan(backend, text):
    one = program("j < i - 2") & program(text, slope=0.5)
    inputs = [x.requires_grad_() for x in qkv(2, n_q=6, n_k=6)]
    slope = torch.tensor(0.5, requires_grad=True)
    closed = torch.ones(6, 6).bool()
    closed[4] = False
    for mask in (None, closed):
        out, _ = attend(*inputs, mask, one, {"slope": slope}, backend, 0)
        assert (out[:, :3] == 0).all() and (mask is None or (out[:, 4] == 0).all())
        gradients = torch.autograd.grad(out.square().sum(), [*inputs, slope])
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert (gradients[0][:, :3] == 0).all()
        assert (gradients[1][:, 3:] == 0).all() and (gradients[2][:, 3:] == 0).all()
        lost = torch.autograd.grad(
            attend(*inputs, torch.zeros_like(closed), one, {"slope": slope}, backend, 0)[0].sum(),
            [*inputs, slope],
        )
        assert all((gradient == 0).all() for gradient in lost)


def test_the_gradient_around_masked_infinities_is_right():
    """The same loss without the infinities, and the same gradient."""
    inputs = [x.requires_grad_() for x in qkv(n_q=6, n_k=6)]
    slope = torch.tensor(0.5, requires_grad=True)
    wild = program("j < i") & program("s + slope * log(i - j)", slope=0.5)
    tame = program("j < i") & program("s + slope * log(max(1, i - j))", slope=0.5)
    for backend in TRAINED:
        seen, expected = (
            torch.autograd.grad(
                attend(*inputs, None, one, {"slope": slope}, backend, 0)[0].square().sum(),
                [*inputs, slope],
            )
            for one in (wild, tame)
        )
        assert expected[3].abs() > 1e-3
        for a, b in zip(seen, expected, strict=True):
            torch.testing.assert_close(a, b)


# ------------------------------------------------------------------------------ choice and errors


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("s", "sdpa: it adds nothing"),
        ("j <= i", "sdpa: the mask is causal"),
        ("j < i", "sdpa: .* bias"),
        ("s / 2", "sdpa: .* nothing .* scale"),
        ("s * s", "eager: .* written out"),
        ("s > 0", "eager: .* written out"),
    ],
)
def test_auto_explains_itself(text, reason):
    q, k, v = qkv(2, 3)
    out, said = torch_attention(q, k, v, program=program(text), explain=True)
    assert torch.equal(out, torch_attention(q, k, v, program=program(text)))

    assert re.match(reason, said), said


def test_a_cpu_trains_with_sdpa_and_flex_says_so():
    q, k, v = qkv(1, 1)
    q.requires_grad_()
    recent = program("s - slope * abs(i - j)", slope=0.5)
    with pytest.raises(NotImplementedError, match='on a CPU .* backend="sdpa"'):
        torch_attention(q, k, v, program=recent, backend="flex")
    with torch.no_grad():
        torch_attention(q, k, v, program=recent, backend="flex")
    torch_attention(q, k, v, program=recent).sum().backward()
    assert q.grad.isfinite().all()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"q": np.ones((5, 4))}, TypeError, "q must be a tensor, but it is ndarray"),
        ({"q": torch.ones(5, 4).long()}, TypeError, r"q is \(5, 4\) torch.int64.*v is \(2, 7, 3\)"),
        ({"v": torch.ones(7, 3).half()}, TypeError, r"one dtype.*v is \(7, 3\) torch.float16"),
        ({"q": torch.ones(5, 6)}, ValueError, r"d_k: q is \(5, 6\), k is \(2, 7, 4\)"),
        ({"v": torch.ones(6, 3)}, ValueError, r"same n_k: .*k is \(2, 7, 4\), v is \(6, 3\)"),
        ({"q": torch.ones(3, 5, 4)}, ValueError, r"must broadcast: q is \(3, 5, 4\)"),
        ({"q": torch.ones(1, 1, 2, 5, 4)}, ValueError, r"four axes.*\(1, 1, 2, 5, 4\)"),
        ({"mask": torch.ones(5, 7)}, TypeError, r"boolean.*v is .*mask is \(5, 7\) torch.float32"),
        ({"mask": torch.ones(5, 6).bool()}, ValueError, r"\(\.\.\., 5, 7\).*mask is \(5, 6\)"),
        ({"program": "j <= i"}, TypeError, "attn_helpers.program"),
        ({"backend": "fast"}, ValueError, "auto, eager, sdpa, flex"),
        ({"q_start": 0.5}, ValueError, "q_start must be a whole number"),
        (
            {"program": program("d[i] == d[j]", d=[1, 2, 3])},
            ProgramError,
            r"d\[j\] needs 7|needs 5",
        ),
        ({"program": per_head([program("j <= i")] * 3)}, ProgramError, "3 heads, not 2"),
    ],
)
def test_what_does_not_fit_is_refused_with_every_shape(change, error, words):
    q, k, v = qkv(2, dtype=torch.float32)
    with pytest.raises(error, match=words):
        torch_attention(**{"q": q, "k": k, "v": v} | change)


@pytest.mark.parametrize(
    "first",
    [
        "from attn_helpers.programs import torch_attention",
        "import attn_helpers.programs.dispatch, attn_helpers.programs.module",
        "import attn_helpers.programs.flex, attn_helpers.programs.sdpa",
        "import attn_helpers.programs as p; p.ProgramModule",
    ],
)
def test_the_names_are_functions_in_every_order_of_imports(first):
    code = f"""{first}
from attn_helpers.programs import ProgramModule, program, torch_attention
assert callable(torch_attention) and isinstance(ProgramModule, type) and callable(program)"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_programs_without_torch():
    code = """import sys; sys.modules["torch"] = None
from attn_helpers import attention, program
attention([[1.0]], [[1.0]], [[1.0]], program=program("j <= i"))"""
    subprocess.run([sys.executable, "-c", code], check=True)
