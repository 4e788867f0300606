"""A sample: what one replication's window holds, as columns by query and totals; and the metrics' values on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.metrics.facts import RunFacts, Window
from simulator.metrics.registry import METRICS, STATISTICS, Metric
from simulator.records.metrics import PER_QUERY
from simulator.spec.scenario import SloSpec

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NO_TABLE = -1


@dataclass(frozen=True)
class Sample:
    """Queries that arrived in a window, in columns of (n,), and totals that are of no query (joules, seconds).

    `table` and `item` say which row of which quality table a query asks (`NO_TABLE`: none). A quantity may be both a
    column and a total (dollars at hosted pools, and for own machines): its total is the sum of both.
    """

    columns: Mapping[str, Floats]
    totals: Mapping[str, float]
    table: NDArray[np.int64]
    item: NDArray[np.int64]

    def total(self, quantity: str) -> float:
        """Sum of a quantity; NaN where it is not there."""
        if quantity not in self.columns and quantity not in self.totals:
            return float("nan")
        column = self.columns.get(quantity)
        return self.totals.get(quantity, 0.0) + (0.0 if column is None else float(column.sum()))

    def values(self, name: str) -> Floats:
        """A column of times, of the finished queries that have it."""
        column = self.columns[name]
        return column[~np.isnan(column)]

    def only(self, chosen: Flags) -> Sample:
        """The sample of the queries `chosen`: of the run's joules those attributed to them, no other totals of the run.

        The window's joules are shared in proportion to what each query was attributed of all the run's.
        """
        columns = {name: column[chosen] for name, column in self.columns.items() if name not in self.totals}
        totals = {"span_s": self.totals["span_s"]}
        given_j = self.columns.get("attributed_j")
        if given_j is not None and (whole_j := float(given_j.sum())) > 0:
            totals["energy_j"] = self.totals["energy_j"] * float(given_j[chosen].sum()) / whole_j
        return Sample(columns, totals, self.table[chosen], self.item[chosen])


def sample(queries: pd.DataFrame, ledger: pd.DataFrame, window: Window, facts: RunFacts) -> tuple[Sample, pd.Series]:
    """The sample of one replication's tables, and the class of each of its queries."""
    queries = queries[queries["arrived_s"].to_numpy() >= window.start_s]
    inside = ledger[ledger["window"].to_numpy(bool)]
    own = inside[(inside["kind"] != "hosted").to_numpy(bool)]
    making = (inside["phase"] == "embodied").to_numpy(bool)
    totals = {
        "span_s": max(0.0, window.end_s - window.start_s),
        "energy_j": float(inside["energy_j"].sum(skipna=False)),
        "co2_g": float(inside["co2_g"].sum(skipna=False)),
        "co2_embodied_g": float(inside["co2_g"][making].sum()) if making.any() else float("nan"),
        "cost_usd": float(own["cost_usd"].sum()),
    }
    table, item = _items(queries, facts)
    columns = _columns(queries, table)
    limits = _limits_met(queries, columns, facts)
    if limits is not None:
        columns["good"] = limits
    return Sample(columns, totals, table, item), queries["cls"]


def _columns(queries: pd.DataFrame, table: NDArray[np.int64]) -> dict[str, Floats]:
    """What metrics are made of, by query. Times are NaN unless the query finished, counts 0 unless it is so."""
    fate = queries["fate"]
    finished = (fate == "finished").to_numpy(bool)
    columns = {name: np.where(finished, queries[name].to_numpy(np.float64), np.nan) for name in PER_QUERY}
    columns |= {
        "offered": np.ones(len(queries)),
        "finished": finished.astype(np.float64),
        "dropped": (fate == "dropped").to_numpy(np.float64),
        "unfinished": (fate == "unfinished").to_numpy(np.float64),
        "escalated": queries["escalated"].to_numpy(np.float64),
        "calls": queries["calls"].to_numpy(np.float64),
        "output_tok": np.where(finished, queries["output_tok"].to_numpy(np.float64), 0.0),
        "cost_usd": np.nan_to_num(queries["cost_usd"].to_numpy(np.float64)),
        "attributed_j": queries["energy_j"].to_numpy(np.float64),
    }
    asked = table != NO_TABLE
    if asked.any():
        score = queries["score"].to_numpy(np.float64)
        columns["with_item"] = asked.astype(np.float64)
        columns["answered"] = (asked & finished).astype(np.float64)
        columns["correct"] = np.where(asked & finished, np.nan_to_num(score), 0.0)
    return columns


def _items(queries: pd.DataFrame, facts: RunFacts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Table and item of each query; classes that share a table share its items."""
    names = sorted({kept.table for kept in facts.classes.values() if kept.table is not None})
    item = queries["item"].to_numpy(np.int64)
    table = np.full(len(queries), NO_TABLE, np.int64)
    for name, kept in facts.classes.items():
        if kept.table is not None:
            table[(queries["cls"] == name).to_numpy(bool)] = names.index(kept.table)
    table[item < 0] = NO_TABLE
    return table, item


def _limits_met(queries: pd.DataFrame, columns: Mapping[str, Floats], facts: RunFacts) -> Floats | None:
    """1 for queries that finished within each limit on a time of theirs, else 0; None where there is no such limit."""
    if not _on_queries(facts.slos) and not any(_on_queries(kept.slos) for kept in facts.classes.values()):
        return None
    met = columns["finished"] > 0
    for slo in _on_queries(facts.slos):
        met &= _within(columns[slo.metric], slo)
    for name, kept in facts.classes.items():
        others = (queries["cls"] != name).to_numpy(bool)
        for slo in _on_queries(kept.slos):
            met &= others | _within(columns[slo.metric], slo)
    return met.astype(np.float64)


def _on_queries(slos: Sequence[SloSpec]) -> list[SloSpec]:
    return [slo for slo in slos if slo.metric in PER_QUERY]


def _within(values: Floats, slo: SloSpec) -> Flags:
    """Which values hold the limit; what has no value (the pace of a one-token answer) holds it."""
    outside = np.zeros(len(values), bool)
    if slo.max is not None:
        outside |= values > slo.max
    if slo.min is not None:
        outside |= values < slo.min
    return ~outside


def statistic(metric: Metric, taken: Sample, percentile: float | None = None) -> float:
    """The value of `metric`: its mean or percentile, or its ratio; NaN where it is undefined."""
    if metric.bottom is not None:
        top, bottom = taken.total(metric.top), taken.total(metric.bottom)
        return top / bottom if bottom else float("nan")
    values = taken.values(metric.top)
    if not len(values):
        return float("nan")
    return float(values.mean()) if percentile is None else float(np.percentile(values, percentile))


def measure(taken: Sample) -> dict[str, float]:
    """Every key of every metric; NaN where it is undefined."""
    measured: dict[str, float] = {}
    for metric in METRICS.values():
        if metric.bottom is not None:
            measured[metric.name] = statistic(metric, taken)
            continue
        values = taken.values(metric.top)
        wanted = [p for p in STATISTICS.values() if p is not None]
        cuts = iter(np.percentile(values, wanted) if len(values) else [float("nan")] * len(wanted))
        for key, percentile in zip(metric.keys, STATISTICS.values(), strict=True):
            measured[key] = statistic(metric, taken) if percentile is None else float(next(cuts))
    return measured
