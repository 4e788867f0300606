"""No policy but the oracle knows what is right: other scores change no decision and no time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from system_world import (
    Scenario,
    Simulate,
    built,
    chat,
    items,
    outcomes,
    own,
    scenario,
    shuffled_scores,
)

from simulator.records.result import Result
from simulator.replaying import replay

BLIND = (
    {"use": "always", "pool": "small"},
    {"use": "random", "share": {"small": 0.5, "large": 0.5}},
    {"use": "threshold", "weak": "small", "strong": "large", "threshold": 40},
    {"use": "threshold", "weak": "small", "strong": "large", "threshold": 0.5, "task_scores": {"sums": 0.9}},
    {"use": "cascade", "order": ["small", "large"], "accept": 0.5},
    {"use": "cascade", "order": ["small", "large"], "accept": 0.5, "verifier": "judge"},
    {"use": "least-loaded"},
    {"use": "system_policies:Hedge", "first": "small", "second": "large", "after_s": 0.25},
    {"use": "system_policies:Vote", "among": ["small", "large"]},
)


@pytest.fixture(scope="module")
def shuffled(folder: Path) -> str:
    """The table with the scores of each model shuffled over its items."""
    return shuffled_scores(folder, "shuffled")


def runs(policy: Scenario, table: str, simulate: Simulate) -> tuple[Result, Result]:
    """A run with the true scores, and one with those of `table`."""
    true, other = (simulate(question(policy, name)) for name in ("pair", table))
    return true, other


def question(policy: Scenario, table: str = "pair") -> Scenario:
    fleet = {"small": own(), "large": own("large", replicas=2)}
    workload = {"chat": chat(items=items("table", table=table))}
    return scenario(policy, fleet, verifiers={"judge": {"time_s": 0.05}}, workload=workload)


@pytest.mark.parametrize("policy", BLIND, ids=lambda policy: policy["use"].partition(":")[2] or policy["use"])
def test_other_scores_change_no_decision_and_no_time(policy: Scenario, shuffled: str, simulate: Simulate):
    true, other = runs(policy, shuffled, simulate)
    for name in ("queries", "calls", "ledger", "timeline"):
        one, two = (getattr(result.tables, name).drop(columns="score", errors="ignore") for result in (true, other))
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert not true.tables.queries["score"].equals(other.tables.queries["score"])


def test_the_oracle_decides_by_the_scores(shuffled: str, simulate: Simulate):
    true, other = runs({"use": "oracle"}, shuffled, simulate)
    assert not true.tables.queries["pool"].equals(other.tables.queries["pool"])


def test_the_oracle_takes_the_right_answer_that_costs_least(simulate: Simulate, shuffled: str, folder: Path):
    queries = runs({"use": "oracle", "currency": "energy"}, shuffled, simulate)[0].tables.queries
    pools = ("small", "large")
    alone_j = {
        pool: replay(built(question({"use": "always", "pool": pool}), folder)).queries["energy_j"] for pool in pools
    }
    rows = outcomes(seed=1)
    for query in queries.itertuples():
        right = [model for model in pools if rows[query.item][f"score-{model}"]]
        assert query.pool == min(right or pools, key=lambda pool: alone_j[pool][query.query])
        assert query.score == bool(right)
    assert queries["pool"].nunique() == 2
