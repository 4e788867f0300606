"""Predictions that are corrected by what comes back, floods that are left alone, and budgets that are kept."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hands import Pool, Told, asked_pool, fleet, heard, query, setting
from policy_world import POOLS, made

from simulator.policies.setting import Floats, Setting, prepared

IDLE = fleet(*(Pool(pool, ttft_s=0.0) for pool in POOLS))


def known(expected: list[float], cost: list[float], queries: int) -> Told:
    """Queries that are all alike."""
    return Told(np.zeros(queries, dtype=np.int64), ("a",), np.tile(expected, (queries, 1)), np.tile(cost, (queries, 1)))


def priced(asked: Told, score: list[float], cost: list[float]) -> Setting:
    """A train split whose pools are so good, and cost so much."""
    made_up = setting(POOLS, asked)
    assert made_up.train is not None
    shape = made_up.train.score.shape
    told: dict[str, Floats] = {"score": np.broadcast_to(score, shape), "usd": np.broadcast_to(cost, shape)}
    return replace(made_up, train=replace(made_up.train, **told))


def test_mixllm_by_hand() -> None:
    asked = known([0.5, 0.7, 0.9], [1.0, 2.0, 4.0], 9)
    # w = 1: .5 q - .5 c, c as a share of 4: .125, .1, -.05; at w = 9: .9 q - .1 c: .425, .58, .71
    for weight, best in ((1.0, "small"), (9.0, "large")):
        rule = {"use": "mixllm", "quality_weight": weight, "alpha": 0.0, "beta": 0.0}
        assert asked_pool(prepared(made(rule), setting(POOLS, asked)).decide(query(), IDLE)) == best


def test_a_flooded_pool_is_left_alone_until_it_is_not() -> None:
    rule = {"use": "mixllm", "quality_weight": 9.0, "alpha": 0.0, "beta": 0.1, "gamma": 0.5, "patience_s": 10.0}
    policy = prepared(made(rule), setting(POOLS, known([0.5, 0.7, 0.9], [1.0, 2.0, 4.0], 9)))
    # large is ahead of middle by .13: left alone once .1 e^(.5 (wait - 10)) - .1 e^-5 is more
    edge_s = 10.0 + 2.0 * math.log((0.13 + 0.1 * math.exp(-5.0)) / 0.1)
    for row, (wait_s, best) in enumerate([(edge_s - 0.01, "large"), (edge_s + 0.01, "middle"), (1e9, "middle")]):
        pools = [Pool("small", ttft_s=0.0), Pool("middle", ttft_s=0.0), Pool("large", ttft_s=wait_s)]
        assert asked_pool(policy.decide(query(row), fleet(*pools))) == best


def test_what_comes_back_corrects_the_prediction() -> None:
    rule = {"use": "mixllm", "quality_weight": 1e9, "alpha": 0.0, "beta": 0.0}
    policy: Any = prepared(made(rule), setting(POOLS, known([0.5, 0.7, 0.9], [1.0, 1.0, 1.0], 99)))
    assert asked_pool(policy.decide(query(0), IDLE)) == "large"
    for row in range(1, 60):
        policy.learn(heard(row, "large", 0.2))
    assert policy.known.quality(0)[2] == pytest.approx(0.2, abs=0.02)
    assert asked_pool(policy.decide(query(70), IDLE)) == "middle"


def test_pilot_asks_more_of_a_unit_of_cost_as_its_budget_goes() -> None:
    score, cost = [0.5, 0.6, 0.9], [1.0, 2.0, 9.0]
    asked = known(score, cost, 99)
    rule = {"use": "pilot", "budget_per_query": 4.0, "window": 10, "alpha": 0.0}
    policy: Any = prepared(made(rule), priced(asked, score, cost))
    most, least = 0.5, 0.1  # quality per cost of the small and of the large one
    spent, chosen = 0.0, []
    for row in range(10):
        pool = asked_pool(policy.decide(query(row), IDLE))
        bar = (most * math.e / least) ** min(spent / 40.0, 1.0) * least / math.e
        expected = [i for i in range(3) if cost[i] * bar <= score[i]]
        assert POOLS.index(pool) == (max(expected) if expected else 0)
        spent += cost[POOLS.index(pool)]
        chosen.append(pool)
    assert chosen[0] == "large"
    assert chosen[-1] != "large"
    assert spent <= 40.0 + 9.0


@pytest.mark.parametrize("per_query", [1.5, 3.0, 6.0])
def test_pilot_keeps_its_budget_but_for_the_cheapest_calls_of_one_window(per_query: float) -> None:
    score, cost = [0.5, 0.6, 0.9], [1.0, 2.0, 9.0]
    rule = {"use": "pilot", "budget_per_query": per_query, "window": 20}
    policy: Any = prepared(made(rule), priced(known(score, cost, 400), score, cost))
    spent = sum(cost[POOLS.index(asked_pool(policy.decide(query(row), IDLE)))] for row in range(400))
    assert spent <= 400 * per_query + 9.0 + 20 * 1.0


def test_what_was_really_spent_counts() -> None:
    score, cost = [0.5, 0.6, 0.9], [1.0, 2.0, 9.0]
    policy: Any = prepared(made({"use": "pilot", "budget_per_query": 9.0}), priced(known(score, cost, 9), score, cost))
    policy.decide(query(0), IDLE)
    before = policy.spent
    policy.learn(heard(0, "large", 1.0, usd=11.0))
    assert policy.spent == pytest.approx(before + 2.0)
