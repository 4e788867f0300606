"""Operating points of a scenario over the values of one key, by replays without load."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from simulator.engine.build import System, build
from simulator.metrics.curves import Ranked, Sides
from simulator.metrics.value import RESAMPLES
from simulator.replaying.bar import Bar, bar
from simulator.replaying.curve import Curve, read_off
from simulator.replaying.ends import Currency, Ends, Ies
from simulator.replaying.points import Exact, Grid, Ints, Points, means, sums_by_query
from simulator.replaying.refine import A_SHARE, bracket, refined, widened
from simulator.replaying.replay import replay
from simulator.replaying.vary import Over, Question, always, varied
from simulator.spec.errors import SpecError

SHOWN = 11  # thresholds that are taken where nobody gives any


class Told(NamedTuple):
    """One point's tables: the columns of queries and calls that points are made of; `verdict` of a run."""

    queries: pd.DataFrame
    calls: pd.DataFrame
    verdict: str = ""


class Named(NamedTuple):
    """What the user names instead of the default."""

    weak: str | None = None
    strong: str | None = None
    currency: Currency | None = None
    ies: Ies | None = None


NOTHING = Named()


class Made(NamedTuple):
    """Points and single pools over the same items; `is_whole`: every value that makes a difference is among them."""

    points: Points
    singles: Grid
    ends: Ends
    is_whole: bool


def curve(question: Question, over: Over, named: Named = NOTHING, resamples: int = RESAMPLES) -> Curve:
    """The curve without load, on the queries of the first replication, with intervals over their items.

    Errors as of `points_of`.
    """
    system = build(question.load())
    points, singles, ends, is_whole = points_of(system, question, over, named)
    return read_off(over.key, ends, points, singles, is_whole, system.scenario.spec.seed, resamples)


def points_of(system: System, question: Question, over: Over, named: Named = NOTHING, count: int = SHOWN) -> Made:
    """The points without load: of a threshold between two pools all, from a replay on each side; else one a value.

    Weak is the cheapest pool and strong the most accurate one, unless named. Where no values are given, about `count`
    are taken: quantiles of the scores that the policy compares, or, of another number of a policy, those between which
    most changes. SpecError where the scenario has no items, the key cannot take a value, or no values are known.
    """
    singles = [replayed(varied(system, question.load(*always(pool)))) for pool in pools_of(system)]
    ends = ends_of(system, singles, named)
    if over.values is None and (known := bar(system, system.world(0), over.key)) and known.two_pools:
        whole = exact(system, question, known, singles, ends)
        if whole is not None:
            return Made(*whole, ends, True)
    values, told = _some(system, question, over, ends, count)
    return Made(*one_by_one(system, values, told, singles, ends), ends, False)


def _some(
    system: System, question: Question, over: Over, ends: Ends, count: int
) -> tuple[tuple[float | str, ...], list[Told]]:
    """Values, those given or about `count` that matter, and a replay at each."""
    known = None if over.values is not None else bar(system, system.world(0), over.key)
    between = None if over.values is not None or known is not None else bracket(system.scenario, over.key)
    if between is None:
        values = values_of(system, over, count)
        return values, [replayed(at(system, question, over, value)) for value in values]

    @cache
    def measure(value: float) -> tuple[float, Told]:
        told = replayed(at(system, question, over, value))
        made = means(sums_by_query(told.queries, told.calls, ends.strong).sum(axis=1, keepdims=True))
        share, cost = float(made["strong_share"][0]), float(made[ends.currency][0])
        return share + cost / ends.efficiency.references.get(ends.currency, cost or 1.0), told

    if between != A_SHARE:
        between = widened(measure, *between)
    found = refined(measure, *between, count)
    return tuple(value for value, _ in found), [told for _, told in found]


def pools_of(system: System) -> tuple[str, ...]:
    """Names of the fleet's pools."""
    return tuple(pool.plan.facts.name for pool in system.pools)


def one_by_one(
    system: System, values: Sequence[float | str], told: Sequence[Told], singles: Sequence[Told], ends: Ends
) -> tuple[Points, Grid]:
    """Points that were made one by one, and those of single pools, over the same items."""
    parts = [*told, *singles]
    items, count = numbered([items_of(system, one.queries) for one in parts])
    sums = [
        (sums_by_query(one.queries, one.calls, ends.strong, ends.efficiency), item)
        for one, item in zip(parts, items, strict=True)
    ]
    n = len(told)
    return Grid.of(values, sums[:n], count), Grid.of(ends.pools, sums[n:], count)


def exact(
    system: System, question: Question, known: Bar, singles: Sequence[Told], ends: Ends
) -> tuple[Exact, Grid] | None:
    """Every point of a threshold between two pools, from a replay with it below all scores and one above.

    None where a session ended early in one of the two: then not all queries are there to be compared.
    """
    ranked = Ranked(known.order)
    reachable = [
        (j, value) for j in range(len(ranked.scores) + 1) if (value := known.between(ranked.scores, j)) is not None
    ]
    sides = [replayed(at(system, question, Over(known.key), value)) for _, value in (reachable[0], reachable[-1])]
    if any(len(one.queries) < len(known.scores) for one in (*sides, *singles)):
        return None
    items, count = numbered([items_of(system, one.queries) for one in (*sides, *singles)])
    kept, deferred = (sums_by_query(one.queries, one.calls, ends.strong, ends.efficiency) for one in sides)
    alone = [sums_by_query(one.queries, one.calls, ends.strong, ends.efficiency) for one in singles]
    grid = Grid.of(ends.pools, list(zip(alone, items[2:], strict=True)), count)
    chosen = np.array([j for j, _ in reachable], dtype=np.intp)
    values = tuple(value for _, value in reachable)
    return Exact(values, Sides(ranked, kept, deferred), chosen, items[0], count), grid


def at(system: System, question: Question, over: Over, value: float | str) -> System:
    """The system with this value; all of it is built again where the key is not the policy's."""
    scenario = question.load(over.override(value))
    return varied(system, scenario) if over.key.startswith("policy.") else build(scenario)


def values_of(system: System, over: Over, count: int = SHOWN) -> tuple[float | str, ...]:
    """Those given, or quantiles of the scores that the policy compares."""
    if over.values is not None:
        return over.values
    known = bar(system, system.world(0), over.key)
    if known is None or not len(known.scores):
        use, other = system.scenario.spec.policy.use, bar(system, system.world(0))
        hint = "" if other is None or other.key == over.key else f", or did you mean {other.key}?"
        raise SpecError(
            f"--over {over.key}: nobody knows which values make a difference to policy {use!r}; give them "
            f"({over.key}=a:b:n or {over.key}=a,b,c){hint}"
        )
    return known.quantiles(count)


def replayed(system: System) -> Told:
    """A replay's tables."""
    made = replay(system)
    return Told(made.queries, made.calls)


def ends_of(system: System, singles: Sequence[Told], named: Named) -> Ends:
    """Which pool is weak, and which strong."""
    sums = [sums_by_query(one.queries, one.calls, "").sum(axis=1) for one in singles]
    return Ends.of(pools_of(system), means(np.stack(sums, axis=1)), *named)


def items_of(system: System, queries: pd.DataFrame) -> Ints:
    """A number for the item of each query: the same in every point; a query without an item is one of its own."""
    starts: dict[str, int] = {}
    names: dict[str, int] = {}
    end = 0
    for cls in system.classes:
        if cls.table is not None:
            starts[cls.plan.facts.name] = names.setdefault(cls.table.name, end)
            end += len(cls.table)
    item = queries["item"].to_numpy(np.int64)
    start = queries["cls"].astype(object).map(starts).fillna(0).to_numpy(np.int64)
    return np.where(item >= 0, start + item, end + queries["query"].to_numpy(np.int64)).astype(np.intp)


def numbered(items: Sequence[Ints]) -> tuple[list[Ints], int]:
    """The same numbers without gaps, and how many there are."""
    distinct, place = np.unique(np.concatenate(items), return_inverse=True)
    return np.split(place.astype(np.intp), np.cumsum([len(part) for part in items])[:-1]), len(distinct)
