"""Policies that sample, on a table with several answers of each model, beside a count of the table's own rows."""

from __future__ import annotations

import csv
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from policy_world import SOURCES, scenario, simulated, write_yaml

ITEMS, K = 60, 5
RIGHT = {"small": 0.45, "middle": 0.6, "large": 0.9}
LARGE = {"use": "always", "pool": "large"}


def rows() -> list[dict[str, Any]]:
    """Every model answers every item K times, often with the same word; the right one is "yes"."""
    chance = random.Random(4)
    told = []
    for item in range(ITEMS):
        for model, skill in RIGHT.items():
            ease = skill + chance.uniform(-0.4, 0.4)
            for sample in range(K):
                said = "yes" if chance.random() < ease else chance.choice(["no", "perhaps", "never"])
                row = {"item": f"q{item}", "model": model, "sample": sample, "said": said, "score": int(said == "yes")}
                told.append(row | {"sure": round(chance.random(), 4), "out": 5 + sample, "in": 20})
    return told


ROWS = rows()


@pytest.fixture(scope="module")
def sampled(folder: Path) -> Path:
    columns = {name: name for name in ("item", "model", "sample", "score")}
    columns |= {"group": "said", "confidence": "sure", "output_tok": "out", "prompt_tok": "in"}
    profile = {"name": "runs", "kind": "items", "format": "long", "file": "runs.csv", "columns": columns}
    write_yaml(folder / "profiles" / "quality" / "runs.yaml", {**profile, "sources": SOURCES})
    with (folder / "profiles" / "quality" / "runs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return folder


def answers(item: int, *models: str, first: int = K) -> list[dict[str, Any]]:
    """The first samples of models, in the order of asking. The table numbers its items as they come."""
    return [
        row for m in models for row in ROWS if row["item"] == f"q{item}" and row["model"] == m and row["sample"] < first
    ]


def run(policy: Any, sampled: Path, own_fleet: bool = False, **more: Any) -> Any:
    asks = {"arrivals": {"use": "poisson", "rate_per_s": 2.0}, "items": {"table": "runs", "split": "all"}}
    if own_fleet:
        asks["items"] |= {"models": {"llama-3.2-1b": "small", "llama-3.2-3b": "middle", "llama-3.1-8b": "large"}}
    question = scenario(policy, queries=ITEMS, own_fleet=own_fleet, name="sampled", **more)
    tables = simulated({**question, "workload": {"exam": asks}}, sampled).tables
    assert sorted(tables.queries["item"]) == list(range(ITEMS))
    return tables


@pytest.mark.parametrize("own_fleet", [False, True])
@pytest.mark.parametrize(("k", "accept"), [(5, 0.6), (4, 0.75), (2, 1.0)])
def test_answers_that_agree_are_taken_and_others_escalated(
    k: int, accept: float, own_fleet: bool, sampled: Path
) -> None:
    policy = {"use": "consistency", "small": ["small", "middle"], "large": "large", "k": k, "accept": accept}
    tables = run(policy, sampled, own_fleet)
    escalated = 0
    for query in tables.queries.itertuples():
        said = Counter(row["said"] for row in answers(query.item, "small", "middle", first=k))
        most = max(said.values())
        alike = [word for word, count in said.items() if count == most]
        if most / (2 * k) < accept:
            assert query.pool == "large"
            escalated += 1
        else:
            assert query.pool != "large"
            if len(alike) == 1:
                assert query.score == (alike[0] == "yes")
        assert query.calls == 2 * k + (query.pool == "large")
    assert 0 < escalated < ITEMS


def test_the_surest_of_several_and_the_one_that_most_agree_with(sampled: Path) -> None:
    tables = run({"use": "best-of-n", "pool": "small", "n": K, "by": "votes"}, sampled)
    for query in tables.queries.itertuples():
        said = Counter(row["said"] for row in answers(query.item, "small"))
        (word, most), *rest = said.most_common()
        if not rest or rest[0][1] < most:
            assert query.score == (word == "yes")


def test_a_second_try_is_another_answer(sampled: Path) -> None:
    policy = {"use": "ecoassistant", "order": ["small", "large"], "verifier": "tests", "tries": 2, "remember": False}
    perfect = {"tests": {"pool": "small", "right": 1.0, "wrong": 0.0}}
    tables = run(policy, sampled, verifiers=perfect)
    tries = Counter()
    for query in tables.queries.itertuples():
        first, second = (row["score"] for row in answers(query.item, "small", first=2))
        assert query.pool == ("small" if first or second else "large")
        tries[query.pool, query.calls] += 1
    assert {calls for (pool, calls) in tries if pool == "small"} == {2, 4}


def test_votes_of_a_judge_escalate_what_is_wrong_more_often(sampled: Path) -> None:
    policy = {"use": "automix", "small": "small", "large": "large", "verifier": "judge", "k": 4}
    queries = run(policy, sampled, verifiers={"judge": {"pool": "middle", "right": 0.9, "wrong": 0.2}}).queries
    right = {int(row["item"][1:]): row["score"] for row in ROWS if row["model"] == "small" and row["sample"] == 0}
    escalated = (queries["pool"] == "large").groupby(queries["item"].map(right)).mean()
    assert escalated[0] > 0.7  # P(at most 1 of 4 votes, at 0.2) = 0.82
    assert escalated[1] < 0.2  # P(at most 1 of 4 votes, at 0.9) = 0.004
    assert (queries["calls"] == 5 + (queries["pool"] == "large")).all()


def test_more_samples_than_were_recorded_are_refused_before_the_run(sampled: Path) -> None:
    with pytest.raises(Exception, match=r"takes 6 samples of 'small', and there are 5 recorded"):
        run({"use": "fallback", "first": {"use": "best-of-n", "pool": "small", "n": 6}, "then": [LARGE]}, sampled)
