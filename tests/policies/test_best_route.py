"""Several answers of a small model, or one of a large one."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_world import POOLS, SKILL, SOURCES, rows, scenario, simulated, write_yaml
from scipy.stats import betabinom
from told_world import View, matrix, query, setting

from simulator.policies.core import Answer, Ask, Drop, Failed, Finish, Wait
from simulator.policies.routing_samples import BestRoute, best_of
from simulator.policies.setting import needs_of


@given(st.floats(0.01, 0.99), st.integers(1, 8), st.floats(0.01, 0.99))
def test_the_best_of_alike_answers_is_beta_binomial(quality: float, samples: int, alike: float) -> None:
    size = (1 - alike) / alike
    none_right = betabinom.pmf(0, samples, quality * size, (1 - quality) * size)
    assert best_of(np.array([quality]), samples, alike)[0] == pytest.approx(1 - none_right, abs=1e-9)


@given(st.floats(0.0, 1.0), st.integers(1, 8))
def test_independent_answers_fail_together_by_the_power_and_equal_ones_as_one(quality: float, samples: int) -> None:
    one = np.array([quality])
    assert best_of(one, samples, 0.0)[0] == pytest.approx(1 - (1 - quality) ** samples)
    assert best_of(one, samples, 1.0)[0] == pytest.approx(quality)


def test_it_takes_the_cheapest_number_of_answers_that_is_good_enough() -> None:
    # small at 1 each, large at 10; match 0.9 of the large one's .9 is .81
    quality = matrix([0.85, 0.9], [0.6, 0.9], [0.5, 0.9], [0.2, 0.9])
    known = setting(quality, np.tile(matrix([1.0, 10.0]), (4, 1)))
    policy = BestRoute(match=0.9, samples={"small": 4}).prepare(known)
    calls = [policy.decide(query(number), View()).calls[0] for number in range(4)]  # type: ignore[union-attr]
    assert [(call.pool, call.samples) for call in calls] == [
        ("small", 1),
        ("small", 2),  # .84
        ("small", 3),  # .875
        ("large", 1),  # four of the small one: .59
    ]
    assert [call.final for call in calls] == [True, False, False, True]
    alone = BestRoute(match=0.9).prepare(known)
    assert [alone.decide(query(number), View()).calls[0].pool for number in range(4)] == [  # type: ignore[union-attr]
        "small",
        "large",
        "large",
        "large",
    ]


def test_it_asks_the_large_model_where_more_answers_cost_more() -> None:
    known = setting(matrix([0.5, 0.9]), matrix([4.0, 10.0]))
    ask = BestRoute(match=0.9, samples={"small": 4}).prepare(known).decide(query(), View())
    assert isinstance(ask, Ask)
    assert ask.calls[0].pool == "large"  # three small ones at 12


def test_it_waits_for_all_answers_and_gives_the_surest() -> None:
    known = setting(matrix([0.5, 0.7]), matrix([1.0, 10.0]))
    policy, asked = BestRoute(samples={"small": 2}).prepare(known), query()
    ask = policy.decide(asked, View())
    assert isinstance(ask, Ask)
    assert ask.calls[0].samples == 2
    asked.asked = ("small",)
    first, second = (Answer("small", "answer", score, 10, 1.0) for score in (0.2, 0.9))
    unsure = Answer("small", "answer", float("nan"), 10, 1.0)
    asked.outcomes = (first,)
    assert policy.decide(asked, View()) == Wait()
    asked.outcomes = (first, second)
    assert policy.decide(asked, View()) == Finish(second)
    asked.outcomes = (unsure, first)
    assert policy.decide(asked, View()) == Finish(first)
    failed = Failed("small", "answer", "full", 2.0)
    asked.outcomes = (first, failed)
    assert policy.decide(asked, View()) == Finish(first)
    asked.outcomes = (failed,)
    assert policy.decide(asked, View()) == Drop("full")


def test_it_needs_samples_and_scores_of_those_that_give_several() -> None:
    needs = needs_of(BestRoute(samples={"small": 3, "large": 1}))
    assert needs.samples_of == {"small": 3}
    assert needs.scores_of == ("small",)
    assert needs.train


def write_sampled(folder: Path) -> None:
    """The exam with four answers of the small model to each item, of which those that are right are mostly surer."""
    chance, told = random.Random(1), []
    for row in rows():
        for model in POOLS:
            for sample in range(4 if model == "small" else 1):
                right = chance.random() < SKILL[model][row["task"]]
                sure = round(min(max(chance.gauss(0.75 if right else 0.35, 0.1), 0.0), 1.0), 3)
                same = {key: row[key] for key in ("item", "task", "split", "prompt")}
                told.append(same | {"model": model, "sample": sample, "score": int(right), "sure": sure, "out": 12})
    columns = {key: key for key in ("item", "task", "split", "prompt", "model", "sample", "score")}
    columns |= {"confidence": "sure", "output_tok": "out"}
    profile = {"name": "sampled", "kind": "items", "file": "sampled.csv", "format": "long", "models": list(POOLS)}
    write_yaml(folder / "quality" / "sampled.yaml", profile | {"columns": columns, "sources": SOURCES})
    with (folder / "quality" / "sampled.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(told[0]))
        writer.writeheader()
        writer.writerows(told)


def test_several_cheap_answers_make_up_for_a_dear_one(folder: Path) -> None:
    write_sampled(folder / "profiles")
    items = {
        "exam": {
            "arrivals": {"use": "poisson", "rate_per_s": 4.0},
            "items": {"table": "sampled"},
            "lengths": {"use": "fixed", "prompt_tok": 20, "output_tok": 12},
        }
    }
    dear, routed = (
        simulated(scenario(policy, queries=500, workload=items, name="sampled"), folder).tables
        for policy in (
            {"use": "always", "pool": "large"},
            {"use": "best-route", "samples": {"small": 4}, "match": 0.95, "quality": "task-mean"},
        )
    )
    assert routed.queries["score"].mean() > dear.queries["score"].mean()
    assert routed.queries["cost_usd"].mean() < 0.5 * dear.queries["cost_usd"].mean()
    answers = routed.calls.groupby("query")["sample"].agg(["count", "max"])
    assert (answers["max"] == answers["count"] - 1).all()
    assert answers["count"].max() > 1
    surest = routed.calls.groupby("query")["confidence"].max()
    accepted = routed.calls[routed.calls["accepted"]].set_index("query")["confidence"]
    assert (accepted == surest.loc[accepted.index]).all()
    assert routed.calls.groupby("query")["confidence"].nunique().max() > 1  # each sample has its own
