"""Routers before the answer, one by one: what they choose, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from policy_world import ITEMS, POOLS, TASKS, made, rows, scenario, simulated
from told_world import View, asked, matrix, query, setting

from simulator.policies.core import Ask, Drop, Failed, Policy, Wait
from simulator.policies.oracle import Oracle
from simulator.policies.routing_budget import Seats
from simulator.policies.routing_learned import FewScores
from simulator.policies.setting import prepared
from simulator.policies.windows import windowed

COST = matrix([1.0, 4.0, 10.0])
QUALITY = matrix([0.4, 0.6, 0.9], [0.8, 0.8, 0.8], [0.1, 0.9, 0.5])
KNOWN = setting(QUALITY, np.tile(COST, (3, 1)))


@pytest.mark.parametrize(
    ("policy", "pools"),
    [
        ({"use": "zooter"}, "large small middle"),
        ({"use": "knn-router"}, "large small middle"),
        ({"use": "mlp-router"}, "large small middle"),
        ({"use": "svm-router", "price": 0.6}, "middle small middle"),  # .34 .36 .30; .74 .56 .20; .04 .66 -.10
        ({"use": "uniroute", "price": 1.0}, "small small middle"),  # .3 .2 -.1; .7 .4 -.2; 0 .5 -.5
        ({"use": "uniroute", "price": 0.0, "labels": {"large": 3}}, "large small middle"),
        ({"use": "tryage"}, "large small middle"),
        ({"use": "tryage", "latency": 0.3, "price": 0.3}, "middle small middle"),
        ({"use": "tryage", "size": 1.2}, "small small middle"),  # a third, two thirds, all of 1.2: 0 -.2 -.3; ...; .1
        ({"use": "eagle"}, "large small middle"),
        ({"use": "eagle", "budget": 4.0}, "middle small middle"),
        ({"use": "eagle", "budget": 0.5}, "small small small"),
        ({"use": "forc"}, "large small middle"),
        ({"use": "forc", "threshold": 0.6}, "middle small middle"),
        ({"use": "forc", "threshold": 0.95}, "large small middle"),
        ({"use": "forc", "budget": 2.0}, "small small middle"),  # 6 in all: .8 for 3 more at the third buys most
        ({"use": "forc", "budget": 5.0}, "large small middle"),  # 15 in all
        ({"use": "forc", "budget": 4.9, "batch": 3}, "middle small middle"),
        ({"use": "forc", "budget": 4.0, "batch": 1}, "middle small middle"),
        ({"use": "routoo", "budget": 2.0}, "small small middle"),
        ({"use": "routoo", "budget": 5.0}, "large small middle"),
        ({"use": "routoo", "budget": 0.0}, "small small small"),
        ({"use": "carrot", "mu": 0.0}, "large small middle"),
        ({"use": "carrot", "mu": 1.0}, "small small small"),
        ({"use": "best-single"}, "middle middle middle"),  # .43, .77, .73 on the mean
        ({"use": "always-small"}, "small small small"),
        ({"use": "always-large"}, "large large large"),
        ({"use": "always-large", "by": "usd"}, "large large large"),
        ({"use": "always-small", "by": "energy"}, "small small small"),
        ({"use": "zero-router", "budget": 0.5}, "small small small"),
        ({"use": "zero-router", "budget": 4.0}, "middle middle middle"),  # the large one is no better on the mean
        ({"use": "zero-router", "budget": 40.0}, "middle middle middle"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_it_chooses_as_by_hand(policy: dict[str, Any], pools: str) -> None:
    assert asked(made(policy), KNOWN) == pools.split()


def test_a_zero_router_spends_its_budget_between_two_models() -> None:
    size = 4000
    known = setting(np.tile(matrix([0.4, 0.5, 0.9]), (size, 1)), np.tile(COST, (size, 1)))
    chosen = asked(made({"use": "zero-router", "budget": 3.25}), known)  # a quarter of the way from 1 to 10
    assert set(chosen) == {"small", "large"}  # the middle one lies below the line between them: .5 < .4 + .5 / 3
    assert chosen.count("large") / size == pytest.approx(0.25, abs=0.01)


def test_sizes_are_parameters_only_where_all_are_known() -> None:
    cheap_giant = {"small": 7e9, "middle": 70e9, "large": 8e9}
    known = setting(QUALITY, np.tile(COST, (3, 1)), params=cheap_giant)
    assert asked(made({"use": "always-large"}), known) == ["middle"] * 3
    closed = setting(QUALITY, np.tile(COST, (3, 1)), params=cheap_giant | {"large": float("nan")})
    assert asked(made({"use": "always-large"}), closed) == ["large"] * 3  # by price
    for policy in ({"use": "always-large", "by": "params"}, {"use": "tryage", "size": 0.1}):
        with pytest.raises(ValueError, match="nobody has said how large the model of 'large' is"):
            prepared(made(policy), closed)


def test_a_query_that_no_table_tells_of_goes_to_the_cheapest_pool() -> None:
    unknown = setting(np.full((2, 3), np.nan), np.tile(COST, (2, 1)), score=QUALITY)
    for policy in ("knn-router", "forc", "zooter", "carrot"):
        assert asked(made({"use": policy}), unknown) == ["small", "small"]


def test_an_oracle_knows_which_right_answer_is_the_fastest() -> None:
    known = setting(QUALITY, np.tile(COST[:, ::-1], (3, 1)))  # the large model is the fastest
    told = {"small": (1, 0, 0), "middle": (1, 1, 0), "large": (1, 0, 0)}
    paid = np.tile(COST[:, ::-1], (3, 1))
    known = replace(known, truth=lambda number, pool: float(told[pool][number]), paid=lambda currency: paid)
    assert asked(Oracle("time"), known) == ["large", "middle", "large"]
    paid[2] = [0.5, 0.4, 0.6]  # this very query is answered soonest by the middle one
    assert asked(Oracle("time"), known) == ["large", "middle", "middle"]
    assert asked(Oracle("time", price=10.0), known) == ["large", "large", "middle"]  # whatever is right


def test_few_scores_of_a_new_model_are_as_many_as_said() -> None:
    few = FewScores(((2, 5),)).of(np.ones((40, 3, 1)))
    assert np.isnan(few).sum(axis=0).tolist() == [0, 0, 35]
    assert not np.isnan(FewScores(((2, 50),)).of(np.ones((40, 3, 1)))).any()


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"use": "forc", "threshold": 0.5, "budget": 1.0}, "give one of 'threshold' and 'budget'"),
        ({"use": "forc", "window_s": 1.0}, "'window_s' needs a 'budget'"),
        ({"use": "optllm"}, "give one of 'budget' and 'accuracy'"),
    ],
)
def test_rules_that_exclude_each_other_are_refused(policy: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        made(policy)


# Windows


def pick_all(pool: int) -> Any:
    return lambda queries, view: [pool] * len(queries)


def test_queries_of_a_window_are_asked_together_when_it_ends() -> None:
    policy, first, second, late = windowed(KNOWN, 2.0, pick_all(1)), query(0), query(1), query(2)
    assert policy.decide(first, View(10.0)) == Wait(2.0)
    assert policy.decide(second, View(11.5)) == Wait(0.5)
    assert policy.decide(first, View(11.5)) == Wait(0.5)
    for waiting in (first, second):
        decision = policy.decide(waiting, View(12.0))
        assert isinstance(decision, Ask)
        assert [call.pool for call in decision.calls] == ["middle"]
    assert policy.decide(late, View(12.0)) == Wait(2.0)  # opens the next one
    first.asked, first.outcomes = ("middle",), (Failed("middle", "answer", "full", 13.0),)
    assert policy.decide(first, View(13.0)) == Drop("full")


def test_who_gets_no_pool_waits_for_the_next_window() -> None:
    chosen: list[Any] = [[0, -1], [2]]
    policy, first, second = windowed(KNOWN, 2.0, lambda queries, view: chosen.pop(0)), query(0), query(1)
    assert policy.decide(first, View(0.0)) == policy.decide(second, View(0.0)) == Wait(2.0)
    assert isinstance(policy.decide(first, View(2.0)), Ask)
    assert policy.decide(second, View(2.0)) == Wait(2.0)
    decision = policy.decide(second, View(4.0))
    assert isinstance(decision, Ask)
    assert decision.calls[0].pool == "large"


def windows(policy: Policy, at_s: float, outstanding: dict[str, int] | None = None) -> list[str]:
    """Which pools the three queries are asked of when their window ends."""
    before = View(0.0, outstanding or {})
    assert all(isinstance(policy.decide(query(number), before), Wait) for number in range(3))
    decisions = [policy.decide(query(number), View(at_s, outstanding or {})) for number in range(3)]
    return [decision.calls[0].pool if isinstance(decision, Ask) else "-" for decision in decisions]


@pytest.mark.parametrize(
    ("policy", "pools"),
    [
        ({"use": "optllm", "budget": 2.0}, "small small middle"),
        ({"use": "optllm", "budget": 5.0}, "large small middle"),
        ({"use": "optllm", "accuracy": 0.7}, "small small middle"),  # .4 + .8 + .9 = 2.1: just enough
        ({"use": "optllm", "accuracy": 0.71}, "middle small middle"),  # .6 for .2 / 3 before .9 for .5 / 9
        ({"use": "optllm", "accuracy": 1.0}, "large small middle"),
        ({"use": "forc", "budget": 2.0, "window_s": 1.0}, "small small middle"),
        ({"use": "omnirouter", "accuracy": 0.7, "window_s": 1.0}, "small small middle"),
        ({"use": "omnirouter", "accuracy": 0.71, "window_s": 1.0}, "middle small middle"),
    ],
)
def test_a_window_is_assigned_as_by_hand(policy: dict[str, Any], pools: str) -> None:
    ready = prepared(made(policy), KNOWN)
    assert windows(ready, 1.0) == pools.split()


def test_seats_are_given_at_the_highest_gain_and_the_last_to_come_waits() -> None:
    gain = matrix([0.1, 0.6], [0.0, 0.9], [0.2, 0.8])
    seats = Seats(("small", "large"), {"large": 3, "small": 1}, gain, gain.argmax(axis=1))
    assert seats([0, 1, 2], View(0.0, {"small": 0, "large": 0})) == [1, 1, 1]
    assert seats([0, 1, 2], View(0.0, {"small": 0, "large": 1})) == [0, 1, 1]  # who loses least
    assert seats([0, 1, 2], View(0.0, {"small": 1, "large": 1})) == [1, 1, -1]
    assert seats([0, 1, 2], View(0.0, {"small": 1, "large": 5})) == [-1, -1, -1]
    assert Seats(("small", "large"), {"large": 1}, gain, gain.argmax(axis=1))(
        [0, 1, 2], View(0.0, {"small": 9, "large": 0})
    ) == [0, 1, 0]


# In a run


def test_omnirouter_never_has_more_calls_at_a_pool_than_it_may(folder: Path) -> None:
    limits = {"small": 3, "middle": 2, "large": 2}
    policy = {"use": "omnirouter", "accuracy": 0.8, "at_most": limits, "window_s": 0.2}
    calls = simulated(scenario(policy, queries=150, own_fleet=True, name="limited"), folder).tables.calls
    for pool, limit in limits.items():
        of_pool = calls[calls["pool"] == pool]
        starts, ends = of_pool["asked_s"].to_numpy(), of_pool["delivered_s"].to_numpy()
        at_once = [(starts <= start).sum() - (ends <= start).sum() for start in starts]
        assert max(at_once, default=0) <= limit
    assert calls["query"].nunique() == 150


def test_calls_of_a_window_leave_together_and_none_waits_longer_than_it(folder: Path) -> None:
    tables = simulated(scenario({"use": "optllm", "accuracy": 0.7, "window_s": 0.5}, name="windows"), folder).tables
    held = tables.calls.set_index("query")["asked_s"] - tables.queries.set_index("query")["arrived_s"]
    assert held.max() == pytest.approx(0.5)
    assert held.min() >= 0.0
    starts = np.sort(tables.calls["asked_s"].unique())
    assert len(starts) < len(tables.calls)
    assert np.diff(starts).min() >= 0.5 - 1e-9


def test_baselines_of_a_run_are_those_of_the_train_split_and_the_profiles(folder: Path) -> None:
    train = [row for row in rows() if row["split"] == "train"]
    best = max(POOLS, key=lambda pool: sum(row[f"score-{pool}"] for row in train))
    expected = {"best-single": best, "always-small": "small", "always-large": "large"}
    for use, pool in expected.items():
        calls = simulated(scenario({"use": use}, own_fleet=True, name=use), folder).tables.calls
        assert set(calls["pool"]) == {pool}


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_strong_share_of_the_train_split_is_about_that_of_a_run(share: float, folder: Path) -> None:
    policy = {"use": "routellm-mf", "weak": "small", "strong": "large", "strong_share": share}
    result = simulated(scenario(policy, queries=2000, name=f"share-{share}"), folder)
    strong = (result.tables.calls["pool"] == "large").mean()
    items = ITEMS / 2  # of the train split that set the threshold, and of the test split that is asked
    assert strong == pytest.approx(share, abs=4 * np.sqrt(2 * share * (1 - share) / items))


def test_what_is_learned_finds_the_model_that_is_best_at_a_task(folder: Path) -> None:
    result = simulated(scenario({"use": "knn-router", "quality": "task-mean"}, queries=300, name="found"), folder)
    asked_of = result.tables.calls.merge(result.tables.queries[["query", "task"]], on="query").groupby("task")["pool"]
    assert asked_of.agg(set)["code"] == {"middle"}
    assert asked_of.agg(set)["sums"] == {"large"}


def best_pools() -> tuple[float, float]:
    """What the best model of each task of the train split, and the best of all, score on the test split."""
    told = rows()
    train, test = ([row for row in told if row["split"] == split] for split in ("train", "test"))

    def best(of: list[dict[str, Any]]) -> str:
        return max(POOLS, key=lambda pool: sum(row[f"score-{pool}"] for row in of))

    by_task = {task: best([row for row in train if row["task"] == task]) for task in TASKS}
    single = best(train)
    scores = [(row[f"score-{by_task[row['task']]}"], row[f"score-{single}"]) for row in test]
    planted, alone = np.mean(scores, axis=0)
    return float(planted), float(alone)


@pytest.mark.parametrize(
    "policy",
    [
        {"use": "knn-router"},
        {"use": "mlp-router"},
        {"use": "svm-router"},
        {"use": "zooter"},
        {"use": "tryage"},
        {"use": "eagle"},
        {"use": "uniroute", "price": 0.0},
        {"use": "uniroute", "price": 0.0, "quality": "learned-map"},
        {"use": "carrot", "mu": 0.0},
        {"use": "forc"},
        {"use": "routoo", "budget": 1.0},
    ],
    ids=lambda policy: "-".join(map(str, policy.values())),
)
def test_what_is_planted_is_found(policy: dict[str, Any], folder: Path) -> None:
    planted, alone = best_pools()
    result = simulated(scenario(policy, queries=1500, name="planted"), folder)
    score = result.tables.queries["score"].mean()
    assert score > alone + 0.4 * (planted - alone)


@pytest.mark.parametrize("budget", [0.00003, 0.0001])
@pytest.mark.parametrize("use", ["routoo", "forc", "optllm", "zero-router"])
def test_a_budget_is_spent_and_not_much_more(use: str, budget: float, folder: Path) -> None:
    queries = simulated(scenario({"use": use, "budget": budget}, queries=1500, name="budget"), folder).tables.queries
    usd = queries["cost_usd"]
    slack = 4 * usd.std() * np.sqrt(2 / (ITEMS / 2))  # train and test items differ
    least = 0.6 * budget if use == "optllm" else budget - slack  # what a window of a few queries has left over is lost
    assert least < usd.mean() < budget + slack


def test_an_accuracy_is_reached_at_less_than_the_best_models_price(folder: Path) -> None:
    dear = simulated(scenario({"use": "always", "pool": "large"}, queries=1500, name="dear"), folder).tables.queries
    for use in ("omnirouter", "optllm"):
        policy = {"use": use, "accuracy": 0.75}
        cheap = simulated(scenario(policy, queries=1500, name=use), folder).tables.queries
        assert cheap["score"].mean() > 0.70
        assert cheap["cost_usd"].mean() < 0.6 * dear["cost_usd"].mean()


@pytest.mark.parametrize("use", ["knn-router", "zooter", "omnirouter"])
def test_a_class_without_a_table_is_asked_of_the_cheapest_pool(use: str, folder: Path) -> None:
    policy: dict[str, Any] = {"use": use} | ({"accuracy": 0.9} if use == "omnirouter" else {})
    arrivals = {"use": "poisson", "rate_per_s": 4.0}
    lengths = {"use": "fixed", "prompt_tok": 30, "output_tok": 20}
    classes = {
        "exam": {"arrivals": arrivals, "items": {"table": "exam"}},
        "chat": {"arrivals": arrivals, "lengths": lengths},
    }
    tables = simulated(scenario(policy, workload=classes, name="two"), folder).tables
    asked_of = tables.calls.merge(tables.queries[["query", "cls"]], on="query").groupby("cls")["pool"].agg(set)
    assert asked_of["chat"] == {"small"}
    assert "large" in asked_of["exam"]
