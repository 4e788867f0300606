"""The excerpt of a replication: which stretch of it, and all that happened then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.build.built import Built
from simulator.engine.loading import LOADING, OFF
from simulator.engine.logs import Logs
from simulator.metrics.facts import Window
from simulator.records.errors import ResultError
from simulator.records.excerpt import GAUGES, MOMENTS, TRANSFERS, VISITS, WORK, Excerpt
from simulator.running.machines import Machines, loading_w

Floats = NDArray[np.float64]
Changes = tuple[Floats, Floats]  # times, and by how much a quantity changes then

CALLS = 2000  # of an excerpt, beside those at work when it begins: some megabytes of trace


class Happened(NamedTuple):
    """A replication: what its tables are made of, and those of calls and queries. Logs still have their spans."""

    system: System
    logs: Logs
    machines: Machines
    calls: pd.DataFrame
    queries: pd.DataFrame
    window: Window
    end_s: float


def excerpt(happened: Happened, from_s: float | None = None, most: int = CALLS) -> Excerpt:
    """What happened from `from_s` on (None: from the end of the warm-up), until more than `most` calls took part.

    A call takes part when something happens to it; one that only waits is counted but not shown. Raises ResultError
    where the replication was over by then.
    """
    system, end_s = happened.system, happened.end_s
    start_s = happened.window.start_s if from_s is None else from_s
    if start_s > end_s:
        raise ResultError(f"nothing happened from {start_s:g} s on: the run was over after {end_s:g} s")
    calls = _calls(happened)
    enter_s = _enter_s(calls, start_s)
    later_s = np.sort(enter_s[(enter_s > start_s) & np.isfinite(enter_s)])
    stop_s = float(later_s[most]) if len(later_s) > most else end_s
    calls = calls[enter_s < stop_s if stop_s < end_s else np.isfinite(enter_s)]
    work, transfers, visits = _work(happened), _transfers(happened), _visits(happened)
    plan = system.plan
    return Excerpt(
        name=system.scenario.spec.name,
        seed=system.scenario.spec.seed,
        start_s=start_s,
        end_s=stop_s,
        pools={pool.plan.facts.name: _title(pool) for pool in system.pools},
        replicas={pool.plan.facts.name: len(pool.homes) for pool in system.pools if pool.hosted is None},
        links={link.name: " - ".join(link.between) for link in plan.links},
        stations=tuple(station.name for station in plan.stations),
        queries=_queries(happened, calls, start_s, stop_s),
        calls=calls.sort_values(["asked_s", "call"], kind="stable", ignore_index=True),
        **{
            name: table[_meets(table, start_s, stop_s)].reset_index(drop=True)
            for name, table in (("work", work), ("transfers", transfers), ("visits", visits))
        },
        gauges=pd.concat([_none(GAUGES), *_gauges(happened, start_s, stop_s)], ignore_index=True),
    )


def _title(pool: Built) -> str:
    if pool.hosted is not None:
        return f"{pool.model}, hosted"
    assert pool.device is not None
    return f"{pool.model} on {'' if pool.spec.devices == 1 else f'{pool.spec.devices} x '}{pool.device.name}"


def _meets(table: pd.DataFrame, start_s: float, stop_s: float) -> NDArray[np.bool_]:
    """Which rows lie in the stretch, at least in part."""
    since_s, until_s = table["start_s"].to_numpy(np.float64), table["end_s"].to_numpy(np.float64)
    return (since_s < stop_s) & (until_s > start_s)


# Calls and queries


def _calls(happened: Happened) -> pd.DataFrame:
    """All calls, with the moments of each: the log's, whose sums and differences the table has."""
    log = happened.logs.calls.columns()
    moments = {name: np.asarray(log[name], np.float64) for name in MOMENTS if name != "end_s"}
    known = np.stack(list(moments.values()))
    last_s = np.fmax.reduce(known)
    open_ended = (happened.calls["fate"] == "unfinished").to_numpy(bool)
    moments["end_s"] = np.where(open_ended, happened.end_s, last_s)
    return happened.calls.assign(**moments)


def _enter_s(calls: pd.DataFrame, start_s: float) -> Floats:
    """When each call first takes part, from `start_s` on; inf where it does not. Who is at work does all the time."""
    times_s = np.stack([calls[name].to_numpy(np.float64) for name in MOMENTS])
    later_s = np.fmin.reduce(np.where(times_s >= start_s, times_s, np.nan))
    at_work = (calls["started_s"] < start_s) & (calls["end_s"] > start_s)
    return np.where(at_work, start_s, np.where(np.isnan(later_s), np.inf, later_s))


def _queries(happened: Happened, calls: pd.DataFrame, start_s: float, stop_s: float) -> pd.DataFrame:
    """Queries of these calls, and those that came without asking anybody."""
    queries = happened.queries
    arrived_s = queries["arrived_s"].to_numpy(np.float64)
    came = (arrived_s >= start_s) & (arrived_s <= stop_s) & (queries["calls"] == 0).to_numpy(bool)
    queries = queries[came | queries["query"].isin(calls["query"]).to_numpy(bool)]
    last_s = calls.groupby("query")["end_s"].max().reindex(queries["query"]).to_numpy(np.float64)
    known_s = (queries["arrived_s"] + queries["e2e_s"]).to_numpy(np.float64)
    end_s = np.where(np.isnan(known_s), np.fmax(last_s, queries["arrived_s"]), known_s)
    end_s = np.where(queries["fate"] == "unfinished", happened.end_s, end_s)
    return queries.assign(end_s=end_s).sort_values(["arrived_s", "query"], kind="stable", ignore_index=True)


# Replicas, links, stations


def _none(columns: dict[str, str]) -> pd.DataFrame:
    """A table without rows."""
    return pd.DataFrame(columns=list(columns))


def _work(happened: Happened) -> pd.DataFrame:
    tables = []
    for (pool, replica), drawn in happened.machines.spans.items():
        log = happened.logs.spans[pool][replica].columns()
        of = {"pool": happened.system.pools[pool].plan.facts.name, "replica": replica}
        tables.append(
            pd.DataFrame(
                {
                    **of,
                    "state": "busy",
                    "start_s": drawn.start_s,
                    "end_s": drawn.start_s + drawn.time_s,
                    "passes": log["passes"],
                    "prefill_tok": drawn.chunk_tok,
                    "decode_seqs": drawn.decode_seqs,
                    "context_tok": log["context_tok"],
                    "energy_j": drawn.energy_j,
                }
            )
        )
        if (stays := happened.machines.stays.get((pool, replica))) is not None:
            watts = loading_w(happened.system, pool)
            for state, code, draws_w in (("loading", LOADING, watts), ("off", OFF, 0.0)):
                start_s, end_s = stays.start_s[stays.state == code], stays.end_s[stays.state == code]
                idle = dict.fromkeys(("passes", "prefill_tok", "decode_seqs", "context_tok"), 0.0)
                times = {"start_s": start_s, "end_s": end_s, "energy_j": draws_w * (end_s - start_s)}
                tables.append(pd.DataFrame({**of, "state": state, **idle, **times}))
    return pd.concat([_none(WORK), *tables], ignore_index=True)


def _transfers(happened: Happened) -> pd.DataFrame:
    tables = [_none(TRANSFERS)]
    for i, link in enumerate(happened.system.plan.links):
        for j, way in enumerate(("up", "down")):
            log = happened.logs.transfers[2 * i + j].columns()
            end_s = np.asarray(log["start_s"], np.float64) + np.asarray(log["time_s"], np.float64)
            of = {"link": link.name, "way": way}
            tables.append(pd.DataFrame({**of, "start_s": log["start_s"], "end_s": end_s, "bytes": log["bytes"]}))
    return pd.concat(tables, ignore_index=True)


def _visits(happened: Happened) -> pd.DataFrame:
    tables = [_none(VISITS)]
    for plan, log in zip(happened.system.plan.stations, happened.logs.visits, strict=True):
        columns = log.columns()
        start_s = np.asarray(columns["start_s"], np.float64)
        end_s = start_s + np.asarray(columns["time_s"], np.float64)
        tables.append(pd.DataFrame({"station": plan.name, "start_s": start_s, "end_s": end_s}))
    return pd.concat(tables, ignore_index=True)


# Gauges


def _gauges(happened: Happened, start_s: float, stop_s: float) -> Iterator[pd.DataFrame]:
    """How each pool's quantities go, from its first value at `start_s` on."""
    system, machines = happened.system, happened.machines
    guests = Counter(home for pool in system.pools for home in set(pool.homes))  # they share its idle watts evenly
    log = {name: np.asarray(values, np.float64) for name, values in happened.logs.calls.columns().items()}
    until_s = np.where(np.isnan(log["done_s"]), happened.end_s, log["done_s"])
    left_s = np.where(np.isnan(log["started_s"]), until_s, log["started_s"])
    for number, pool in enumerate(system.pools):
        mine = log["pool"] == number
        came, begun = (mine & ~np.isnan(log[name]) for name in ("submitted_s", "started_s"))
        gauges = [("waiting", "calls", [_held(log["submitted_s"][came], left_s[came])])]
        if pool.hosted is not None:
            gauges.append(("under way", "calls", [_held(log["started_s"][begun], until_s[begun])]))
        else:
            seqs, tok, watts = [], [], []
            for (of_pool, replica), spans in machines.spans.items():
                if of_pool == number:
                    end_s = spans.start_s + spans.time_s
                    held = happened.logs.spans[number][replica].columns()
                    names = ("context_tok", "chunk_past_tok", "chunk_tok")
                    used = sum((np.asarray(held[name], np.float64) for name in names), np.zeros_like(end_s))
                    lasts = spans.time_s > 0
                    rate = np.divide(spans.energy_j, spans.time_s, out=np.zeros_like(end_s), where=lasts)
                    seqs.append(_held(spans.start_s, end_s, spans.decode_seqs))
                    tok.append(_held(spans.start_s, end_s, used))
                    watts.append(_held(spans.start_s, end_s, rate))
            for home in sorted(set(pool.homes)):
                rest = machines.rests[home]
                watts.append(_held(rest.start_s, rest.end_s, rest.watts / guests[home]))
            for (of_pool, _), stays in machines.stays.items():
                if of_pool == number:
                    draws_w = np.where(stays.state == LOADING, loading_w(system, number), 0.0)
                    watts.append(_held(stays.start_s, stays.end_s, draws_w))
            gauges += [("decoding", "sequences", seqs), ("KV cache", "tok", tok), ("power", "W", watts)]
        for gauge, unit, changes in gauges:
            times_s, values = _course(changes, start_s, stop_s)
            of = {"pool": pool.plan.facts.name, "gauge": gauge, "unit": unit}
            yield pd.DataFrame({**of, "start_s": times_s, "value": values})


def _held(start_s: Floats, end_s: Floats, amount: Floats | float = 1.0) -> Changes:
    """The changes of a quantity to which each of these intervals adds."""
    amounts = np.broadcast_to(amount, start_s.shape)
    return np.concatenate([start_s, end_s]), np.concatenate([amounts, -amounts])


def _course(changes: list[Changes], start_s: float, stop_s: float) -> tuple[Floats, Floats]:
    """The value of a quantity at `start_s`, and whenever it is another, before `stop_s`."""
    times_s = np.concatenate([times for times, _ in changes])
    by = np.concatenate([by for _, by in changes])
    before = times_s <= start_s
    then = ~before & (times_s < stop_s)
    at_s, place = np.unique(times_s[then], return_inverse=True)
    values = np.concatenate([[0.0], np.bincount(place, by[then], len(at_s))]).cumsum() + by[before].sum()
    values = np.round(values, 6)  # sums of watts leave dust
    kept = np.concatenate([[True], np.diff(values) != 0])
    return np.concatenate([[start_s], at_s])[kept], values[kept]
