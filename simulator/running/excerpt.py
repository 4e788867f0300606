"""The excerpt of a replication: which stretch of it, and all that happened then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
from simulator.running.gauges import gauges
from simulator.running.machines import Machines, loading_w

Floats = NDArray[np.float64]

CALLS = 2000  # that begin in an excerpt: some megabytes of trace


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
    """What happened from `from_s` on (None: from the end of the warm-up), until `most` more calls had begun.

    A call is shown if it is at work in this time, or ends in it without; one that only waits is but counted. Raises
    ResultError where the replication was over by then.
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
        work=_joined(WORK, (_within(table, start_s, stop_s) for table in _work(happened))),
        transfers=_joined(TRANSFERS, (_within(table, start_s, stop_s) for table in _transfers(happened))),
        visits=_joined(VISITS, (_within(table, start_s, stop_s) for table in _visits(happened))),
        gauges=_joined(GAUGES, gauges(system, happened.logs, happened.machines, end_s, start_s, stop_s)),
    )


def _title(pool: Built) -> str:
    if pool.hosted is not None:
        return f"{pool.model}, hosted"
    assert pool.device is not None
    return f"{pool.model} on {'' if pool.spec.devices == 1 else f'{pool.spec.devices} x '}{pool.device.name}"


def _within(table: pd.DataFrame, start_s: float, stop_s: float) -> pd.DataFrame:
    """The rows that lie in the stretch, at least in part."""
    since_s, until_s = table["start_s"].to_numpy(np.float64), table["end_s"].to_numpy(np.float64)
    return table[(since_s < stop_s) & (until_s > start_s)]


def _joined(columns: Mapping[str, str], tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table with these columns."""
    some = [table for table in tables if len(table)]
    return pd.concat(some, ignore_index=True)[list(columns)] if some else pd.DataFrame(columns=list(columns))


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
    """When each call is first at work, or ends without, from `start_s` on; inf where that does not happen."""
    begun_s, end_s = calls["started_s"].to_numpy(np.float64), calls["end_s"].to_numpy(np.float64)
    waited = np.isnan(begun_s)
    enter_s = np.where(waited, end_s, np.maximum(begun_s, start_s))
    never = (waited & (calls["fate"] == "unfinished").to_numpy(bool)) | (end_s < start_s)
    return np.where(never, np.inf, enter_s)


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


def _work(happened: Happened) -> Iterator[pd.DataFrame]:
    for (pool, replica), drawn in happened.machines.spans.items():
        log = happened.logs.spans[pool][replica].columns()
        of = {"pool": happened.system.pools[pool].plan.facts.name, "replica": replica}
        yield pd.DataFrame(
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
        if (stays := happened.machines.stays.get((pool, replica))) is not None:
            watts = loading_w(happened.system, pool)
            for state, code, draws_w in (("loading", LOADING, watts), ("off", OFF, 0.0)):
                start_s, end_s = stays.start_s[stays.state == code], stays.end_s[stays.state == code]
                times = {"start_s": start_s, "end_s": end_s, "energy_j": draws_w * (end_s - start_s)}
                nothing = dict.fromkeys(("passes", "prefill_tok", "decode_seqs", "context_tok"), 0.0)
                yield pd.DataFrame({**of, "state": state, **times, **nothing})


def _transfers(happened: Happened) -> Iterator[pd.DataFrame]:
    for i, link in enumerate(happened.system.plan.links):
        for j, way in enumerate(("up", "down")):
            log = happened.logs.transfers[2 * i + j].columns()
            start_s, time_s = (log[name].astype(np.float64) for name in ("start_s", "time_s"))
            times = {"start_s": start_s, "end_s": start_s + time_s}
            yield pd.DataFrame({"link": link.name, "way": way, **times, "bytes": log["bytes"]})


def _visits(happened: Happened) -> Iterator[pd.DataFrame]:
    for plan, log in zip(happened.system.plan.stations, happened.logs.visits, strict=True):
        start_s, time_s = (column.astype(np.float64) for column in log.columns().values())
        yield pd.DataFrame({"station": plan.name, "start_s": start_s, "end_s": start_s + time_s})
