"""The bank of chapter 4.3, rows and parts: right answers, and wrong ones with their hints."""

import math

import numpy as np
import torch

from attn_helpers.checks import ch04
from tests.checks.bank import answer_tests

RAISED = "small example"
SHAPE = "Look at the shape"


# ---- running_sum ----
def by_cases(m, z, s):
    if s <= m:
        return m, z + math.exp(s - m)
    return s, z * math.exp(m - s) + 1


def by_logarithm(m, z, s):
    both = np.array([m + (math.log(z) if z else 0), s])
    m = np.maximum(m, s)
    return m, np.exp(both - m).sum()


def in_torch(m, z, s):
    both = torch.tensor([m, s], dtype=torch.float64)
    return both.max(), (
        torch.tensor([z, 1.0], dtype=torch.float64) * (both - both.max()).exp()
    ).sum()


def rescaled_after(m, z, s):
    new = max(m, s)
    return new, (z + np.exp(s - m)) * np.exp(m - new)


def by_plain_sums(m, z, s):
    new = max(m, s)
    return new, (z * np.exp(m) + np.exp(s)) / np.exp(new)


def started_at_zero(m, z, s):
    new = max(m, s, 0)
    return new, z * math.exp(m - new) + math.exp(s - new)


def by_two_exponentials(m, z, s):
    new = max(m, s)
    return new, z * math.exp(m) / math.exp(new) + math.exp(s - new)


def without_return(m, z, s):
    m, z = step(m, z, s)


def guarded_by_a_large_number(m, z, s):
    m = max(m, -1000.0)
    return step(m, z, s)


def step(m, z, s):
    new = max(m, s)
    return new, z * np.exp(m - new) + np.exp(s - new)


# ---- merge ----
def merged(m_a, z_a, u_a, m_b, z_b, u_b):
    m = np.maximum(m_a, m_b)
    safe = np.where(m == -np.inf, 0, m)
    a, b = np.exp(m_a - safe), np.exp(m_b - safe)
    return m, a * z_a + b * z_b, a[..., None] * u_a + b[..., None] * u_b


def merged_then_mended(m_a, z_a, u_a, m_b, z_b, u_b):
    m = np.maximum(m_a, m_b)
    a, b = (np.nan_to_num(np.exp(x - m))[..., np.newaxis] for x in (m_a, m_b))
    z = a * z_a[..., np.newaxis] + b * z_b[..., np.newaxis]
    return m, z.squeeze(-1), a * u_a + b * u_b


def merged_by_loop(m_a, z_a, u_a, m_b, z_b, u_b):
    m, z, u = np.empty_like(m_a), np.empty_like(z_a), np.empty_like(u_a)
    for row in np.ndindex(m.shape):
        m[row], z[row], u[row] = max(m_a[row], m_b[row]), 0, 0
        for m_x, z_x, u_x in ((m_a, z_a, u_a), (m_b, z_b, u_b)):
            if z_x[row] > 0:
                factor = math.exp(m_x[row] - m[row])
                z[row] += factor * z_x[row]
                u[row] += factor * u_x[row]
    return m, z, u


def merged_in_torch(*parts):
    m_a, z_a, u_a, m_b, z_b, u_b = (torch.tensor(np.array(x)) for x in parts)
    m = torch.maximum(m_a, m_b)
    a, b = ((x - m).exp().nan_to_num(0) for x in (m_a, m_b))
    return m, a * z_a + b * z_b, torch.einsum("...,...d->...d", a, u_a) + b.unsqueeze(-1) * u_b


def merged_by_stack(m_a, z_a, u_a, m_b, z_b, u_b):
    m = np.stack([m_a, m_b])
    with np.errstate(invalid="ignore"):
        factor = np.where(np.isneginf(m), 0, np.exp(m - m.max(0)))
    return (
        m.max(0),
        (factor * [z_a, z_b]).sum(0),
        (factor[..., None] * np.stack([u_a, u_b])).sum(0),
    )


def varied(sums=True, outs=True, turned=False, sign=1, safe=True, maximum=np.maximum):
    def answer(m_a, z_a, u_a, m_b, z_b, u_b):
        m = maximum(m_a, m_b)
        shift = np.where(m == -np.inf, 0, m) if safe else m
        a, b = np.exp(sign * (m_a - shift)), np.exp(sign * (m_b - shift))
        a, b = (b, a) if turned else (a, b)
        return (
            m,
            a * z_a + b * z_b if sums else z_a + z_b,
            a[..., None] * u_a + b[..., None] * u_b if outs else u_a + u_b,
        )

    return answer


def from_the_first(m_a, z_a, u_a, m_b, z_b, u_b):
    """Count from a's maximum, then bring all of it to the larger one."""
    b = np.exp(m_b - m_a)
    m = np.maximum(m_a, m_b)
    a = np.exp(m_a - m)
    return m, a * (z_a + b * z_b), a[..., None] * (u_a + b[..., None] * u_b)


def only_second_shrinks(m_a, z_a, u_a, m_b, z_b, u_b):
    m = np.maximum(m_a, m_b)
    b = np.exp(m_b - m)
    return m, z_a + b * z_b, u_a + b[..., None] * u_b


def one_maximum(m_a, z_a, u_a, m_b, z_b, u_b):
    m = np.full(m_a.shape, max(m_a.max(), m_b.max()))
    a, b = np.exp(m_a - m), np.exp(m_b - m)
    return m, a * z_a + b * z_b, a[..., None] * u_a + b[..., None] * u_b


def two_axes(m_a, z_a, u_a, m_b, z_b, u_b):
    m = np.maximum(m_a, m_b)
    a, b = np.exp(m_a - m), np.exp(m_b - m)
    return m, a * z_a + b * z_b, a[:, None] * u_a + b[:, None] * u_b


def not_stretched(m_a, z_a, u_a, m_b, z_b, u_b):
    m = np.maximum(m_a, m_b)
    a, b = np.exp(m_a - m), np.exp(m_b - m)
    return m, a * z_a + b * z_b, a * u_a + b * u_b


def written_into(m_a, z_a, u_a, m_b, z_b, u_b):
    m = np.maximum(m_a, m_b)
    shift = np.where(m == -np.inf, 0, m)
    u_a *= np.exp(m_a - shift)[..., None]
    b = np.exp(m_b - shift)
    return m, np.exp(m_a - shift) * z_a + b * z_b, u_a + b[..., None] * u_b


def divided(*parts):
    m, z, u = merged(*parts)
    return m, z, u / np.where(z == 0, 1, z)[..., None]


def halved(*parts):
    m, z, u = merged(*parts)
    return m, z, u / 2


def with_a_floor(m_a, z_a, u_a, m_b, z_b, u_b):
    """Keep every maximum finite, as the notebook's `part`; an empty part is then not m = -inf."""
    m = np.maximum(np.maximum(m_a, m_b), np.finfo(float).min)
    a, b = np.exp(m_a - m), np.exp(m_b - m)
    return m, a * z_a + b * z_b, a[..., None] * u_a + b[..., None] * u_b


def nothing_to_full(m_a, z_a, u_a, m_b, z_b, u_b):
    """Where one side is empty, take the other; wrong where both are: m becomes 0."""
    m, z, u = merged(m_a, z_a, u_a, m_b, z_b, u_b)
    return np.where(m == -np.inf, 0, m), z, u


RIGHT = {
    "running_sum": [
        step,
        by_cases,
        by_logarithm,
        in_torch,
        lambda m, z, s: [max(m, s), z * np.exp(min(m - s, 0)) + np.exp(min(s - m, 0))],
    ],
    "merge": [merged, merged_then_mended, merged_by_loop, merged_in_torch, merged_by_stack],
}

WRONG = {
    "running_sum": [
        (lambda m, z, s: (max(m, s), z + np.exp(s - max(m, s))), "counts from the old maximum"),
        (lambda m, z, s: (max(m, s), z * np.exp(max(m, s) - m) + np.exp(s - max(m, s))),
         "turned round"),
        (lambda m, z, s: (max(m, s), z * np.exp(m - max(m, s)) + np.exp(s - m)), "off the new"),
        (lambda m, z, s: (max(m, s), z * np.exp(m - max(m, s)) + np.exp(s)), "off the new"),
        (lambda m, z, s: (max(m, s), z * np.exp(m - max(m, s)) + 1), "only if it is the largest"),
        (lambda m, z, s: (max(m, s), z + np.exp(s)), "without a maximum"),
        (lambda m, z, s: (m, z + np.exp(s - m)), "m stays"),
        (lambda m, z, s: (s, z * np.exp(m - s) + 1), "m becomes the last"),
        (lambda m, z, s: (max(m, s), (z + np.exp(s - max(m, s))) * np.exp(m - max(m, s))),
         "a second time"),
        (lambda m, z, s: step(m, z, s)[::-1], "return m, z"),
        (lambda m, z, s: step(m, z, s)[1], "return m, z"),
        (lambda m, z, s: (s, 1.0) if s > m else (m, z + np.exp(s - m)), "wipe out the past"),
        (rescaled_after, "The first score becomes the maximum"),
        (by_plain_sums, "No exponent may be above 0"),
        (started_at_zero, "First the new maximum"),
        (guarded_by_a_large_number, "No exponent may be above 0"),
        (lambda m, z, s: (max(m, s), z + s), "First the new maximum"),
        (lambda m, z, s: (min(m, s), z * np.exp(m - min(m, s)) + np.exp(s - min(m, s))),
         "the largest score so far"),
        (by_two_exponentials, "No exponent may be above 0"),
        (without_return, "`return`"),
    ],
    "merge": [
        (varied(sums=False, outs=False), "Nothing is rescaled"),
        (varied(outs=False), "You rescale z"),
        (varied(sums=False), "You rescale u"),
        (varied(turned=True), "swapped"),
        (varied(sign=-1), "turned round"),
        (varied(maximum=np.minimum), "m is the larger one"),
        (varied(safe=False), "-inf - (-inf)"),
        (divided, "not divided yet"),
        (halved, "not averaged"),
        (only_second_shrinks, "the second part alone"),
        (one_maximum, "entry by entry"),
        (lambda *a: (a[0] + a[3], *merged(*a)[1:]), "not their sum"),
        (lambda *a: merged(*a)[::-1], "return m, z, u"),
        (lambda *a: merged(*a)[:2], "return m, z, u"),
        (lambda *a: a[:3], "m is the larger one"),
        (from_the_first, "No exponent may be above 0"),
        (two_axes, "whatever is in front"),
        (not_stretched, RAISED),
        (nothing_to_full, "Take off 0"),
        (with_a_floor, "stays -inf there"),
        (varied(maximum=lambda a, b: (a + b) / 2), "m is the larger one"),
        (lambda *a: (merged(*a)[0][:, None], *merged(*a)[1:]), SHAPE),
        (written_into, "belongs to the caller"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch04, RIGHT, WRONG)
