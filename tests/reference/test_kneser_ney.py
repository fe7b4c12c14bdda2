"""Kneser-Ney: counted by hand, against the definition in plain loops, and as a distribution."""

import math

import pytest
import torch

from attn_helpers.reference import KneserNey

TEXT = "the cat sat on the mat and the cat ate the rat; that is that"


def by_definition(text, order, n_tokens, context, token):
    """The formula, every count by a scan of the text."""

    def different(h, w, length):  # how often at full length, else before how many tokens
        gram = h + w
        places = [i for i in range(len(text)) if text.startswith(gram, i)]
        if length == order:
            return len(places)
        longer = {text[i - (order - length) : i + length] for i in places if i >= order - length}
        return len({g[order - length - 1 :] for g in longer})

    p = 1 / n_tokens
    for length in range(1, order + 1):
        h = context[len(context) - (length - 1) :] if length > 1 else ""
        grams = {text[i : i + length] for i in range(len(text) - length + 1)}
        counts = {g: different(g[:-1], g[-1], length) for g in grams}
        counts = {g: count for g, count in counts.items() if count}
        n = [sum(count == times for count in counts.values()) for times in range(5)]
        y = n[1] / max(1, n[1] + 2 * n[2])

        def cut(count, n=n, y=y):
            c = min(count, 3)
            return sorted([0.1, c - (c + 1) * y * n[c + 1] / max(1, n[c]), c - 0.1])[1] if c else 0

        after = [count for g, count in counts.items() if g[:-1] == h]
        if after:
            found = counts.get(h + token, 0)
            p = (found - cut(found) + sum(map(cut, after)) * p) / sum(after)
    return p


def test_bigrams_counted_by_hand():
    # aa 4, ab 3, ba 2, bb 2, bc 1, cc 1, cd 1, dd 1: n1 = 4, n2 = 2, n3 = 1, n4 = 1, y = 1/2,
    # D(1) = 1 - 2/2 * 2/4 = 1/2, D(2) = 2 - 3/2 * 1/2 = 5/4, D(3) = 3 - 4/2 * 1/1 = 1.
    # Each letter comes after two different ones: n1 = 0, so D(2) is at its most, 1.9.
    model = KneserNey("aaaaabbabbabccdd", 2, n_tokens=5)
    each = (2 - 1.9 + 4 * 1.9 / 5) / 8
    assert model.probability("", "a") == pytest.approx(each)
    assert model.probability("a", "a") == pytest.approx((4 - 1 + 2 * each) / 7)
    assert model.probability("a", "b") == pytest.approx((3 - 1 + 2 * each) / 7)
    assert model.probability("b", "a") == pytest.approx((2 - 5 / 4 + 3 * each) / 5)
    assert model.probability("b", "d") == pytest.approx(3 * each / 5)
    assert model.probability("z", "d") == pytest.approx(each)
    assert model.probability("", "z") == pytest.approx(4 * 1.9 / 5 / 8)
    right = (0.75 + 3 * each) / 5 * 2 * each / 7
    assert model.bits("ad", before="xb") == pytest.approx(-math.log2(right))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("context, token", [("the", " "), (" th", "a"), ("zat", "e"), ("qqq", "z")])
def test_it_is_the_definition(order, context, token):
    model = KneserNey(TEXT, order, n_tokens=30)
    expected = by_definition(TEXT, order, 30, context, token)
    assert model.probability(context, token) == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("context", ["", "t", "the ", "zzzz", "cat sat"])
def test_the_alphabet_shares_one(order, context):
    alphabet = sorted(set(TEXT)) + ["Z", "Q"]
    model = KneserNey(TEXT, order, len(alphabet))
    each = [model.probability(context, token) for token in alphabet]
    assert sum(each) == pytest.approx(1) and min(each) > 0


def test_any_tokens_will_do():
    letters, numbers = KneserNey(TEXT, 3, 300), KneserNey(TEXT.encode(), 3, 300)
    assert letters.bits(TEXT[5:]) == pytest.approx(numbers.bits(TEXT[5:].encode()))


@pytest.mark.parametrize("text, order, n_tokens", [("abc", 0, 3), ("abc", 4, 3), ("abc", 2, 2)])
def test_what_cannot_be_counted_is_refused(text, order, n_tokens):
    with pytest.raises(ValueError, match=rf"order={order}.*n_tokens={n_tokens}.*=3"):
        KneserNey(text, order, n_tokens)


def test_a_tensor_whose_elements_are_all_different_is_refused():
    tokens = torch.tensor([0, 1, 2] * 4)
    with pytest.raises(ValueError, match=r"n_tokens=3.*len\(set\(tokens\)\)=12"):
        KneserNey(tokens, 2, 3)
    assert KneserNey(tokens.tolist(), 2, 3).bits([1, 2], before=[0]) < 2 * math.log2(3)
