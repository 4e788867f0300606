"""A threshold found on the train split: for a share of strong calls, a budget, or an accuracy; and what test gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.engine.build import System, build
from simulator.metrics.value import Floats, Value, over_items
from simulator.replaying.bar import bar
from simulator.replaying.ends import Ends
from simulator.replaying.points import MEANS, Grid, means, sums_by_query
from simulator.replaying.refine import bracket
from simulator.replaying.sweep import NOTHING, Named, at, items_of, numbered, points_of, replayed
from simulator.replaying.vary import Over, Question, every_item, split
from simulator.spec.errors import SpecError

Aim = Literal["strong_share", "cost_usd", "accuracy"]
TRIED = 51  # values where nobody gives any and the curve is not known whole

USUAL_KEYS = ("policy.threshold", "policy.accept")  # where policies have one number that decides


@dataclass(frozen=True)
class Calibrated:
    """The `value` of `key` that meets the aim on train, and `MEANS` there and on test; `note` says where none can."""

    key: str
    value: float | str
    aim: Aim
    wanted: float
    ends: Ends
    train: Mapping[str, Value]
    test: Mapping[str, Value]
    note: str = ""


def calibrate(
    question: Question, aim: Aim, wanted: float, over: Over | None = None, named: Named = NOTHING
) -> Calibrated:
    """Find the value on the train split, each item once, without load; and tell what it gives on the test split.

    For a share, the value whose share is nearest; for a budget (dollars a query), the most accurate one within it; for
    an accuracy, the cheapest one that has it. SpecError where the table keeps no test split apart, nobody knows the
    policy's threshold and no key is given, or nothing meets the aim.
    """
    test, on_test = _asked(question, "test")
    _check_splits(test)
    train, on_train = _asked(question, "train")
    over = over or Over(_own_key(train))
    made = points_of(train, on_train, over, named, TRIED)
    whole = means(made.points.sums(np.ones(made.points.items)))
    j, note = _choose(aim, wanted, whole, whole[made.ends.currency], len(train.world(0)))
    value = made.points.values[j]
    there = _measured(at(train, on_train, over, value), made.ends)
    here = _measured(at(test, on_test, over, value), made.ends)
    return Calibrated(over.key, value, aim, wanted, made.ends, there, here, note)


def _asked(question: Question, name: str) -> tuple[System, Question]:
    """The scenario on one split, each item once."""
    question = question.over(*split(question.load(), name))
    system = build(question.load())
    question = question.over(*every_item(system))
    return build(question.load()), question


def _check_splits(test: System) -> None:
    tables = [cls.table for cls in test.classes if cls.table is not None]
    if not tables:
        raise SpecError("calibration needs quality: no class of the workload has 'items'")
    for table in tables:
        if not table.has_test:
            raise SpecError(f"table {table.name!r} has no test split: what is calibrated on it cannot be judged on it")


def _own_key(system: System) -> str:
    known = bar(system, system.world(0))
    if known is not None:
        return known.key
    for key in USUAL_KEYS:
        if bracket(system.scenario, key) is not None:
            return key
    use = system.scenario.spec.policy.use
    raise SpecError(f"nobody knows the threshold of policy {use!r}: name the key, --over policy.KEY")


def _choose(aim: Aim, wanted: float, whole: Mapping[str, Floats], cost: Floats, queries: int) -> tuple[int, str]:
    """Index of the point, and what there is to say of it."""
    share, accuracy, slack = whole["strong_share"], whole["accuracy"], 1e-12
    if aim == "strong_share":
        j = int(np.abs(share - wanted).argmin())
        if abs(share[j] - wanted) <= 0.5 / queries + slack:
            return j, ""
        sides = [side for side in (share[share < wanted], share[share > wanted]) if len(side)]
        near = " and ".join(f"{side[np.abs(side - wanted).argmin()]:.4g}" for side in sides)
        return j, f"no value tried has a strong share of {wanted:g} (equal scores share a fate): nearest are {near}"
    if aim == "cost_usd":
        within = whole["cost_usd"] <= wanted * (1 + slack)
        if not within.any():
            raise SpecError(f"--budget-usd {wanted:g}: the least that a query costs on train is {cost.min():.6g} USD")
        return int(np.lexsort((cost, -np.where(within, accuracy, -np.inf)))[0]), ""
    good = accuracy >= wanted - slack
    if not good.any():
        raise SpecError(f"--accuracy {wanted:g}: the best on train is {np.nanmax(accuracy):.4g}")
    return int(np.lexsort((-accuracy, np.where(good, cost, np.inf)))[0]), ""


def _measured(system: System, ends: Ends) -> dict[str, Value]:
    """`MEANS` of a system as it is, with intervals over items."""
    told = replayed(system)
    (item,), count = numbered([items_of(system, told.queries)])
    point = Grid.of(("",), [(sums_by_query(told.queries, told.calls, ends.strong, ends.efficiency), item)], count)
    readings = {name: lambda found, name=name: float(found[name][0]) for name in MEANS}
    return over_items(readings, lambda counts: means(point.sums(counts)), np.arange(count), system.scenario.spec.seed)
