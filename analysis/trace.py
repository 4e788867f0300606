"""An excerpt of a run as a trace for ui.perfetto.dev and chrome://tracing: Trace Event Format, as gzipped JSON.

Times are whole microseconds of simulated time since the run began; what reaches over an edge of the excerpt is cut
there. The queries are a process, as are each pool, station and link. Replicas and the servers of stations are threads,
whose slices ("X") never overlap. Queries, calls and transfers, which do, are asynchronous slices ("b", "e"), the stages
of a call nested in it. A flow (`bind_id`) leads from each query over its calls. Gauges are counters ("C").
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

import pandas as pd

from simulator.records.excerpt import Excerpt

STAGES = ("uplink", "queue", "prefill", "decode", "downlink")
MOMENTS = ("asked_s", "submitted_s", "started_s", "first_s", "done_s", "delivered_s")  # between and around the stages
OF_QUERIES = (
    *("query", "task", "item", "session", "turn", "fate", "reason", "pool", "calls", "escalated", "score"),
    *("confidence", "prompt_tok", "output_tok", "arrived_s", "ttft_s", "tpot_s", "queue_s", "e2e_s"),
    *("energy_j", "cost_usd"),
)
OF_CALLS = (
    *("call", "query", "replica", "fate", "reason", "accepted", "sample", "prompt_tok", "output_tok", "score"),
    *("confidence", "preemptions", "retries", "energy_j", "cost_usd", "asked_s"),
    *(f"{stage}_s" for stage in STAGES),
)
OF_WORK = ("passes", "prefill_tok", "decode_seqs", "context_tok", "energy_j", "start_s")

Row = dict[str, Any]


def perfetto(excerpt: Excerpt) -> bytes:
    """The trace: the same bytes for the same excerpt."""
    trace = _Trace(excerpt)
    _queries(trace)
    for pool, title in excerpt.pools.items():
        _pool(trace, pool, f"pool {pool}: {title}")
    for station in excerpt.stations:
        _station(trace, station)
    for link, between in excerpt.links.items():
        _link(trace, link, f"link {link}: {between}")
    about = {"scenario": excerpt.name, "seed": excerpt.seed, "replication": 0}
    about |= {"from_s": excerpt.start_s, "until_s": excerpt.end_s}
    lines = ",\n".join(json.dumps(event, separators=(",", ":"), allow_nan=False) for event in trace.events)
    text = f'{{"displayTimeUnit":"ms","otherData":{json.dumps(about)},"traceEvents":[\n{lines}\n]}}\n'
    return gzip.compress(text.encode("ascii"), mtime=0)


class _Trace:
    """The events of an excerpt as they come, and numbers for its processes and threads: no two have the same."""

    def __init__(self, excerpt: Excerpt) -> None:
        self.excerpt = excerpt
        self.events: list[Row] = []
        self._processes = 0
        self._threads = 1 + len(excerpt.pools) + len(excerpt.stations) + len(excerpt.links)

    def us(self, time_s: float) -> int:
        """Microseconds of a moment, or of the edge of the excerpt if it lies beyond that."""
        return round(min(max(time_s, self.excerpt.start_s), self.excerpt.end_s) * 1e6)

    def process(self, name: str) -> int:
        """A new process; gives its number."""
        self._processes += 1
        self._name("process", {"pid": self._processes}, name, self._processes)
        return self._processes

    def thread(self, pid: int, name: str) -> Row:
        """A new thread; gives the fields of what lies on it."""
        self._threads += 1
        where = {"pid": pid, "tid": self._threads}
        self._name("thread", where, name, self._threads)
        return where

    def _name(self, kind: str, where: Row, name: str, place: int) -> None:
        self.events.append({"ph": "M", **where, "name": f"{kind}_name", "args": {"name": name}})
        self.events.append({"ph": "M", **where, "name": f"{kind}_sort_index", "args": {"sort_index": place}})

    def slice(self, where: Row, start: int, end: int, args: Row) -> None:
        """A slice of a thread, if it lasts."""
        if end > start:
            self.events.append({"ph": "X", "ts": start, "dur": end - start, **where, "args": args})

    def begin(self, where: Row, at: int, **more: Any) -> None:
        """An asynchronous slice begins."""
        self.events.append({"ph": "b", "ts": at, **where, **more})

    def end(self, where: Row, at: int) -> None:
        """The asynchronous slice that began last, of this category and id, ends."""
        self.events.append({"ph": "e", "ts": at, **where})


def _queries(trace: _Trace) -> None:
    thread = trace.thread(trace.process("queries"), "queries")
    asking = set(trace.excerpt.calls["query"].tolist())
    for row in _rows(trace.excerpt.queries):
        where = {**thread, "cat": "query", "id2": {"local": str(row["query"])}, "name": row["cls"]}
        flow = {"bind_id": _flow(row["query"]), "flow_out": True} if row["query"] in asking else {}
        trace.begin(where, trace.us(row["arrived_s"]), **flow, args=_args(row, OF_QUERIES))
        trace.end(where, trace.us(row["end_s"]))


def _pool(trace: _Trace, pool: str, title: str) -> None:
    excerpt = trace.excerpt
    pid = trace.process(title)
    for row in _of(excerpt.gauges, "pool", pool):
        value = {row["unit"]: _plain(row["value"])}
        trace.events.append(
            {"ph": "C", "ts": trace.us(row["start_s"]), "pid": pid, "name": row["gauge"], "args": value}
        )
    work = list(_of(excerpt.work, "pool", pool))
    for replica in range(excerpt.replicas.get(pool, 0)):
        rows = [row for row in work if row["replica"] == replica]
        _replica(trace, trace.thread(pid, f"{pool}-{replica}"), rows)
    _calls(trace, pid, pool)


def _replica(trace: _Trace, thread: Row, rows: Sequence[Row]) -> None:
    rows = sorted(rows, key=lambda row: float(row["start_s"]))
    starts = [trace.us(row["start_s"]) for row in rows]
    latest = [*starts, trace.us(trace.excerpt.end_s)][1:]  # rounding may not make neighbours overlap
    for row, start, most in zip(rows, starts, latest, strict=True):
        where = {**thread, "cat": row["state"], "name": _work(row)}
        told = OF_WORK if row["state"] == "busy" else ("energy_j", "start_s")
        trace.slice(where, start, min(trace.us(row["end_s"]), most), _args(row, told))


def _work(row: Row) -> str:
    """What a replica does. Perfetto gives names that differ only in their numbers one colour."""
    if row["state"] != "busy":
        return str(row["state"])
    decodes = [f"decode {row['decode_seqs']:.0f}"] if row["decode_seqs"] else []
    return " + ".join(["prefill"] * bool(row["prefill_tok"]) + decodes)


def _calls(trace: _Trace, pid: int, pool: str) -> None:
    excerpt = trace.excerpt
    thread = trace.thread(pid, "calls")
    cls = dict(zip(excerpt.queries["query"].tolist(), excerpt.queries["cls"].astype(str).tolist(), strict=True))
    last = dict(zip(excerpt.calls["query"].tolist(), excerpt.calls["call"].tolist(), strict=True))
    for row in _of(excerpt.calls, "pool", pool):
        where = {**thread, "cat": "call", "id2": {"local": str(row["call"])}}
        flow = {"bind_id": _flow(row["query"]), "flow_in": True}
        if last[row["query"]] != row["call"]:
            flow["flow_out"] = True
        args = {"class": cls[row["query"]], **_args(row, OF_CALLS)}
        trace.begin(where, trace.us(row["asked_s"]), name=row["kind"], **flow, args=args)
        for stage, start_s, end_s in _stages(row) if pool in excerpt.pools else ():  # a station's calls have but one
            start, end = trace.us(start_s), trace.us(end_s)
            if end > start:
                trace.begin({**where, "name": stage}, start)
                trace.end({**where, "name": stage}, end)
        trace.end({**where, "name": row["kind"]}, trace.us(row["end_s"]))


def _stages(call: Row) -> Iterator[tuple[str, float, float]]:
    """The stages that a call began; one that was not finished ends with the call."""
    known = [
        (name, call[moment]) for name, moment in zip((*STAGES, ""), MOMENTS, strict=True) if isfinite(call[moment])
    ]
    ends_s = [*(start_s for _, start_s in known[1:]), call["end_s"]]
    for (name, start_s), end_s in zip(known, ends_s, strict=True):
        if name:
            yield name, start_s, end_s


def _station(trace: _Trace, station: str) -> None:
    pid = trace.process(f"station {station}")
    servers: list[Row] = []
    free: list[int] = []  # since when each server is
    for row in sorted(_of(trace.excerpt.visits, "station", station), key=lambda row: float(row["start_s"])):
        start, end = trace.us(row["start_s"]), trace.us(row["end_s"])
        server = next((i for i, since in enumerate(free) if since <= start), len(free))
        if server == len(free):
            servers.append(trace.thread(pid, f"server {server + 1}"))
            free.append(0)
        free[server] = end
        trace.slice({**servers[server], "cat": "visit", "name": "visit"}, start, end, {})
    _calls(trace, pid, station)


def _link(trace: _Trace, link: str, title: str) -> None:
    thread = trace.thread(trace.process(title), "transfers")
    for i, row in enumerate(_of(trace.excerpt.transfers, "link", link)):
        where = {**thread, "cat": "transfer", "id2": {"local": str(i)}, "name": row["way"]}
        trace.begin(where, trace.us(row["start_s"]), args=_args(row, ("bytes", "start_s")))
        trace.end(where, trace.us(row["end_s"]))


def _of(table: pd.DataFrame, column: str, name: str) -> list[Row]:
    """The rows of one pool, station or link."""
    return _rows(table[(table[column] == name).to_numpy(bool)])


def _rows(table: pd.DataFrame) -> list[Row]:
    names = [str(name) for name in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.itertuples(index=False, name=None)]


def _flow(query: int) -> str:
    """The flow of a query; hexadecimal, and none is 0."""
    return f"0x{query + 1:x}"


def _args(row: Row, names: Sequence[str]) -> Row:
    """What is known of these."""
    return {name: value for name in names if (value := _plain(row[name])) is not None}


def _plain(value: Any) -> Any:
    """A value as JSON has it, numbers to six decimals; None where it is missing or infinite."""
    if value is None or isinstance(value, str | bool):
        return value
    number = float(value)
    if not isfinite(number):
        return None
    return int(number) if number.is_integer() else round(number, 6)
