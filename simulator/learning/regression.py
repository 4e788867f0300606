"""Supervised routers: for each model, a regression of its score, or of its length, on the features of the query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from simulator.learning.core import EncoderPart, Floats, Items, Lesson, Predict
from simulator.learning.features import Usual
from simulator.learning.means import known_mean
from simulator.learning.steady import steady

Fit = Callable[[Floats, Floats], Callable[[Floats], Floats]]
"""Of features (items, d) and what was measured (items,): a function from features to what is expected."""


@dataclass(frozen=True)
class Linear:
    """Logistic regression of a score on the features, sigma(w_M . x + b_M); ridge regression of a length.

    Scores between 0 and 1 count as that share of a right answer and the rest of a wrong one. `c` is the inverse of the
    penalty on squares, as scikit-learn has it.
    """

    c: Annotated[float, Field(gt=0)] = 1.0
    """Inverse of the penalty on squares."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """A regression for each model."""
        scores = lesson.is_of_scores
        return each_model(lesson, self.features, lambda x, y: logistic(x, y, self.c) if scores else self._ridge(x, y))

    def _ridge(self, x: Floats, y: Floats) -> Callable[[Floats], Floats]:
        from sklearn.linear_model import Ridge

        return _within(y, Ridge(alpha=1 / self.c).fit(x, y))


@dataclass(frozen=True)
class Svm:
    """A linear support vector machine for each model, whose margins are made chances by Platt's sigmoid.

    Scores that are not all 0 or 1, and lengths, are told by linear support vector regression, of squared loss. `c` is
    the inverse of the penalty on squares, as scikit-learn has it.
    """

    c: Annotated[float, Field(gt=0)] = 1.0
    """Inverse of the penalty on squares."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """A machine for each model."""
        return each_model(lesson, self.features, self._one)

    def _one(self, x: Floats, y: Floats) -> Callable[[Floats], Floats]:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import LinearSVC, LinearSVR

        folds = 3
        if not np.isin(y, (0.0, 1.0)).all():
            return _within(y, LinearSVR(C=self.c, loss="squared_epsilon_insensitive", dual=False).fit(x, y))
        if min(y.sum(), len(y) - y.sum()) < folds:  # too few of a kind to calibrate by
            return lambda x: np.full(len(x), y.mean())
        machine = LinearSVC(C=self.c, dual=False)
        chances = CalibratedClassifierCV(machine, cv=folds).fit(x, y)
        return lambda x: np.asarray(chances.predict_proba(x)[:, 1])


@dataclass(frozen=True)
class Mlp:
    """One network for all models: a hidden layer of `hidden` rectified units, and an output for each, by squared error.

    Trained by Adam until a tenth of the items, held out, gets no better. What was not measured counts as the model's
    mean. The MLP router of RouterBench, arXiv 2403.12031.
    """

    hidden: Annotated[int, Field(ge=1)] = 64
    """Units of the hidden layer."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """The network."""
        from sklearn.neural_network import MLPRegressor

        x, mean = lesson.features(self.features), known_mean(lesson.target)
        target = np.where(np.isnan(lesson.target), mean, lesson.target)
        deviation = np.where(target.std(axis=0) > 0, target.std(axis=0), 1.0)
        network = MLPRegressor(
            hidden_layer_sizes=(self.hidden,), random_state=lesson.seed % 2**32, early_stopping=len(x) >= 50
        )
        with steady():
            scaled = (target - mean) / deviation
            network.fit(x, scaled if scaled.shape[1] > 1 else scaled[:, 0])
        encode = lesson.encode(self.features)
        low, high = target.min(axis=0), target.max(axis=0)

        def predict(items: Items) -> Floats:
            with steady():
                told: Floats = network.predict(encode(items)).reshape(len(items), -1)
            return np.clip(mean + deviation * told, low, high)

        return predict


def each_model(lesson: Lesson, encoder: EncoderPart, fit: Fit) -> Predict:
    """A fit for each model to the items that it was measured on; the mean where all measured the same."""
    x, means = lesson.features(encoder), known_mean(lesson.target)
    fits: list[Callable[[Floats], Floats]] = []
    with steady():
        for mean, y in zip(means, lesson.target.T, strict=True):
            known = ~np.isnan(y)
            if len(np.unique(y[known])) > 1:
                fits.append(fit(x[known], y[known]))
            else:
                fits.append(lambda x, mean=mean: np.full(len(x), mean))  # type: ignore[misc]
    encode = lesson.encode(encoder)

    def predict(items: Items) -> Floats:
        features = encode(items)
        with steady():
            return np.stack([one(features) for one in fits], axis=1)

    return predict


def logistic(x: Floats, share: Floats, c: float) -> Callable[[Floats], Floats]:
    """sigma(w . x + b) of most likelihood for shares (items,) in [0, 1] that are not all alike; `c` as in `Linear`."""
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=c, max_iter=1000)
    if np.isin(share, (0.0, 1.0)).all():
        classifier.fit(x, share)
    else:
        weight = np.concatenate([share, 1 - share])
        classifier.fit(np.concatenate([x, x]), np.repeat([1.0, 0.0], len(share)), sample_weight=weight)
    return lambda x: np.asarray(classifier.predict_proba(x)[:, 1])


def _within(y: Floats, regression: Any) -> Callable[[Floats], Floats]:
    """What a regression says, never beyond what was measured."""
    return lambda x: np.clip(regression.predict(x), y.min(), y.max())
