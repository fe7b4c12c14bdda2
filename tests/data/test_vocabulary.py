"""Words become numbers and words again."""

import numpy as np
import pytest

from attn_helpers.data import Vocabulary

SENTENCES = [["she", "runs"], ["I", "drink", "tea"]]


def test_words_stand_in_order_after_the_marks():
    vocabulary = Vocabulary(SENTENCES)
    assert vocabulary.words[3:] == ("I", "drink", "runs", "she", "tea")
    assert len(vocabulary) == 8
    assert (vocabulary.PAD, vocabulary.START, vocabulary.END) == (0, 1, 2)


def test_rows_are_ended_and_filled_up():
    vocabulary = Vocabulary(SENTENCES)
    rows = vocabulary.encode(SENTENCES)
    np.testing.assert_array_equal(rows, [[6, 5, 2, 0], [3, 4, 7, 2]])
    np.testing.assert_array_equal(vocabulary.encode(SENTENCES, end=False), [[6, 5, 0], [3, 4, 7]])
    assert vocabulary.encode([]).shape == (0, 0)


def test_what_goes_in_comes_out():
    vocabulary = Vocabulary(SENTENCES)
    assert [vocabulary.decode(row) for row in vocabulary.encode(SENTENCES)] == [
        ("she", "runs"),
        ("I", "drink", "tea"),
    ]
    assert vocabulary.decode([3, 2, 4]) == ("I",)


def test_unknown_words_are_named():
    with pytest.raises(ValueError, match="not in the vocabulary: he, swims"):
        Vocabulary(SENTENCES).encode([["he", "swims"], ["I"]])
