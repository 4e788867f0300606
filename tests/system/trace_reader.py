"""A strict reader of the Trace Event Format: what is wrong with a trace is an AssertionError."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

FIELDS = {  # of each phase: those it must have, and those it may
    "M": ({"pid", "name", "args"}, {"tid"}),
    "X": ({"pid", "tid", "name", "cat", "ts", "dur", "args"}, set()),
    "b": ({"pid", "tid", "name", "cat", "id2", "ts"}, {"args", "bind_id", "flow_in", "flow_out"}),
    "e": ({"pid", "tid", "name", "cat", "id2", "ts"}, set()),
    "C": ({"pid", "name", "ts", "args"}, set()),
}
NAMES = {"process_name": str, "thread_name": str, "process_sort_index": int, "thread_sort_index": int}


class Slice(NamedTuple):
    """A slice on a thread, or an asynchronous one with those nested in it."""

    process: str
    thread: str
    cat: str
    name: str
    start: int
    end: int
    args: Mapping[str, Any]
    depth: int = 0
    id: str = ""
    flow: str = ""
    ways: tuple[bool, bool] = (False, False)  # flows in, flows out


@dataclass
class Read:
    """A trace as it was read; times in microseconds. `counters` by process and name with the unit."""

    about: Mapping[str, Any]
    slices: list[Slice] = field(default_factory=list)
    spans: list[Slice] = field(default_factory=list)  # asynchronous
    counters: dict[tuple[str, str], list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))


def read(data: bytes) -> Read:
    """The trace in these bytes."""
    document = json.loads(gzip.decompress(data), parse_constant=_refuse)
    assert set(document) == {"displayTimeUnit", "otherData", "traceEvents"}
    assert document["displayTimeUnit"] in ("ms", "ns")
    events = document["traceEvents"]
    found = Read(document["otherData"])
    processes, threads = _names(events)
    open_spans: dict[tuple[int, str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        must, may = FIELDS[event["ph"]]
        fields = set(event) - {"ph"}
        assert must <= fields <= must | may, event
        if event["ph"] == "M":
            continue
        assert type(event["ts"]) is int
        assert event["ts"] >= 0
        process = processes[event["pid"]]
        if event["ph"] == "C":
            ((unit, value),) = event["args"].items()
            assert type(value) in (int, float)
            found.counters[process, f"{event['name']} {unit}"].append((event["ts"], value))
            continue
        pid, thread = threads[event["tid"]]
        assert pid == event["pid"]
        where = (process, thread, event["cat"], event["name"])
        if event["ph"] == "X":
            assert type(event["dur"]) is int
            assert event["dur"] > 0
            found.slices.append(Slice(*where, event["ts"], event["ts"] + event["dur"], event["args"]))
            continue
        number = event["id2"]["local"]  # of this process
        assert type(number) is str
        stack = open_spans[pid, event["cat"], number]
        if event["ph"] == "b":
            assert not stack or event["ts"] >= stack[-1]["ts"]
            assert ("bind_id" in event) == bool({"flow_in", "flow_out"} & set(event))
            stack.append(event)
            continue
        begun = stack.pop()
        assert begun["name"] == event["name"]
        assert event["ts"] >= begun["ts"]
        ways = (begun.get("flow_in", False), begun.get("flow_out", False))
        more = (len(stack), number, begun.get("bind_id", ""), ways)
        found.spans.append(Slice(*where, begun["ts"], event["ts"], begun.get("args", {}), *more))
    assert not any(open_spans.values()), "a slice that never ends"
    return found


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def _names(events: list[dict[str, Any]]) -> tuple[dict[int, str], dict[int, tuple[int, str]]]:
    """Names of processes, and of threads with their processes; numbers are used once."""
    processes: dict[int, str] = {}
    threads: dict[int, tuple[int, str]] = {}
    for event in events:
        if event["ph"] == "M":
            ((_, value),) = event["args"].items()
            assert type(value) is NAMES[event["name"]]
            if event["name"] == "process_name":
                assert event["pid"] not in processes
                processes[event["pid"]] = value
            elif event["name"] == "thread_name":
                assert event["tid"] not in threads
                threads[event["tid"]] = (event["pid"], value)
    assert all(number > 0 for number in (*processes, *threads))
    assert not set(processes) & set(threads), "Perfetto takes a thread with its process's number for the main one"
    assert len(set(processes.values())) == len(processes)
    return processes, threads


def overlaps(slices: list[Slice]) -> list[tuple[Slice, Slice]]:
    """Slices of one thread that begin before another ended."""
    by_thread: dict[tuple[str, str], list[Slice]] = defaultdict(list)
    for one in slices:
        by_thread[one.process, one.thread].append(one)
    pairs = (pairwise(sorted(lane, key=lambda one: one.start)) for lane in by_thread.values())
    return [(one, after) for lane in pairs for one, after in lane if after.start < one.end]


def integral(course: list[tuple[int, float]], until: int) -> float:
    """What a counter adds up to until then, times in seconds."""
    ends = [*(at for at, _ in course[1:]), until]
    return sum(value * (end - at) for (at, value), end in zip(course, ends, strict=True)) / 1e6
