"""Deferral curves: published rows of RouteLLM and of the Llama chain, hand examples, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import Floats, llama, needs_data, routellm

from simulator.metrics.confidence import auroc
from simulator.metrics.curves import (
    Ranked,
    apgr,
    audc,
    bins,
    cpt,
    oracle,
    pgr,
    random_chord,
    share_reaching,
)
from simulator.metrics.frontiers import saved_frac
from simulator.metrics.value import Undefined

# Oracle rows recomputed by another program from RouteLLM's data: n, weak, strong, CPT50, CPT80, share with PGR 1, APGR
ORACLE = {
    "mmlu": (14_037, 0.6809, 0.8059, 0.0625, 0.1000, 0.1250, 1.285),
    "gsm8k": (1_307, 0.6373, 0.8577, 0.1109, 0.1767, 0.2211, 1.121),
    "mt_bench": (72, 8.281, 9.212, 0.0833, 0.1806, 0.3056, 0.964),
}

# Log-probability cascades: AUROC, AUDC, chord, oracle, APGR, share that matches the large model, saved there
CHAIN = {
    ("mmlu", "8b", "70b"): (0.808, 0.7613, 0.7240, 0.8306, 0.706, 0.844, -0.096),
    ("mmlu", "8b", "405b"): (0.808, 0.7853, 0.7427, 0.8552, 0.696, 0.844, 0.060),
    ("mmlu", "70b", "405b"): (0.844, 0.8457, 0.8331, 0.8964, 0.838, 0.807, -0.132),
    ("medmcqa", "70b", "405b"): (0.801, 0.7496, 0.7415, 0.8309, 0.762, 0.473, 0.226),
    ("triviaqa", "8b", "405b"): (0.870, 0.9174, 0.8680, 0.9425, 0.805, 0.594, 0.327),
    ("triviaqa", "70b", "405b"): (0.892, 0.9470, 0.9385, 0.9575, 0.907, 0.369, 0.321),
    ("truthfulqa", "8b", "70b"): (0.661, 0.5841, 0.5484, 0.6641, 0.893, 0.371, 0.387),
    ("medmcqa", "1b", "8b"): (0.618, 0.4248, 0.4315, 0.5879, 0.462, 0.972, -0.471),
}


@needs_data
@pytest.mark.parametrize("name", ORACLE)
def test_the_oracle_has_its_published_row(name: str):
    n, weak, strong, cpt50, cpt80, all_of_it, mean = ORACLE[name]
    small, large = routellm(name)
    assert (len(small), small.mean(), large.mean()) == (
        n,
        pytest.approx(weak, abs=6e-4),
        pytest.approx(strong, abs=6e-4),
    )
    share, quality = oracle(small, large)
    ends = small.mean(), large.mean()
    found = [cpt(level, share, quality, *ends) for level in (0.5, 0.8, 1.0)]
    assert found == pytest.approx([cpt50, cpt80, all_of_it], abs=1.01 / n)  # the program steps by whole questions
    assert apgr(share, quality, *ends) == pytest.approx(mean, abs=6e-4)


@needs_data
@pytest.mark.parametrize("name", ORACLE)
def test_a_coin_has_an_apgr_of_a_half_and_cpt_x_of_x(name: str):
    small, large = routellm(name)
    ends = small.mean(), large.mean()
    chance = np.random.default_rng(5)
    curves = [bins(chance.random(len(small)), small, large) for _ in range(200)]
    for metric, expected in (
        (lambda share, quality: apgr(share, quality, *ends), 0.5),
        (lambda share, quality: cpt(0.5, share, quality, *ends), 0.5),
    ):
        values = [metric(*points) for points in curves]
        tolerance = 4 * np.std(values) / np.sqrt(len(values)) + 0.5 / len(small)
        assert np.mean(values) == pytest.approx(expected, abs=tolerance)


@needs_data
@pytest.mark.parametrize("pair", CHAIN, ids="-".join)
def test_a_log_probability_cascade_has_its_published_row(pair: tuple[str, str, str]):
    dataset, small_name, large_name = pair
    small, large = llama(dataset, small_name), llama(dataset, large_name)
    kept = small[["correct", "cost_usd"]].to_numpy(float).T
    deferred = np.stack([large["correct"].to_numpy(float), kept[1] + large["cost_usd"].to_numpy(float)])
    sure = small["conf_logprob"].to_numpy(float)
    curve = Ranked(sure).curve(kept, deferred)
    quality, cost = curve.value
    ends = kept[0].mean(), deferred[0].mean()
    surer = auroc(sure, kept[0], resamples=0)
    best = oracle(kept[0], deferred[0])
    first = curve.share[quality >= ends[1] - 1e-12][0]
    found = (audc(curve.share, quality), random_chord(*ends), audc(*best), apgr(curve.share, quality, *ends))
    saved = saved_frac(cost, quality, ends[1], large["cost_usd"].mean())
    expected = CHAIN[pair]
    assert surer.value == pytest.approx(expected[0], abs=6e-4)
    assert found[:3] == pytest.approx(expected[1:4], abs=6e-5)
    assert found[3] == pytest.approx(expected[4], abs=6e-4)
    assert (first, saved) == pytest.approx(expected[5:], abs=3e-3)  # the program splits equal scores


@needs_data
def test_a_negative_gap_has_no_apgr():
    rows = [0.9767, 0.9733]  # gsm8k, 70b -> 405b
    with pytest.raises(Undefined, match="no better"):
        apgr(np.array([0.0, 1.0]), np.array(rows), *rows)


def test_equal_scores_are_deferred_together():
    kept, deferred = np.array([[1.0, 0, 0, 1]]), np.array([[1.0, 1, 0, 0]])
    curve = Ranked(np.array([0.9, 0.2, 0.2, -np.inf])).curve(kept, deferred)
    np.testing.assert_allclose(curve.share, [0, 1 / 4, 3 / 4, 1])
    np.testing.assert_allclose(curve.value[0], [2 / 4, 1 / 4, 2 / 4, 2 / 4])


def test_three_points_have_the_area_and_shares_of_the_hand():
    share, quality = np.array([1.0, 0.0, 0.5]), np.array([0.8, 0.4, 0.7])
    assert audc(share, quality) == pytest.approx(0.5 * 0.55 + 0.5 * 0.75)
    assert apgr(share, quality, 0.4, 0.8) == pytest.approx((0.65 - 0.4) / 0.4)
    assert pgr(0.7, 0.4, 0.8) == pytest.approx(0.75)
    assert cpt(0.5, share, quality, 0.4, 0.8) == pytest.approx(0.5 * 0.2 / 0.3)
    assert cpt(0.8, share, quality, 0.4, 0.8) == pytest.approx(0.5 + 0.5 * 0.02 / 0.1)
    with pytest.raises(Undefined, match="never"):
        share_reaching(0.9, share, quality)


def test_weights_are_items_drawn_several_times():
    chance = np.random.default_rng(1)
    score, kept, deferred = chance.random(9).round(1), chance.random((2, 9)), chance.random((2, 9))
    times = np.array([0, 1, 2, 0, 3, 1, 1, 0, 1])
    one = Ranked(score).curve(kept, deferred, times.astype(float))
    rows = np.repeat(np.arange(9), times)
    other = Ranked(score[rows]).curve(kept[:, rows], deferred[:, rows])
    there = np.isin(one.share, other.share)
    np.testing.assert_allclose(np.unique(one.share.round(9)), np.unique(other.share.round(9)))
    np.testing.assert_allclose(one.value[:, [0, -1]], other.value[:, [0, -1]])
    assert there.any()


columns = st.integers(2, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from((0.0, 0.25, 0.5, 0.75, 1.0)), min_size=n, max_size=n),
        st.lists(st.sampled_from((0.0, 1.0)), min_size=n, max_size=n),
        st.lists(st.sampled_from((0.0, 1.0)), min_size=n, max_size=n),
    ).map(lambda made: tuple(np.array(each) for each in made))
)


@given(columns)
def test_a_curve_starts_weak_ends_strong_and_its_area_lies_between(made: tuple[Floats, Floats, Floats]):
    score, weak, strong = made
    curve = Ranked(score).curve(weak[None], strong[None])
    quality = curve.value[0]
    assert (curve.share[0], curve.share[-1]) == (0, pytest.approx(1))
    assert (quality[0], quality[-1]) == (pytest.approx(weak.mean()), pytest.approx(strong.mean()))
    assert quality.min() - 1e-12 <= audc(curve.share, quality) <= quality.max() + 1e-12


@given(columns)
def test_no_order_beats_the_oracle(made: tuple[Floats, Floats, Floats]):
    score, weak, strong = made
    curve = Ranked(score).curve(weak[None], strong[None])
    share, best = oracle(weak, strong)
    assert (curve.value[0] <= np.interp(curve.share, share, best) + 1e-9).all()


@given(columns)
def test_every_point_is_what_its_threshold_gives(made: tuple[Floats, Floats, Floats]):
    score, weak, strong = made
    ranked = Ranked(score)
    curve = ranked.curve(weak[None], strong[None])
    for j, bar in enumerate([*ranked.scores, np.inf]):
        below = score < bar
        assert curve.share[j] == pytest.approx(below.mean())
        assert curve.value[0][j] == pytest.approx(np.where(below, strong, weak).mean())
