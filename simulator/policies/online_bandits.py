"""Contextual bandits that route: GreenServ and MetaLLM."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from simulator.learning.clusters import Cluster
from simulator.learning.core import EncoderPart
from simulator.learning.features import Joined, Task, Usual
from simulator.learning.text import Complexity
from simulator.policies.core import Decision, Drop, Feedback, FleetView, Policy, Query, ask_final
from simulator.policies.online_arms import Bools, LinearArms, Presence, Rule, Strategy, Uniform, features
from simulator.policies.online_rewards import Per, Reward, energy_reward, priced_reward
from simulator.policies.setting import Floats, Needs, RouterCost, Setting
from simulator.spec.refs import PoolName

RIDGE: dict[Strategy, float] = {"linucb": 0.05, "eps-greedy": 0.25, "thompson": 0.25**2 / 2.0}
"""As published with each strategy; Thompson's is noise over prior variance, sigma .25 and 2."""


@dataclass(frozen=True)
class GreenServ:
    """argmax_M of a linear model of (1 - lam) accuracy + lam (1 - normalised energy), learned as answers come.

    `lam` 0 is accuracy alone, 1 energy alone. Energy is joules `per-token` of prompt and answer (the paper's) or
    `per-query`, between the least and the most of the query's task: `bounds`, or those of the train split. `context`
    is what the model is linear in: task, cluster and complexity, which needs prompts (null: nothing, one mean a pool).
    Pools may come and go, `from_s` and `until_s`; of a new one nothing is known, so it is explored at once. `limit_s`
    leaves out pools whose answers took longer than that on the mean (the paper's filter, which its experiments do not
    use). Strategies: `linucb` (alpha .1, ridge .05), `eps-greedy` (1, falling by .985 a query to .01; ridge .25),
    `thompson` (sigma .25, prior variance 2). Source: GreenServ, arXiv 2601.17551, and its repository's settings.
    """

    ROUTER: ClassVar = RouterCost(0.00777, source="GreenServ, arXiv 2601.17551: 7.77 ms a query")

    strategy: Strategy = "linucb"
    """How it explores."""
    lam: float = 0.5
    """0: accuracy alone; 1: energy alone."""
    alpha: float = 0.1
    """Weight of exploring: how much what is unknown of a pool speaks for it."""
    ridge: float | None = None
    """Penalty on squares of the linear model; as published with the strategy where it is not given."""
    energy: Per = "per-token"
    """Joules of a token, or of the whole query."""
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Least and most joules by task; those of the train split where it is empty."""
    context: EncoderPart | None = Joined((Task(), Cluster(3), Complexity()))
    """What the model is linear in; with null, one mean a pool."""
    limit_s: float | None = None
    """Pools with a longer mean answer are left out."""
    from_s: dict[PoolName, float] = field(default_factory=dict)
    """When a pool joins, by pool."""
    until_s: dict[PoolName, float] = field(default_factory=dict)
    """When a pool leaves, by pool."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.lam <= 1.0:
            raise ValueError("'lam' is a share, 0 to 1")
        if self.ridge is not None and not self.ridge > 0.0:
            raise ValueError("'ridge' must be above 0")

    @property
    def needs(self) -> Needs:
        """What comes back, and what the least and the most joules are."""
        return Needs(feedback=True, train=not self.bounds)

    def prepare(self, setting: Setting) -> Policy:
        """The learner of one replication, which knows nothing yet."""
        ridge = RIDGE[self.strategy] if self.ridge is None else self.ridge
        x = features(setting, self.context)
        reward = energy_reward(setting, self.lam, self.energy, self.bounds)
        return Bandit(
            setting.pools,
            x,
            LinearArms(len(setting.pools), x.shape[1], ridge),
            Rule(self.strategy, self.alpha),
            reward,
            setting.uniform,
            Presence.of(setting.pools, self.from_s, self.until_s),
            self.limit_s,
        )


@dataclass(frozen=True)
class MetaLLM:
    """argmax_M theta_M . x + alpha sqrt(x' A_M^-1 x) with reward a - price c, learned as answers come.

    c is what the call cost, as a share of a mean call at the dearest pool: `price` 0.3 takes such a call to be worth
    0.3 right answers. The paper's context is an embedding of the query; `alpha` and `ridge` are assumed.
    Source: MetaLLM, arXiv 2407.10834.
    """

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: a small encoder")

    price: float = 0.3
    """What a call at the dearest pool is worth, in right answers."""
    alpha: float = 0.5
    """Weight of exploring: how much what is unknown of a pool speaks for it."""
    ridge: float = 1.0
    """Penalty on squares of the linear model; larger learns more slowly."""
    context: EncoderPart = Usual()
    """What is looked at of a query."""

    @property
    def needs(self) -> Needs:
        """What comes back."""
        return Needs(feedback=True)

    def prepare(self, setting: Setting) -> Policy:
        """The learner of one replication."""
        x = features(setting, self.context)
        arms = LinearArms(len(setting.pools), x.shape[1], self.ridge)
        reward = priced_reward(setting, self.price)
        return Bandit(setting.pools, x, arms, Rule("linucb", self.alpha), reward, setting.uniform)


class Bandit:
    """A bandit at work in one replication: what it knows of each pool changes with what it hears."""

    def __init__(
        self,
        pools: tuple[str, ...],
        x: Floats,
        arms: LinearArms,
        rule: Rule,
        reward: Reward,
        uniform: Uniform,
        presence: Presence | None = None,
        limit_s: float | None = None,
    ) -> None:
        self.pools = pools
        self.x = x
        self.arms = arms
        self.rule = rule
        self.reward = reward
        self.uniform = uniform
        self.presence = presence
        self.limit_s = limit_s
        self.asks = [ask_final(pool) for pool in pools]
        self.number = {pool: arm for arm, pool in enumerate(pools)}
        self.chosen: dict[int, int] = {}  # a question asked again gets the same answer, whatever was learned meanwhile
        self.heard = np.zeros(len(pools))
        self.heard_s = np.zeros(len(pools))

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the pool of the highest index among those to be had."""
        if query.asked:
            return Drop(query.failure)
        arm = self.chosen.get(query.id)
        if arm is None:
            index = self.rule.index(self.arms, self.x[query.id], self.uniform, query.id, len(self.chosen))
            if self.presence is not None or self.limit_s is not None:
                index = np.where(self._to_be_had(view.now_s), index, -np.inf)
            arm = int(index.argmax())
            if index[arm] == -np.inf:
                return Drop("no pool")
            self.chosen[query.id] = arm
        return self.asks[arm]

    def learn(self, feedback: Feedback) -> None:
        """Take in the reward of one answer, if its score is known."""
        arm = self.number.get(feedback.pool)
        if arm is None:
            return
        self.heard[arm] += 1
        self.heard_s[arm] += feedback.e2e_s
        if not math.isnan(feedback.score):
            self.arms.take(arm, self.x[feedback.query], self.reward(feedback))

    def _to_be_had(self, now_s: float) -> Bools:
        """Pools that are there, and quick enough as far as has been heard; the quickest of those there if none is."""
        there = np.ones(len(self.pools), dtype=bool) if self.presence is None else self.presence.at(now_s)
        if self.limit_s is None:
            return there
        mean_s = self.heard_s / np.maximum(self.heard, 1.0)
        quick: Bools = there & (mean_s <= self.limit_s)
        if quick.any():
            return quick
        quickest: Bools = there & (mean_s <= np.where(there, mean_s, np.inf).min())
        return quickest
