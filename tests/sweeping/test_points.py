"""Which points a sweep has, and where samples lie."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.spec.reader import parse_value
from simulator.spec.sweep import SampleSpec, SweepSpec
from simulator.sweeping.points import count, overrides, points
from simulator.sweeping.samples import sampled

QUICK = settings(max_examples=60, deadline=None)
LETTERS = "abcdefghijkl"
PRINTABLE = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=12)
NUMBERS = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(st.none(), NUMBERS, PRINTABLE),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(PRINTABLE, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def sweeps(draw: st.DrawFn) -> dict[str, Any]:
    """A sweep as a file has it, each key varied in one way."""
    ways = draw(st.lists(st.sampled_from(["grid", "zip", "list", "sample"]), min_size=1, max_size=5))
    by_way: dict[str, list[str]] = {}
    for key, way in zip(LETTERS, ways, strict=False):
        by_way.setdefault(way, []).append(key)
    few = st.lists(st.integers(0, 9), min_size=1, max_size=3)
    length = draw(st.integers(1, 3))
    row = st.lists(st.integers(0, 9), min_size=length, max_size=length)
    found: dict[str, Any] = {}
    for way, keys in by_way.items():
        if way == "grid":
            found[way] = {key: draw(few) for key in keys}
        elif way == "zip":
            found[way] = {key: draw(row) for key in keys}
        elif way == "list":
            found[way] = [{key: draw(st.integers(0, 9)) for key in keys} for _ in range(length)]
        else:
            over = {key: {"low": 1, "high": draw(st.integers(2, 9))} for key in keys}
            found[way] = {"use": draw(st.sampled_from(["sobol", "lhs"])), "points": length, "over": over}
    return found


def frozen(point: dict[str, Any]) -> str:
    return json.dumps(point, sort_keys=True)


@QUICK
@given(sweeps())
def test_there_are_as_many_points_as_counted_and_each_has_every_key(given: dict[str, Any]) -> None:
    spec = SweepSpec.model_validate(given)
    found = list(points(spec))
    assert len(found) == count(spec)
    keys = {*spec.grid, *spec.zip, *(spec.sample.over if spec.sample else ()), *(k for row in spec.list for k in row)}
    assert all(set(point) == keys for point in found)


@QUICK
@given(sweeps())
def test_the_order_of_keys_and_parts_changes_no_point(given: dict[str, Any]) -> None:
    turned = {
        way: dict(reversed(said.items())) if way in ("grid", "zip") else said for way, said in reversed(given.items())
    }
    one, other = (points(SweepSpec.model_validate(said)) for said in (given, turned))
    assert sorted(map(frozen, one)) == sorted(map(frozen, other))


def test_a_grid_is_all_combinations_and_its_last_key_varies_fastest() -> None:
    found = points(SweepSpec(grid={"a": (1, 2), "b": ("x", "y")}))
    assert [tuple(point.values()) for point in found] == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]


def test_zipped_values_go_together_and_with_every_row_of_a_list_and_cell_of_a_grid() -> None:
    spec = SweepSpec(zip={"a": (1, 2), "b": (3, 4)}, list=({"c": 5}, {"c": 6, "d": 7}), grid={"e": (8, 9)})
    pairs = [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
    assert list(points(spec)) == [
        {**row, **pair, "e": e} for row in ({"c": 5}, {"c": 6, "d": 7}) for pair in pairs for e in (8, 9)
    ]


@QUICK
@given(VALUES)
def test_a_value_reaches_the_scenario_as_it_is(value: object) -> None:
    (override,) = overrides({"a.b": value}, {}, "sweep")
    assert parse_value(override.value, "sweep") == value


def shares(spec: dict[str, Any], key: str) -> list[float]:
    """Where in its range, from 0 to 1, each point's value lies."""
    over = spec["over"][key]
    bend = math.log if over.get("scale") == "log" else float
    low, high = bend(over["low"]), bend(over["high"])
    found = sampled(SampleSpec.model_validate(spec))
    return [(bend(point[key]) - low) / (high - low) for point in found]


@QUICK
@given(
    st.sampled_from(["sobol", "lhs"]),
    st.integers(0, 6),
    st.integers(1, 5),
    st.integers(0, 2**31),
    st.sampled_from(["linear", "log"]),
)
def test_every_nth_of_every_range_has_one_of_n_points(
    use: str, power: int, dimensions: int, seed: int, scale: str
) -> None:
    n = 2**power
    over = {key: {"low": 0.5, "high": 700.0, "scale": scale} for key in LETTERS[:dimensions]}
    spec = {"use": use, "points": n, "seed": seed, "over": over}
    for key in over:
        assert sorted(math.floor(share * n) for share in shares(spec, key)) == list(range(n))


@QUICK
@given(st.integers(-50, 50), st.integers(1, 40), st.integers(0, 1000))
def test_as_many_points_as_whole_numbers_are_each_of_them_once(low: int, more: int, seed: int) -> None:
    over = {"a": {"low": low, "high": low + more, "whole": True}}
    spec = SweepSpec.model_validate({"sample": {"use": "lhs", "points": more + 1, "seed": seed, "over": over}})
    found = [point["a"] for point in points(spec)]
    assert all(type(value) is int for value in found)
    assert sorted(found) == list(range(low, low + more + 1))


def test_whole_numbers_on_a_log_scale_are_as_many_below_as_above_the_middle() -> None:
    over = {"a": {"low": 1, "high": 99, "whole": True, "scale": "log"}}
    spec = SweepSpec.model_validate({"sample": {"points": 64, "over": over}})
    found = [point["a"] for point in points(spec)]
    assert sum(value < 10 for value in found) == sum(value >= 10 for value in found) == 32


@QUICK
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_sobol_points_do_not_depend_on_how_many_follow(few: int, more: int, seed: int) -> None:
    def first(n: int) -> list[dict[str, Any]]:
        over = {"a": {"low": 0, "high": 1}, "b": {"low": 0, "high": 1}}
        return list(points(SweepSpec.model_validate({"sample": {"points": n, "seed": seed, "over": over}})))

    assert first(few + more)[:few] == first(few)


@pytest.mark.parametrize("use", ["sobol", "lhs"])
def test_another_seed_is_another_sample(use: str) -> None:
    def of(seed: int) -> list[dict[str, Any]]:
        sample = {"use": use, "points": 4, "seed": seed, "over": {"a": {"low": 0, "high": 1}}}
        return list(points(SweepSpec.model_validate({"sample": sample})))

    assert of(1) == of(1) != of(2)
