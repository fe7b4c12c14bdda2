"""Programs: values, composition and its laws, and what they do to scores."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_helpers import attention, program
from attn_helpers.programs import ProgramError, mask_from, per_head, program_from_json

MASKS = [
    program("j <= i"),
    program("abs(i - j) <= width", width=2),
    program("0 <= i - j < width and j % stride == 0", width=4, stride=2),
    program("doc[i] == doc[j]", doc=[0, 0, 1, 1, 1, 2, 2, 2, 2]),
    program("where(h == 1, i < j, not i < j)"),
    program("s > low", low=-0.2),
    program("flag[b, j] or i == j", flag=[[1, 0, 0, 1, 0, 1, 1], [0, 0, 1, 1, 0, 0, 0]]),
]
SCORES = [
    program("s"),
    program("s / tau", tau=0.5),
    program("s - slope * abs(i - j)", slope=0.25),
    program("where(i < j, s, s * s - n_k)"),
    program("s + bonus[h] - b", bonus=[0.5, -0.5, 2.0]),
    program("cap * (1 - 2 / (exp(2 * s / cap) + 1))", cap=3),
]
BOTH = [MASKS[0] & SCORES[2], SCORES[1] & MASKS[1], MASKS[5] & SCORES[3]]
ANY = MASKS + SCORES + BOTH
SHAPE = (2, 3, 5, 7)
Q_START = 2


def effect(one):
    scores = np.random.default_rng(0).standard_normal(SHAPE)
    return one.apply(scores, q_start=Q_START)


def same(left, right):
    np.testing.assert_allclose(effect(left), effect(right), rtol=1e-12, atol=1e-12)


masks, scores, any_ = (st.sampled_from(kind) for kind in (MASKS, SCORES, ANY))
laws = settings(max_examples=60, deadline=None, derandomize=True)


# ------------------------------------------------------------------------------ laws


@laws
@given(masks, masks, masks | scores)
def test_and_and_or_are_associative_and_commute(a, b, c):
    assert (a & b) & c == a & (b & c)
    same(a & c, c & a)
    if not c.score:
        assert (a | b) | c == a | (b | c)
        same(a | c, c | a)


@laws
@given(masks, masks)
def test_de_morgan_and_double_negation(a, b):
    same(~(a & b), ~a | ~b)
    same(~(a | b), ~a & ~b)
    assert ~~a == a
    same(a & a, a)


@laws
@given(masks, masks, masks)
def test_and_distributes_over_or(a, b, c):
    same(a & (b | c), (a & b) | (a & c))


@laws
@given(any_, any_, any_)
def test_chain_is_associative_and_s_is_its_identity(a, b, c):
    assert (a >> b) >> c == a >> (b >> c)
    assert program("s") >> a == a
    same(a >> program("s"), a)
    same(a & program("i == i"), a)


@laws
@given(scores, any_)
def test_chain_applies_the_left_one_first(a, b):
    scores = np.random.default_rng(0).standard_normal(SHAPE)
    by_hand = b.apply(a.apply(scores, q_start=Q_START), q_start=Q_START)
    np.testing.assert_allclose(effect(a >> b), by_hand, rtol=1e-12, atol=1e-12)


@laws
@given(masks, scores)
def test_mask_and_score_is_where(mask, score):
    scores = np.random.default_rng(0).standard_normal(SHAPE)
    keep = np.isfinite(mask.apply(scores, q_start=Q_START))
    changed = score.apply(scores, q_start=Q_START)
    assert (effect(mask & score) == np.where(keep, changed, -np.inf)).all()
    assert (effect(score & mask) == effect(mask & score)).all()


@laws
@given(any_, any_)
def test_text_and_json_give_the_program_back(a, b):
    composed = a >> b
    assert program_from_json(composed.to_json()) == composed
    same(eval(repr(composed)), composed)
    assert hash(composed) == hash(a >> b)


@laws
@given(st.lists(any_, min_size=3, max_size=3))
def test_per_head_is_each_program_on_its_head(programs):
    whole = effect(per_head(programs))
    for head, one in enumerate(programs):
        assert (whole[:, head] == effect(one)[:, head]).all()


# ------------------------------------------------------------------------------ by hand


def test_two_by_three_by_hand():
    scores = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    inf = np.inf
    recent = program("s - slope * abs(i - j)", slope=2)
    assert recent.apply(scores).tolist() == [[1, 0, -1], [2, 5, 4]]
    assert recent.apply(scores, q_start=1).tolist() == [[-1, 2, 1], [0, 3, 6]]
    causal = program("j <= i")
    assert causal.apply(scores).tolist() == [[1, -inf, -inf], [4, 5, -inf]]
    assert causal.allowed(2, 3, q_start=1).tolist() == [[True, True, False], [True, True, True]]
    assert (causal & recent).bias(2, 3).tolist() == [[0, -inf, -inf], [-2, 0, -inf]]
    assert program("s + n_q * n_k").apply(scores)[0, 0] == 7
    assert program("where(h == 1, s, -s)").apply(np.ones((2, 1, 1))).tolist() == [[[-1]], [[1]]]
    table = program("s + t[b, i]", t=[[10, 20], [30, 40]])
    assert table.apply(np.zeros((2, 1, 2, 1))).ravel().tolist() == [10, 20, 30, 40]
    assert (scores == [[1, 2, 3], [4, 5, 6]]).all()


def test_a_batch_without_heads_has_one():
    assert program("s + b").bias(1, 2, batch=3).tolist() == [[[[b, b]]] for b in range(3)]
    assert program("s + h").bias(1, 2, batch=2).tolist() == [[[[0, 0]]]] * 2
    assert program("b == j").allowed(1, 2, batch=2).tolist() == [
        [[[True, False]]],
        [[[False, True]]],
    ]


def test_log_of_zero_masks_and_nan_or_plus_infinity_raises():
    log = program("s + log(i - j)")
    assert np.isneginf((log & program("j <= i")).apply(np.ones((3, 3)))).sum() == 6
    for bad in (log, program("s + 1 / (i - j)"), program("s * 1e300 * 1e300"), program("0 / 0")):
        with pytest.raises(ProgramError, match=r"a score of (nan|inf) at \(0,"):
            bad.apply(np.ones((3, 4)))
    with pytest.raises(ProgramError, match="inf"):  # finite in float64, not in float32
        program("1e300").apply(np.ones((2, 2), np.float32))


def test_dtype_is_kept_and_nothing_is_written_into():
    for dtype in (np.float16, np.float32, np.float64):
        scores = np.ones((3, 5), dtype)[:, ::2]
        scores.setflags(write=False)
        for one in (MASKS[0], SCORES[2]):
            assert one.apply(scores).dtype == dtype


def test_programs_work_without_queries_or_keys():
    for shape in ((0, 3), (3, 0), (0, 0)):
        for one in (MASKS[1], SCORES[2]):
            assert one.apply(np.ones(shape)).shape == shape


# ------------------------------------------------------------------------------ names


def test_second_parameter_of_a_name_shows_with_a_number():
    a, b, c = (program("s - slope * abs(i - j)", slope=slope) for slope in (1, 2, 3))
    chain = a >> b >> c
    assert chain.numbers == {"slope": 1, "slope_2": 2, "slope_3": 3}
    assert str(chain).count("slope") == 3
    taken = program("s * slope_2", slope_2=4)
    assert (taken >> a).numbers == {"slope_2": 4, "slope": 1}
    assert (a >> taken).numbers == {"slope": 1, "slope_2": 4}
    assert (a >> taken >> b).numbers == {"slope": 1, "slope_2": 4, "slope_3": 2}


def test_equal_arrays_stay_one_and_others_stay_apart():
    docs = [program("doc[i] == doc[j]", doc=doc) for doc in ([0, 1], [1, 1], [0, 1])]
    whole = docs[0] & docs[1] & docs[2]
    assert {name: array.tolist() for name, array in whole.arrays.items()} == {
        "doc": [0, 1], "doc_2": [1, 1],
    }  # fmt: skip
    assert docs[0] & (docs[1] & docs[2]) == whole


def test_arrays_are_copied_and_cannot_be_written():
    doc = np.array([0.0, 1.0])
    one = program("doc[i] == doc[j]", doc=doc)
    doc[:] = 7
    assert one.arrays["doc"].tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        one.arrays["doc"][0] = 3


def test_replace_gives_new_values_and_refuses_new_names():
    one = program("s - slope * bonus[j]", slope=1, bonus=[1, 2])
    other = one.replace(slope=2, bonus=[3, 4, 5])
    assert other.numbers == {"slope": 2} and other.arrays["bonus"].tolist() == [3, 4, 5]
    assert one.numbers == {"slope": 1}
    assert one.replace(slope=3 * 10**20).numbers == {"slope": 3e20}
    for values, match in [({"tau": 1}, "tau"), ({"slope": [1]}, "slope"), ({"bonus": 1}, "bonus"),
                          ({"bonus": [[1]]}, "bonus"), ({"slope": np.nan}, "slope")]:  # fmt: skip
        with pytest.raises(ProgramError, match=match):
            one.replace(**values)


@pytest.mark.parametrize(
    ("text", "values", "match"),
    [
        ("s / tau", {}, "tau has no value"),
        ("s", {"tau": 1}, "tau is given, but"),
        ("s", {"s": 1}, "s belongs to the language"),
        ("s / tau", {"tau": "warm"}, "tau must hold real numbers"),
        ("s / tau", {"tau": [1, 2]}, r"tau\[i\]"),
        ("s / tau", {"tau": np.nan}, "tau must be finite"),
        ("s / tau", {"tau": 1j}, "tau must hold real numbers"),
        ("s / tau", {"tau": 10**400}, "too large"),
        ("doc[i] + doc", {"doc": [1]}, "doc is a number in one place"),
        ("doc[i]", {"doc": 3}, "doc is indexed, but it is one number"),
        ("doc[b, i]", {"doc": [3]}, r"doc is \(1,\)"),
        ("doc[i]", {"doc": [[1, 2], [3]]}, "doc is ragged"),
        ("doc[i]", {"doc": ["a"]}, "doc must hold real numbers"),
        ("doc[i]", {"doc": [np.inf]}, "doc must be finite"),
    ],
)
def test_bad_values_are_refused_by_name(text, values, match):
    with pytest.raises(ProgramError, match=match):
        program(text, **values)


@pytest.mark.parametrize(
    ("text", "shape", "letter"),
    [("doc[i]", (2, 3, 4, 2), "i"), ("doc[j]", (4, 4), "j"), ("doc[h]", (4, 1, 1), "h"),
     ("doc[b]", (4, 1, 1, 1), "b"), ("doc[i]", (3, 1), "i")],
)  # fmt: skip
def test_short_array_is_refused_with_its_shape(text, shape, letter):
    one = program(text, doc=[1, 2, 3])
    with pytest.raises(ProgramError, match=rf"along {letter}.*doc is \(3,\)"):
        one.apply(np.zeros(shape), q_start=1)


# ------------------------------------------------------------------------------ composition


def test_what_does_not_compose_says_why():
    mask, score = MASKS[0], SCORES[1]
    for wrong, match in [
        (lambda: score & SCORES[2], "a >> b"),
        (lambda: (mask & score) & score, "a >> b"),
        (lambda: mask | score, r"\| is for masks"),
        (lambda: score | mask, r"\| is for masks"),
        (lambda: ~score, "~ is for masks"),
        (lambda: ~(mask & score), "~ is for masks"),
        (lambda: mask & "j <= i", "'j <= i'"),
        (lambda: mask >> None, "None"),
        (lambda: mask and score, "write a & b"),
        (lambda: not mask, "write a & b"),
        (lambda: per_head([]), "a list of programs"),
        (lambda: per_head(mask), "a list of programs"),
        (lambda: per_head([mask, "s"]), "a list of programs"),
        (lambda: per_head([per_head([mask]), mask]), "one head"),
        (lambda: per_head([mask]) & per_head([mask, mask]), "1 heads, the other for 2"),
        (lambda: per_head([mask, mask]).allowed(2, 2, n_heads=3), "2 heads, not 3"),
        (lambda: per_head([mask, mask]).apply(np.zeros((2, 2))), "2 heads, but there is no axis"),
        (lambda: score.bias(2, 2), "more than add"),
        (lambda: MASKS[5].bias(2, 2), "more than add"),
        (lambda: MASKS[5].allowed(2, 2), "depends on the scores"),
    ]:
        with pytest.raises(ProgramError, match=match):
            wrong()


def test_heads_that_change_nothing_are_still_a_program():
    for one in (per_head([program("s")] * 2), per_head([program("0 == 0"), program("s")])):
        assert program_from_json(one.to_json()) == one and one.n_heads == 2
        assert (eval(repr(one)).apply(np.ones((2, 3, 4))) == 1).all() and one.latex()


def test_composition_stays_small():
    one = program("s + s * s")
    with pytest.raises(ProgramError, match="at most"):
        for _ in range(30):
            one = one >> one
    with pytest.raises(ProgramError, match="at most 64 levels"):
        per_head([MASKS[0]] * 70)
    assert per_head([MASKS[0]] * 32).allowed(2, 2, n_heads=32).shape == (32, 2, 2)


def test_mask_from_takes_both_conventions():
    keep = np.array([[True, False, True], [False, True, True]])
    assert (mask_from(keep=keep).allowed(2, 3) == keep).all()
    assert mask_from(drop=~keep) == mask_from(keep=keep)
    heads = np.stack([keep, ~keep])
    assert (mask_from(keep=heads).allowed(2, 3, n_heads=2) == heads).all()
    padding = mask_from(drop=~keep, axes="bj").allowed(4, 3, batch=2, n_heads=1)
    assert (padding == np.broadcast_to(keep[:, None, None], (2, 1, 4, 3))).all()
    for wrong in ({}, {"keep": keep, "drop": keep}, {"keep": keep, "axes": "j"},
                  {"keep": keep, "axes": "xy"}, {"keep": True}):  # fmt: skip
        with pytest.raises(ProgramError):
            mask_from(**wrong)
    with pytest.raises(TypeError, match="boolean"):
        mask_from(keep=[0, 1])


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "3", "null", '{"mask": 3}', '{"mask": "s"}', '{"score": "i < j"}',
     '{"text": "s"}',
     '{"score": "s / tau"}', '{"score": "s", "numbers": {"tau": 1}}', '{"score": "s.x"}',
     '{"score": "s / t", "numbers": {"t": "1"}}', '{"score": "s / t", "numbers": {"t": NaN}}',
     '{"score": "s", "numbers": []}', '{"score": "t[i]", "arrays": {"t": 3}}', "[" * 5000, None,
     '{"score": "t[i]", "arrays": {"t": [1]}, "numbers": {"t": 1}}',
     '{"score": "s", "n_heads": -1}',
     '{"score": "s", "n_heads": true}'],
)  # fmt: skip
def test_bad_json_is_a_program_error(text):
    with pytest.raises(ProgramError):
        program_from_json(text)


def test_json_is_plain():
    one = program("s - slope * t[j]", slope=2, t=[0, 1.5]) & program("j <= i")
    assert json.loads(one.to_json()) == {
        "mask": "j <= i",
        "score": "s - slope * t[j]",
        "numbers": {"slope": 2},
        "arrays": {"t": [0, 1.5]},
    }


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("s / tau", r"\frac{s_{ij}}{\tau}"),
        ("s - slope * abs(i - j)", r"s_{ij} - \mathrm{slope} \cdot \left| i - j \right|"),
        ("0 <= i - j < width_2", r"0 \le i - j \land i - j < {\mathrm{width}}_{2}"),
        ("(s + 1) ** (2 * i)", r"\left( s_{ij} + 1 \right)^{2 \cdot i}"),
        ("-(s + my_name)", r"-\left( s_{ij} + \mathrm{my\_name} \right)"),
        ("i // 2 % 3", r"\left\lfloor \frac{i}{2} \right\rfloor \bmod 3"),
        ("doc[b, i] != 1e-7", r"\mathrm{doc}_{b,i} \ne 1 \cdot 10^{-7}"),
        ("not (i < j or s > 2)", r"\lnot \left( i < j \lor s_{ij} > 2 \right)"),
        ("max(s, exp(j))", r"\max\left( s_{ij}, \exp\left( j \right) \right)"),
        (
            "where(h == 0, s, 0)",
            r"\begin{cases} s_{ij} & \text{if } h = 0 \\ 0 & \text{otherwise} \end{cases}",
        ),
    ],
)  # fmt: skip
def test_latex(text, latex):
    values = {"tau": 1, "slope": 1, "width_2": 1, "my_name": 1, "doc": [[1]]}
    assert program(text, **{n: v for n, v in values.items() if n in text}).latex() == latex


# ------------------------------------------------------------------------------ attention


def arrays(*shapes):
    rng = np.random.default_rng(3)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize("one", ANY, ids=str)
def test_attention_is_softmax_of_the_changed_scores(one):
    q, k, v = arrays((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6))
    out, weights = attention(q, k, v, program=one, q_start=Q_START)
    changed = one.apply(q @ k.swapaxes(-1, -2) / 2, q_start=Q_START)
    for place in np.ndindex(2, 3, 5):
        row = np.exp(changed[place])
        wanted = row / row.sum() if row.sum() else row
        np.testing.assert_allclose(weights[place], wanted, atol=1e-12)
        np.testing.assert_allclose(out[place], wanted @ v[place[:2]], atol=1e-12)


def test_mask_and_program_join_by_and():
    q, k, v = arrays((3, 4), (5, 4), (5, 2))
    mask = np.arange(5) != 1
    _, weights = attention(q, k, v, mask=mask, program=program("j <= i"))
    assert ((weights > 0) == (np.tri(3, 5, dtype=bool) & mask)).all()
    _, with_log = attention(
        q, k, v, mask=np.tri(3, 5, -1, dtype=bool), program=program("s + log(i - j)")
    )
    assert not with_log[0].any() and np.isfinite(with_log).all()


def test_fully_masked_row_is_zero():
    q, k, v = arrays((3, 4), (5, 4), (5, 2))
    out, weights = attention(q, k, v, program=program("j < i"))
    assert not weights[0].any() and not out[0].any() and weights[1:].sum() == pytest.approx(2)


def test_one_query_with_a_cache_sees_what_it_would_see_among_all():
    q, k, v = arrays((6, 4), (6, 4), (6, 2))
    for one in (program("j <= i") & program("s - slope * abs(i - j)", slope=1), MASKS[1], MASKS[3]):
        out, _ = attention(q, k, v, program=one)
        for i in range(6):
            last, _ = attention(q[i : i + 1], k, v, program=one, q_start=i)
            np.testing.assert_allclose(last, out[i : i + 1], atol=1e-12)


def test_attention_refuses_what_is_no_program():
    q, k, v = arrays((3, 4), (5, 4), (5, 2))
    for wrong in ("j <= i", lambda s, i, j: s, 3):
        with pytest.raises(TypeError, match="attn_helpers.program"):
            attention(q, k, v, program=wrong)
    for q_start in (-1, 1.5, "0", None, True, 2**70):
        with pytest.raises(ValueError, match="q_start"):
            attention(q, k, v, program=program("j <= i"), q_start=q_start)
