"""Shipped scenarios under load, and what each replication came to: all joules and dollars, idle ones too."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.engine.build import build
from simulator.metrics.value import Floats
from simulator.running import run
from simulator.spec.load import load

STABLE = "STABLE"


class Loaded(NamedTuple):
    """By replication, (replications,)."""

    accuracy: Floats
    j_per_correct: Floats
    usd_per_query: Floats
    mean_s: Floats
    p95_s: Floats
    verdict: str


def loaded(scenario: str, *sets: str) -> Loaded:
    """A run of the scenario with these laid over it."""
    result = run(build(load(scenario, sets)))
    queries, ledger = (getattr(result.tables, name).groupby("replication") for name in ("queries", "ledger"))
    right = queries["score"].sum().to_numpy()
    count = queries.size().to_numpy()
    return Loaded(
        right / count,
        ledger["energy_j"].sum().to_numpy() / right,
        ledger["cost_usd"].sum().to_numpy() / count,
        queries["e2e_s"].mean().to_numpy(),
        queries["e2e_s"].quantile(0.95).to_numpy(),
        result.summary.verdict,
    )


def percent(one: Floats, other: Floats) -> tuple[float, float]:
    """By how much `one` exceeds `other` over the same worlds, in per cent, and two standard errors of that."""
    ratio = 100 * (one / other - 1)
    return float(ratio.mean()), float(2 * ratio.std(ddof=1) / np.sqrt(len(ratio)))
