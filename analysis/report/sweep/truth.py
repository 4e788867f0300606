"""What the results of a sweep tell of its pools one by one: who is right on which query, as far as it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.records.result import Result

Floats = NDArray[np.float64]
VARIES = 0.02  # a share that changes by less does not vary
WHOLE = 0.99  # a pool is known if its answers to that share of the queries are


@dataclass(frozen=True)
class Truth:
    """What each pool's answer is worth, query by query: `scores` has a column a pool, NaN where it was never asked.

    Rows are the measured queries with an item of the results that were read, `replication` (n,) says of which, and
    `items` is how many different ones they ask.
    """

    scores: pd.DataFrame
    replication: NDArray[np.int64]
    items: int

    def known(self, *pools: str) -> float:
        """The share of queries of which the answers of all `pools` are known."""
        return float(self._of(pools).notna().all(axis=1).mean()) if len(self.scores) else 0.0

    def both(self, weak: str, strong: str) -> tuple[Floats, Floats]:
        """Scores of both pools on the queries on which both are known."""
        of = self._of((weak, strong))
        there = of[of.notna().all(axis=1)].to_numpy(np.float64)
        return there[:, 0], there[:, 1]

    def accuracy(self, pool: str) -> float | None:
        """Of everything to one pool; None unless it was asked (nearly) everything."""
        return float(self.scores[pool].mean()) if self.known(pool) >= WHOLE else None

    def accuracies(self, pool: str) -> Floats:
        """The same of each replication."""
        each = self._of((pool,))[pool].groupby(self.replication).mean()
        return each.reindex(range(int(self.replication.max()) + 1)).to_numpy(np.float64)

    def _of(self, pools: Sequence[str]) -> pd.DataFrame:
        return self.scores.reindex(columns=list(pools))


def truth(results: Sequence[Result]) -> Truth:
    """What results of one workload and one fleet tell together: they differ in who was asked, not in who is right."""
    queries = pd.concat([_queries(result) for result in results], ignore_index=True)
    answers = pd.concat([_answers(result) for result in results], ignore_index=True)
    worth = answers.groupby(["cls", "item", "pool"])["score"].mean().unstack("pool")
    scores = queries[["cls", "item"]].merge(worth, how="left", left_on=["cls", "item"], right_index=True)
    replication = queries["replication"].to_numpy(np.int64)
    return Truth(scores.drop(columns=["cls", "item"]), replication, len(scores[["cls", "item"]].drop_duplicates()))


def pair(shares: pd.DataFrame, known: Truth) -> tuple[str, str] | None:
    """The weak and the strong pool between which points choose; None where none is asked more in some than in others.

    `shares` has a row a point and a column a pool. Strong is the most accurate pool whose share varies, by the queries
    on which all of these are known (else by the answers that each gave; of equals the last in the fleet); weak is who
    answers most where it answers least.
    """
    varying = [pool for pool in shares if shares[pool].max() - shares[pool].min() > VARIES and pool in known.scores]
    if not varying:
        return None
    scores = known.scores[varying]
    common = scores.dropna()
    right = (common if len(common) else scores).mean().dropna()
    if right.empty:
        return None
    strong = str(right.iloc[::-1].idxmax())
    least = shares.iloc[int(shares[strong].to_numpy().argmin())].drop(strong)
    return (str(least.idxmax()), strong) if len(least) else None


def _queries(result: Result) -> pd.DataFrame:
    """Measured queries with an item."""
    queries = result.tables.queries[["replication", "cls", "item", "arrived_s"]]
    cuts_s = np.array([cut or 0.0 for cut in result.summary.warmup_s])
    measured = queries["arrived_s"].to_numpy(np.float64) >= cuts_s[queries["replication"].to_numpy(np.int64)]
    kept: pd.DataFrame = queries[measured & (queries["item"] >= 0).to_numpy(bool)]
    return kept.assign(cls=kept["cls"].astype(str))


def _answers(result: Result) -> pd.DataFrame:
    """All answers of which the truth is known, by class, item and pool."""
    calls = result.tables.calls
    given = ((calls["kind"] == "answer") & (calls["fate"] == "answered") & calls["score"].notna()).to_numpy(bool)
    answers = calls.loc[given, ["replication", "query", "pool", "score"]]
    queries = result.tables.queries[["replication", "query", "cls", "item"]]
    told = answers.merge(queries, on=["replication", "query"])
    return told.assign(cls=told["cls"].astype(str), pool=told["pool"].astype(str))
