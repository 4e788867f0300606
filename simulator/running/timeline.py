"""The run over time, in bins: integrals of piecewise constant quantities between the bins' edges, exact."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.loading import LOADING
from simulator.engine.logs import Logs
from simulator.running.machines import Machines, loading_w
from simulator.running.tables import escalations

Floats = NDArray[np.float64]

BINS = 200


def timeline(system: System, logs: Logs, calls: pd.DataFrame, machines: Machines, end_s: float) -> pd.DataFrame:
    """Every pool in every bin; columns as `records.tables.TIMELINE` without `replication`."""
    edges = np.linspace(0.0, end_s, BINS + 1)
    width_s = np.diff(edges)
    escalation = escalations(calls)
    guests = Counter(home for pool in system.pools for home in set(pool.homes))  # they share its idle watts evenly
    log = logs.calls.columns()  # the rows of `calls`
    asked_s, submitted_s, started_s, done_s = (
        np.asarray(log[name], np.float64) for name in ("asked_s", "submitted_s", "started_s", "done_s")
    )
    left_s = np.where(np.isnan(started_s), np.where(np.isnan(done_s), end_s, done_s), started_s)  # the queue
    tables = []
    for number, pool in enumerate(system.pools):
        facts = pool.plan.facts
        mine = (calls["pool"] == facts.name).to_numpy()
        own = [spans for (of_pool, _), spans in machines.spans.items() if of_pool == number]
        busy_s = sum((_between(edges, s.start_s, s.time_s, np.ones_like(s.time_s)) for s in own), np.zeros(BINS))
        seqs_s = sum((_between(edges, spans.start_s, spans.time_s, spans.decode_seqs) for spans in own), np.zeros(BINS))
        watts = [np.divide(s.energy_j, s.time_s, out=np.zeros_like(s.time_s), where=s.time_s > 0) for s in own]
        drawn_j = sum(
            (_between(edges, spans.start_s, spans.time_s, w) for spans, w in zip(own, watts, strict=True)),
            np.zeros(BINS),
        )
        for home in sorted(set(pool.homes)):
            rest = machines.rests[home]
            drawn_j = drawn_j + _between(edges, rest.start_s, rest.end_s - rest.start_s, rest.watts) / guests[home]
        for stays in (stays for (of_pool, _), stays in machines.stays.items() if of_pool == number):
            watts_in = np.where(stays.state == LOADING, loading_w(system, number), 0.0)
            drawn_j = drawn_j + _between(edges, stays.start_s, stays.end_s - stays.start_s, watts_in)
        came = mine & ~np.isnan(submitted_s)
        answered = mine & (calls["fate"] == "answered").to_numpy()
        tables.append(
            pd.DataFrame(
                {
                    "start_s": edges[:-1],
                    "width_s": width_s,
                    "pool": facts.name,
                    "busy_frac": _per(busy_s, width_s * max(len(own), 1)),
                    "decode_seqs": _per(seqs_s, width_s),
                    "waiting": _per(_present(edges, submitted_s[came], left_s[came]), width_s),
                    "energy_j": drawn_j,
                    "arrivals": _count(edges, asked_s[mine]),
                    "finished": _count(edges, calls["delivered_s"].to_numpy()[answered]),
                    "escalated": _count(edges, calls["asked_s"].to_numpy()[mine & escalation]),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _per(amount: Floats, width_s: Floats) -> Floats:
    return np.divide(amount, width_s, out=np.zeros(BINS), where=width_s > 0)


def _between(edges: Floats, start_s: Floats, time_s: Floats, rate: Floats) -> Floats:
    """Integral over each bin of a rate that holds during intervals, which do not overlap."""
    if not len(start_s):
        return np.zeros(BINS)
    total = np.concatenate([[0.0], np.cumsum(rate * time_s)])
    last = np.searchsorted(start_s, edges, side="right") - 1
    begun = np.maximum(last, 0)
    over_s = np.maximum(start_s[begun] + time_s[begun] - edges, 0.0)
    return np.diff(np.where(last >= 0, total[begun + 1] - rate[begun] * over_s, 0.0))


def _present(edges: Floats, came_s: Floats, left_s: Floats) -> Floats:
    """Integral over each bin of how many are there, who come and leave at these times."""
    return np.diff(_elapsed(edges, came_s) - _elapsed(edges, left_s))


def _elapsed(edges: Floats, times_s: Floats) -> Floats:
    """Sum over `times_s` of the time since then, at each edge."""
    ordered = np.sort(times_s)
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    passed = np.searchsorted(ordered, edges, side="right")
    elapsed: Floats = passed * edges - total[passed]
    return elapsed


def _count(edges: Floats, times_s: Floats) -> Floats:
    counts, _ = np.histogram(times_s[~np.isnan(times_s)], edges)
    return counts.astype(np.float64)
