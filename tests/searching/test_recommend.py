from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from searching_world import MadePoints, estimate, summary

from simulator.searching.recommend import Recommended, recommend
from simulator.searching.space import axes, space
from simulator.spec.errors import SpecError

Values = Mapping[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("searching")


def asked(
    folder: Path,
    holds: Callable[[Values], bool],
    *vary: str,
    least: str | None = None,
    **cost: Callable[[Values], float],
) -> tuple[Recommended, MadePoints]:
    """What is recommended where `holds` says which points hold; the varied numbers are replicas."""

    def outcome(values: Values) -> tuple[Any, int]:
        told = {name: estimate(of(values)) for name, of in cost.items()}
        return summary(0.5 if holds(values) else 2.0, **told), sum(v for v in values.values() if isinstance(v, int))

    points = MadePoints(outcome, folder)
    return recommend(points, axes(space(vary)), least), points  # type: ignore[arg-type]


@given(need=st.integers(1, 16))
def test_the_smallest_number_that_holds_is_found_with_few_runs(folder: Path, need: int) -> None:
    found, points = asked(folder, lambda values: values["a"] >= need, "a=1..16")
    assert found.best.values == {"a": need}
    assert [one.values for one, _ in found.bound] == ([{"a": need - 1}] if need > 1 else [])
    assert all(not judged.holds and "e2e_s is 2, not <= 1" in judged.text for _, judged in found.bound)
    assert not found.notes
    assert len(points.tried) <= 8  # both ends, four halvings, two neighbours


@given(stairs=st.lists(st.integers(1, 7), min_size=6, max_size=6))
def test_of_two_numbers_the_fewest_devices_that_hold_are_found(folder: Path, stairs: list[int]) -> None:
    needed = sorted(stairs, reverse=True)  # of b, by a: more of one needs no more of the other
    found, points = asked(folder, lambda v: v["b"] >= needed[v["a"] - 1], "a=1..6", "b=1..7")
    every = [(a, b) for a, b in itertools.product(range(1, 7), range(1, 8)) if b >= needed[a - 1]]
    assert found.devices == min(a + b for a, b in every)
    assert len(points.tried) <= 30  # of 42


@given(prices=st.lists(st.floats(1, 9), min_size=6, max_size=6, unique=True), need=st.integers(1, 4))
def test_the_cheapest_of_several_kinds_holds_and_is_the_cheapest(folder: Path, prices: list[float], need: int) -> None:
    kinds = {"x": (prices[0], 0), "y": (prices[1], 1), "z": (prices[2], 2)}  # price of one, and how many fewer do
    found, _ = asked(
        folder,
        lambda v: v["a"] >= need - kinds[v["k"]][1],
        "a=1..5",
        "k=x,y,z",
        least="cost_usd_per_query",
        cost_usd_per_query=lambda v: v["a"] * kinds[v["k"]][0],
    )
    expected = min(max(1, need - fewer) * price for price, fewer in kinds.values())
    assert found.best.summary is not None
    assert found.best.summary.metrics["cost_usd_per_query"].mean == pytest.approx(expected)


def test_where_more_is_cheaper_the_search_goes_on_upwards(folder: Path) -> None:
    found, _ = asked(
        folder,
        lambda v: v["a"] >= 2,
        "a=1..8",
        least="energy_j_per_query",
        energy_j_per_query=lambda v: abs(v["a"] - 4),
    )
    assert found.best.values == {"a": 4}


@pytest.mark.parametrize("holding", [{3, 8}, {1, 2}, {1, 3, 8}, {2, 4, 6, 8}])
def test_where_more_does_not_hold_more_all_points_are_tried_and_it_is_said(folder: Path, holding: set[int]) -> None:
    found, points = asked(folder, lambda values: values["a"] in holding, "a=1..8")
    if len(points.tried) < 8:  # what was tried did not speak against it
        assert found.best.values == {"a": 8}
        return
    assert found.best.values == {"a": min(holding)}
    assert found.notes[0].startswith("more does not always hold more: ")
    assert found.notes[1] == "all 8 points were tried"


def test_a_system_that_does_not_keep_up_does_not_hold(folder: Path) -> None:
    points = MadePoints(lambda v: (summary(0.5, "BACKLOGGED" if v["a"] < 3 else "STABLE"), v["a"]), folder)
    found = recommend(points, axes(space(["a=1..4"])))  # type: ignore[arg-type]
    assert found.best.values == {"a": 3}
    assert found.bound[0][1].text == "BACKLOGGED: made"


def test_a_point_that_cannot_be_built_does_not_hold(folder: Path) -> None:
    points = MadePoints(lambda v: ("weights do not fit" if v["a"] < 2 else summary(0.5), v["a"]), folder)
    found = recommend(points, axes(space(["a=1..4"])))  # type: ignore[arg-type]
    assert (found.best.values, found.bound[0][1].text) == ({"a": 2}, "weights do not fit")


def test_where_nothing_holds_it_is_said_what_the_largest_misses(folder: Path) -> None:
    with pytest.raises(
        SpecError, match=r"the most that --vary allows does not hold the limits: a=4: e2e_s is 2, not <= 1"
    ):
        asked(folder, lambda values: False, "a=1..4")


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        ([], "--vary: say what may be varied"),
        (["a"], "write it as dotted.key=1..16 or dotted.key=a,b,c"),
        (["a=4..1"], "from 4 to 1 is no range"),
        (["a=1..x"], "a range is between two numbers, not 'x'"),
        (["a=1,2", "a=3"], "'a' is given twice"),
        (["a=0.1..0.9"], "between these are countless values"),
        (["a=1..1000000000"], "is more than 100,000 values"),
    ],
)
def test_what_is_varied_is_checked(vary: list[str], told: str) -> None:
    with pytest.raises(SpecError) as caught:
        axes(space(vary))
    assert told in str(caught.value)


def test_numbers_with_a_point_are_any_numbers() -> None:
    (span,) = space(["a=-2.0..0.0"])
    (whole,) = space(["a=-2..0"])
    assert (span.whole, whole.whole) == (False, True)  # type: ignore[union-attr]
