"""What answers tell of themselves: a signal is one number, higher is surer, and the answer that it speaks for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import mul
from typing import Literal, NamedTuple

import numpy as np

from simulator.policies.core import Answer, Query
from simulator.policies.setting import Floats, Setting, Train

LEAST, MOST = 1e-9, 1 - 1e-9


class Reading(NamedTuple):
    """An answer, and how sure it is held to be."""

    answer: Answer
    value: float


Signal = Callable[[Query, Sequence[Answer]], Reading]
"""Reads the answers of one stage, at least one, in the order in which they came."""

SignalName = Literal["score", "probability", "sum", "calibrated"]
"""`score`: as the table has it. `probability`: exp(score), of a mean log-probability. `sum`: score x output tokens, the
log-probability of the whole answer (Chow-sum, arXiv 2404.10136: long answers look unsure). `calibrated`: P(right),
fitted on the train split."""


def newest(query: Query, answers: Sequence[Answer]) -> Reading:
    """The newest answer and its score."""
    return Reading(answers[-1], answers[-1].score)


def probability(query: Query, answers: Sequence[Answer]) -> Reading:
    """The newest answer and the probability of a mean token, exp(score)."""
    score = answers[-1].score
    return Reading(answers[-1], math.exp(score) if score < 0 else score)


def summed(query: Query, answers: Sequence[Answer]) -> Reading:
    """The newest answer and its score times its tokens."""
    newest = answers[-1]
    return Reading(newest, newest.score * newest.output_tok if math.isfinite(newest.score) else newest.score)


def surest(query: Query, answers: Sequence[Answer]) -> Reading:
    """The answer of the highest score, the first among equals; one without a score comes last."""
    best = max(answers, key=lambda answer: rank(answer.score))
    return Reading(best, best.score)


def majority(query: Query, answers: Sequence[Answer]) -> Reading:
    """The surest of the largest group of equal answers, and the share of all answers that are in it.

    Of groups of one size, the one whose scores add up to more wins, then the one that came first. An answer that is not
    known to equal another stands alone.
    """
    groups: dict[tuple[int, int], list[Answer]] = {}
    for number, answer in enumerate(answers):
        groups.setdefault((answer.group, number if answer.group < 0 else 0), []).append(answer)
    largest = max(groups.values(), key=lambda group: (len(group), sum(rank(answer.score) for answer in group)))
    return Reading(surest(query, largest).answer, len(largest) / len(answers))


def agreement(query: Query, answers: Sequence[Answer]) -> Reading:
    """The majority's answer, and the share of pools whose own majority is the one of all (two prompts agree: 1)."""
    answer = majority(query, answers).answer
    pools = Counter(each.pool for each in answers)
    if answer.group < 0:
        return Reading(answer, 1 / len(pools))
    agree = sum(
        majority(query, [each for each in answers if each.pool == pool]).answer.group == answer.group for pool in pools
    )
    return Reading(answer, agree / len(pools))


def rank(score: float) -> float:
    """A score to compare by: none is below all."""
    return score if score == score else float("-inf")


@dataclass(frozen=True, slots=True)
class Logistic:
    """P(right) = sigma(bias + weights . features)."""

    bias: float
    weights: tuple[float, ...]

    def at(self, features: Sequence[float]) -> float:
        """Of one answer."""
        z = self.bias + sum(map(mul, self.weights, features))
        return 1 / (1 + math.exp(-z)) if z > -700 else 0.0

    def over(self, features: Floats) -> Floats:
        """Of many, (n, features)."""
        from scipy.special import expit

        told: Floats = expit(self.bias + features @ np.array(self.weights))
        return told


def logistic(features: Floats, score: Floats) -> Logistic:
    """Logistic regression of scores in [0, 1] on features (n, d): a score of 0.7 is 0.7 of a right answer.

    Features are standardised, and weights drawn to 0 as by a standard normal prior, so that a table whose answers are
    all right gives no infinite weight. Rows with NaN are left out; ValueError where nothing is left.
    """
    from sklearn.linear_model import LogisticRegression

    known = ~np.isnan(score) & ~np.isnan(features).any(axis=1)
    features, score = features[known], score[known]
    if not len(score):
        raise ValueError("the train split has no answer with a score and a confidence to calibrate by")
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale <= 1e-9 * np.maximum(np.abs(mean), 1.0)] = 1.0  # a constant is none by rounding alone
    standard = (features - mean) / scale
    right = np.repeat([1, 0], len(score))
    model = LogisticRegression(tol=1e-8, max_iter=1000)
    model.fit(np.vstack([standard, standard]), right, sample_weight=np.concatenate([score, 1 - score]))
    weights = model.coef_[0] / scale
    return Logistic(float(model.intercept_[0] - weights @ mean), tuple(weights.tolist()))


@dataclass(frozen=True, slots=True)
class Spread:
    """-log(1 - p) of a confidence p, which spreads those near 1 (arXiv 2501.09345); other scores as they are.

    p is exp(score) where the train split's scores are log-probabilities (none above 0), the score itself where they are
    probabilities.
    """

    kind: Literal["log", "probability", "plain"]

    @classmethod
    def of(cls, confidence: Floats) -> Spread:
        """What the scores of the train split are."""
        finite = confidence[np.isfinite(confidence)]
        if len(finite) and finite.max() <= 0:
            return cls("log")
        return cls("probability" if len(finite) and finite.min() >= 0 and finite.max() <= 1 else "plain")

    def at(self, score: float) -> float:
        """Of one score."""
        if self.kind == "plain":
            return min(max(score, -1e9), 1e9)
        p = math.exp(min(score, 0.0)) if self.kind == "log" else score
        return -math.log1p(-min(max(p, 0.0), MOST))

    def over(self, score: Floats) -> Floats:
        """Of many; NaN stays NaN."""
        return np.array([self.at(each) if each == each else math.nan for each in score.tolist()])


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(right | score) of one pool's answers; scores of -inf (never accept) and +inf (always) stay what they are."""

    spread: Spread
    curve: Logistic

    def at(self, score: float) -> float:
        """Of one score."""
        return self.curve.at((self.spread.at(score),)) if math.isfinite(score) else score

    def over(self, score: Floats) -> Floats:
        """Of many."""
        return np.where(np.isfinite(score), self.curve.over(self.spread.over(score)[:, None]), score)


def calibration(train: Train, pool: int) -> Calibration:
    """The curve of one pool (a column), from the train split."""
    spread = Spread.of(train.confidence[:, pool])
    return Calibration(spread, logistic(spread.over(train.confidence[:, pool])[:, None], train.score[:, pool]))


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The newest answer and P(right) by its pool's curve; NaN where it has none."""

    curves: Mapping[str, Calibration]

    def __call__(self, query: Query, answers: Sequence[Answer]) -> Reading:
        """Reads the score."""
        answer = answers[-1]
        curve = self.curves.get(answer.pool)
        return Reading(answer, math.nan if curve is None else curve.at(answer.score))


def calibrated(setting: Setting, pools: Sequence[str]) -> Calibrated:
    """The curves of `pools`, fitted once. ValueError for a pool whose answers have no confidence in the train split."""
    assert setting.train is not None
    train = setting.train
    curves: dict[str, Calibration] = {}
    for pool in pools:
        column = setting.pools.index(pool)
        try:
            curves[pool] = setting.fitted(("calibration", column), partial(calibration, train, column))
        except ValueError as error:
            raise ValueError(f"{pool!r}: {error}") from None
    return Calibrated(curves)


def measured(train: Train, pools: Sequence[str]) -> tuple[str, ...]:
    """Those of all `pools` whose answers have a confidence in the train split. ValueError where none has."""
    found = tuple(pool for i, pool in enumerate(pools) if not np.isnan(train.confidence[:, i]).all())
    if not found:
        raise ValueError("the train split has no confidence of any pool's answers to calibrate by")
    return found


def signal(name: SignalName, setting: Setting, pools: Sequence[str]) -> Signal:
    """The signal of that name, for answers of `pools`."""
    if name == "calibrated":
        return calibrated(setting, pools)
    return {"score": newest, "probability": probability, "sum": summed}[name]
