"""Learners and system-aware policies in whole runs: they get better, at what comes back, and relieve what is busy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from policy_world import OWN_FLEET, POOLS, SKILL, TASKS, rows, scenario, simulated

from simulator.records.result import Result

BEST = sum(max(SKILL[model][task] for model in POOLS) for task in TASKS) / 3
RANDOM = sum(SKILL[model][task] for model in POOLS for task in TASKS) / 9


def late_accuracy(result: Result, first: int) -> float:
    """Share of right answers among queries from `first` on."""
    queries = result.tables.queries
    return float(queries.loc[queries["query"] >= first, "score"].mean())


def learned(policy: dict[str, Any], folder: Path, feedback: dict[str, float]) -> float:
    question = scenario(policy, queries=1200, name="learns", feedback=feedback)
    return late_accuracy(simulated(question, folder), 600)


@pytest.mark.parametrize(
    "policy",
    [
        {"use": "greenserv", "lam": 0.0, "alpha": 0.3, "context": "task"},
        {"use": "greenserv", "lam": 0.0, "strategy": "thompson", "context": "task"},
        {"use": "metallm", "price": 0.0, "context": "task"},
        {"use": "mixllm", "quality_weight": 1e6, "quality": "mean", "context": "task"},
    ],
    ids=lambda policy: str(policy.get("strategy", policy["use"])),
)
def test_a_run_learns_which_model_is_best_at_a_task(policy: dict[str, Any], folder: Path) -> None:
    error = (RANDOM * (1 - RANDOM) / 600) ** 0.5
    assert learned(policy, folder, {}) > (BEST + RANDOM) / 2
    assert learned(policy, folder, {"frac": 0.5, "delay_s": 20.0, "noise": 0.1}) > RANDOM + 2 * error


def test_nothing_is_learned_from_scores_that_are_coins(folder: Path) -> None:
    policy = {"use": "greenserv", "lam": 0.0, "strategy": "thompson", "context": "task"}
    blind = learned(policy, folder, {"noise": 0.5})
    assert blind < learned(policy, folder, {}) - 0.05


def test_a_price_on_joules_saves_joules(folder: Path) -> None:
    spent = []
    for lam in (0.0, 0.5, 0.9):
        policy = {"use": "greenserv", "lam": lam, "energy": "per-query", "context": "task"}
        spent.append(simulated(scenario(policy, queries=800, name="joules"), folder).tables.calls["energy_j"].sum())
    assert spent[0] > spent[1] > spent[2]


def waits(policy: dict[str, Any], folder: Path) -> Result:
    fleet = {**OWN_FLEET, "large": {**OWN_FLEET["large"], "replicas": 1, "max_seqs": 2}}
    question = scenario(policy, queries=400, own_fleet=True, name="busy", fleet=fleet)
    question["workload"]["exam"]["arrivals"]["rate_per_s"] = 14.0
    return simulated(question, folder)


CASCADE = {"use": "cascade", "order": ["small", "large"], "accept": 0.7}


def test_a_threshold_that_moves_with_the_queue_shortens_it(folder: Path) -> None:
    move = {"signal": "outstanding-calls", "of": "large", "weight": -0.1, "neutral": 2.0, "most": 0.7}
    moving = waits({"use": "moving-threshold", "base": CASCADE, "moves": [move]}, folder)
    fixed = waits(CASCADE, folder)
    asked = [(run.tables.calls["pool"] == "large").mean() for run in (moving, fixed)]
    late_s = [run.tables.queries["e2e_s"].quantile(0.95) for run in (moving, fixed)]
    assert asked[0] < asked[1]
    assert late_s[0] < late_s[1]


def test_a_threshold_that_nothing_moves_is_the_base_policy(folder: Path) -> None:
    still = waits({"use": "moving-threshold", "base": CASCADE, "moves": []}, folder)
    for table in ("queries", "calls"):
        one, two = (getattr(run.tables, table) for run in (still, waits(CASCADE, folder)))
        assert one.equals(two)


def test_instances_are_asked_by_load(folder: Path) -> None:
    for use in ("routebalance", "gateway"):
        policy = {"use": use, "among": ["large"]} if use == "gateway" else {"use": use, "cost_weight": 0.0}
        result = simulated(scenario(policy, queries=200, own_fleet=True, name="engines"), folder)
        replicas = result.tables.calls.loc[result.tables.calls["pool"] == "large", "replica"].value_counts()
        assert len(replicas) == 2


def test_items_of_the_world_are_enough_for_what_is_claimed_of_it() -> None:
    right = [max(row[f"score-{model}"] for model in POOLS) for row in rows()]
    assert sum(right) / len(right) > BEST > RANDOM


def test_latency_is_learned_where_no_table_says_what_is_right(folder: Path) -> None:
    question = scenario({"use": "latency-based"}, queries=300, name="untold")
    asks = {
        "arrivals": {"use": "poisson", "rate_per_s": 4.0},
        "lengths": {"use": "fixed", "prompt_tok": 10, "output_tok": 20},
    }
    calls = simulated({**question, "workload": {"asks": asks}}, folder).tables.calls
    assert (calls["pool"] == "small").mean() > 0.9  # the quickest of the three by far
