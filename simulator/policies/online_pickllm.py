"""Learners without a context: one number a pool, and soon one pool for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from simulator.policies.core import Decision, Feedback, FleetView, Policy, Query, ask_final, failed_or
from simulator.policies.online_rewards import Reward, priced_reward
from simulator.policies.setting import Floats, Needs, RouterCost, Setting


@dataclass(frozen=True)
class PickLLM:
    """One pool for all queries, found by trying: reward a - price c - slowness log10(1 + seconds).

    `q-learning`: Q_M += rate (r - Q_M), and argmax Q but with probability `epsilon` a pool at random. `automaton`
    (linear reward-inaction): p_M += rate r (1 - p_M), p_j -= rate r p_j for the others, with r kept to [0, 1]; asks M
    with probability p_M. c as a share of a mean call at the dearest pool. Weights and rates are assumed.
    Source: PickLLM, arXiv 2412.12170.
    """

    ROUTER: ClassVar = RouterCost(0.0001, source="assumed: a table of one number a pool")

    learner: Literal["q-learning", "automaton"] = "q-learning"
    """How it learns."""
    rate: float = 0.1
    """How much one answer moves what is known."""
    epsilon: float = 0.1
    """Of `q-learning`: share of queries that try a pool at random."""
    price: float = 0.3
    """What a call at the dearest pool is worth, in right answers."""
    slowness: float = 0.1
    """Weight of log10(1 + seconds of the answer)."""

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= 1.0 or not 0.0 <= self.epsilon <= 1.0:
            raise ValueError("'rate' is above 0 and at most 1, 'epsilon' is a probability")

    @property
    def needs(self) -> Needs:
        """What comes back."""
        return Needs(feedback=True)

    def prepare(self, setting: Setting) -> Policy:
        """The learner of one replication."""
        return Picks(self, setting, priced_reward(setting, self.price, self.slowness))


class Picks:
    """`PickLLM` with what it has learned so far."""

    def __init__(self, rule: PickLLM, setting: Setting, reward: Reward) -> None:
        self.rule = rule
        self.uniform = setting.uniform
        self.reward = reward
        self.number = {pool: arm for arm, pool in enumerate(setting.pools)}
        self.asks = [ask_final(pool) for pool in setting.pools]
        self.values: Floats = np.zeros(len(setting.pools))
        self.shares: Floats = np.full(len(setting.pools), 1.0 / len(setting.pools))
        self.chosen: dict[int, int] = {}

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the pool of the highest value, or one that is drawn."""
        arm = self.chosen.get(query.id)
        if arm is None:
            arm = self.chosen[query.id] = self._pick(query.id)
        return failed_or(query, self.asks[arm])

    def _pick(self, query: int) -> int:
        drawn = self.uniform("arm", query, 0)
        if self.rule.learner == "automaton":
            edges = np.cumsum(self.shares)
            return min(int(np.searchsorted(edges, drawn * edges[-1], side="right")), len(edges) - 1)
        if self.uniform("explore", query, 0) < self.rule.epsilon:
            return int(drawn * len(self.values))
        return int(self.values.argmax())

    def learn(self, feedback: Feedback) -> None:
        """Move the value, or the shares, by one reward."""
        arm = self.number.get(feedback.pool)
        if arm is None or math.isnan(feedback.score):
            return
        reward, rate = self.reward(feedback), self.rule.rate
        self.values[arm] += rate * (reward - self.values[arm])
        step = rate * min(max(reward, 0.0), 1.0)
        self.shares *= 1.0 - step
        self.shares[arm] += step
