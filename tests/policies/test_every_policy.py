"""What holds for every policy of the library, whatever it does."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from policy_world import EXAMPLES, POOLS, made, rows, scenario, simulated, write_table

from simulator import check_policy
from simulator.policies.check import setting
from simulator.policies.core import Learner
from simulator.policies.rounds import Together
from simulator.policies.setting import held, needs_of, prepared
from simulator.spec.parts import POLICIES

ALL = [(name, example) for name, several in EXAMPLES.items() for example in several]
IDS = [f"{name}-{i}" for name, several in EXAMPLES.items() for i, _ in enumerate(several)]

FIRST = [(name, several[0]) for name, several in EXAMPLES.items()]
UNDER_LOAD = [(name, example, 5_000 if (name, example) in FIRST else 200) for name, example in ALL]


def decides_blind(example: dict[str, Any]) -> bool:
    """Whether neither the truth nor what comes back of it is told to the policy while it runs, at hosted pools."""
    policy = made(example)
    if any(held(policy, Together)):  # type: ignore[type-abstract]
        return False
    return not needs_of(policy).truth and not isinstance(prepared(policy, setting(POOLS)), Learner)


BLIND = [(name, example) for name, example in ALL if decides_blind(example)]


def test_every_policy_of_the_table_has_an_example() -> None:
    assert EXAMPLES.keys() == POLICIES.keys()
    assert all(example["use"] == name for name, example in ALL)


@pytest.mark.parametrize(("name", "example"), ALL, ids=IDS)
def test_it_keeps_its_promises(name: str, example: dict[str, Any]) -> None:
    check_policy(made(example), POOLS, verifiers=("judge",))


@pytest.mark.parametrize(("name", "example", "count"), UNDER_LOAD, ids=IDS)
def test_it_leaves_no_query_behind(name: str, example: dict[str, Any], count: int, folder: Path) -> None:
    result = simulated(scenario(example, queries=count, own_fleet=True, name=f"load-{name}"), folder)
    queries, calls, ledger = result.tables.queries, result.tables.calls, result.tables.ledger
    assert sorted(queries["query"]) == list(range(count))
    assert not (queries["fate"] == "unfinished").any()
    assert calls.groupby("query").size().reindex(range(count), fill_value=0).tolist() == queries["calls"].tolist()
    assert queries["energy_j"].sum() == pytest.approx(ledger["energy_j"].sum(), rel=1e-9)
    assert calls["accepted"].sum() == (queries["fate"] == "finished").sum()


@pytest.mark.parametrize(("name", "example"), BLIND, ids=[example["use"] for _, example in BLIND])
def test_other_scores_in_the_test_split_change_no_decision(name: str, example: dict[str, Any], folder: Path) -> None:
    told, chance = rows(), random.Random(5)
    tested = [row for row in told if row["split"] == "test"]
    for model in POOLS:
        scores = [row[f"score-{model}"] for row in tested]
        chance.shuffle(scores)
        for row, score in zip(tested, scores, strict=True):
            row[f"score-{model}"] = score
    write_table(folder / "profiles", "shuffled", told)
    true = simulated(scenario(example, name=f"true-{name}"), folder)
    asks = {"arrivals": {"use": "poisson", "rate_per_s": 4.0}, "items": {"table": "shuffled"}}
    other = simulated(scenario(example, name=f"other-{name}", workload={"exam": asks}), folder)
    for table in ("queries", "calls"):
        one, two = (getattr(result.tables, table).drop(columns="score") for result in (true, other))
        pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "example"), FIRST, ids=list(EXAMPLES))
def test_it_ends_every_one_of_very_many_queries(name: str, example: dict[str, Any], folder: Path) -> None:
    result = simulated(scenario(example, queries=100_000, own_fleet=True, name=f"many-{name}"), folder)
    assert len(result.tables.queries) == 100_000
    assert not (result.tables.queries["fate"] == "unfinished").any()
