"""Does the system keep up with what is asked of it? STABLE, BACKLOGGED or OVERLOADED."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.metrics.facts import Window
from simulator.records.summary import Verdict

Floats = NDArray[np.float64]

KEEPS_UP = 0.95  # of the queries offered in the second half
SURE = 4.0  # standard errors of the slope
LIKELY = 2.0
BATCHES = 20


@dataclass(frozen=True)
class Growth:
    """How the number in system changes from the start to the end of arrivals, with its standard error, and its mean."""

    change: float
    error: float
    mean: float

    def exceeds(self, errors: float) -> bool:
        """Whether it grows by more than chance: `errors` standard errors, one query and a tenth of the mean."""
        return self.change > max(errors * self.error, 1.0, 0.1 * self.mean)


@dataclass(frozen=True)
class Half:
    """The second half of the arrivals: queries offered in it, completed in it, and dropped of those offered."""

    offered: int
    completed: int
    dropped: int


def verdict(replications: Sequence[pd.DataFrame], windows: Sequence[Window]) -> tuple[Verdict, str]:
    """The verdict on a run's queries, one table a replication, and a sentence that says why.

    Queries count as in the system until they finish; dropped and abstained ones do not count as in it.
    """
    if not all(map(len, replications)):
        return "STABLE", "no query arrives" if not any(
            map(len, replications)
        ) else "in some replications no query arrives"
    if any(_span(queries)[0] == _span(queries)[1] for queries in replications):
        return _of_a_batch(replications)
    halves = [_second_half(queries, kept.start_s) for queries, kept in zip(replications, windows, strict=True)]
    offered = sum(half.offered for half in halves)
    completed, dropped = sum(half.completed for half in halves), sum(half.dropped for half in halves)
    grows = together([growth(queries, kept.start_s) for queries, kept in zip(replications, windows, strict=True)])
    kept_up = completed / offered if offered else 1.0
    done = f"{100 * kept_up:.1f} % of the queries of the second half are completed in it"
    lost = dropped > (1 - KEEPS_UP) * offered
    if kept_up < KEEPS_UP and (lost or grows.exceeds(LIKELY)):
        return "OVERLOADED", f"only {done}" + (f"; {100 * dropped / offered:.1f} % are dropped" if dropped else "")
    if grows.exceeds(SURE):
        return "BACKLOGGED", f"the number in system grows, by {grows.change:.0f} while queries arrive"
    return "STABLE", f"{done} and the number in system does not grow"


def growth(queries: pd.DataFrame, start_s: float) -> Growth:
    """Growth of the number in system between `start_s` and the last arrival, by regression on batch means.

    The standard error allows for residuals that resemble their neighbours (first-order autocorrelation).
    """
    first_s, last_s = _span(queries)
    edges = np.linspace(max(start_s, first_s), last_s, BATCHES + 1)
    if not edges[-1] > edges[0]:
        return Growth(0.0, 0.0, 0.0)
    arrived, left = _stays(queries)
    in_system = np.diff(_passed(arrived, edges) - _passed(left, edges)) / np.diff(edges)
    x = (np.arange(BATCHES) - (BATCHES - 1) / 2) / BATCHES
    change = float(x @ in_system / (x @ x))
    rest = in_system - in_system.mean() - change * x
    squares = float(rest @ rest)
    alike = float(rest[1:] @ rest[:-1]) / squares if squares > 0 else 0.0
    inflation = (1 + alike) / (1 - alike) if alike > 0 else 1.0
    error = sqrt(squares / (BATCHES - 2) / float(x @ x) * inflation)
    return Growth(change, error, float(in_system.mean()))


def together(growths: Sequence[Growth]) -> Growth:
    """The mean growth of independent replications."""
    n = len(growths)
    error = sqrt(sum(one.error**2 for one in growths)) / n
    return Growth(sum(one.change for one in growths) / n, error, sum(one.mean for one in growths) / n)


def _second_half(queries: pd.DataFrame, start_s: float) -> Half:
    first_s, last_s = _span(queries)
    middle_s = (max(start_s, first_s) + last_s) / 2
    arrived = queries["arrived_s"].to_numpy(np.float64)
    fate = queries["fate"]
    of_it = arrived > middle_s
    ended = np.where((fate == "finished").to_numpy(bool), arrived + queries["e2e_s"].to_numpy(np.float64), np.inf)
    ended = np.where((fate == "abstained").to_numpy(bool), arrived, ended)
    completed = int(((ended > middle_s) & (ended <= last_s)).sum())
    return Half(int(of_it.sum()), completed, int((of_it & (fate == "dropped").to_numpy(bool)).sum()))


def _of_a_batch(replications: Sequence[pd.DataFrame]) -> tuple[Verdict, str]:
    """All queries arrive at one time: nothing is steady, so only losses can be judged."""
    fates = pd.concat([queries["fate"].astype(str) for queries in replications])
    ended = float(fates.isin(["finished", "abstained"]).mean())
    if ended < KEEPS_UP:
        return "OVERLOADED", f"all queries arrive at once, and only {100 * ended:.1f} % are answered"
    return "STABLE", "all queries arrive at once: times are those of draining a batch, not of a steady state"


def _stays(queries: pd.DataFrame) -> tuple[Floats, Floats]:
    """Sorted times of coming and leaving of queries that finish or do not end; those that do not end leave at inf."""
    fate = queries["fate"]
    stays = (fate == "finished").to_numpy(bool) | (fate == "unfinished").to_numpy(bool)
    arrived = queries["arrived_s"].to_numpy(np.float64)[stays]
    e2e = queries["e2e_s"].to_numpy(np.float64)[stays]
    return np.sort(arrived), np.sort(arrived + np.where(np.isnan(e2e), np.inf, e2e))


def _passed(times: Floats, until: Floats) -> Floats:
    """Seconds passed since each of the sorted `times`, summed, at each of `until`: the integral of their count."""
    before = np.searchsorted(times, until)
    summed = np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(times), times, 0.0))])
    passed: Floats = before * until - summed[before]
    return passed


def _span(queries: pd.DataFrame) -> tuple[float, float]:
    """When the first and the last query arrive."""
    return float(queries["arrived_s"].min()), float(queries["arrived_s"].max())
