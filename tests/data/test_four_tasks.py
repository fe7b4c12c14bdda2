"""Four tasks: answers recomputed by loops, tokens as described, shifts that change one thing."""

import numpy as np
import pytest

from attn_helpers.data import lamp, look_up, motif, wiring
from attn_helpers.data.four_tasks import LIST, WIRES

TASKS = {"look_up": look_up, "motif": motif, "lamp": lamp, "wiring": wiring}
each = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())


def draw(task, count=50, n=20, **kind):
    return task(np.random.default_rng(4), count, n, **kind)


@each
@pytest.mark.parametrize("shifted", [False, True])
def test_tokens_and_answers_have_the_form(task, shifted):
    x, y = draw(task, shifted=shifted)
    assert x.shape == (50, 20, 9) and y.shape == (50, 20)
    assert (x[..., 8] == 1).all() and set(np.unique(x)) <= {-1, 0, 1}
    assert set(np.unique(y)) <= {-1, 0, 1}
    asked = y[y >= 0]
    assert 0.3 < asked.mean() < 0.7  # neither answer is a good guess


@each
def test_the_generator_decides(task):
    first, again = draw(task), draw(task)
    other = task(np.random.default_rng(5), 50, 20)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


def test_look_up_asks_for_what_was_told():
    for row, answers in zip(*draw(look_up), strict=True):
        told = {tuple(token[:7]): int(token[7] > 0) for token in row[:10]}
        assert len(told) == 10
        for token, answer in zip(row[10:], answers[10:], strict=True):
            assert token[7] == 0 and answer == told[tuple(token[:7])]
        assert (answers[:10] == -1).all()


def test_shifted_names_are_never_met_in_training():
    seen, new = (
        {tuple(name) for name in draw(look_up, 300, shifted=shifted)[0][..., :7].reshape(-1, 7)}
        for shifted in (False, True)
    )
    assert len(seen) == len(new) == 64 and not seen & new


def test_motif_is_a_function_of_the_last_six():
    x, y = draw(motif)
    found = {}
    for row, answers in zip(x[..., 0], y, strict=True):
        assert (answers[:5] == -1).all() and (answers[5:] >= 0).all()
        for i in range(5, 20):
            assert found.setdefault(tuple(row[i - 5 : i + 1]), answers[i]) == answers[i]
    assert len(found) == 64 and sum(found.values()) == 32 == LIST.sum()


def test_lamp_counts_presses():
    for row, answers in zip(*draw(lamp), strict=True):
        lit = 0
        for press, answer in zip(row[:, 0], answers, strict=True):
            lit = 1 - lit if press > 0 else lit
            assert answer == lit


def test_wiring_is_a_majority_of_three_earlier_places():
    for row, answers in zip(*draw(wiring), strict=True):
        for place in range(20):
            if 8 <= place < 16:
                wires = WIRES[place - 8]
                assert len(set(wires)) == 3 and max(wires) <= place
                assert answers[place] == (sum(row[wires, 0]) > 0)
            else:
                assert answers[place] == -1


@pytest.mark.parametrize("task, usual, changed", [(motif, 0.5, 0.8), (lamp, 0.25, 0.5)])
def test_a_shift_changes_how_often(task, usual, changed):
    for shifted, often in ((False, usual), (True, changed)):
        x, _ = draw(task, 2000, shifted=shifted)
        assert (x[..., 0] > 0).mean() == pytest.approx(often, abs=0.02)


def test_shifted_wiring_moves_tokens_and_answers_together():
    x, y = draw(wiring)
    moved_x, moved_y = draw(wiring, shifted=True)
    np.testing.assert_array_equal(moved_x[:, 1:], x[:, :-1])
    np.testing.assert_array_equal(moved_y[:, 1:], y[:, :-1])


@pytest.mark.parametrize("task, n", [(look_up, 7), (look_up, 0), (look_up, 130), (wiring, 15)])
def test_bad_lengths_are_named(task, n):
    with pytest.raises(ValueError, match=f"it is {n}"):
        draw(task, n=n)
