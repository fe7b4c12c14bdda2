"""The bank of chapter 5.7: right answers that must pass, and wrong ones with the hint they earn."""

import numpy as np
import torch
from torch.nn.attention.flex_attention import create_block_mask

from attn_helpers.checks import ch05
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
RAISED = "small example"


# ---- to_bfloat16 ----
def by_torch(x):
    return torch.tensor(np.asarray(x, np.float32)).bfloat16().float().numpy()


def by_bits(x):
    bits = np.array(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def by_frexp(x):
    m, e = np.frexp(np.asarray(x, float))
    return np.ldexp(np.round(m * 256), e - 8)


def by_neighbours(x):
    """Both neighbours, and the nearer one."""
    x = np.asarray(x, np.float32)
    low = x.view(np.uint32) >> 16
    below, above = ((low + step) << 16 for step in (0, 1))
    below, above = (np.asarray(b, np.uint32).view(np.float32) for b in (below, above))
    to_below, to_above = np.abs(x - below), np.abs(above - x)
    take_above = (to_above < to_below) | ((to_above == to_below) & (low % 2 == 1))
    return np.where(take_above, above, below)


def cut(x):
    return (np.array(x, np.float32).view(np.uint32) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def half_up(x):
    bits = np.array(x, np.float32).view(np.uint32)
    return ((bits + 0x8000) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def half_down(x):
    bits = np.array(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def without_carry(x):
    m, e = np.frexp(np.asarray(x, float))
    return np.ldexp(np.clip(np.round(m * 256), -255, 255), e - 8)


def in_place(x):
    x[...] = by_torch(x)
    return x


# ---- count_blocks ----
def by_loop(allowed, size):
    full = partial = 0
    for i in range(0, allowed.shape[0], size):
        for j in range(0, allowed.shape[1], size):
            block = allowed[i : i + size, j : j + size]
            full += bool(block.all())
            partial += bool(block.any() and not block.all())
    return full, partial


def by_sums(allowed, size):
    n_q, n_k = allowed.shape
    sums = allowed.astype(int).reshape(n_q // size, size, n_k // size, size).sum(axis=(1, 3))
    return (sums == size**2).sum(), ((sums > 0) & (sums < size**2)).sum()


def by_flex(allowed, size):
    """FlexAttention's own counts."""
    held = torch.from_numpy(allowed.copy())
    made = create_block_mask(
        lambda b, h, i, j: held[i, j], None, None, *allowed.shape, device="cpu", BLOCK_SIZE=size
    )
    return made.full_kv_num_blocks.sum(), made.kv_num_blocks.sum()


def by_add_at(allowed, size):
    n_q, n_k = allowed.shape
    sums = np.zeros((n_q // size, n_k // size), int)
    i, j = np.nonzero(allowed)
    np.add.at(sums, (i // size, j // size), 1)
    return int((sums == size * size).sum()), int((sums % (size * size) > 0).sum())


def causal_only(allowed, size):
    """A formula for causal masks."""
    n = allowed.shape[0] // size
    return n * (n - 1) // 2, n


def piece(shape):
    def answer(allowed, size):
        pieces = shape(allowed, size)
        every, some = pieces.all(1).sum(), pieces.any(1).sum()
        return every, some - every

    return answer


def spotted(allowed, size):
    full, partial = by_loop(allowed, size)
    return (full, partial) if size > 1 else (0, partial + full)


def ordered(allowed, size):
    """Takes rows for ordered, and looks at corners."""
    full = partial = 0
    for i in range(0, allowed.shape[0], size):
        for j in range(0, allowed.shape[1], size):
            block = allowed[i : i + size, j : j + size]
            border = np.concatenate([block[0], block[-1], block[:, 0], block[:, -1]])
            corners = block[[0, 0, -1, -1], [0, -1, 0, -1]]
            full += bool(corners.all() and border.all())
            partial += bool(border.any() and not (corners.all() and border.all()))
    return full, partial


# ---- loss_scales ----
def by_torch_scaler(overflow, start, interval):
    """PyTorch's own rule, that of `torch.amp.GradScaler`."""
    scale, tracker = torch.tensor(float(start)), torch.tensor(0, dtype=torch.int32)
    found = []
    for bad in overflow:
        found.append(scale.item())
        torch._amp_update_scale_(scale, tracker, torch.tensor(float(bad)), 2.0, 0.5, interval)
    return found


def by_generator(overflow, start, interval):
    def walk():
        scale, good = start, 0
        for bad in overflow:
            yield scale
            good = 0 if bad else good + 1
            scale /= 2 if bad else 1
            if good == interval:
                scale, good = 2 * scale, 0

    return list(walk())


def by_exponents(overflow, start, interval):
    change, good = [0], 0
    for bad in overflow[:-1]:
        good = 0 if bad else good + 1
        change.append(-1 if bad else int(good % interval == 0))
    return start * 2.0 ** np.cumsum(change)


def by_filling(overflow, start, interval):
    out, good = np.full(len(overflow), float(start)), 0
    for t, bad in enumerate(overflow):
        good = 0 if bad else good + 1
        factor = 0.5 if bad else 2.0 if good == interval else 1.0
        good %= interval
        out[t + 1 :] *= factor
    return out


def rule(*, up=2.0, down=0.5, when=lambda good, interval: good == interval, clear=(True, True),
         after=False, flip=False):  # fmt: skip
    def answer(overflow, start, interval):
        scale, good, found = start, 0, []
        for bad in overflow:
            bad = bad ^ flip
            found.append(scale)
            if bad:
                scale, good = scale * down, 0 if clear[0] else good
            else:
                good += 1
                if when(good, interval):
                    scale, good = scale * up, 0 if clear[1] else good
        found.append(scale)
        return found[1:] if after else found[:-1]

    return answer


def until_short(overflow, start, interval):
    return by_torch_scaler(overflow, start, interval) if interval < 50 else [2 * start] * 11


def in_whole_numbers(overflow, start, interval):
    found, good = np.full(len(overflow), start, int), 0
    for t, bad in enumerate(overflow[:-1]):
        good = 0 if bad else good + 1
        found[t + 1] = found[t] / 2 if bad else found[t] * (2 if good == interval else 1)
        good %= interval
    return found


RIGHT = {
    "to_bfloat16": [by_torch, by_bits, by_frexp, by_neighbours],
    "count_blocks": [by_loop, by_sums, by_flex, by_add_at],
    "loss_scales": [by_torch_scaler, by_generator, by_exponents, by_filling],
}

WRONG = {
    "to_bfloat16": [
        (cut, "cut off"),
        (lambda x: np.asarray(x, np.float16).astype(float), "float16"),
        (lambda x: np.ldexp(np.round(np.frexp(x)[0] * 512), np.frexp(x)[1] - 9), "too many"),
        (lambda x: np.ldexp(np.round(np.frexp(x)[0] * 128), np.frexp(x)[1] - 7), "too few"),
        (lambda x: np.ldexp(np.ceil(np.frexp(x)[0] * 256), np.frexp(x)[1] - 8), "upwards"),
        (lambda x: np.ldexp(np.floor(np.frexp(x)[0] * 256), np.frexp(x)[1] - 8), "downwards"),
        (lambda x: by_torch(x).view(np.uint32), "as whole numbers"),
        (lambda x: by_torch(x).view(np.uint32) >> 16, "upper 16 bits"),
        (lambda x: np.asarray(x, np.float32), "Nothing has been rounded"),
        (lambda x: x, "Nothing has been rounded"),
        (lambda x: x - by_torch(x), "takes away"),
        (lambda x: np.round(x * 128) / 128, "of the *number*"),
        (lambda x: np.abs(by_torch(x)), "sign"),
        (half_up, "the 16th"),
        (half_down, "the 16th"),
        (without_carry, "carries"),
        (lambda x: by_torch(x).ravel(), SHAPE),
        (lambda x: np.round(x, 2), "Print a number"),
        (lambda x: x.astype("bfloat16"), RAISED),
        (in_place, "belongs to the caller"),
    ],
    "count_blocks": [
        (lambda a, s: by_loop(a, s)[::-1], "exchanged"),
        (lambda a, s: (by_loop(a, s)[0], sum(by_loop(a, s))), "count once"),
        (lambda a, s: (by_loop(a, s)[0], a.size // s**2 - sum(by_loop(a, s))), "closed"),
        (lambda a, s: (by_loop(a, s)[0], a.size // s**2 - by_loop(a, s)[0]), "closed blocks"),
        (lambda a, s: (sum(by_loop(a, s)), by_loop(a, s)[1]), "in *every* cell"),
        (lambda a, s: by_loop(~a, s), "Turned round"),
        (piece(lambda a, s: a.reshape(-1, s * s)), "one after the other in"),
        (piece(lambda a, s: a.reshape(-1, s)), "`size` queries as well"),
        (piece(lambda a, s: a.T.reshape(-1, s)), "`size` keys, too"),
        (lambda a, s: (a.sum(), a.size - a.sum()), "cells"),
        (lambda a, s: tuple(x * s * s / a.size for x in by_loop(a, s)), "shares"),
        (lambda a, s: (a[::s, ::s].sum(), 0), "one cell of each"),
        (lambda a, s: by_loop(
            np.block([[a[i : i + s, i : i + s]] for i in range(0, min(a.shape), s)]), s),
         "diagonal"),
        (lambda a, s: sum(by_loop(a, s)), "full, partial"),
        (causal_only, "Cut the mask"),
        (lambda a, s: by_loop(a, s + 1), "Cut the mask"),
        (spotted, "one open cell"),
        (ordered, "need not be causal"),
        (lambda a: (0, 0), RAISED),
    ],
    "loss_scales": [
        (rule(after=True), "*after* each step"),
        (rule(flip=True), "Turned round"),
        (rule(up=1.0), "never grows"),
        (rule(down=1.0), "never shrinks"),
        (rule(clear=(False, True)), "starts the count"),
        (rule(clear=(True, False), when=lambda good, n: good >= n), "After doubling"),
        (rule(when=lambda good, n: good > n), "late"),
        (rule(when=lambda good, n: good >= n - 1), "early"),
        (rule(up=10.0), "ten times"),
        (rule(down=0.1), "a tenth"),
        (rule(when=lambda good, n: True), "in a row"),
        (lambda o, s, i: by_torch_scaler(o, s, i)[-1], "for each step"),
        (lambda o, s, i: np.where(o, s / 2, s), "Keep two things"),
        (lambda o, s, i: by_torch_scaler(o, s, i)[:-1], SHAPE),
        (lambda o, s, i: s * 2.0 ** -np.cumsum(o), "Keep two things"),
        (rule(clear=(True, False)), "Keep two things"),
        (until_short, "special cases"),
        (in_whole_numbers, "below 1"),
        (lambda o, s: o, RAISED),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch05, RIGHT, WRONG)
