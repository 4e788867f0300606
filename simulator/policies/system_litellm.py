"""The strategies of LiteLLM's router, by the names that its users know.

A pool is a deployment; a refused query tries another. Source: github.com/BerriAI/litellm, `routing_strategy`, and its
documentation of routing.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from simulator.policies.choice import among_or_all, asks
from simulator.policies.core import Ask, Decision, Drop, Feedback, FleetView, Policy, Query
from simulator.policies.least_loaded import LeastOf, calls_in_flight
from simulator.policies.online_arms import Uniform
from simulator.policies.setting import RouterCost, Setting
from simulator.spec.refs import PoolName

QUICK = RouterCost(0.001, source="assumed: a look-up")


@dataclass(frozen=True)
class SimpleShuffle:
    """A pool at random, by `weights` (equal where not given); after a failure another one."""

    ROUTER: ClassVar = QUICK

    weights: dict[PoolName, float] = field(default_factory=dict)
    """Weight of each pool; equal where it is empty."""

    def __post_init__(self) -> None:
        if self.weights and (min(self.weights.values()) < 0 or not sum(self.weights.values()) > 0):
            raise ValueError("'weights' needs one above 0, and none below 0")

    def prepare(self, setting: Setting) -> Policy:
        """The shuffle of one replication."""
        weights = self.weights or dict.fromkeys(setting.pools, 1.0)
        there = {pool: weights[pool] for pool in setting.pools if weights.get(pool, 0.0) > 0.0}
        return Shuffles(setting.uniform, there, asks(tuple(there)))


@dataclass(frozen=True, slots=True)
class Shuffles:
    """`SimpleShuffle` with its chance."""

    uniform: Uniform
    weights: dict[str, float]
    asks: dict[str, Ask]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the pool that is drawn among those left."""
        left = {pool: weight for pool, weight in self.weights.items() if pool not in query.asked}
        if not left:
            return Drop(query.failure)
        drawn = self.uniform("policy", query.id, len(query.asked)) * sum(left.values())
        for pool, weight in left.items():
            drawn -= weight
            if drawn < 0.0:
                return self.asks[pool]
        return self.asks[pool]


@dataclass(frozen=True)
class LeastBusy:
    """The pool with the fewest calls outstanding."""

    ROUTER: ClassVar = QUICK

    among: tuple[PoolName, ...] = ()
    """Pools to choose from; all where it is empty."""

    def prepare(self, setting: Setting) -> Policy:
        """The rule over this fleet."""
        pools = among_or_all(setting, self.among)
        return LeastOf(pools, asks(pools), calls_in_flight)


@dataclass(frozen=True)
class CostBased:
    """The pool with the lowest price of a prompt and an answer token, as it is now.

    Pools of one's own have no list price, hence are the cheapest; among them, a mean call's price on their hardware
    decides, then the order of the fleet.
    """

    ROUTER: ClassVar = QUICK

    among: tuple[PoolName, ...] = ()
    """Pools to choose from; all where it is empty."""

    def prepare(self, setting: Setting) -> Policy:
        """The rule over this fleet."""
        pools = among_or_all(setting, self.among)
        of_call = setting.usd_per_call
        return LeastOf(pools, asks(pools), lambda pool: (sum(pool.usd_per_tok), of_call[pool.name]))


@dataclass(frozen=True)
class UsageBased:
    """The pool that was sent the fewest tokens in the minute under way; equals at random.

    `tpm` and `rpm` are tokens and requests that a pool may be sent in a minute: one that has no room left is left out.
    Tokens are prompts, as the router counts them when it sends them (LiteLLM adds answers once they are there).
    """

    ROUTER: ClassVar = QUICK

    among: tuple[PoolName, ...] = ()
    """Pools to choose from; all where it is empty."""
    tpm: dict[PoolName, float] = field(default_factory=dict)
    """Tokens a minute that a pool may be sent, by pool."""
    rpm: dict[PoolName, float] = field(default_factory=dict)
    """Requests a minute that a pool may be sent, by pool."""

    def prepare(self, setting: Setting) -> Policy:
        """The rule over this fleet, with nothing sent."""
        return Usage(self, setting, among_or_all(setting, self.among))


class Usage:
    """`UsageBased` with what was sent in the minute under way."""

    def __init__(self, rule: UsageBased, setting: Setting, pools: tuple[str, ...]) -> None:
        self.rule = rule
        self.uniform = setting.uniform
        self.pools = pools
        self.asks = asks(pools)
        self.minute = -1
        self.sent_tok = dict.fromkeys(pools, 0.0)
        self.sent = dict.fromkeys(pools, 0)
        self.decided: dict[tuple[int, int], Decision] = {}

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the least used with room; count what is sent, once."""
        stage = (query.id, len(query.asked))
        if stage not in self.decided:
            self.decided[stage] = self._decide(query, view.now_s)
        return self.decided[stage]

    def _decide(self, query: Query, now_s: float) -> Decision:
        if int(now_s // 60.0) != self.minute:
            self.minute = int(now_s // 60.0)
            self.sent_tok, self.sent = dict.fromkeys(self.pools, 0.0), dict.fromkeys(self.pools, 0)
        left = [pool for pool in self.pools if pool not in query.asked]
        room = [pool for pool in left if self._has_room(pool, query.prompt_tok)]
        if not room:
            return Drop("rate-limit" if left else query.failure)
        least = min(self.sent_tok[pool] for pool in room)
        equals = [pool for pool in room if self.sent_tok[pool] == least]
        pool = equals[int(self.uniform("policy", query.id, len(query.asked)) * len(equals))]
        self.sent_tok[pool] += query.prompt_tok
        self.sent[pool] += 1
        return self.asks[pool]

    def _has_room(self, pool: str, prompt_tok: int) -> bool:
        tpm, rpm = self.rule.tpm.get(pool, math.inf), self.rule.rpm.get(pool, math.inf)
        return self.sent_tok[pool] + prompt_tok <= tpm and self.sent[pool] + 1 <= rpm


@dataclass(frozen=True)
class LatencyBased:
    """A pool at random among those within `buffer` of the lowest latency heard of.

    A pool's latency is the mean of its newest `window` answers, in seconds a token of the answer, not older than
    `ttl_s`; one that has not been heard of counts as the quickest. A buffer above 0 keeps the quickest from being
    flooded. The router hears of answers as the scenario's `feedback` says: all at once, or late and in part.
    """

    ROUTER: ClassVar = QUICK

    among: tuple[PoolName, ...] = ()
    """Pools to choose from; all where it is empty."""
    buffer: float = 0.0
    """How much slower than the quickest a pool may be, as a share of its latency."""
    ttl_s: float = 3600.0
    """Answers older than this are forgotten."""
    window: int = 10
    """Newest answers that a pool's latency is the mean of."""

    def __post_init__(self) -> None:
        if self.buffer < 0.0 or self.window < 1 or not self.ttl_s > 0.0:
            raise ValueError("'buffer' is 0 or more, 'window' at least 1, 'ttl_s' above 0")

    def prepare(self, setting: Setting) -> Policy:
        """The rule over this fleet, with nothing heard."""
        return Latencies(self, setting, among_or_all(setting, self.among))


class Latencies:
    """`LatencyBased` with what it has heard so far."""

    def __init__(self, rule: LatencyBased, setting: Setting, pools: tuple[str, ...]) -> None:
        self.rule = rule
        self.uniform = setting.uniform
        self.pools = pools
        self.asks = asks(pools)
        self.heard: dict[str, deque[tuple[float, float]]] = {pool: deque(maxlen=rule.window) for pool in pools}

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask one of the quick ones."""
        left = [pool for pool in self.pools if pool not in query.asked]
        if not left:
            return Drop(query.failure)
        latency = np.array([self._latency(pool, view.now_s) for pool in left])
        quick = np.flatnonzero(latency <= latency.min() * (1.0 + self.rule.buffer))
        drawn = self.uniform("policy", query.id, len(query.asked))
        return self.asks[left[int(quick[int(drawn * len(quick))])]]

    def _latency(self, pool: str, now_s: float) -> float:
        heard = self.heard[pool]
        while heard and heard[0][0] < now_s - self.rule.ttl_s:
            heard.popleft()
        return sum(seconds for _, seconds in heard) / len(heard) if heard else 0.0

    def learn(self, feedback: Feedback) -> None:
        """How long one answer took."""
        if feedback.pool in self.heard:
            self.heard[feedback.pool].append((feedback.at_s, feedback.e2e_s / max(feedback.output_tok, 1)))
