"""Operating points: what a policy comes to at each value of one of its numbers, over all queries or a resample of them.

A point is what each query gave, in sums that are linear in how often its item is drawn (`SUMS`); what users read
(`MEANS`) are ratios of these sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.metrics.curves import Sides
from simulator.metrics.efficiency import Efficiency

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

COSTS = ("cost_usd", "energy_j", "flop", "memory_byte_s")
SUMS = ("right", "with_item", "e2e_s", "finished", "calls", "escalated", "strong", "queries", *COSTS)
WORTH = ("worth", "composite", "ratio")  # the same of an efficiency score: its top, its bottom, and one over the other
MEANS = ("accuracy", *COSTS, "e2e_s", "calls", "escalated_frac", "strong_share", "coverage", "ies", "ies_of_means")


def sums_by_query(
    queries: pd.DataFrame, calls: pd.DataFrame, strong: str, efficiency: Efficiency | None = None
) -> Floats:
    """`SUMS` of each row of `queries`, (sums, n), and `WORTH` where there is an efficiency score.

    Queries without an answer are wrong, and in all but the time.

    `strong` is the pool whose share is told: of the queries that asked it for an answer.
    """
    asked = calls[(calls["pool"] == strong) & (calls["kind"] != "verify")]
    keys = ["replication", "query"] if "replication" in queries else ["query"]
    there = pd.MultiIndex.from_frame(asked[keys])
    has_item = (queries["item"] >= 0).to_numpy(float)
    e2e_s = queries["e2e_s"].to_numpy(float)
    columns = {
        "right": np.nan_to_num(queries["score"].to_numpy(float)) * has_item,
        "with_item": has_item,
        "e2e_s": np.nan_to_num(e2e_s),
        "finished": (~np.isnan(e2e_s)).astype(float),
        "calls": queries["calls"].to_numpy(float),
        "escalated": queries["escalated"].to_numpy(float),
        "strong": pd.MultiIndex.from_frame(queries[keys]).isin(there).astype(float),
        "queries": np.ones(len(queries)),
    }
    unknown = np.full(len(queries), np.nan)
    columns |= {name: queries[name].to_numpy(float) if name in queries else unknown for name in COSTS}
    made = [columns[name] for name in SUMS]
    if efficiency is not None:
        worth, composite = efficiency.worth(columns["right"], e2e_s), efficiency.cost(columns | {"time_s": made[2]})
        made += [worth, composite, np.divide(worth, composite, out=unknown, where=composite > 0)]
    return np.stack(made)


def means(sums: Floats) -> dict[str, Floats]:
    """`MEANS` of (sums, k) points, (k,) each, IES where they have its sums; NaN where nothing is known."""
    of = dict(zip((*SUMS, *WORTH), sums, strict=False))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "accuracy": of["right"] / of["with_item"],
            **{name: of[name] / of["queries"] for name in COSTS},
            "e2e_s": of["e2e_s"] / of["finished"],
            "calls": of["calls"] / of["queries"],
            "escalated_frac": of["escalated"] / of["queries"],
            "strong_share": of["strong"] / of["queries"],
            "coverage": of["finished"] / of["queries"],
        }
        if "worth" in of:
            found |= {"ies": of["ratio"] / of["queries"], "ies_of_means": of["worth"] / of["composite"]}
    return found


class Points(Protocol):
    """Operating points in the order of their values."""

    @property
    def values(self) -> tuple[float | str, ...]:
        """What was varied, a value a point."""
        ...

    @property
    def items(self) -> int:
        """How many items there are to draw."""
        ...

    def sums(self, counts: Floats) -> Floats:
        """(sums, k), of items that are drawn so often, (items,)."""
        ...


@dataclass(frozen=True, eq=False)
class Grid:
    """Points that were replayed or run one by one: sums over the queries of each item, (k, sums, items)."""

    values: tuple[float | str, ...]
    of_items: Floats

    @classmethod
    def of(cls, values: Sequence[float | str], points: Sequence[tuple[Floats, Ints]], items: int) -> Grid:
        """From (sums, n) of each point with the item, below `items`, of each of its queries."""
        of_items = np.zeros((len(points), len(points[0][0]), items))
        for k, (sums, item) in enumerate(points):
            for j, column in enumerate(sums):
                of_items[k, j] = np.bincount(item, column, items)
        return cls(tuple(values), of_items)

    @property
    def items(self) -> int:
        """How many there are."""
        return int(self.of_items.shape[2])

    def sums(self, counts: Floats) -> Floats:
        """Sums over the items drawn."""
        return (self.of_items @ counts).T


@dataclass(frozen=True, eq=False)
class Exact:
    """Every point of one threshold at once, from what each query gives on either side of it.

    `sides` has the `SUMS` of queries, `item` (n,) the item of each. `chosen` are those of the points that a threshold
    in a file can reach: no number is below -inf or above inf.
    """

    values: tuple[float | str, ...]
    sides: Sides
    chosen: Ints
    item: Ints
    items: int

    def sums(self, counts: Floats) -> Floats:
        """Sums over the items drawn, divided by the queries among them."""
        return self.sides.curve(counts[self.item]).value[:, self.chosen]
