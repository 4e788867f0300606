"""What money buys: the path of best assignments against all assignments there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_world import matrix, totals, worlds

from simulator.policies.setting import Floats
from simulator.policies.upgrades import at_price, upgrades


@given(worlds())
def test_no_assignment_is_better_and_no_dearer_than_one_of_the_path(world: tuple[Floats, Floats]) -> None:
    quality, cost = world
    path = upgrades(quality, cost)
    rows = np.arange(len(cost))
    for moves in range(len(path.query) + 1):
        chosen = path.after(moves)
        assert cost[rows, chosen].sum() == pytest.approx(path.cost[moves])
        assert quality[rows, chosen].sum() == pytest.approx(path.quality[moves])
        affordable = totals(cost) <= path.cost[moves] + 1e-9
        assert totals(quality)[affordable].max() <= path.quality[moves] + 1e-9


@given(worlds(), st.floats(0.0, 40.0))
def test_at_the_price_of_a_budget_each_query_by_itself_keeps_to_it(world: tuple[Floats, Floats], budget: float) -> None:
    quality, cost = world
    price = upgrades(quality, cost).price_within(budget)
    chosen = at_price(quality, cost, price)
    assert cost[np.arange(len(cost)), chosen].sum() <= max(budget, cost.min(axis=1).sum()) + 1e-6


@given(worlds(), st.floats(0.0, 1.0))
def test_at_the_price_of_a_quality_each_query_by_itself_reaches_it(
    world: tuple[Floats, Floats], accuracy: float
) -> None:
    quality, cost = world
    path = upgrades(quality, cost)
    target = min(accuracy * len(cost), path.quality[-1])
    chosen = at_price(quality, cost, path.price_reaching(target))
    assert quality[np.arange(len(cost)), chosen].sum() >= target - 1e-6


def test_one_row_gives_the_hull_of_routerbench() -> None:
    # mistral-7b, mixtral, Yi-34B, gpt-4 are its hull (arXiv 2403.12031, slice of 3,150 queries); two more lie below it
    cost = matrix([0.000081, 0.000248, 0.000329, 0.005015, 0.000300, 0.004000])
    quality = matrix([0.5844, 0.7413, 0.7730, 0.8794, 0.7000, 0.7900])
    path = upgrades(quality, cost)
    assert [int(path.start[0]), *path.pool.tolist()] == [0, 1, 2, 3]
