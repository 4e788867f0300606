"""Where things go: time of finished queries by stage and pool, joules by pool and phase, each pool in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.metrics.facts import RunFacts, Window
from simulator.records.summary import BatteryLine, EnergyPart, PoolLine, Share
from simulator.records.tables import TablesLike

Floats = NDArray[np.float64]

NETWORK, ROUTER, OTHER = "network", "router", "waiting for other calls"
STAGES = {
    "queue": ("queue_s",),
    "prefill": ("prefill_s",),
    "decode": ("decode_s",),
    NETWORK: ("uplink_s", "downlink_s"),
}


def critical_path(queries: pd.DataFrame, calls: pd.DataFrame) -> tuple[tuple[Share, ...], float]:
    """Shares of the time that finished queries took, largest first, and the share before the accepted call was asked.

    On the path are the accepted call and the calls of the query that had ended when it was asked; of calls side by side
    each counts. The router has the time until the first call is asked; what nothing explains is waiting.
    """
    finished = queries[(queries["fate"] == "finished").to_numpy(bool)]
    total_s = float(finished["e2e_s"].sum())
    if not total_s > 0:
        return (), 0.0
    (of_query, of_call), size = _keys(finished, calls)
    first_asked_s, last_asked_s = np.full(size, np.inf), np.full(size, -np.inf)
    asked_s, is_accepted = calls["asked_s"].to_numpy(np.float64), calls["accepted"].to_numpy(bool)
    np.minimum.at(first_asked_s, of_call, asked_s)
    last_asked_s[of_call[is_accepted]] = asked_s[is_accepted]
    assert np.isfinite(last_asked_s[of_query]).all(), "a finished query without an accepted call"
    is_finished = np.zeros(size, bool)
    is_finished[of_query] = True
    ended_before = calls["delivered_s"].to_numpy(np.float64) <= last_asked_s[of_call]
    path = calls[is_finished[of_call] & (is_accepted | ended_before)]
    arrived_s = finished["arrived_s"].to_numpy(np.float64)
    spent = [*_stages(path), (ROUTER, None, float((first_asked_s[of_query] - arrived_s).sum()))]
    spent.append((OTHER, None, max(0.0, total_s - sum(seconds for _, _, seconds in spent))))
    whole_s = sum(seconds for _, _, seconds in spent)
    shares = [Share(stage, pool, seconds / whole_s) for stage, pool, seconds in spent if seconds > 1e-9 * whole_s]
    before_s = float((last_asked_s[of_query] - arrived_s).sum())
    return tuple(sorted(shares, key=lambda share: -share.frac)), before_s / total_s


def _stages(calls: pd.DataFrame) -> Iterator[tuple[str, str | None, float]]:
    """Seconds of calls by stage and pool."""
    codes, pools = pd.factorize(calls["pool"])
    for stage, columns in STAGES.items():
        seconds = sum(np.nan_to_num(calls[column].to_numpy(np.float64)) for column in columns)
        by_pool = np.bincount(codes, weights=seconds, minlength=len(pools))
        yield from ((stage, str(pool), float(spent)) for pool, spent in zip(pools, by_pool, strict=True))


def what_limits(shares: Sequence[Share], before: float) -> str:
    """One sentence that names the largest share, and the next."""
    if not shares:
        return "nothing to tell: no query finished"
    first, *others = shares
    text = f"{_named(first)}: {100 * first.frac:.0f} % of the time of finished queries"
    if others and others[0].frac >= 0.01:
        text += f"; next: {_named(others[0])} ({100 * others[0].frac:.0f} %)"
    if before >= 0.01:
        text += f"; {100 * before:.0f} % passes before the accepted call is asked"
    return text


def energy_parts(ledger: pd.DataFrame, offered: float) -> tuple[EnergyPart, ...]:
    """Joules of the window by pool (or kind, where it is no one pool's) and phase, largest first."""
    inside = ledger[ledger["window"].to_numpy(bool)]
    pool, kind = inside["pool"].astype(object), inside["kind"].astype(object)
    where = pool.where(pool.notna() & (pool != ""), kind).astype(str)
    named = inside.assign(where=where, phase=inside["phase"].astype(str))
    sums = named.groupby(["where", "phase"], as_index=False)["energy_j"].sum()
    total = float(sums["energy_j"].sum())
    if not (total > 0 and offered > 0):
        return ()
    rows = zip(sums["where"], sums["phase"], sums["energy_j"], strict=True)
    parts = [EnergyPart(name, phase, float(j) / offered, float(j) / total) for name, phase, j in rows if j > 0]
    return tuple(sorted(parts, key=lambda part: -part.frac))


def battery_lines(ledger: pd.DataFrame, facts: RunFacts, offered: float) -> tuple[BatteryLine, ...]:
    """What machines with a battery take from it; a query's share is of one battery. Radios are not in it."""
    inside = ledger[ledger["window"].to_numpy(bool)]
    span_s = sum(window.end_s - window.start_s for window in facts.windows)
    lines = []
    for battery in facts.batteries:
        on_it = (inside["kind"] == "host") & inside["name"].isin(battery.hosts)
        on_it |= (inside["kind"] == "replica") & inside["name"].isin(battery.replicas)
        used = float(inside.loc[on_it.to_numpy(bool), "it_energy_j"].sum()) / battery.battery_j  # so many batteries
        if not span_s > 0:
            continue
        per_s = used / (span_s * len(battery.hosts))
        lines.append(BatteryLine(battery.name, 3600 * per_s, 1 / per_s if per_s > 0 else None, _ratio(used, offered)))
    return tuple(lines)


def pool_lines(tables: TablesLike, queries: pd.DataFrame, facts: RunFacts) -> tuple[PoolLine, ...]:
    """Each pool of the run in numbers; `queries` are those of the windows."""
    finished = queries[(queries["fate"] == "finished").to_numpy(bool)]
    (of_query, of_call), size = _keys(queries, tables.calls)
    is_ours = np.zeros(size, bool)
    is_ours[of_query] = True
    asked = tables.calls["pool"][is_ours[of_call]].value_counts()
    replicas = tables.ledger[
        tables.ledger["window"].to_numpy(bool) & (tables.ledger["kind"] == "replica").to_numpy(bool)
    ]
    lines = []
    for name, pool in facts.pools.items():
        mine = replicas[(replicas["pool"] == name).to_numpy(bool)]
        busy_s, all_s = (
            float(mine.loc[(mine["state"] == "busy").to_numpy(bool), "time_s"].sum()),
            float(mine["time_s"].sum()),
        )
        lines.append(
            PoolLine(
                name,
                pool.model,
                pool.device,
                pool.replicas,
                answered_frac=_ratio(float((finished["pool"] == name).sum()), len(finished)),
                calls_per_query=_ratio(float(asked.get(name, 0)), len(queries)),
                busy_frac=_ratio(busy_s, all_s),
                decode_seqs=_decode_seqs(tables.timeline, name, pool.replicas, facts.windows),
                kv_tok=pool.kv_tok,
                kv_origin=pool.kv_origin,
                evidence=pool.evidence,
            )
        )
    return tuple(lines)


def _decode_seqs(timeline: pd.DataFrame, pool: str, replicas: int | None, windows: Sequence[Window]) -> float | None:
    """Sequences that a replica at work decodes at once, over the bins that begin in the window."""
    if replicas is None:
        return None
    mine = timeline[(timeline["pool"] == pool).to_numpy(bool)]
    starts = np.array([window.start_s for window in windows])
    inside = mine[mine["start_s"].to_numpy() >= starts[mine["replication"].to_numpy(np.int64)]]
    width = inside["width_s"].to_numpy(np.float64)
    busy = float((inside["busy_frac"].to_numpy(np.float64) * width).sum())
    return _ratio(float((inside["decode_seqs"].to_numpy(np.float64) * width).sum()), busy * replicas)


def _ratio(top: float, bottom: float) -> float | None:
    return top / bottom if bottom else None


def _keys(*tables: pd.DataFrame) -> tuple[list[NDArray[np.int64]], int]:
    """For the rows of each table the number of their query over all replications, and how many numbers there are."""
    width = 1 + max(int(table["query"].max()) if len(table) else 0 for table in tables)
    runs = 1 + max(int(table["replication"].max()) if len(table) else 0 for table in tables)
    numbers = [table["replication"].to_numpy(np.int64) * width + table["query"].to_numpy(np.int64) for table in tables]
    return numbers, width * runs


def _named(share: Share) -> str:
    return share.stage if share.pool is None else f"{share.stage} at {share.pool}"
