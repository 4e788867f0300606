"""A setting in which everything that a router may know is written down: no estimator learns anything here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.policies.core import Ask, ClassFacts, Policy, Query
from simulator.policies.setting import Floats, Ints, Label, Prepared, Setting, Train, prepared

POOLS = ("small", "middle", "large")


@dataclass
class Told:
    """What estimators say and calls cost, as given; answers of ten tokens."""

    expected: Floats
    cost: Floats
    texts: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    @property
    def prompt_tok(self) -> Ints:
        return np.full(len(self.expected), 7)

    @property
    def task(self) -> Ints:
        return np.full(len(self.expected), -1)

    def quality(self, estimator: Any) -> Floats:
        return self.expected

    def labelled(self, estimator: Any, label: Label) -> Floats:
        return label.of(self.expected[:, :, None])

    def output_tok(self, estimator: Any) -> Floats:
        return np.full(self.expected.shape, 10.0)

    def features(self, encoder: Any) -> Floats:
        return self.expected

    def prompts(self) -> Sequence[str]:
        return self.texts

    def recorded(self, name: str) -> Floats:
        return self.expected[:, 0]

    def usd(self, output_tok: Floats) -> Floats:
        return self.cost * output_tok / 10.0

    def energy_j(self, output_tok: Floats) -> Floats:
        return self.cost[:, ::-1] * output_tok / 10.0

    time_s = usd


@dataclass
class View:
    """A fleet of which only the clock and the calls outstanding matter."""

    now_s: float = 0.0
    outstanding: dict[str, int] = field(default_factory=dict)

    @property
    def pools(self) -> dict[str, Any]:
        return {name: _Pool(count) for name, count in self.outstanding.items()}


@dataclass
class _Pool:
    outstanding_calls: int


def matrix(*rows: Sequence[float]) -> Floats:
    return np.array(rows, dtype=np.float64)


def setting(
    expected: Floats, cost: Floats, score: Floats | None = None, told: Floats | None = None, **more: Any
) -> Setting:
    """Queries with this expected quality and cost, and train items with this score and (unseen) estimate."""
    pools = POOLS[: cost.shape[1]] if cost.shape[1] != 2 else ("small", "large")
    prices = dict(zip(pools, cost.mean(axis=0).tolist(), strict=True))
    score = expected if score is None else score
    told = score if told is None else told
    train_cost = np.broadcast_to(cost.mean(axis=0), score.shape)
    train = Train(
        score=score,
        confidence=score,
        output_tok=np.full(score.shape, 10.0),
        usd=train_cost,
        energy_j=train_cost,
        time_s=train_cost,
        prompt_tok=np.full(len(score), 7),
        task=np.full(len(score), -1),
        tasks=(),
        quality=lambda estimator: told,
        labelled=lambda estimator, label: label.of(told[:, :, None]),
        expected_cost=lambda estimator: (train_cost, train_cost, train_cost),
    )
    return Setting(
        pools=pools,
        models={pool: pool for pool in pools},
        uniform=more.pop("uniform", lambda stream, query, attempt: ((query + 0.5) * 0.618034) % 1.0),
        usd_per_call=prices,
        energy_j_per_call=prices,
        time_s_per_call=prices,
        params=more.pop("params", {pool: 1e9 * (i + 1) for i, pool in enumerate(pools)}),
        asked=Told(expected, cost, **more),
        train=train,
    )


def query(number: int = 0, prompt_tok: int = 7, task: str | None = None, **facts: Any) -> Query:
    return Query(number, ClassFacts(**({"name": "chat", "origin": "here"} | facts)), task, prompt_tok, 0.0)


def asked(policy: Policy | Prepared, known: Setting) -> list[str]:
    """Which pool each query is asked of, at once."""
    ready, view = prepared(policy, known), View()
    decisions = [ready.decide(query(number), view) for number in range(len(known.asked.prompt_tok))]
    assert all(isinstance(decision, Ask) and len(decision.calls) == 1 for decision in decisions)
    return [decision.calls[0].pool for decision in decisions]  # type: ignore[union-attr]


def assignments(queries: int, pools: int) -> NDArray[np.int64]:
    """All ways to give each query a pool, (ways, queries)."""
    return np.array(np.meshgrid(*[np.arange(pools)] * queries)).reshape(queries, -1).T


LEVELS = st.integers(0, 6)  # few levels: ties are frequent


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Quality and cost of up to five queries at up to four pools."""
    queries, pools = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    cells = st.lists(LEVELS, min_size=queries * pools, max_size=queries * pools)
    quality, cost = (np.array(draw(cells), dtype=np.float64).reshape(queries, pools) for _ in range(2))
    return quality / 6.0, cost


def totals(matrix: Floats) -> Floats:
    """Of every assignment, (ways,)."""
    ways = assignments(*matrix.shape)
    return matrix[np.arange(len(matrix)), ways].sum(axis=1)
