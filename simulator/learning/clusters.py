"""Queries of a kind: clusters of train prompts, and how good each model is in each (UniRoute)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.learning.core import Encode, EncoderPart, Floats, Items, Lesson, Predict
from simulator.learning.features import Usual
from simulator.learning.means import TaskMean, known_mean
from simulator.learning.steady import steady


@dataclass(frozen=True)
class Cluster:
    """One column for each of `k` clusters of train items, 1 where the query is nearest to its centre: k-means.

    GreenServ's second context feature has k = 3 (arXiv 2601.17551).
    """

    k: Annotated[int, Field(ge=1)] = 3
    """Clusters."""
    of: EncoderPart = Usual()
    """What is clustered."""

    def encoding(self, items: Items, seed: int) -> Encode:
        """The centres: the best of four starts."""
        from sklearn.cluster import KMeans as Lloyd

        features = self.of.encoding(items, seed)
        seen = features(items)
        clusters = Lloyd(min(self.k, len(np.unique(seen, axis=0))), n_init=4, random_state=seed % 2**32)
        with steady():
            clusters.fit(seen)

        def encode(items: Items) -> Floats:
            with steady():
                nearest = clusters.predict(features(items))
            columns: Floats = np.eye(clusters.n_clusters)[nearest]
            return columns

        return encode


@dataclass(frozen=True)
class KMeans:
    """gamma(q, M) = Phi(q) . Psi(M): the mean of the model over the items of the query's cluster.

    Phi is one-hot over `k` clusters of train prompts. Psi_c(M) is measured on `validation_items` of them (None: all),
    as for a model that joins later; means of few items are drawn to the model's mean, which counts as `prior_items` of
    a cluster. K = 1 is the zero router. Source: UniRoute, arXiv 2502.08773.
    """

    k: Annotated[int, Field(ge=1)] = 20
    """Clusters."""
    prior_items: Annotated[float, Field(ge=0)] = 1.0
    """As how many items of a cluster the model's mean counts."""
    validation_items: Annotated[int, Field(ge=1)] | None = None
    """Items that a model is measured on; all where it is not given."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """Clusters of all, means of those measured."""
        phi = Cluster(self.k, self.features)
        measured = lesson if self.validation_items is None else _some(lesson, self.validation_items)
        psi = cluster_means(measured.features(phi), measured.target, self.prior_items)
        encode = lesson.encode(phi)
        return lambda items: encode(items) @ psi


@dataclass(frozen=True)
class LearnedMap:
    """gamma(q, M) = Phi(q) . Psi(M), Phi a softmax over `k` clusters that is learned: Phi_c ~ exp(theta_c . x + b_c).

    Psi are the means of k-means clusters, as in `kmeans`; theta minimises the log loss of all models' scores, from the
    map of the clusters, with `l2` on its squares. Of lengths, the mean by task. Source: UniRoute, arXiv 2502.08773.
    """

    k: Annotated[int, Field(ge=1)] = 20
    """Clusters."""
    prior_items: Annotated[float, Field(ge=0)] = 1.0
    """As how many items of a cluster the model's mean counts."""
    l2: Annotated[float, Field(ge=0)] = 1e-4
    """Penalty on squares of the map."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def fit(self, lesson: Lesson) -> Predict:
        """The map, by L-BFGS."""
        from scipy.special import softmax

        if not lesson.is_of_scores:
            return TaskMean().fit(lesson)
        x, phi = lesson.features(self.features), lesson.features(Cluster(self.k, self.features))
        psi = np.clip(cluster_means(phi, lesson.target, self.prior_items), 1e-3, 1 - 1e-3)
        theta = _learned(_with_one(x), lesson.target, psi, _start(x, phi), self.l2)
        encode = lesson.encode(self.features)
        return lambda items: softmax(_with_one(encode(items)) @ theta, axis=1) @ psi


def cluster_means(phi: Floats, target: Floats, prior_items: float) -> Floats:
    """Means of the columns of `target` (items, models) in each cluster, (clusters, models), drawn to those over all."""
    mean = known_mean(target)
    known = ~np.isnan(target)
    total = phi.T @ np.where(known, target, 0.0) + prior_items * mean
    count = phi.T @ known + prior_items
    return np.where(count > 0, total / np.where(count > 0, count, 1.0), mean)


def _some(lesson: Lesson, items: int) -> Lesson:
    """So many items of the lesson, by hash of their names."""
    order = np.argsort([zlib.crc32(name.encode()) for name in lesson.items.names], kind="stable")
    return lesson.take(np.sort(order[:items]))


def _with_one(x: Floats) -> Floats:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def _start(x: Floats, phi: Floats) -> Floats:
    """The softmax of minus the squared distance to each cluster's centre, (d + 1, clusters)."""
    centres = (phi.T @ x) / np.maximum(phi.sum(axis=0), 1.0)[:, None]
    return np.concatenate([2 * centres.T, -np.square(centres).sum(axis=1)[None, :]])


def _learned(x: Floats, target: Floats, psi: Floats, start: Floats, l2: float) -> Floats:
    from scipy.optimize import minimize
    from scipy.special import softmax

    known = ~np.isnan(target)
    score = np.where(known, target, 0.0)

    def loss(flat: Floats) -> tuple[float, Floats]:
        theta = flat.reshape(start.shape)
        phi = softmax(x @ theta, axis=1)
        gamma = phi @ psi
        value = -np.sum(known * (score * np.log(gamma) + (1 - score) * np.log1p(-gamma))) / known.sum()
        slope = known * (gamma - score) / (gamma * (1 - gamma)) / known.sum()
        through = slope @ psi.T
        logits = phi * (through - (phi * through).sum(axis=1, keepdims=True))
        return value + l2 / 2 * np.sum(flat**2), (x.T @ logits + l2 * theta).ravel()

    with steady():
        found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return found.x.reshape(start.shape)
