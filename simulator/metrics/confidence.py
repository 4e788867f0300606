"""How much a confidence says: (n,) arrays of confidences and of scores, an item each, with intervals over items."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import brier_score_loss, roc_auc_score

from simulator.metrics.value import RESAMPLES, Floats, Undefined, Value, over_items, weighted_mean

Flags = NDArray[np.bool_]


def auroc(confidence: Floats, right: Floats, seed: int = 0, resamples: int = RESAMPLES) -> Value:
    """Area under the ROC curve: how often a right answer is surer than a wrong one (ties count half).

    Any scale; -inf and inf are the lowest and the highest. Scores above 0.5 count as right.
    """
    if np.isnan(confidence).any():
        return Value(None, reason="some answers have no confidence")
    rank, label = rankdata(confidence), right > 0.5

    def of(weights: Floats) -> float:
        return float(roc_auc_score(label, rank, sample_weight=weights))

    return _both_kinds(label, of, seed, resamples)


def brier(probability: Floats, right: Floats, seed: int = 0, resamples: int = RESAMPLES) -> Value:
    """Mean squared distance of the probabilities from 0 or 1. Scores above 0.5 count as right."""
    _probabilities(probability)
    label = right > 0.5

    def of(weights: Floats) -> float:
        return float(brier_score_loss(label, probability, sample_weight=weights, pos_label=True))

    return over_items({"": float}, of, np.arange(len(label)), seed, resamples)[""]


def ece(probability: Floats, right: Floats, bins: int = 10, seed: int = 0, resamples: int = RESAMPLES) -> Value:
    """Expected calibration error: sum over equal bins of n_b / n * |mean score - mean probability|.

    Bins are (0, 1/bins], ...; 0 belongs to the first. Source: Naeini et al. 2015; Guo et al., arXiv 1706.04599.
    """
    _probabilities(probability)
    bin_of = np.clip(np.ceil(probability * bins).astype(np.intp) - 1, 0, bins - 1)
    gap = right - probability

    def of(weights: Floats) -> float:
        total = weights.sum()
        return float(np.abs(np.bincount(bin_of, weights * gap, bins)).sum() / total)

    return over_items({"": float}, of, np.arange(len(right)), seed, resamples)[""]


def win_rate(ours: Floats, theirs: Floats, seed: int = 0, resamples: int = RESAMPLES) -> Value:
    """How often our answer scores more than theirs on the same item; ties count half."""
    won = (ours > theirs) + 0.5 * (ours == theirs)
    return over_items({"": float}, lambda weights: weighted_mean(won, weights), np.arange(len(won)), seed, resamples)[
        ""
    ]


def _both_kinds(label: Flags, of: Callable[[Floats], float], seed: int, resamples: int) -> Value:
    """The metric, where there is something to tell apart."""

    def checked(weights: Floats) -> float:
        drawn = label[weights > 0]
        if drawn.all() or not drawn.any():
            raise Undefined("all answers are right" if drawn.all() else "no answer is right")
        return of(weights)

    return over_items({"": checked}, lambda weights: weights, np.arange(len(label)), seed, resamples)[""]


def _probabilities(values: Floats) -> None:
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("probabilities lie between 0 and 1: calibrate the confidence first")
