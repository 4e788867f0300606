"""How quantities of pools go over time, change by change: what waits, what decodes, memory, power."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.loading import LOADING
from simulator.engine.logs import Logs
from simulator.running.machines import Machines, loading_w

Floats = NDArray[np.float64]


class _Changes(NamedTuple):
    """When a quantity changes, and by how much."""

    times_s: Floats
    by: Floats


def gauges(
    system: System, logs: Logs, machines: Machines, end_s: float, start_s: float, stop_s: float
) -> Iterator[pd.DataFrame]:
    """Rows of `records.excerpt.GAUGES`, pool by pool; `end_s` is when the replication was over."""
    log = {name: np.asarray(values, np.float64) for name, values in logs.calls.columns().items()}
    until_s = np.where(np.isnan(log["done_s"]), end_s, log["done_s"])
    left_s = np.where(np.isnan(log["started_s"]), until_s, log["started_s"])  # the queue
    for number, pool in enumerate(system.pools):
        mine = log["pool"] == number
        came, begun = (mine & ~np.isnan(log[name]) for name in ("submitted_s", "started_s"))
        courses = {("waiting", "calls"): [_held(log["submitted_s"][came], left_s[came])]}
        if pool.hosted is not None:
            courses["under way", "calls"] = [_held(log["started_s"][begun], until_s[begun])]
        else:
            courses |= _of_replicas(number, logs, machines)
            courses["power", "W"] = _power(system, number, machines)
        for (gauge, unit), changes in courses.items():
            times_s, values = _course(changes, start_s, stop_s)
            of = {"pool": pool.plan.facts.name, "gauge": gauge, "unit": unit}
            yield pd.DataFrame({**of, "start_s": times_s, "value": values})


def _of_replicas(number: int, logs: Logs, machines: Machines) -> dict[tuple[str, str], list[_Changes]]:
    """Sequences that decode, and the tokens that spans find or put in the KV cache as they begin."""
    seqs, tok = [], []
    for (pool, replica), spans in machines.spans.items():
        if pool == number:
            held = logs.spans[pool][replica].columns()
            used = np.zeros_like(spans.start_s)
            for name in ("context_tok", "chunk_past_tok", "chunk_tok"):
                used += held[name].astype(np.float64)
            seqs.append(_held(spans.start_s, spans.start_s + spans.time_s, spans.decode_seqs))
            tok.append(_held(spans.start_s, spans.start_s + spans.time_s, used))
    return {("decoding", "sequences"): seqs, ("KV cache", "tok"): tok}


def _power(system: System, number: int, machines: Machines) -> list[_Changes]:
    """Watts of a pool's machines, without the building's share; of those that pools share, an even part at rest."""
    guests = Counter(home for pool in system.pools for home in set(pool.homes))
    found = []
    for (pool, _), spans in machines.spans.items():
        if pool == number:
            lasts = spans.time_s > 0
            watts = np.divide(spans.energy_j, spans.time_s, out=np.zeros_like(spans.time_s), where=lasts)
            found.append(_held(spans.start_s, spans.start_s + spans.time_s, watts))
    for home in sorted(set(system.pools[number].homes)):
        rest = machines.rests[home]
        found.append(_held(rest.start_s, rest.end_s, rest.watts / guests[home]))
    for (pool, _), stays in machines.stays.items():
        if pool == number:
            watts = np.where(stays.state == LOADING, loading_w(system, number), 0.0)
            found.append(_held(stays.start_s, stays.end_s, watts))
    return found


def _held(start_s: Floats, end_s: Floats, amount: Floats | float = 1.0) -> _Changes:
    """The changes of a quantity to which each of these intervals adds."""
    amounts = np.broadcast_to(amount, start_s.shape)
    return _Changes(np.concatenate([start_s, end_s]), np.concatenate([amounts, -amounts]))


def _course(changes: list[_Changes], start_s: float, stop_s: float) -> tuple[Floats, Floats]:
    """The value of a quantity at `start_s`, and whenever it is another, until `stop_s`."""
    times_s = np.concatenate([change.times_s for change in changes])
    by = np.concatenate([change.by for change in changes])
    before = times_s <= start_s
    then = ~before & (times_s <= stop_s)
    at_s, place = np.unique(times_s[then], return_inverse=True)
    values = np.concatenate([[0.0], np.bincount(place, by[then], len(at_s))]).cumsum() + by[before].sum()
    values = np.round(values, 6) + 0.0  # sums of watts leave dust, and -0 is 0
    kept = np.concatenate([[True], np.diff(values) != 0])
    return np.concatenate([[start_s], at_s])[kept], values[kept]
