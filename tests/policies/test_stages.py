"""Signals of answers, and the loop that goes from stage to stage."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leading import FAILS, lead, query, said, train
from policy_world import made
from scipy.optimize import minimize

from simulator.policies.core import Answer, Call
from simulator.policies.signals import Spread, agreement, calibration, logistic, majority, probability, summed, surest
from simulator.policies.stages import Bands, Stage, Staged, Verdict

NAN, INF = float("nan"), float("inf")


def answers(*told: tuple[str, float, int]) -> list[Answer]:
    return [Answer(pool, "answer", score, 7, 1.0, group) for pool, score, group in told]


@pytest.mark.parametrize(
    ("told", "pool", "share"),
    [
        ([("a", 0.1, 3), ("b", 0.9, 5), ("c", 0.2, 3)], "c", 2 / 3),  # two say 3, and c is the surer of them
        ([("a", 0.1, 3), ("b", 0.9, 5)], "b", 1 / 2),  # one each: the surer one
        ([("a", 0.1, -1), ("b", 0.2, -1), ("c", 0.15, -1)], "b", 1 / 3),  # nobody knows that they are equal
        ([("a", NAN, 1), ("b", NAN, 2)], "a", 1 / 2),  # no scores: the first
        ([("a", 0.4, 1), ("b", 0.4, 2), ("c", 0.4, 2), ("d", 0.4, 1)], "a", 1 / 2),
    ],
)
def test_the_majority_is_the_largest_group_of_equal_answers(told: Any, pool: str, share: float) -> None:
    reading = majority(query(), answers(*told))
    assert (reading.answer.pool, reading.value) == (pool, share)


def test_two_prompts_agree_if_their_own_majorities_are_the_same_answer() -> None:
    same = answers(("a", 0, 1), ("a", 0, 1), ("a", 0, 2), ("b", 0, 3), ("b", 0, 1), ("b", 0, 1))
    other = answers(("a", 0, 1), ("a", 0, 1), ("a", 0, 1), ("b", 0, 3), ("b", 0, 3), ("b", 0, 1))
    assert agreement(query(), same).value == 1
    assert agreement(query(), other).value == 1 / 2


def test_signals_are_made_of_a_score_and_a_length() -> None:
    told = answers(("a", -0.5, -1))
    assert probability(query(), told).value == pytest.approx(0.60653066)
    assert summed(query(), told).value == pytest.approx(-3.5)
    assert summed(query(), answers(("a", -INF, -1))).value == -INF
    assert surest(query(), answers(("a", NAN, -1), ("b", -3, -1), ("c", -2, -1))).answer.pool == "c"


@pytest.mark.parametrize(
    ("scores", "one", "spread"),
    [
        ([-2.0, -0.1, -INF], -math.log(2), math.log(2)),  # log-probabilities: p = 1/2
        ([0.1, 0.9], 0.75, math.log(4)),  # probabilities: 1 / (1 - p) = 4
        ([3.0, 90.0], 12.0, 12.0),  # something else
        ([-2.0, -0.1], -INF, 0.0),
    ],
)
def test_confidences_are_spread_by_what_they_are(scores: list[float], one: float, spread: float) -> None:
    assert Spread.of(np.array(scores)).at(one) == pytest.approx(spread)


def test_calibration_is_the_penalised_likelihood_that_scipy_finds_too() -> None:
    chance = np.random.default_rng(1)
    features = chance.normal(size=(80, 2)) * [2.0, 5.0] + [1.0, -3.0]
    score = chance.choice([0.0, 0.25, 1.0], size=80)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)

    def loss(w: Any) -> float:
        z = w[0] + standard @ w[1:]
        return float(np.sum(np.logaddexp(0, z) - score * z) + w[1:] @ w[1:] / 2)

    best = minimize(loss, np.zeros(3), tol=1e-12).x
    expected = 1 / (1 + np.exp(-(best[0] + standard @ best[1:])))
    found = logistic(features, score)
    np.testing.assert_allclose(found.over(features), expected, atol=1e-4)
    assert found.at(features[3]) == pytest.approx(found.over(features)[3])


@settings(deadline=None, max_examples=15)
@given(score=st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=30), seed=st.integers(0, 99))
def test_calibrated_confidences_rise_with_or_fall_with_the_score_and_stay_probabilities(score: Any, seed: int) -> None:
    confidence = -np.random.default_rng(seed).exponential(size=(len(score), 1))
    curve = calibration(train(np.array([score]).T, confidence).train, 0)  # type: ignore[arg-type]
    told = curve.over(np.sort(confidence[:, 0]))
    assert ((told >= 0) & (told <= 1)).all()
    assert (np.diff(told) >= -1e-12).all() or (np.diff(told) <= 1e-12).all()
    assert curve.at(-INF) == -INF
    assert curve.at(INF) == INF


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.6, "accept"),
        (0.59, "escalate"),
        (0.3, "escalate"),
        (0.29, "abstain"),
        (0.1, "abstain"),
        (0.09, "accept"),
        (NAN, "escalate"),
    ],
)
def test_bands_are_accepted_escalated_or_not_answered(value: float, verdict: str) -> None:
    assert Bands(0.6, keep_below=0.1, abstain_below=0.3)(value) is Verdict(verdict)


def test_bands_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="'abstain_below' must not be above 'accept'"):
        Bands(0.5, abstain_below=0.6)


CHECKED = Staged(
    (
        Stage((Call("small"),), rule=Bands(0.6, abstain_below=0.2), check=Call("judge", "verify", samples=3)),
        Stage((Call("middle"), Call("small", samples=2)), majority, Bands(0.6)),
        Stage((Call("large", final=True),)),
    )
)
BOTH = ["small", "judge?x3", "middle", "smallx2"]


@pytest.mark.parametrize(
    ("told", "steps"),
    [
        ({"small": [0.9], "judge": [1, 1, 0]}, ["small", "judge?x3", ("small", 0.9)]),
        ({"small": [0.9], "judge": [0, 0, 0]}, ["small", "judge?x3", "abstain"]),
        ({"small": [0.9], "judge": [FAILS, 1, FAILS]}, ["small", "judge?x3", ("small", 0.9)]),
        (
            {"small": [0.9, said(0.1, 4), said(0.2, 4)], "judge": [1, 0, 0], "middle": [said(0.5, 5)]},
            [*BOTH, ("small", 0.2)],
        ),
        (
            {"small": [0.9, said(0.1, 4), said(0.2, 6)], "judge": [FAILS] * 3, "middle": [said(0.5, 5)], "large": [1]},
            [*BOTH, "large!"],
        ),
        (
            {"small": [FAILS, FAILS, FAILS], "middle": [FAILS], "large": [FAILS]},
            ["small", "middle", "smallx2", "large!", "timeout"],
        ),
        (
            {"small": [FAILS, FAILS, 0.3], "middle": [FAILS], "large": [FAILS]},
            ["small", "middle", "smallx2", ("small", 0.3)],
        ),
        (
            {"small": [0.9, said(0.1, 4), said(0.2, 6)], "judge": [0, 1, 0], "middle": [FAILS], "large": [FAILS]},
            [*BOTH, "large!", ("small", 0.2)],
        ),
    ],
)
def test_stages_are_judged_by_what_came_of_them(told: Any, steps: list[Any]) -> None:
    assert lead(CHECKED, told) == steps


def test_of_the_stages_signals_the_running_quantile_escalates_the_least_sure_share() -> None:
    policy = made({"use": "two-tier", "small": "small", "large": "large", "share": 0.25, "window": 40})
    running, chance = policy.prepare(train([[1, 1, 1]], [[1, 1, 1]])), np.random.default_rng(2)  # type: ignore[union-attr]
    scores = [*chance.normal(size=150), *(5 + 3 * chance.normal(size=150))]
    escalated = []
    for number, score in enumerate(scores):
        escalated.append(lead(running, {"small": [score], "large": [1]}, about=query(number))[-1] == "large!")
        window = np.sort(scores[max(0, number - 39) : number + 1])
        assert escalated[-1] == (score < window[int(0.25 * len(window))])
    assert np.mean(escalated[100:150]) == pytest.approx(0.25, abs=0.12)
    assert np.mean(escalated[200:]) == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize(("share", "ends"), [(0.0, ("small", 0.2)), (1.0, "large!")])
def test_a_budget_of_none_or_all_is_kept_exactly(share: float, ends: Any) -> None:
    policy = made({"use": "two-tier", "small": "small", "large": "large", "share": share})
    assert lead(policy, {"small": [0.2], "large": [1]})[-1] == ends
