"""The power of every machine over time, told piece by piece from what its replicas did; no arrays, no sums of sums."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from system_world import BARE_W, BUSY_W, HOST_ACTIVE_W, HOST_IDLE_W, IDLE_W

from simulator.engine.build import System
from simulator.engine.loading import LOADED, LOADING, OFF
from simulator.engine.logs import Logs
from simulator.engine.replication import Replication
from simulator.workload.streams import uniform

SEES_MACHINE = ("host", "wall")


@dataclass(frozen=True)
class Work:
    """A replica's span: from, until, and the joules that a meter saw, if there was one."""

    start_s: float
    end_s: float
    metered_j: float


def replayed(system: System) -> tuple[Logs, float]:
    """What the only replication of a scenario wrote down, and when it was over."""
    one = Replication(system.plan, system.world(0), uniform(system.scenario.spec.seed, 0))
    return one.run(), one.end_s


def joules(system: System, logs: Logs, end_s: float, host: str) -> float:
    """The integral of a machine's power over the run, its replicas' work included. All machines have one device."""
    guests = [(p, r) for p, pool in enumerate(system.pools) for r, home in enumerate(pool.homes) if home == host]
    spans = {guest: list(_spans(system, logs, guest)) for guest in guests}
    states = {guest: _states(logs, guest) for guest in guests}
    edges = {0.0, end_s}
    for guest in guests:
        edges |= {min(max(t, 0.0), end_s) for t, _ in states[guest]}
        edges |= {t for work in spans[guest] for t in (work.start_s, work.end_s)}
    pieces = []
    for start_s, stop_s in pairwise(sorted(edges)):
        middle_s = (start_s + stop_s) / 2
        pieces.append((stop_s - start_s) * _watts(system, spans, states, middle_s))
    return fsum(pieces)


def _watts(
    system: System,
    spans: dict[tuple[int, int], list[Work]],
    states: dict[tuple[int, int], list[tuple[float, int]]],
    time_s: float,
) -> float:
    device = machine = True  # draw what they draw at rest
    loaded, extra = False, 0.0
    for guest, works in spans.items():
        state = [state for since_s, state in states[guest] if since_s <= time_s][-1]
        loaded |= state != OFF
        extra += BUSY_W * (state == LOADING)
        measured = system.pools[guest[0]].spec.measured_energy
        for work in works:
            if not work.start_s <= time_s < work.end_s:
                continue
            assert state == LOADED
            if measured is None:
                extra += BUSY_W
                continue
            extra += work.metered_j / (work.end_s - work.start_s)
            device = False
            if measured.scope in SEES_MACHINE:
                machine = False
            else:
                extra += HOST_ACTIVE_W
    return extra + device * (IDLE_W if loaded else BARE_W) + machine * HOST_IDLE_W


def _spans(system: System, logs: Logs, guest: tuple[int, int]):
    measured = system.pools[guest[0]].spec.measured_energy
    columns = logs.spans[guest[0]][guest[1]].columns()
    names = ("start_s", "time_s", "passes", "decode_seqs", "chunk_tok")
    for start_s, time_s, passes, seqs, chunk in zip(*(columns[name].tolist() for name in names), strict=True):
        j_per_pass = 0.0
        if measured is not None:
            j_per_pass = measured.prefill_j_per_tok * chunk + measured.decode_j_per_tok * seqs
        if time_s > 0:
            yield Work(start_s, start_s + time_s, passes * j_per_pass)


def _states(logs: Logs, guest: tuple[int, int]) -> list[tuple[float, int]]:
    columns = logs.states[guest[0]][guest[1]].columns()
    return [(-1.0, LOADED), *zip(columns["time_s"].tolist(), columns["state"].tolist(), strict=True)]
