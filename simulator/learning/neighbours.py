"""Queries like this one: the train items nearest to it, and what models made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.learning.core import EncoderPart, Floats, Items, Lesson, Predict
from simulator.learning.features import Usual
from simulator.learning.means import known_mean
from simulator.learning.steady import steady


@dataclass(frozen=True)
class Knn:
    """The mean of each model over the `k` train items nearest to the query, by Euclidean distance of their features.

    For text and embeddings, whose features have length 1, that is the order of cosine similarity. Weights are equal,
    or 1 / distance. Source: the kNN router of RouterBench, arXiv 2403.12031; k as in the slice of it that is replayed.
    """

    k: Annotated[int, Field(ge=1)] = 50
    """Neighbours."""
    weights: Literal["equal", "distance"] = "equal"
    """How they count: alike, or by 1 / distance."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """The items themselves."""
        from scipy.sparse import csr_array

        nearest, encode = Nearest(lesson.features(self.features), self.k), lesson.encode(self.features)
        known = ~np.isnan(lesson.target)
        target, mean = np.where(known, lesson.target, 0.0), known_mean(lesson.target)

        def predict(items: Items) -> Floats:
            distance, rows = nearest.to(encode(items))
            weight = np.ones_like(distance)
            if self.weights == "distance":
                weight = 1 / np.maximum(distance, 1e-9)
            starts = np.arange(0, rows.size + 1, rows.shape[1])
            taken = csr_array((weight.ravel(), rows.ravel(), starts), shape=(len(items), len(target)))
            total, count = taken @ target, taken @ known.astype(float)
            return np.where(count > 0, total / np.where(count > 0, count, 1.0), mean)

        return predict


class Nearest:
    """Finds the `k` of some points that are nearest to others, by brute force: exact, and the same on every machine."""

    def __init__(self, points: Floats, k: int) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._search = NearestNeighbors(n_neighbors=min(k, len(points)), algorithm="brute").fit(points)

    def to(self, points: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Distances and rows, (points, k), the nearest first."""
        with steady():
            distance, rows = self._search.kneighbors(points)
        return distance, rows
