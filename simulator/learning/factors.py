"""Matrix factorisation: models and queries as vectors, whose product is how well they suit each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simulator.learning.core import EncoderPart, Floats, Lesson, Predict
from simulator.learning.features import Usual
from simulator.learning.means import TaskMean
from simulator.learning.steady import steady

Loss = Callable[[Floats], tuple[float, Floats]]
"""Of the products d (items, models): the mean loss, and its slope in each."""


@dataclass(frozen=True)
class MatrixFactorisation:
    """d(M, q) = w2 . (v_M * (W1 x_q + b)), with vectors of `rank`; w2 is taken into v_M, which loses nothing.

    Learned `of` scores, sigma(d) is the expected score. Learned of `wins`, of the pairs of models of which one did
    better on an item, P(A beats B) = sigma(d(A) - d(B)); what is told of a model is its mean chance to beat another
    one. `l2` is on all squares. Of lengths, and of wins of a model alone, the mean by task.
    Source: RouteLLM, arXiv 2406.18665.
    """

    rank: Annotated[int, Field(ge=1)] = 16
    """Numbers that describe a model."""
    of: Literal["scores", "wins"] = "scores"
    """What is learned: scores, or which model did better."""
    l2: Annotated[float, Field(ge=0)] = 1e-3
    """Penalty on squares."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """The vectors, by L-BFGS from small random ones."""
        from scipy.special import expit

        if not (lesson.compares if self.of == "wins" else lesson.is_of_scores):
            return TaskMean().fit(lesson)
        x, encode = lesson.features(self.features), lesson.encode(self.features)
        loss = score_loss(lesson.target) if self.of == "scores" else win_loss(lesson.target)
        w1, b, v = factorised(x, lesson.target.shape[1], loss, self.rank, self.l2, lesson.seed)
        if self.of == "scores":
            return lambda items: expit((encode(items) @ w1 + b) @ v.T)
        return lambda items: chance_to_beat_another((encode(items) @ w1 + b) @ v.T)


def score_loss(target: Floats) -> Loss:
    """Log loss of sigma(d) as a forecast of scores in [0, 1]."""
    from scipy.special import expit

    known = ~np.isnan(target)
    score, count = np.where(known, target, 0.0), known.sum()

    def loss(d: Floats) -> tuple[float, Floats]:
        value = np.sum(known * (np.logaddexp(0.0, d) - score * d)) / count
        return float(value), known * (expit(d) - score) / count

    return loss


def win_loss(target: Floats) -> Loss:
    """Log loss of sigma(d(A) - d(B)) as a forecast of which did better; pairs that did alike say nothing."""
    from scipy.special import expit

    pairs = np.array(list(combinations(range(target.shape[1]), 2)), dtype=np.intp).reshape(-1, 2)
    sign = np.nan_to_num(np.sign(target[:, pairs[:, 0]] - target[:, pairs[:, 1]]))
    count = max(np.abs(sign).sum(), 1.0)
    models = np.eye(target.shape[1])
    difference = models[pairs[:, 0]] - models[pairs[:, 1]]  # (pairs, models)

    def loss(d: Floats) -> tuple[float, Floats]:
        ahead = sign * (d @ difference.T)
        value = np.sum(np.abs(sign) * np.logaddexp(0.0, -ahead)) / count
        return float(value), (-sign * expit(-ahead)) @ difference / count

    return loss


def factorised(x: Floats, models: int, loss: Loss, rank: int, l2: float, seed: int) -> tuple[Floats, Floats, Floats]:
    """W1 (d, rank), b (rank,) and v (models, rank) of least loss plus l2 / 2 of their squares."""
    from scipy.optimize import minimize

    width = x.shape[1]
    start = np.random.default_rng(seed).normal(0.0, 0.3, (width + 1 + models) * rank)

    def parts(flat: Floats) -> tuple[Floats, Floats, Floats]:
        w1, b, v = np.split(flat, [width * rank, (width + 1) * rank])
        return w1.reshape(width, rank), b, v.reshape(models, rank)

    def whole(flat: Floats) -> tuple[float, Floats]:
        w1, b, v = parts(flat)
        hidden = x @ w1 + b
        value, slope = loss(hidden @ v.T)
        back = slope @ v
        gradient = np.concatenate([(x.T @ back).ravel(), back.sum(axis=0), (slope.T @ hidden).ravel()])
        return value + l2 / 2 * float(flat @ flat), gradient + l2 * flat

    with steady():
        found = minimize(whole, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return parts(found.x)


def chance_to_beat_another(d: Floats) -> Floats:
    """Of strengths (items, models), in natural logs: each model's mean of sigma(d(A) - d(B)) over the others."""
    from scipy.special import expit

    models = d.shape[1]
    told: Floats = np.stack([(expit(d[:, [m]] - d).sum(axis=1) - 0.5) / (models - 1) for m in range(models)], axis=1)
    return told
