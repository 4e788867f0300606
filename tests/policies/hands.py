"""A fleet and queries in one's hand: what a policy is told, written out, without an engine."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simulator.learning.core import Encoder, Estimator
from simulator.policies import check
from simulator.policies.core import Answer, ClassFacts, Feedback, Finish, Query, Reported
from simulator.policies.setting import Floats, Ints, Setting


def uniform(stream: str, query: int, attempt: int) -> float:
    """A number that is the same whenever it is asked for."""
    return float(np.random.default_rng([zlib.crc32(stream.encode()), query, attempt]).random())


@dataclass(frozen=True)
class Told:
    """Queries of which all that a router may know is given."""

    task: Ints
    tasks: tuple[str, ...] = ("a", "b", "c")
    expected: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    cost: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    time: float = 1.0

    @property
    def prompt_tok(self) -> Ints:
        return np.full(len(self.task), 10)

    def quality(self, estimator: Estimator) -> Floats:
        return self.expected

    def output_tok(self, estimator: Estimator) -> Floats:
        return np.full(self.expected.shape, 10.0)

    def features(self, encoder: Encoder) -> Floats:
        return np.eye(len(self.tasks))[self.task]

    def prompts(self) -> Sequence[str]:
        return [""] * len(self.task)

    def recorded(self, name: str) -> Floats:
        return np.zeros(len(self.task))

    def usd(self, output_tok: Floats) -> Floats:
        return self.cost

    energy_j = usd

    def time_s(self, output_tok: Floats) -> Floats:
        return np.full(output_tok.shape, self.time) * output_tok


def setting(pools: Sequence[str], asked: Told, **more: Any) -> Setting:
    """What a policy is prepared with."""
    return replace(check.setting(pools), asked=asked, uniform=uniform, **more)


def query(id: int = 0, prompt_tok: int = 10, prefix: str | None = None, arrived_s: float = 0.0) -> Query:
    """One that has just come."""
    return Query(id, ClassFacts("chat", "here", prefix=prefix), None, prompt_tok, arrived_s)


def answered(asked: Query, pool: str, score: float = 1.0, group: int = -1) -> Query:
    """The query after `pool` was asked and has answered."""
    asked.asked += (pool,)
    asked.outcomes += (Answer(pool, "answer", score, 10, 1.0, group),)
    return asked


def heard(row: int, pool: str, score: float, **more: float) -> Feedback:
    """What comes back of an answer."""
    told: dict[str, Any] = {"output_tok": 10, "usd": 1.0, "energy_j": 1.0, "e2e_s": 1.0, "at_s": 0.0}
    return Feedback(row, pool, score, **{**told, **more})


@dataclass(frozen=True)
class Pool:
    """A pool as a router sees it."""

    name: str
    replicas: int = 1
    outstanding_calls: int = 0
    outstanding_tok: float = 0.0
    outstanding_tok_by_replica: tuple[float, ...] = (0.0,)
    usd_per_tok: tuple[float, float] = (0.0, 0.0)
    carbon_g_per_j: float = float("nan")
    battery_frac: float | None = None
    predicted_tpot_s: float = 0.01
    ttft_s: float = 0.1
    reported: Reported = Reported(0.0, 0, 0, 0.0)
    model: str = "a-model"
    tier: str | None = None
    place: str = "here"

    def predicted_ttft_s(self, prompt_tok: int) -> float:
        return self.ttft_s


@dataclass(frozen=True)
class Fleet:
    """The fleet as a router sees it."""

    pools: Mapping[str, Any]
    now_s: float = 0.0
    links: Mapping[str, Any] = field(default_factory=dict)


def fleet(*pools: Pool, now_s: float = 0.0, links: Mapping[str, Any] | None = None) -> Fleet:
    """These pools, by name."""
    return Fleet({pool.name: pool for pool in pools}, now_s, links or {})


def asked_pool(decision: Any) -> str:
    """The pool that a decision asks."""
    return str(decision.calls[0].pool)


def finished(decision: Any) -> str:
    """The pool whose answer a decision gives."""
    assert isinstance(decision, Finish)
    return decision.answer.pool
