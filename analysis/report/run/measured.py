"""The measured part of a run: what arrived after the warm-up, and the calls that were asked after it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.records.result import Result

# The columns that figures read: whole tables of a large run would take seconds and gigabytes.
QUERIES = ("replication", "query", "cls", "arrived_s", "ttft_s", "tpot_s", "e2e_s", "fate", "pool", "score")
CALLS = ("replication", "query", "pool", "kind", "fate", "asked_s", "delivered_s", "score", "confidence", "energy_j")
ACCEPTED = ("replication", "query", "accepted", "asked_s", "uplink_s", "queue_s", "prefill_s", "decode_s", "downlink_s")
GONE = -1  # the row of a query that is not measured


class Measured:
    """A run's summary and tables, and the parts of these that are measured, each found when it is first asked for."""

    def __init__(self, result: Result) -> None:
        self.summary, self.tables, self.scenario = result.summary, result.tables, result.scenario

    @cached_property
    def queries(self) -> pd.DataFrame:
        """The queries that arrived after the warm-up, numbered from 0 by their rows."""
        return self._after(self._arrivals, "arrived_s")

    @cached_property
    def finished(self) -> pd.DataFrame:
        """Those of them that finished, under their numbers."""
        return self.queries[(self.queries["fate"] == "finished").to_numpy(bool)]

    @cached_property
    def calls(self) -> pd.DataFrame:
        """The calls that were asked after the warm-up, those of a query together and in the order they were asked.

        `row` is the row of their query in `queries`, `GONE` where it arrived before; `group` is the same for the calls
        of one query.
        """
        calls = self._after(self.tables.columns("calls", CALLS), "asked_s")
        number = self._number(calls)
        order = np.lexsort((calls["asked_s"].to_numpy(), number))
        number = number[order]
        calls = calls.drop(columns=["replication", "query"]).take(order)
        calls.index = pd.RangeIndex(len(calls))
        return calls.assign(row=self._row[number], group=np.cumsum(np.diff(number, prepend=-1) != 0, dtype=np.int32))

    @cached_property
    def answers(self) -> pd.DataFrame:
        """Those of them for an answer."""
        return self.calls[(self.calls["kind"] == "answer").to_numpy(bool)]

    @cached_property
    def accepted(self) -> pd.DataFrame:
        """The calls whose answers finished queries took, with when the query arrived and how long it took."""
        calls = self.tables.columns("calls", ACCEPTED)
        calls = calls[calls["accepted"].to_numpy(bool)]
        row = self._row[self._number(calls)]
        there = row != GONE
        there[there] = (self.queries["fate"] == "finished").to_numpy(bool)[row[there]]
        found: pd.DataFrame = calls[there].assign(
            arrived_s=self.queries["arrived_s"].to_numpy()[row[there]],
            e2e_s=self.queries["e2e_s"].to_numpy()[row[there]],
        )
        return found

    @cached_property
    def _arrivals(self) -> pd.DataFrame:
        return self.tables.columns("queries", QUERIES)

    @cached_property
    def _width(self) -> int:
        """How many queries a replication has at most."""
        return 1 + int(self._arrivals["query"].max()) if len(self._arrivals) else 0

    @cached_property
    def _row(self) -> NDArray[np.int32]:
        """By number over all replications: the row of a query in `queries`."""
        rows = np.full(len(self.summary.warmup_s) * self._width, GONE, np.int32)
        rows[self._number(self.queries)] = np.arange(len(self.queries), dtype=np.int32)
        return rows

    def _number(self, table: pd.DataFrame) -> NDArray[np.int64]:
        """The number of each row's query over all replications."""
        number: NDArray[np.int64] = table["replication"].to_numpy(np.int64) * self._width + table["query"].to_numpy()
        return number

    def _after(self, table: pd.DataFrame, at: str) -> pd.DataFrame:
        """Rows of `table` whose time `at` is not in their replication's warm-up."""
        cuts_s = np.array([cut or 0.0 for cut in self.summary.warmup_s])
        kept = table[at].to_numpy(np.float64) >= cuts_s[table["replication"].to_numpy(np.int64)]
        return table if kept.all() else table[kept].reset_index(drop=True)
