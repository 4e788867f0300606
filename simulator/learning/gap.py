"""Whether a small model is good enough: a classifier of the quality gap to a large one (HybridLLM)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simulator.learning.core import EncoderPart, Floats, Lesson, Predict
from simulator.learning.features import Usual
from simulator.learning.means import TaskMean, known_mean
from simulator.learning.regression import each_model, logistic

Label = Literal["det", "prob", "trans"]
MOST_GAPS = 200  # tried as the relaxation t


@dataclass(frozen=True)
class GapClassifier:
    """r(q, M): the chance that M's answer is as good as the one of the model `against`, H = q(M) - q(against) >= 0.

    A logistic regression on labels y: `det` 1[H >= 0], of one answer each; `prob` Pr[H >= 0], over all pairs of the
    answers sampled; `trans` Pr[H >= -t], with the t that parts the labels most, argmax of mean |y_i - y_j|. `against`
    is a model by the table's name; None: the best on the train items. What is told of that model itself is 1.
    Where the table has one answer of each model, `prob` is `det`; if its scores are 0 or 1, `trans` is too. Of lengths,
    the mean by task. Source: HybridLLM, arXiv 2404.14618.
    """

    label: Label = "trans"
    """What is learned of: one answer each, all pairs of samples, or those with a margin that spreads them."""
    against: str | None = None
    """The model that others are compared with; the best on the train items where it is not given."""
    c: Annotated[float, Field(gt=0)] = 1.0
    """Inverse of the penalty on squares."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """The classifiers."""
        if not lesson.is_of_scores:
            return TaskMean().fit(lesson)
        best = int(np.nanargmax(known_mean(lesson.target)))
        large = best if self.against is None else lesson.column(self.against)
        answers = lesson.target[:, :, None] if self.label == "det" else answers_of(lesson)
        labels = [
            np.ones(len(answers)) if small == large else gap_labels(answers[:, small], answers[:, large], self.label)
            for small in range(answers.shape[1])
        ]
        named = replace(lesson, target=np.stack(labels, axis=1))
        return each_model(named, self.features, lambda x, y: logistic(x, y, self.c))


def answers_of(lesson: Lesson) -> Floats:
    """Scores (items, models, samples) of the answers sampled; of the one answer where none were."""
    if lesson.samples is None or not lesson.samples.shape[2]:
        return lesson.target[:, :, None]
    one = np.full(lesson.samples.shape, np.nan)
    one[:, :, 0] = lesson.target
    sampled = ~np.isnan(lesson.samples).all(axis=2, keepdims=True)
    return np.where(sampled, lesson.samples, one)


def gap_labels(small: Floats, large: Floats, label: Label) -> Floats:
    """y (items,) of answers' scores (items, samples each), NaN where there are fewer, or none."""
    gap = (small[:, :, None] - large[:, None, :]).reshape(len(small), -1)
    known = ~np.isnan(gap)
    count = known.sum(axis=1)

    def at_least(least: float) -> Floats:
        share = (gap >= least - 1e-9).sum(axis=1) / np.maximum(count, 1)
        return np.where(count > 0, share, np.nan)

    if label != "trans":
        return at_least(0.0)
    behind = np.unique(-gap[known & (gap < 0)])
    if len(behind) > MOST_GAPS:
        behind = np.quantile(behind, np.linspace(0, 1, MOST_GAPS), method="nearest")
    tried = [0.0, *behind.tolist()]
    return at_least(-max(tried, key=lambda t: mean_difference(at_least(-t))))


def mean_difference(y: Floats) -> float:
    """The mean of |y_i - y_j| over all pairs, of what is known."""
    ordered = np.sort(y[~np.isnan(y)])
    n = len(ordered)
    return float(2 * np.sum((2 * np.arange(1, n + 1) - n - 1) * ordered) / n**2) if n else 0.0
