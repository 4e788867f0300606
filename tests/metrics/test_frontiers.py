"""Hulls, areas, and volumes: the RouterBench slice's numbers, hand examples, other algorithms, and laws."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from published import Floats, needs_data, routerbench

from simulator.metrics.frontiers import (
    aiq,
    area,
    cascade_routing_auc,
    cost_reaching,
    hull,
    hypervolume,
    qnc,
    saved_frac,
)
from simulator.metrics.value import Undefined

grid = st.integers(1, 20).map(lambda n: n / 8)
points = st.lists(st.tuples(grid, grid), min_size=1, max_size=8).map(np.array)
REFERENCE = 2.75


@needs_data
def test_single_models_have_the_hull_and_the_aiq_of_routerbench():
    score, usd = routerbench()
    cost, quality = hull(usd.mean(axis=0), score.mean(axis=0))
    np.testing.assert_allclose(quality, [0.5844, 0.7413, 0.7730, 0.8794], atol=6e-5)  # mistral, mixtral, Yi, gpt-4
    np.testing.assert_allclose(cost, [0.000081, 0.000248, 0.000329, 0.005015], atol=6e-7)
    assert aiq(usd.mean(axis=0), score.mean(axis=0)) == pytest.approx(0.8063, abs=6e-5)


@needs_data
def test_oracles_of_all_prices_have_the_aiq_of_routerbench():
    score, usd = routerbench()
    prices = [0.0, *np.logspace(-3, 6, 200)]
    rows = np.arange(len(score))
    chosen = [np.argmax(score - (price + 1e-9) * usd, axis=1) for price in prices]
    cost, quality = (np.array([matrix[rows, one].mean() for one in chosen]) for matrix in (usd, score))
    assert quality[0] == pytest.approx(0.9756, abs=6e-5)
    assert aiq(cost, quality, usd.mean(axis=0).max()) == pytest.approx(0.9586, abs=1e-4)


def test_two_points_have_the_areas_of_the_hand():
    cost, quality = np.array([1.0, 3.0, 2.0]), np.array([0.2, 0.6, 0.3])
    assert hull(cost, quality)[0].tolist() == [1.0, 3.0]  # (2, .3) lies under the chord
    assert aiq(cost, quality, 4.0) == pytest.approx((2 * 0.4 + 1 * 0.6) / 4)
    assert area(cost, quality, 4.0) == pytest.approx((0.25 + 0.45 + 0.6) / 4)
    assert area(cost, quality, 2.5) == pytest.approx((0.25 + 0.5 * (0.3 + 0.45) / 2) / 2.5)
    assert cascade_routing_auc(cost, quality, 1.0, 3.0) == pytest.approx((0.25 + 0.45) / 2)
    assert cascade_routing_auc(cost, quality, 0.0, 4.0) == pytest.approx((0.2 + 0.25 + 0.45 + 0.6) / 4)


def test_what_costs_as_much_as_the_best_saves_nothing_and_more_is_negative():
    cost, quality = np.array([1.0, 2.0, 6.0]), np.array([0.5, 0.79, 0.8])
    assert qnc(cost, quality, 0.79, 4.0) == pytest.approx(0.5)
    assert saved_frac(cost, quality, 0.8, 5.0) == pytest.approx(-0.2)
    assert saved_frac(cost, quality, 0.8, 6.0) == pytest.approx(0.0)
    with pytest.raises(Undefined, match="no point reaches"):
        cost_reaching(0.9, cost, quality)


@given(points)
def test_a_hull_lies_on_or_above_every_point_and_bends_down(made: Floats):
    cost, quality = made.T
    x, y = hull(cost, quality)
    later = cost >= x[0]
    assert (quality[later] <= np.interp(cost[later], x, y) + 1e-9).all()
    assert (np.diff(np.diff(y) / np.diff(x)) < 1e-9).all()
    assert (np.diff(y) > 0).all()
    assert y[-1] == quality.max()


@given(points, st.tuples(grid, grid))
def test_one_more_choice_makes_no_aiq_smaller(made: Floats, more: tuple[float, float]):
    assume(more[0] >= made[:, 0].min())  # a cheaper start widens the area only if it is worth something
    both = np.vstack([made, more])
    assert aiq(*both.T, 3.0) >= aiq(*made.T, 3.0) - 1e-12


costs = st.integers(1, 4).flatmap(
    lambda d: arrays(
        np.float64, st.tuples(st.integers(1, 6), st.just(d)), elements=st.integers(0, 24).map(lambda n: n / 8)
    )
)


def by_inclusion_and_exclusion(made: Floats, reference: Floats) -> float:
    """The volume of a union of boxes: sums over all subsets of what they share."""
    total = 0.0
    for size in range(1, len(made) + 1):
        for chosen in combinations(made, size):
            total -= (-1) ** size * np.prod(np.maximum(reference - np.max(chosen, axis=0), 0.0))
    return total


@given(costs)
def test_a_hypervolume_is_the_volume_of_a_union_of_boxes(made: Floats):
    reference = np.full(made.shape[1], REFERENCE)
    assert hypervolume(made, reference) == pytest.approx(by_inclusion_and_exclusion(made, reference))


@given(costs)
def test_one_more_point_makes_no_hypervolume_smaller(made: Floats):
    reference = np.full(made.shape[1], REFERENCE)
    assert hypervolume(made, reference) >= hypervolume(made[:-1], reference) - 1e-12 if len(made) > 1 else True


@given(costs, st.randoms(use_true_random=False))
def test_neither_the_order_of_points_nor_of_columns_matters(made: Floats, chance):
    rows, columns = list(range(len(made))), list(range(made.shape[1]))
    chance.shuffle(rows)
    chance.shuffle(columns)
    reference = np.full(made.shape[1], REFERENCE)
    assert hypervolume(made[rows][:, columns], reference) == pytest.approx(hypervolume(made, reference))


def test_unknown_costs_have_no_volume():
    with pytest.raises(Undefined, match="unknown"):
        hypervolume(np.array([[0.0, np.nan]]), np.ones(2))
