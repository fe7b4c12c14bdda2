"""Programs, shapes and inputs made at random, for whatever has to agree on them.

The texts are tame: their numbers stay of the size of the scores and no score is NaN, so that a
difference between two ways to compute them is a fault, not a rounding error that has grown.
"""

import re

import numpy as np
from hypothesis import strategies as st

from attn_helpers import program
from attn_helpers.programs import per_head

LONGEST = 12
RNG = np.random.default_rng(5)
NUMBERS = {"tau": 0.7, "slope": 0.3, "width": 2, "third": 1 / 3}
ARRAYS = {
    "doc": RNG.integers(0, 3, LONGEST),
    "pair": RNG.integers(0, 2, (3, LONGEST)),
    "table": RNG.normal(size=(LONGEST, LONGEST)),
    "bonus": RNG.normal(size=3),
}

# P stands for a number without s, V for any number, T for a truth value.
FORMS = {
    "P": ["i", "j", "h", "b", "abs(i - j)", "i - j", "n_q", "n_k", "tau", "slope", "width", "0.1",
          "2", "-3", "doc[i]", "pair[b, j]", "table[i, j]", "bonus[h]", "P + P", "P - P", "P * 0.1",
          "P / 3", "P // 2", "P // -0.3", "P % 3", "P % third", "floor(P)", "min(P, P)",
          "max(P, P, 1)", "-P", "exp(-abs(P))", "log(1 + abs(P))", "sqrt(abs(P))", "where(T, P, P)",
          "(T) * P", "1 / (1 + P ** 2)"],
    "V": ["s", "s", "s / tau", "s * P * 0.1", "s + P", "P * 0.3", "V - P", "-V", "V * 0.5",
          "(V) / (1 + abs(P))", "where(T, V, V)", "V + V", "min(V, V)", "abs(V)", "(V) ** 2 / 9",
          "exp(-abs(V))", "log(1 + abs(V))", "floor(V)", "V * (T)", "V + (T)", "V + log(T)",
          "where(T, V, log(0))"],
    "T": ["j <= i", "abs(i - j) <= width", "doc[i] == doc[j]", "pair[b, i] == pair[b, j]", "i < 0",
          "P < P", "P <= P", "P == P", "P != P", "0 <= P < 3", "not P", "not (T)", "(T) and (T)",
          "(T) or (T)", "where(T, T, T)", "(i - j) * 0.1 <= 0.3", "V > 0.25", "h == 1 or P > 1"],
}  # fmt: skip


@st.composite
def texts(draw, kind, levels=3):
    """The text of a program of one kind, in so many levels at most."""
    grow = [form for form in FORMS[kind] if re.search("[PVT]", form)]
    plain = [form for form in FORMS[kind] if form not in grow]
    form = draw(st.sampled_from(grow * min(levels, 3) + plain))

    def fill(slot):
        inner = draw(texts(slot[0], levels - 1))
        return inner if re.fullmatch(r"[\w.]+", inner) else f"({inner})"

    return re.sub(r"\b[PVT]\b", fill, form)


@st.composite
def made(draw, kind):
    """A program of one kind, "V" for a score and "T" for a mask."""
    text = draw(texts(kind))
    names = set(re.findall(r"\w+", text))
    return program(text, **{x: y for x, y in (NUMBERS | ARRAYS).items() if x in names})


def programs(n_heads=None):
    """A mask, a score, both, or, where the number of heads is given, one for each head."""
    one = st.one_of(made("T"), made("V"), st.builds(lambda a, b: a & b, made("T"), made("V")))
    each = st.lists(one, min_size=n_heads or 1, max_size=n_heads or 1).map(per_head)
    return one | each if n_heads else one


@st.composite
def cases(draw):
    """Arguments of `attention`, whose scores are sums of few bits: the same in every library."""
    leading = draw(st.sampled_from([(), (3,), (2, 3), (2, 1), (1, 3)]))
    n_q, n_k = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    q, k = (rng.integers(-8, 9, (*leading, n, 4)) / 4 for n in (n_q, n_k))
    case = {"q": q, "k": k, "v": rng.normal(size=(*leading, n_k, 5))}
    case["program"] = draw(programs(leading[-1] if leading else None))
    case["q_start"] = draw(st.integers(0, 4))
    shape = draw(st.sampled_from([None, None, (n_q, n_k), (n_k,), (2, 1, 1, n_k)]))
    if shape and not (len(shape) == 4 and len(leading) == 1 and case["program"].n_heads):
        case["mask"] = rng.random(shape) < 0.8
    return case
