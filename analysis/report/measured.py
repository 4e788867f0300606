"""The measured part of a run: what arrived after the warm-up, and the calls of what finished."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.records.result import Result
from simulator.records.summary import Summary


def measured(table: pd.DataFrame, at: str, summary: Summary) -> pd.DataFrame:
    """Rows of `table` whose time `at` is not in their replication's warm-up."""
    cuts = np.array([cut or 0.0 for cut in summary.warmup_s])
    kept: pd.DataFrame = table[table[at].to_numpy(np.float64) >= cuts[table["replication"].to_numpy(np.int64)]]
    return kept


def queries_of(result: Result) -> pd.DataFrame:
    """The queries that are measured."""
    return measured(result.tables.queries, "arrived_s", result.summary)


def accepted_of(result: Result) -> pd.DataFrame:
    """The measured queries that finished, each with its accepted call's columns (`_call` after those of one name)."""
    done = queries_of(result)
    done = done[(done["fate"] == "finished").to_numpy(bool)]
    calls = result.tables.calls
    calls = calls[calls["accepted"].to_numpy(bool)]
    return done.merge(calls, on=["replication", "query"], suffixes=("", "_call"))
