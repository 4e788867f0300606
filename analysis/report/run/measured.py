"""The measured part of a run: what arrived after the warm-up, and the calls of what finished."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from simulator.records.result import Result

# The columns that figures read: copies of whole tables would take a large run's memory.
QUERIES = ("replication", "query", "cls", "arrived_s", "ttft_s", "tpot_s", "e2e_s", "fate", "pool", "score")
ANSWERS = ("replication", "query", "pool", "fate", "asked_s", "delivered_s", "score", "confidence")
ACCEPTED = ("replication", "query", "asked_s", "uplink_s", "queue_s", "prefill_s", "decode_s", "downlink_s")


class Measured:
    """A run's summary and tables, and the parts of these that are measured, each found when it is first asked for."""

    def __init__(self, result: Result) -> None:
        self.summary, self.tables = result.summary, result.tables

    @cached_property
    def queries(self) -> pd.DataFrame:
        """The queries that arrived after the warm-up."""
        return self._after(self.tables.queries[list(QUERIES)], "arrived_s")

    @cached_property
    def finished(self) -> pd.DataFrame:
        """Those of them that finished."""
        return self.queries[(self.queries["fate"] == "finished").to_numpy(bool)]

    @cached_property
    def answers(self) -> pd.DataFrame:
        """The calls for an answer that were asked after the warm-up."""
        calls = self.tables.calls
        calls = calls.loc[(calls["kind"] == "answer").to_numpy(bool), list(ANSWERS)]
        return self._after(calls, "asked_s")

    @cached_property
    def accepted(self) -> pd.DataFrame:
        """The finished queries, each with times of its accepted call."""
        calls = self.tables.calls
        calls = calls.loc[calls["accepted"].to_numpy(bool), list(ACCEPTED)]
        return self.finished.merge(calls, on=["replication", "query"])

    def _after(self, table: pd.DataFrame, at: str) -> pd.DataFrame:
        """Rows of `table` whose time `at` is not in their replication's warm-up."""
        cuts_s = np.array([cut or 0.0 for cut in self.summary.warmup_s])
        kept: pd.DataFrame = table[table[at].to_numpy(np.float64) >= cuts_s[table["replication"].to_numpy(np.int64)]]
        return kept
