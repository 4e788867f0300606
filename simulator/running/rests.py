"""Machines at rest: which models are in memory when, and what hosts draw beside their replicas' work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.build.built import SEES_HOST, Host
from simulator.engine.loading import LOADED, OFF
from simulator.records.log import Log
from simulator.running.drawn import Drawn

Floats = NDArray[np.float64]

RESTS = ("loaded", "bare", "metered")


class Stays(NamedTuple):
    """States of a replica's model, one after the other, to the end of the run."""

    start_s: Floats
    end_s: Floats
    state: NDArray[np.int8]


class Rest(NamedTuple):
    """A host over the run, in pieces: watts that it draws beside what is replicas', and which of `RESTS` it is in."""

    start_s: Floats
    end_s: Floats
    watts: Floats
    state: NDArray[np.int64]


def stays_of(log: Log, end_s: float) -> Stays:
    """The states of a replica's model, from its log of their changes."""
    columns = log.columns()
    start_s, state = columns["time_s"].astype(np.float64), columns["state"].astype(np.int8)
    if start_s[0] > 0.0:
        start_s, state = np.concatenate([[0.0], start_s]), np.concatenate([np.array([LOADED], np.int8), state])
    start_s = np.minimum(start_s, end_s)  # a model may be unloaded after the last query
    return Stays(start_s, np.append(start_s[1:], end_s), state)


def rest_of(
    system: System,
    host: Host,
    spans: Mapping[tuple[int, int], Drawn],
    stays: Mapping[tuple[int, int], Stays],
    end_s: float,
) -> Rest:
    """What a host draws beside its replicas' work, by how many models it holds and how many devices a meter covers."""
    held: list[tuple[Floats, Floats, int]] = []  # from, until, how many
    devices: list[tuple[Floats, Floats, int]] = []
    around: list[tuple[Floats, Floats, int]] = []
    for pool, built in enumerate(system.pools):
        measured, count = built.spec.measured_energy, built.spec.tensor_parallel
        for i, home in enumerate(built.homes):
            if home != host.name:
                continue
            if (pool, i) in stays:
                stay = stays[pool, i]
                present = stay.state != OFF
                held.append((stay.start_s[present], stay.end_s[present], 1))
            else:
                held.append((np.zeros(1), np.full(1, end_s), 1))
            if measured is not None:
                work = spans[pool, i]
                devices.append((work.start_s, work.start_s + work.time_s, count))
                if measured.scope in SEES_HOST:
                    around.append(devices[-1])
    times = [t for some in (held, devices) for start_s, stop_s, _ in some for t in (start_s, stop_s)]
    edges = np.unique(np.clip(np.concatenate([[0.0, end_s], *times]), 0.0, end_s))
    if len(edges) == 1:  # a run of no time
        edges = np.array([0.0, end_s])
    is_loaded = _present(edges, held) > 0
    covered, covered_around = (np.minimum(_present(edges, some), host.devices) for some in (devices, around))
    device = host.device
    bare_w = device.idle_w if device.bare_idle_w is None else device.bare_idle_w
    watts = np.where(is_loaded, device.idle_w, bare_w) * (host.devices - covered)
    watts = watts + device.host_idle_w * (host.devices - covered_around)
    state = np.where(covered > 0, 2, np.where(is_loaded, 0, 1))
    return Rest(edges[:-1], edges[1:], watts, state)


def _present(edges: Floats, intervals: list[tuple[Floats, Floats, int]]) -> Floats:
    """How many are there between each edge and the next; every interval begins and ends at edges or beyond them."""
    change = np.zeros(len(edges))
    for start_s, stop_s, count in intervals:
        for times_s, sign in ((start_s, count), (stop_s, -count)):
            where = np.minimum(np.searchsorted(edges, times_s), len(edges) - 1)
            change += sign * np.bincount(where, minlength=len(edges))
    present: Floats = np.cumsum(change)[:-1]
    return present
