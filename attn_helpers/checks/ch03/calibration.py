"""An exercise of chapter 3.2: the gap between what weights promise and what comes true."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["calibration_error"]

DRAW = np.random.default_rng(321)


def bin_of(confidence, n_bins):
    """Return the number of each confidence's bin."""
    return np.minimum((confidence * n_bins).astype(int), n_bins - 1)


def binned(confidence, right, n_bins):
    """List count, mean confidence and share right, of the bins that are not empty."""
    place = bin_of(confidence, n_bins)
    filled = [place == i for i in range(n_bins) if (place == i).any()]
    return np.array([(b.sum(), confidence[b].mean(), right[b].mean()) for b in filled]).T


def expected_error(confidence, right, n_bins):
    """Gap between confidence and share right, the mean over all answers."""
    n, promised, kept = binned(confidence, right, n_bins)
    return (n * abs(promised - kept)).sum() / n.sum()


def squared(confidence, right, n_bins):
    """Square the gaps."""
    n, promised, kept = binned(confidence, right, n_bins)
    return (n * (promised - kept) ** 2).sum() / n.sum()


def centred(confidence, right, n_bins):
    """Take the middle of a bin for what it promised."""
    n, promised, kept = binned(confidence, right, n_bins)
    return (n * abs((bin_of(promised, n_bins) + 0.5) / n_bins - kept)).sum() / n.sum()


def stretched(confidence, right, n_bins):
    """Let the bins run from the least to the largest confidence."""
    place = bin_of((confidence - confidence.min()) / np.ptp(confidence), n_bins)
    gaps = [abs((confidence - right)[place == i].sum()) for i in range(n_bins)]
    return sum(gaps) / len(confidence)


SURE = np.concatenate([DRAW.uniform(0.15, 0.48, 40), DRAW.uniform(0.73, 0.99, 23), [1.0, 1.0]])
RIGHT = DRAW.random(65) < np.where(SURE < 0.5, SURE + 0.3, SURE - 0.3)  # too modest, too sure
FEW = np.array([0.07, 0.12, 0.93])

calibration_error = Exercise(
    "calibration_error",
    expected_error,
    properties=[
        Property(
            "averages the gaps of the bins, each by its number of answers",
            [(SURE, RIGHT, 10), (SURE, RIGHT, 7), (SURE[::-1], RIGHT, 4)],
            "For each bin with answers: |mean confidence - share right|, times the bin's share "
            "of all answers.",
        ),
        Property(
            "takes one bin, empty bins, and a confidence of 1",
            [
                (SURE, RIGHT, 1),
                (FEW, np.array([True, False, True]), 50),
                (np.ones(3), np.array([True, False, True]), 10),
                (FEW[:1], np.array([False]), 10),
            ],
            "A bin without answers adds nothing, and 1.0 belongs to the last bin.",
        ),
        Property(
            "is zero when every bin keeps its promise",
            [
                (np.full(4, 0.75), np.array([True, True, False, True]), 10),
                (np.ones(5), np.ones(5, bool), 3),
            ],
            "Three right of four, all said with 0.75: no gap.",
        ),
    ],
    mistakes=[
        (
            "All bins count alike in yours; a bin with more answers counts more.",
            lambda c, r, n: np.abs(np.subtract(*binned(c, r, n)[1:])).mean(),
        ),
        (
            "You divide by the number of bins; the shares of the bins already sum to one.",
            lambda c, r, n: expected_error(c, r, n) / n,
        ),
        (
            "You sum the gaps: weigh each by its bin's share of the answers.",
            lambda c, r, n: np.abs(np.subtract(*binned(c, r, n)[1:])).sum(),
        ),
        (
            "Gaps up and down cancel in yours: take the absolute value in each bin.",
            lambda c, r, n: abs(c.mean() - r.mean()),
        ),
        (
            "Gaps up and down cancel in yours: take the absolute value in each bin.",
            lambda c, r, n: r.mean() - c.mean(),
        ),
        (
            "This is the largest gap; the exercise asks for the mean.",
            lambda c, r, n: np.abs(np.subtract(*binned(c, r, n)[1:])).max(),
        ),
        ("You compare with the middle of the bin: take the mean confidence in it.", centred),
        ("The gaps are not squared.", squared),
        (
            "You compare answer by answer. One answer is right or wrong; only a bin has a share.",
            lambda c, r, n: abs(c - r).mean(),
        ),
        (
            "This is the Brier score, a good measure of another thing: bins first.",
            lambda c, r, n: ((c - r) ** 2).mean(),
        ),
        (
            "The answers of confidence 1.0 fall out of your last bin.",
            lambda c, r, n: expected_error(c[c < 1], r[c < 1], n) * (c < 1).mean(),
        ),
        (
            "Your bins run from the least to the largest confidence; let them run from 0 to 1.",
            stretched,
        ),
    ],
)
