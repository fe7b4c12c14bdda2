"""The running example says what it claims to say."""

import numpy as np

from attn_helpers import attention
from attn_helpers.data import READINGS, running_example


def test_hand_made_queries_find_the_right_word():
    example = running_example()
    _, weights = attention(example.q, example.k, example.v)
    assert weights.shape == (8, 5)
    assert (weights.argmax(axis=1) == example.alignment).all()
    assert weights.max(axis=1).min() > 0.7


def test_the_sentence_is_the_source_documents():
    example = running_example()
    assert "".join(example.source) == "我昨天去公园跑步"
    assert " ".join(example.target) == "Yesterday I went to the park to run"
    assert set(READINGS) == set(example.source)


def test_each_call_gives_fresh_arrays():
    running_example().q[:] = 0
    assert np.abs(running_example().q).sum() > 0
