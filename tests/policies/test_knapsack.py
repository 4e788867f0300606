"""The knapsack of queries and pools: against all assignments, and against scipy's integer programming."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix, kron, vstack
from told_world import totals, worlds

from simulator.policies.knapsack import best_within
from simulator.policies.setting import Floats


def chosen(quality: Floats, cost: Floats, budget: float) -> tuple[float, float]:
    """Quality and cost, in total, of the assignment."""
    rows, choice = np.arange(len(cost)), best_within(quality, cost, budget)
    return float(quality[rows, choice].sum()), float(cost[rows, choice].sum())


@given(worlds(), st.floats(0.0, 40.0))
def test_no_affordable_assignment_is_better(world: tuple[Floats, Floats], budget: float) -> None:
    quality, cost = world
    enough = max(budget, cost.min(axis=1).sum())
    found, spent = chosen(quality, cost, budget)
    assert spent <= enough + 1e-9
    assert found == pytest.approx(totals(quality)[totals(cost) <= enough + 1e-9].max(), abs=1e-5)


def by_scipy(quality: Floats, cost: Floats, budget: float) -> float:
    """The quality of the best assignment, by HiGHS."""
    queries, pools = cost.shape
    one_each = kron(np.eye(queries), np.ones((1, pools)), format="csr")
    rows = vstack([one_each, csr_matrix(cost.ravel() / budget)])
    solved = milp(
        -quality.ravel(),
        integrality=np.ones(queries * pools),
        bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(rows, np.append(np.ones(queries), -np.inf), np.ones(queries + 1)),
        options={"mip_rel_gap": 1e-7},
    )
    assert solved.success
    return float(-solved.fun)


@pytest.mark.parametrize("budget", [2.0, 12.0, 40.0])
@pytest.mark.parametrize("tasks", [3, 120])
def test_many_queries_are_assigned_as_by_integer_programming(tasks: int, budget: float) -> None:
    chance = np.random.default_rng(tasks)
    quality = chance.random((tasks, 4))[chance.integers(0, tasks, 120)]
    cost = np.array([1.0, 5.0, 10.0, 100.0]) * (0.5 + chance.random((120, 4)))
    found, spent = chosen(quality, cost, 120 * budget)
    assert spent <= 120 * budget
    assert found == pytest.approx(by_scipy(quality, cost, 120 * budget), rel=3e-6)
