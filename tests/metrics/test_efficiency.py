"""Scores of efficiency and of confidence by hand, by brute force and as published; intervals by other programs."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import llama, needs_data
from scipy import stats

from simulator.metrics.confidence import auroc, brier, ece, win_rate
from simulator.metrics.efficiency import (
    Efficiency,
    Responsive,
    arena_score,
    energy_j_per_correct,
    ibc,
    ibc_lift,
    regret,
    regret_per_query,
)
from simulator.metrics.value import Undefined, Value, mean_over_items, over_items, value_of, weighted_mean


def test_a_coin_has_no_ibc_lift_and_the_hand_has_another():
    assert ibc(0.7, 3.0, 0.5, 1.0) == pytest.approx(0.1)
    assert ibc_lift(0.6, 2.0, 0.5, 1.0, 0.7, 3.0) == pytest.approx(0.0)
    assert ibc_lift(0.65, 2.0, 0.5, 1.0, 0.7, 3.0) == pytest.approx(50.0)
    assert value_of(ibc, 0.7, 1.0, 0.5, 1.0).reason == "it costs as much as the small model"
    assert value_of(ibc_lift, 0.6, 2.0, 0.5, 1.0, 0.5, 3.0).value is None


def test_the_arena_score_is_a_mean_that_leans_to_accuracy():
    assert arena_score(0.6, 200 / 1000) == pytest.approx(0.0)
    assert arena_score(0.6, 0.0044 / 1000) == pytest.approx(1.1 * 0.6 / (0.1 * 0.6 + 1))
    cheap = (log2(200) - log2(1.0)) / (log2(200) - log2(0.0044))
    assert arena_score(0.7, 1e-3) == pytest.approx(1.1 * 0.7 * cheap / (0.07 + cheap))


def test_right_answers_pay_for_wrong_ones():
    assert energy_j_per_correct(30.0, 0.6) == pytest.approx(50.0)
    with pytest.raises(Undefined, match="no answer was right"):
        energy_j_per_correct(30.0, 0.0)


def test_regret_adds_up_what_the_best_would_have_brought():
    np.testing.assert_allclose(regret(np.array([0.0, 1.0, 0.5]), np.array([1.0, 1.0, 1.0])), [1.0, 1.0, 1.5])
    np.testing.assert_allclose(regret(np.array([0.0, 1.0]), 0.6), [0.6, 0.2])
    assert regret_per_query(np.array([0.0, 1.0, 0.5]), np.ones(3)).value == pytest.approx(0.5)


def test_ies_of_two_queries_by_hand():
    quality, latency_s = np.array([1.0, 0.0]), np.array([1.0, 3.0])
    costs = {"energy_j": np.array([10.0, 20.0]), "cost_usd": np.array([2.0, 1.0])}
    made = Efficiency(0.5, {"energy_j": 0.5, "cost_usd": 0.5}, {"energy_j": 10.0, "cost_usd": 1.0})
    found = made.score(quality, latency_s, costs)
    assert found["mean_of_ratios"].value == pytest.approx(((0.5 + 0.25) / 1.5 + 0.125 / 1.5) / 2)
    assert found["ratio_of_means"].value == pytest.approx((0.75 + 0.125) / 2 / 1.5)
    assert made.warning == ""
    assert str(made) == "[0.5 Q + 0.5 R] / C, R = 1/(1 + L/1 s), C = 0.5 energy_j/10 + 0.5 cost_usd/1"


def test_latency_in_both_places_is_warned_of_and_unknown_costs_are_undefined():
    made = Efficiency(0.5, {"time_s": 1.0}, {"time_s": 1.0})
    assert "twice" in made.warning
    assert Efficiency(1.0, {"time_s": 1.0}, {"time_s": 1.0}).warning == ""
    found = made.score(np.ones(2), np.ones(2), {"time_s": np.array([1.0, np.nan])})
    assert found["mean_of_ratios"] == Value(None, reason="a component of the cost is unknown")
    with pytest.raises(ValueError, match="add up to 1"):
        Efficiency(0.5, {"time_s": 0.5}, {"time_s": 1.0})
    with pytest.raises(ValueError, match="no reference above 0 for energy_j"):
        Efficiency(0.5, {"energy_j": 1.0}, {})


@pytest.mark.parametrize(
    ("form", "expected"), [("inverse", [1, 0.5, 0.25]), ("linear", [1, 0, 0]), ("deadline", [1, 1, 0])]
)
def test_responsiveness_falls_as_its_form_says(form, expected: list[float]):
    np.testing.assert_allclose(Responsive(form, 2.0)(np.array([0.0, 2.0, 6.0])), expected)


@given(st.lists(st.tuples(st.sampled_from((-np.inf, -1.0, 0.0, 0.5, np.inf)), st.booleans()), min_size=2, max_size=20))
def test_auroc_counts_pairs(made: list[tuple[float, bool]]):
    sure, right = np.array([s for s, _ in made]), np.array([float(r) for _, r in made])
    pairs = [(a > b) + 0.5 * (a == b) for a in sure[right == 1] for b in sure[right == 0]]
    found = auroc(sure, right, resamples=0)
    if pairs:
        assert found.value == pytest.approx(np.mean(pairs))
    else:
        assert found.value is None
        assert found.reason


@needs_data
@pytest.mark.parametrize(
    ("model", "expected"), [("1b", 0.11), ("3b", 0.10), ("8b", 0.075), ("70b", 0.082), ("405b", 0.101)]
)
def test_log_probabilities_are_as_far_off_as_published(model: str, expected: float):
    rows = llama("mmlu", model)
    found = ece(np.exp(rows["conf_logprob"].to_numpy(float)), rows["correct"].to_numpy(float), resamples=0)
    assert found.value == pytest.approx(expected, abs=6e-3 if expected >= 0.1 else 6e-4)


def test_brier_and_ece_by_hand():
    probability, right = np.array([0.9, 0.8, 0.3, 0.3]), np.array([1.0, 0.0, 0.0, 1.0])
    assert brier(probability, right).value == pytest.approx((0.01 + 0.64 + 0.09 + 0.49) / 4)
    assert ece(probability, right).value == pytest.approx((0.1 + 0.8 + 0.4) / 4)
    with pytest.raises(ValueError, match="between 0 and 1"):
        ece(np.array([-0.3]), np.array([1.0]))


def test_ties_are_half_a_win():
    assert win_rate(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])).value == pytest.approx(0.5)


def test_an_interval_is_that_of_scipy():
    values = np.random.default_rng(3).exponential(size=200)
    ours = mean_over_items(values)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=4000, random_state=1)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.value == pytest.approx(values.mean())
    assert ours.ci_low == pytest.approx(theirs.confidence_interval.low, abs=0.1 * width)
    assert ours.ci_high == pytest.approx(theirs.confidence_interval.high, abs=0.1 * width)


def test_an_item_asked_often_is_drawn_with_all_its_queries():
    values = np.repeat(np.random.default_rng(3).normal(size=40), 25)
    item = np.repeat(np.arange(40), 25)
    wide, narrow = mean_over_items(values, item), mean_over_items(values)
    half = stats.sem(values[::25]) * 1.96
    assert (wide.ci_high - wide.ci_low) / 2 == pytest.approx(half, rel=0.15)
    assert (narrow.ci_high - narrow.ci_low) / 2 == pytest.approx(half / 5, rel=0.15)


def test_undefined_somewhere_is_said_and_not_a_number():
    def sometimes(weights: np.ndarray) -> float:
        if weights[0] == 0:
            raise Undefined("the first is missing")
        return 1.0

    metrics = {"always": lambda w: weighted_mean(np.arange(5.0), w), "sometimes": sometimes, "inf": lambda w: np.inf}
    found = over_items(metrics, lambda weights: weights, np.arange(5))
    assert found["always"].ci_low is not None
    assert found["sometimes"].value == 1.0
    assert found["sometimes"].ci_low is None
    assert "the first is missing" in found["sometimes"].reason
    assert found["inf"] == Value(None, reason="not a finite number")
