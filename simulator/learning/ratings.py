"""Ratings of models by the items on which one did better than another, near to the query: Bradley-Terry and Elo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.learning.core import EncoderPart, Floats, Items, Lesson, Predict
from simulator.learning.factors import chance_to_beat_another
from simulator.learning.features import Usual, unit
from simulator.learning.means import TaskMean
from simulator.learning.neighbours import Nearest
from simulator.learning.steady import steady

QUERIES_AT_ONCE = 256
NATURAL = np.log(10) / 400  # of a point of Elo


@dataclass(frozen=True)
class BradleyTerrySimilarity:
    """Bradley-Terry strengths of most likelihood, for each query anew: P(A beats B) = s_A / (s_A + s_B).

    A train item counts 10 * 10^(sim / max sim), by the cosine of its features and the query's; items on which both did
    alike are half a win for each. Each pair has drawn once more, at similarity 0, so that who never lost is finite.
    What is told of a model is its mean chance to beat another one; of lengths, and of a model alone, the mean
    by task.
    Source: RouteLLM's similarity-weighted ranking, arXiv 2406.18665.
    """

    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """The items and who won."""
        if not lesson.compares:
            return TaskMean().fit(lesson)
        points, encode = unit(lesson.features(self.features)), lesson.encode(self.features)
        won = wins(lesson.target)
        models = won.shape[1]
        flat = won.reshape(len(won), -1)

        def predict(items: Items) -> Floats:
            told = np.empty((len(items), models))
            queries = unit(encode(items))
            for start in range(0, len(items), QUERIES_AT_ONCE):
                part = slice(start, start + QUERIES_AT_ONCE)
                weight = similarity_weights(queries[part] @ points.T)
                battles = (weight @ flat).reshape(-1, models, models) + 5.0 * (1 - np.eye(models))
                told[part] = chance_to_beat_another(bradley_terry(battles))
            return told

        def steadily(items: Items) -> Floats:
            with steady():
                return predict(items)

        return steadily


@dataclass(frozen=True)
class Elo:
    """P * global + (1 - P) * local Elo rating of each model: R += K (S - E), E = 1 / (1 + 10^((R_B - R_A) / 400)).

    Global ratings are of all train items, in an order drawn from the seed; local ones of the `neighbours` nearest to
    the query, the nearest last, all equal before. On an item all models are rated at once, each by its mean (S - E)
    against the others, S 1 for doing better, 1/2 for doing alike. `p` weighs the global ones.
    What is told of a model is its mean chance to beat another one; of lengths, and of a model alone, the mean
    by task.
    Source: Eagle, arXiv 2409.15518.
    """

    p: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Weight of the global rating; the rest is the local one's."""
    neighbours: Annotated[int, Field(ge=1)] = 20
    """Train items that the local rating is of."""
    k: Annotated[float, Field(gt=0)] = 32.0
    """How much one comparison moves a rating."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """The global ratings, and the items."""
        if not lesson.compares:
            return TaskMean().fit(lesson)
        target = lesson.target
        order = np.random.default_rng(lesson.seed).permutation(len(target))
        overall = elo(target[order][None], self.k)
        nearest, encode = Nearest(lesson.features(self.features), self.neighbours), lesson.encode(self.features)

        def predict(items: Items) -> Floats:
            _, rows = nearest.to(encode(items))
            local = elo(target[rows[:, ::-1]], self.k)
            return chance_to_beat_another(NATURAL * (self.p * overall + (1 - self.p) * local))

        return predict


def wins(target: Floats) -> Floats:
    """(items, models, models): 1 where the first did better than the second, 1/2 where alike, else 0."""
    one, other = target[:, :, None], target[:, None, :]
    won: Floats = (one > other) + 0.5 * (one == other)
    models = target.shape[1]
    won[:, np.arange(models), np.arange(models)] = 0.0
    return won


def similarity_weights(similarity: Floats) -> Floats:
    """10 * 10^(sim / max sim) for each query (row) and train item."""
    most = similarity.max(axis=1, keepdims=True)
    return 10.0 * 10.0 ** (similarity / np.where(most > 0, most, 1.0))


def bradley_terry(battles: Floats) -> Floats:
    """Log strengths (queries, models), 0 on the mean, of most likelihood for wins (queries, models, models).

    By the iteration of Newman 2023 (JMLR 24), which gets there from anywhere; every model must have won and lost.
    """
    strength = np.ones(battles.shape[:2])
    for _ in range(1000):
        before = strength.copy()
        for model in range(battles.shape[1]):  # one after the other: all at once would swing to and fro
            both = strength + strength[:, [model]]
            won = (battles[:, model] * strength / both).sum(axis=1)
            strength[:, model] = won / (battles[:, :, model] / both).sum(axis=1)
        strength /= np.exp(np.log(strength).mean(axis=1, keepdims=True))
        if np.abs(np.log(strength / before)).max(initial=0.0) < 1e-10:
            break
    return np.log(strength)


def elo(target: Floats, k: float) -> Floats:
    """Ratings (queries, models) after the items (queries, items, models) of each, one after the other, all 0 before."""
    rating = np.zeros((target.shape[0], target.shape[2]))
    for item in range(target.shape[1]):
        score = wins(target[:, item])
        played = score + np.swapaxes(score, 1, 2)
        expected = 1 / (1 + np.exp(NATURAL * (rating[:, None, :] - rating[:, :, None])))
        surplus = (score - played * expected).sum(axis=2)
        rating = rating + k * surplus / np.maximum(played.sum(axis=2), 1.0)
    return rating
