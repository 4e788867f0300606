"""Routers between a weak and a strong model: one score a query, one threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from simulator.learning.core import EncoderPart, EstimatorPart
from simulator.learning.factors import MatrixFactorisation
from simulator.learning.features import Usual
from simulator.learning.gap import gap_labels
from simulator.learning.ratings import BradleyTerrySimilarity
from simulator.learning.regression import Linear
from simulator.policies.choice import Routed
from simulator.policies.core import Policy
from simulator.policies.pair import are_strong, bradley_terry, check_pair, cut_at_share, pair
from simulator.policies.setting import Floats, Needs, RouterCost, Setting
from simulator.spec.refs import PoolName


@dataclass(frozen=True)
class HybridLlm:
    """The small model iff r(q) >= tau: r is the chance that its answer is about as good as the large one's.

    With H = q(S(q)) - q(L(q)), r is learned of the labels y = 1[H >= 0] of one answer each (`det`), Pr[H >= 0] over all
    pairs of the answers sampled (`prob`: the same as `det` where the table has one of each), or Pr[H >= -t] with the t
    that spreads the labels most, t* = argmax mean |y_i - y_j| (`trans`). `strong_share` is the share of train queries
    that go to the large model, instead of a `threshold`. Source: HybridLLM, arXiv 2404.14618; its router takes 36 ms.
    """

    ROUTER: ClassVar = RouterCost(0.036, source="HybridLLM, arXiv 2404.14618: DeBERTa on a GPU, 36 ms")

    small: PoolName
    """The cheap pool."""
    large: PoolName
    """The good pool."""
    threshold: float | None = None
    """The least r(q) at which the small pool is asked."""
    strong_share: float | None = None
    """Instead of `threshold`: the share of train queries that goes to the large pool."""
    label: Literal["det", "prob", "trans"] = "trans"
    """What is learned of: one answer each, all pairs of samples, or those with a margin that spreads them."""
    ease: EstimatorPart = Linear()
    """Expects the label."""

    def __post_init__(self) -> None:
        check_pair(self.small, self.large, self.threshold, self.strong_share)

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        assert setting.train is not None
        columns = setting.pools.index(self.small), setting.pools.index(self.large)
        label = Ease(*columns, self.label)
        hard = -np.nan_to_num(setting.asked.labelled(self.ease, label)[:, 0])
        if self.threshold is not None:
            return pair(setting, self.small, self.large, hard > -self.threshold, hard, -self.threshold)
        assert self.strong_share is not None
        cut = cut_at_share(-setting.train.labelled(self.ease, label)[:, 0], self.strong_share)
        return pair(setting, self.small, self.large, are_strong(hard, cut, setting), hard, cut.score)


@dataclass(frozen=True)
class Ease:
    """HybridLLM's labels: how surely the small pool's answer is good enough beside the large one's, (items, 1)."""

    small: int
    large: int
    label: Literal["det", "prob", "trans"]

    def of(self, answers: Floats) -> Floats:
        """The labels of these items."""
        known = answers[:, :, :1] if self.label == "det" else answers
        return gap_labels(known[:, self.small], known[:, self.large], self.label)[:, None]


def _routed(setting: Setting, who: RouteLlm, score: Floats, told: Floats) -> Routed:
    """Strong iff P(strong wins) >= tau, or above the quantile of the train split's scores `told`."""
    if who.threshold is not None:
        return pair(setting, who.weak, who.strong, score >= who.threshold, score, who.threshold)
    assert who.strong_share is not None
    cut = cut_at_share(told, who.strong_share)
    return pair(setting, who.weak, who.strong, are_strong(score, cut, setting), score, cut.score)


@dataclass(frozen=True)
class Scores:
    """The scores of two pools alone, (items, 2): what is learned of them knows of no third model."""

    weak: int
    strong: int

    def of(self, answers: Floats) -> Floats:
        """The scores of these items' first answers."""
        return answers[:, [self.weak, self.strong], 0]


@dataclass(frozen=True)
class Wins:
    """Which of two pools has the better answer: 1 the strong one, 0 the weak one, 1/2 a tie, (items, 1)."""

    weak: int
    strong: int

    def of(self, answers: Floats) -> Floats:
        """The labels of these items."""
        gap = answers[:, [self.strong], 0] - answers[:, [self.weak], 0]
        return (1.0 + np.sign(np.where(np.abs(gap) < 1e-9, 0.0, gap))) / 2.0


@dataclass(frozen=True)
class RouteLlmSw:
    """The strong model iff P(strong wins | q) >= tau, by a Bradley-Terry fit to the train queries that are alike.

    Each train query weighs 10 * 10^(similarity / highest similarity); P = s_s / (s_s + s_w). `strong_share` sets tau to
    the quantile 1 - share of the train split's scores. Source: RouteLLM, arXiv 2406.18665, sw_ranking: 2.9 requests/s.
    """

    ROUTER: ClassVar = RouterCost(1 / 2.9, source="RouteLLM, arXiv 2406.18665: 2.9 requests/s (SW ranking)")

    weak: PoolName
    """The cheap pool."""
    strong: PoolName
    """The good pool."""
    threshold: float | None = None
    """The least P(strong wins) at which the strong pool is asked."""
    strong_share: float | None = None
    """Instead of `threshold`: the share of train queries that goes to the strong pool."""
    features: EncoderPart = Usual()
    """What is looked at of a query."""

    def __post_init__(self) -> None:
        check_pair(self.weak, self.strong, self.threshold, self.strong_share)

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        assert setting.train is not None
        label = Scores(setting.pools.index(self.weak), setting.pools.index(self.strong))
        ratings = BradleyTerrySimilarity(self.features)  # of two models: each one's chance to beat the other
        asked = np.nan_to_num(setting.asked.labelled(ratings, label)[:, 1], nan=0.5)
        return _routed(setting, self, asked, setting.train.labelled(ratings, label)[:, 1])


@dataclass(frozen=True)
class RouteLlmMf:
    """The strong model iff P(strong wins | q) = sigma(d(s, q) - d(w, q)) >= tau, by matrix factorisation.

    d(M, q) = w2 . (v_M * (W1 v_q + b)), learned of all models of the table. `strong_share` sets tau to the quantile
    1 - share of the train split's scores. Source: RouteLLM, arXiv 2406.18665, mf: 155 requests/s.
    """

    ROUTER: ClassVar = RouterCost(1 / 155, source="RouteLLM, arXiv 2406.18665: 155 requests/s (matrix factorisation)")

    weak: PoolName
    """The cheap pool."""
    strong: PoolName
    """The good pool."""
    threshold: float | None = None
    """The least P(strong wins) at which the strong pool is asked."""
    strong_share: float | None = None
    """Instead of `threshold`: the share of train queries that goes to the strong pool."""
    quality: EstimatorPart = MatrixFactorisation()
    """Expects how the pools compare."""

    def __post_init__(self) -> None:
        check_pair(self.weak, self.strong, self.threshold, self.strong_share)

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        assert setting.train is not None
        weak, strong = setting.pools.index(self.weak), setting.pools.index(self.strong)
        asked = np.nan_to_num(setting.asked.quality(self.quality), nan=0.5)
        told = setting.train.quality(self.quality)
        scores = (bradley_terry(each[:, strong], each[:, weak]) for each in (asked, told))
        return _routed(setting, self, *scores)


@dataclass(frozen=True)
class RouteLlmClassifier:
    """The strong model iff a classifier's P(strong wins) + P(tie) / 2 >= tau.

    The text classifier of RouteLLM (BERT: 70 requests/s, a causal model: 42) stands for any that learns the label 1,
    1/2 or 0; this one learns on the features of `win`. `strong_share` sets tau to the quantile 1 - share of the train
    split's scores. Source: RouteLLM, arXiv 2406.18665.
    """

    ROUTER: ClassVar = RouterCost(1 / 70, source="RouteLLM, arXiv 2406.18665: 70 requests/s (BERT)")

    weak: PoolName
    """The cheap pool."""
    strong: PoolName
    """The good pool."""
    threshold: float | None = None
    """The least P(strong wins) + P(tie) / 2 at which the strong pool is asked."""
    strong_share: float | None = None
    """Instead of `threshold`: the share of train queries that goes to the strong pool."""
    win: EstimatorPart = Linear()
    """Expects the label: 1, 1/2 or 0."""

    def __post_init__(self) -> None:
        check_pair(self.weak, self.strong, self.threshold, self.strong_share)

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        assert setting.train is not None
        label = Wins(setting.pools.index(self.weak), setting.pools.index(self.strong))
        asked = np.nan_to_num(setting.asked.labelled(self.win, label)[:, 0], nan=0.5)
        return _routed(setting, self, asked, setting.train.labelled(self.win, label)[:, 0])


RouteLlm = RouteLlmSw | RouteLlmMf | RouteLlmClassifier
