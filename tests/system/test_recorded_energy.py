"""Hosted pools whose joules a quality table records: in runs, in replays, and in what policies may know before."""

from __future__ import annotations

import numpy as np
import pytest

from simulator import build, load, run
from simulator.engine.build import System
from simulator.metrics.value import Floats
from simulator.replaying import replay
from simulator.spec.errors import SpecError

SCENARIO = "replays/greenserv"
FEW = ["run.queries=60", "run.replications=1", "workload.questions.arrivals.rate_per_s=5"]


def recorded_j(system: System, items: object, pools: object) -> Floats:
    """Joules of answers to items at pools, straight from the table."""
    (cls,) = system.classes
    assert cls.table is not None
    assert cls.table.energy_j_per_tok is not None
    column = {pool.plan.facts.name: cls.columns[i] for i, pool in enumerate(system.pools)}
    joules = cls.table.energy_j_per_tok * cls.table.output_tok
    return np.array([joules[item, column[pool]] for item, pool in zip(items, pools, strict=True)])  # type: ignore[call-overload]


def test_a_run_draws_the_joules_that_the_table_records() -> None:
    system = build(load(SCENARIO, FEW))
    tables = run(system).tables
    expected = recorded_j(system, tables.queries["item"], tables.queries["pool"])
    np.testing.assert_allclose(tables.queries["energy_j"], expected)
    assert tables.ledger["energy_j"].sum() == pytest.approx(expected.sum())


def test_a_replay_without_load_draws_them_too() -> None:
    system = build(load(SCENARIO, FEW))
    queries = replay(system).queries
    np.testing.assert_allclose(queries["energy_j"], recorded_j(system, queries["item"], queries["pool"]))


def test_a_router_may_expect_what_train_items_took() -> None:
    policy = "policy={use: knn-router, price: 1e6, currency: energy, quality: task-mean}"
    system = build(load(SCENARIO, [*FEW, policy, "router={time_s: 0}"]))
    assert set(replay(system).queries["pool"]) == {"qwen-0_5b"}  # of the fewest joules a call on the mean: 75.6


def test_a_table_without_joules_is_an_error_that_says_so() -> None:
    sets = [
        "workload.questions.items.table=llama-mmlu-patterns",
        "fleet={small: {hosted: llama-3.1-8b-hosted, energy: recorded}}",
    ]
    policy = "policy={use: always, pool: small}"
    with pytest.raises(SpecError, match=r"has no energy_j_per_tok of 'llama-3\.1-8b'"):
        build(load(SCENARIO, [*sets, policy]))
