"""Routers that ask the model of the best expected answer, less a price for what it costs: argmax q^ - price c^.

They differ in how they learn what is to be expected. Quality lies in [0, 1]; costs are relative to the dearest pool's
mean, so that a `price` of 0.1 gives up a tenth of the quality for all of the dearest pool's cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from simulator.learning.clusters import KMeans
from simulator.learning.core import EstimatorPart
from simulator.learning.neighbours import Knn
from simulator.learning.ratings import Elo
from simulator.learning.regression import Linear, Mlp, Svm
from simulator.policies.choice import (
    Currency,
    best,
    by_utility,
    expected_cost,
    expected_quality,
    expecting,
    relative,
    routed,
)
from simulator.policies.core import Policy
from simulator.policies.setting import Floats, Needs, RouterCost, Setting
from simulator.spec.base import Count, NonNegative
from simulator.spec.refs import PoolName


@dataclass(frozen=True)
class KnnRouter:
    """argmax q^ - price c^, q^ by the k nearest train queries. Source: RouterBench, arXiv 2403.12031 (knn router)."""

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: an embedding and a search in thousands")

    price: NonNegative = 0.0
    """What a call at the dearest pool is worth, in right answers."""
    quality: EstimatorPart = Knn()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        return by_utility(setting, self.quality, self.price, self.currency)


@dataclass(frozen=True)
class MlpRouter:
    """argmax q^ - price c^, q^ by a small neural network. Source: RouterBench, arXiv 2403.12031 (mlp router)."""

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: an embedding and a small network")

    price: NonNegative = 0.0
    """What a call at the dearest pool is worth, in right answers."""
    quality: EstimatorPart = Mlp()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        return by_utility(setting, self.quality, self.price, self.currency)


@dataclass(frozen=True)
class SvmRouter:
    """argmax q^ - price c^, q^ by support vectors. Source: the svm routers of LLMRouter and semantic-router."""

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: an embedding and a few products")

    price: NonNegative = 0.0
    """What a call at the dearest pool is worth, in right answers."""
    quality: EstimatorPart = Svm()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        return by_utility(setting, self.quality, self.price, self.currency)


@dataclass(frozen=True)
class Zooter:
    """argmax_M Z(q, M): the model whose answer is expected to please most, whatever it costs.

    The router is distilled from a reward model's scores of every model's answers to the train queries, so the table's
    scores stand for rewards. Source: ZOOTER, arXiv 2311.08692.
    """

    ROUTER: ClassVar = RouterCost(0.01, source="assumed: an encoder of 86 million parameters, as ZOOTER's")

    reward: EstimatorPart = Linear()
    """Expects the reward of each pool's answer."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        return by_utility(setting, self.reward, 0.0, "usd")


@dataclass(frozen=True)
class Tryage:
    """argmin_M loss^(q, M) + sum_j lambda_j C_j(M), with flags for price, latency and size.

    loss^ = 1 - q^. C are dollars and seconds of the query at each pool, and the parameters of its model, each relative
    to the dearest, slowest or largest. Source: Tryage, arXiv 2308.11601.
    """

    ROUTER: ClassVar = RouterCost(0.01, source="assumed: a small encoder that predicts losses")

    price: NonNegative = 0.0
    """Weight of dollars, relative to the dearest pool."""
    latency: NonNegative = 0.0
    """Weight of seconds, relative to the slowest pool."""
    size: NonNegative = 0.0
    """Weight of parameters, relative to the largest model."""
    quality: EstimatorPart = Linear()
    """Expects the score of each pool's answer; learned from the table's train split."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication. ValueError where size counts and a model's is not known."""
        time_s = relative(expected_cost(setting, self.quality, "time"))
        loss = 1.0 - expected_quality(setting, self.quality) + self.latency * time_s
        if self.price:
            loss += self.price * relative(expected_cost(setting, self.quality, "usd"))
        if self.size:
            params: Floats = np.array([[setting.params[pool] for pool in setting.pools]])
            unknown = [pool for pool, count in zip(setting.pools, params[0], strict=True) if np.isnan(count)]
            if unknown:
                raise ValueError(f"nobody has said how large the model of {', '.join(map(repr, unknown))} is")
            loss += self.size * relative(params)
        return routed(setting, best(-loss, time_s), expecting(setting, loss=loss))


@dataclass(frozen=True)
class Eagle:
    """The best model that is affordable: argmax of P GlobalElo + (1 - P) LocalElo(N neighbours) s.t. c^ <= budget.

    Ratings come of all pairs of answers to the train queries, R += K (S - E). `budget` is what one call may cost at
    most, in dollars (joules, seconds); without one all are affordable, and where none is, the cheapest is asked.
    Source: Eagle, arXiv 2409.15518.
    """

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: an embedding and a search in thousands")

    budget: NonNegative | None = None
    """What one call may cost at most, in the currency; no limit where it is not given."""
    rating: EstimatorPart = Elo()
    """Rates the pools for a query."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        rating = expected_quality(setting, self.rating)
        cost = expected_cost(setting, self.rating, self.currency)
        limit = np.inf if self.budget is None else self.budget
        affordable = cost <= np.maximum(limit, cost.min(axis=1, keepdims=True))
        choice = best(np.where(affordable, rating, -1.0), cost)
        return routed(setting, choice, expecting(setting, **{"rating": rating, self.currency: cost}))


@dataclass(frozen=True)
class UniRoute:
    """argmin_M gamma(q, M) + price c(M), gamma = Phi(q) . Psi(M): a model is its errors in clusters of queries.

    `kmeans` finds clusters in the train prompts, `learned-map` fits a softmax over them. A new model needs only its
    errors on some validation queries: `labels: {pool: 400}` says of how many train queries a pool's scores are known,
    drawn by the pool's place in the fleet. Source: UniRoute, arXiv 2502.08773.
    """

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: an embedding and the nearest of some clusters")

    price: NonNegative = 0.1
    """What a call at the dearest pool is worth, in right answers."""
    quality: EstimatorPart = KMeans()
    """Expects the score of each pool's answer; learned from the table's train split."""
    labels: dict[PoolName, Count] = field(default_factory=dict)
    """By pool, of how many train queries its scores are known; of all where it is not given."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        if self.labels:
            known = tuple((setting.pools.index(pool), count) for pool, count in self.labels.items())
            quality = np.nan_to_num(setting.asked.labelled(self.quality, FewScores(known)))
        else:
            quality = expected_quality(setting, self.quality)
        cost = relative(expected_cost(setting, self.quality, self.currency))
        choice = best(quality - self.price * cost, cost)
        return routed(setting, choice, expecting(setting, quality=quality, relative_cost=cost))


@dataclass(frozen=True)
class FewScores:
    """The scores of all pools, but of some only so many items', drawn by the number of the pool."""

    known: tuple[tuple[int, int], ...]

    def of(self, answers: Floats) -> Floats:
        """The scores of these items' first answers, NaN where they are taken as not measured."""
        few = answers[:, :, 0].copy()
        for pool, count in self.known:
            hidden = np.random.default_rng([pool, len(few)]).permutation(len(few))[count:]
            few[hidden, pool] = np.nan
        return few
