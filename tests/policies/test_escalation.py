"""Escalation by hand, and what is fitted beside plain searches."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leading import FAILS, POOLS, asked, lead, query, said, train
from policy_world import made

from simulator.policies.escalation_frugal import FrugalGPT
from simulator.policies.escalation_rational import tuned
from simulator.policies.escalation_routing import CascadeRouting, expected_best, log_below

INF = float("inf")


def test_votes_over_samples_of_two_prompts_decide_who_answers() -> None:
    policy = {"use": "consistency", "small": ["small", "middle"], "large": "large", "k": 2, "accept": 0.75}
    agree = {"small": [said(group=1), said(group=2)], "middle": [said(group=1), said(0.5, 1)], "large": [1]}
    assert lead(made(policy), agree) == ["smallx2", "middlex2", ("middle", 0.5)]
    assert lead(made({**policy, "accept": 0.76}), agree) == ["smallx2", "middlex2", "large!"]
    assert lead(made({**policy, "agree": "pools", "accept": 1.0}), agree) == ["smallx2", "middlex2", ("middle", 0.5)]


@pytest.mark.parametrize(("score", "ends"), [(0.7, ("small", 0.7)), (0.69, "abstain")])
def test_a_confidence_token_below_its_threshold_rejects_where_there_is_no_large_model(score: float, ends: Any) -> None:
    assert lead(made({"use": "confidence-token", "small": "small", "accept": 0.7}), {"small": [score]})[-1] == ends


def test_an_assistant_may_try_again_before_the_next_one_is_asked() -> None:
    policy = made(
        {"use": "ecoassistant", "order": ["small", "middle"], "verifier": "judge", "tries": 2, "remember": False}
    )
    told = {"small": [0.1, 0.2], "judge": [0, 0, 0], "middle": [0.3, 0.4]}
    assert lead(policy, told) == ["small", "judge?", "small", "judge?", "middle", "judge?", "middle!"]
    told = {"small": [0.1, 0.2], "judge": [0, 1]}
    assert lead(policy, told) == ["small", "judge?", "small", "judge?", ("small", 0.2)]


def test_a_question_that_was_solved_goes_straight_to_the_assistant_that_solved_it() -> None:
    setting = train([[1, 1, 1]], [[1, 1, 1]])
    policy = made({"use": "ecoassistant", "order": ["small", "middle", "large"], "verifier": "judge"})
    ready = policy.prepare(asked(setting, texts=("How many?", "how  many?", "why?")))  # type: ignore[union-attr]
    told = {"small": [0.1], "judge": [0, 1], "middle": [0.3]}
    assert lead(ready, told, about=query(0))[-1] == ("middle", 0.3)
    assert lead(ready, told, about=query(1)) == ["middle!"]
    assert lead(ready, told, about=query(2))[0] == "small"
    told = {"middle": [FAILS], "small": [0.2], "judge": [1]}
    assert lead(ready, told, about=query(1)) == ["middle!", "small", "judge?", ("small", 0.2)]


# AutoMix. Of ten train items the small model has five right, the large one three of the others.
SMALL = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
LARGE = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("price", "escalated"),  # P(needy | votes) is .192/.325 = .591, .096/.25 = .384 and .012/.425 = .028
    [(0.6, []), (0.58, [0]), (0.39, [0]), (0.38, [0, 1]), (0.029, [0, 1]), (0.02, [0, 1, 2])],
)
def test_the_belief_about_a_query_says_whether_the_large_model_is_worth_its_price(price: float, escalated: Any) -> None:
    policy = {"use": "automix", "small": "small", "large": "large", "verifier": "judge", "k": 2, "rule": "pomdp"}
    ready = made({**policy, "price": price, "right": 0.9, "wrong": 0.2})
    setting = train(np.array([SMALL, SMALL, LARGE]).T, np.full((10, 3), np.nan))
    votes = {0: [0, 0], 1: [0, 1], 2: [1, 1]}
    ends = {yes: lead(ready, {"small": [0.5], "judge": votes[yes], "large": [1]}, setting)[-1] for yes in votes}
    assert [yes for yes, end in ends.items() if end == "large!"] == escalated


def test_hopeless_queries_are_not_escalated() -> None:
    policy = {"use": "automix", "small": "small", "large": "large", "verifier": "judge", "k": 1}
    double = made({**policy, "rule": "double", "accept": 0.6, "hopeless_below": 0.3})
    sure = [0.9] * 5 + [0.5] * 3 + [0.1] * 2
    setting = train(
        np.array([SMALL, SMALL, LARGE] * 20).T.reshape(10, 20, 3).reshape(200, 3), np.repeat(sure, 60).reshape(200, 3)
    )
    for ready in (double, made({**policy, "rule": "pomdp"})):
        ends = [lead(ready, {"small": [0.5], "judge": [v], "large": [1]}, setting)[-1] for v in (0.1, 0.5, 0.9)]
        assert ends == [("small", 0.5), "large!", ("small", 0.5)]


def table(seed: int, items: int) -> tuple[Any, Any, Any]:
    """Scores, confidences that tell something of them, and prices."""
    chance = np.random.default_rng(seed)
    score = (chance.random((items, 3)) < [0.4, 0.6, 0.85]).astype(float)
    confidence = np.round(np.clip(0.35 + 0.3 * score + 0.2 * chance.normal(size=(items, 3)), 0.01, 0.99), 6)
    return score, confidence, chance.uniform(0.5, 1.5, (items, 3)) * [1, 10, 100]


def cascaded(order: Any, accept: Any, score: Any, confidence: Any, usd: Any) -> tuple[float, float]:
    """Mean score and cost of a cascade, item by item."""
    right = paid = 0.0
    for item in range(len(score)):
        for pool, threshold in zip(order, [*accept, -INF], strict=True):
            paid += usd[item, pool]
            if confidence[item, pool] >= threshold:
                right += score[item, pool]
                break
    return right / len(score), paid / len(score)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("budget", [None, 3.0, 30.0, 60.0])
def test_the_list_and_thresholds_are_the_best_of_all_that_there_are(seed: int, budget: float | None) -> None:
    score, confidence, usd = table(seed, 9)
    points = [
        cascaded(order, accept, score, confidence, usd)
        for n in (1, 2, 3)
        for order in permutations(range(3), n)
        for accept in product(*(confidence[:, pool] for pool in order[:-1]))
    ]
    policy = FrugalGPT(budget=budget, scorer="score", levels=100)
    plan = policy._plan(train(score, confidence, usd).train, {i: confidence[:, i] for i in range(3)}, range(3))  # type: ignore[arg-type]
    assert cascaded(plan.order, plan.accept, score, confidence, usd) == pytest.approx((plan.score, plan.cost))
    if budget is None:
        enough = score.mean(axis=0).max()
        assert plan.cost == pytest.approx(min(cost for right, cost in points if right >= enough - 1e-9))
    else:
        assert plan.cost <= budget
        assert plan.score == pytest.approx(max(right for right, cost in points if cost <= budget))


def test_a_budget_below_all_prices_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no list of pools costs 0\.5 or less a query; the cheapest costs 1"):
        FrugalGPT(budget=0.5).prepare(train(*table(1, 9)[:2]))


@pytest.mark.parametrize("scorer", ["learned", "calibrated"])
def test_a_learned_scorer_accepts_what_is_right_more_often(scorer: Any) -> None:
    score, confidence, usd = table(5, 400)
    ready = FrugalGPT(scorer=scorer, budget=40.0).prepare(train(score, confidence, usd))
    ends = [[lead(ready, {pool: [sure] for pool in POOLS})[-1] for sure in (0.05, 0.95)]][0]
    assert isinstance(ends[1], tuple), "the surest answer is accepted"
    assert ends[0] != ends[1]


def losses(accept: Any, below: Any, score: Any, phi: Any, cost: Any, price: float, silence: float) -> float:
    """Of a cascade with early abstention, item by item."""
    total = 0.0
    for item in range(len(score)):
        for stage in range(score.shape[1]):
            total += price * cost[item, stage]
            judged = stage < len(phi)
            if judged and phi[stage][item] < below[stage]:
                total += silence
                break
            if not judged or stage == score.shape[1] - 1 or phi[stage][item] >= accept[stage]:
                total += 1 - score[item, stage]
                break
    return total / len(score)


@pytest.mark.parametrize("silence", [None, 0.25])
@pytest.mark.parametrize("seed", [1, 2])
def test_thresholds_of_all_stages_together_are_the_best_of_a_full_grid(seed: int, silence: float | None) -> None:
    score, confidence, usd = table(seed, 14)
    score, confidence, cost = score[:, :2], confidence[:, :2], usd[:, :2] / 10
    phi = [confidence[:, 0]] if silence is None else [confidence[:, 0], confidence[:, 1]]
    grids = [[*column, INF] for column in phi]
    belows = [[-INF, *column] for column in phi] if silence is not None else [[-INF]]
    best = min(
        losses(accept, below, score, phi, cost, 0.2, silence or 0.0)
        for accept in product(*grids)
        for below in product(*belows)
        if all(b <= a for a, b in zip(accept, below, strict=True))
    )
    found = tuned(phi, score, cost, 0.2, silence)
    assert found.loss == pytest.approx(best)
    assert losses(found.accept, found.abstain_below, score, phi, cost, 0.2, silence or 0.0) == pytest.approx(best)


@settings(deadline=None, max_examples=30)
@given(
    means=st.lists(st.floats(0.05, 0.95), min_size=1, max_size=3),
    sigma=st.sampled_from([0.05, 0.2, 0.4]),
    known=st.sampled_from([0.0, 0.3, 0.77, 1.0]),
)
def test_the_expected_best_of_several_qualities_is_that_of_draws(means: Any, sigma: float, known: float) -> None:
    spread = [min(sigma, 0.95 * (m * (1 - m)) ** 0.5) for m in means]
    shapes = [(m, m * (1 - m) / s**2 - 1) for m, s in zip(means, spread, strict=True)]
    draws = np.random.default_rng(1)
    best = np.max([draws.beta(m * size, (1 - m) * size, 20_000) for m, size in shapes], axis=0)
    logs = np.stack([log_below(np.array([m]), s)[0] for m, s in zip(means, spread, strict=True)])
    found = expected_best(logs, np.ones((1, len(means)), bool), known)[0]
    assert found == pytest.approx(np.maximum(best, known).mean(), abs=0.015)


@pytest.mark.parametrize(
    ("price", "first"),  # worth of each alone: .5 - .01 p, .6 - .1 p, .9 - p; nothing is learned from answers here
    [(0.0, "large"), (0.3, "large"), (0.34, "middle"), (1.0, "middle"), (1.2, "small")],
)
def test_where_answers_tell_nothing_cascade_routing_is_routing(price: float, first: str) -> None:
    quality = np.tile([0.5, 0.6, 0.9], (20, 1))
    setting = train(quality > 0.55, np.full((20, 3), np.nan), quality=quality)
    ready = CascadeRouting(price=price).prepare(asked(setting, 0.5, 0.6, 0.9))
    assert lead(ready, {pool: [0.5] for pool in POOLS})[0] == first
    assert len(lead(ready, {pool: [0.5] for pool in POOLS})) == 2


def test_cascade_routing_stops_when_an_answer_is_sure_and_goes_on_when_it_is_not() -> None:
    chance = np.random.default_rng(3)
    score = (chance.random((600, 3)) < [0.5, 0.6, 0.9]).astype(float)
    confidence = np.clip(0.5 + 0.4 * (score - 0.5) + 0.1 * chance.normal(size=score.shape), 0.01, 0.99)
    setting = train(score, confidence, quality=np.tile([0.5, 0.6, 0.9], (600, 1)))
    ready = CascadeRouting(price=0.3).prepare(asked(setting, 0.5, 0.6, 0.9))
    assert lead(ready, {"small": [0.95]}) == ["small", ("small", 0.95)]
    unsure = lead(ready, {"small": [0.05], "middle": [0.95], "large": [0.9]})
    assert unsure == ["small", "middle", ("middle", 0.95)]
    assert lead(ready, {"small": [FAILS], "middle": [0.95]}) == ["small", "middle", ("middle", 0.95)]
    free = CascadeRouting(price=0.0).prepare(asked(setting, 0.5, 0.6, 0.9))
    assert lead(free, {"small": [0.6], "middle": [0.5], "large": [0.9]})[:-1] == ["small", "middle", "large"]
