"""Hosts and replicas: who draws which watts when, and their rows of the ledger.

A host draws at rest whether it works or not, counted once however many models share it: `bare` while none of its models
is in memory, else `loaded`. What replicas draw at work or while they load comes on top, and is split between prefill
and decode by the tokens of their passes. A meter's joules per token stand for all that the meter saw: while a replica
with such a figure works, its devices (and the machine around them, where the meter saw that) draw nothing else, and the
host is `metered`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.build.built import Host
from simulator.engine.loading import LOADING, OFF
from simulator.engine.logs import Logs
from simulator.physics.power import loading_above_idle_w
from simulator.running.drawn import Drawn, drawn
from simulator.running.parts import Part, row
from simulator.running.rests import RESTS, Rest, Stays, rest_of, stays_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Machines:
    """What machines did in a replication: spans and model states by pool and replica, rests by host.

    Of replicas whose model is always in memory `stays` has nothing.
    """

    spans: Mapping[tuple[int, int], Drawn]
    stays: Mapping[tuple[int, int], Stays]
    rests: Mapping[str, Rest]


def machines(system: System, logs: Logs, end_s: float) -> Machines:
    """Everything that machines did, metered."""
    replicas = [(pool, i) for pool, spans in enumerate(logs.spans) for i in range(len(spans))]
    spans = {(pool, i): drawn(system, pool, logs.spans[pool][i]) for pool, i in replicas}
    stays = {(pool, i): stays_of(logs.states[pool][i], end_s) for pool, i in replicas if len(logs.states[pool][i])}
    rests = {host.name: rest_of(system, host, spans, stays, end_s) for host in system.hosts}
    return Machines(spans, stays, rests)


def hosts(system: System, machines: Machines, part: Part) -> Iterator[dict[str, Any]]:
    """Rows of hosts: one for each state of rest that there was."""
    owners = _owners(system)
    for host in system.hosts:
        grid = system.grid(host.place)
        rest = machines.rests[host.name]
        for code, state in enumerate(RESTS):
            chosen = rest.state == code
            if not chosen.any():
                continue
            time_s = energy_j = co2_g = 0.0
            for piece_start_s, piece_end_s in part.pieces:
                start_s = np.clip(rest.start_s[chosen], piece_start_s, piece_end_s)
                end_s = np.clip(rest.end_s[chosen], piece_start_s, piece_end_s)
                watts = rest.watts[chosen]
                time_s += float(np.sum(end_s - start_s))
                energy_j += float(np.sum(watts * (end_s - start_s)))
                co2_g += float(np.sum(watts * grid.carbon_g_per_j.integral(start_s, end_s)))
            yield row(
                part,
                kind="host",
                name=host.name,
                place=host.place,
                pool=owners.get(host.name),
                state=state,
                phase="idle",
                time_s=time_s,
                it_energy_j=energy_j,
                energy_j=energy_j * grid.pue,
                co2_g=co2_g * grid.pue,
                cost_usd=host.usd_per_s * time_s,
                evidence=host.device.evidence["bare_idle_w" if state == "bare" and _knows_bare(host) else "idle_w"],
                cost_evidence=host.price_evidence,
            )


def _owners(system: System) -> dict[str, str]:
    """The pool of each host that is one pool's alone."""
    guests: dict[str, list[str]] = {}
    for pool in system.pools:
        for home in dict.fromkeys(pool.homes):
            guests.setdefault(home, []).append(pool.plan.facts.name)
    return {home: names[0] for home, names in guests.items() if len(names) == 1}


def _knows_bare(host: Host) -> bool:
    return host.device.bare_idle_w is not None


def embodied(system: System, part: Part) -> Iterator[dict[str, Any]]:
    """Rows of what was emitted to make the hosts: spread evenly over their years of use, for as long as they are held.

    Hosts of unknown making have none. (By time at work instead, as some accounts have it, an idle fleet would be free.)
    """
    owners = _owners(system)
    for host in system.hosts:
        if host.device.embodied_g is None:
            continue
        yield row(
            part,
            kind="host",
            name=host.name,
            place=host.place,
            pool=owners.get(host.name),
            state="held",
            phase="embodied",
            time_s=0.0,  # its seconds are in the rows above
            co2_g=host.devices * host.device.embodied_g * part.time_s / host.device.life_s,
            evidence=host.device.evidence["embodied_g"],
        )


def replicas(system: System, machines: Machines, part: Part) -> Iterator[dict[str, Any]]:
    """Rows of replicas: at work in prefill and decode, idle, and, where models come and go, loading and off."""
    for (pool, replica), spans in machines.spans.items():
        built = system.pools[pool]
        facts = built.plan.facts
        grid = system.grid(facts.place)
        inside_s = part.overlap_s(spans.start_s, spans.start_s + spans.time_s)
        share = np.divide(inside_s, spans.time_s, out=np.zeros_like(inside_s), where=spans.time_s > 0)
        intensity = grid.carbon_g_per_j.mean(spans.start_s, spans.start_s + spans.time_s)
        same = {"kind": "replica", "name": f"{facts.name}-{replica}", "place": facts.place, "pool": facts.name}
        same["evidence"] = built.energy_evidence
        left_s = part.time_s
        phases = (
            ("prefill", share * spans.prefill, spans.prefill_j),
            ("decode", share * (1.0 - spans.prefill), spans.energy_j - spans.prefill_j),
        )
        for phase, of_phase, phase_j in phases:
            time_s = float(np.sum(spans.time_s * of_phase))
            energy_j = phase_j * share
            left_s -= time_s
            yield row(
                part,
                **same,
                state="busy",
                phase=phase,
                time_s=time_s,
                it_energy_j=float(np.sum(energy_j)),
                energy_j=float(np.sum(energy_j)) * grid.pue,
                co2_g=float(np.sum(energy_j * intensity)) * grid.pue,
                flop=float(np.sum(spans.flop * of_phase)),
                bytes=float(np.sum(spans.bytes * of_phase)),
            )
        if (pool, replica) in machines.stays:
            away = list(_away(system, pool, machines.stays[pool, replica], part))
            left_s -= sum(values["time_s"] for values in away)
            for values in away:
                yield row(part, **(same | values))
        yield row(part, **same, state="idle", phase="idle", time_s=left_s)


def loading_w(system: System, pool: int) -> float:
    """Watts of a replica that loads its model, beside what its host draws at rest with a model loaded."""
    built = system.pools[pool]
    assert built.device is not None
    return built.spec.tensor_parallel * loading_above_idle_w(built.device)


def _away(system: System, pool: int, stays: Stays, part: Part) -> Iterator[dict[str, Any]]:
    """Seconds and joules of a replica without its model, and of loading it."""
    grid = system.grid(system.pools[pool].plan.facts.place)
    inside_s = part.overlap_s(stays.start_s, stays.end_s)
    yield {"state": "off", "phase": "idle", "time_s": float(np.sum(inside_s[stays.state == OFF]))}
    loading = stays.state == LOADING
    energy_j = loading_w(system, pool) * inside_s[loading]
    intensity = grid.carbon_g_per_j.mean(stays.start_s[loading], stays.end_s[loading])
    yield {
        "state": "loading",
        "phase": "load",
        "time_s": float(np.sum(inside_s[loading])),
        "it_energy_j": float(np.sum(energy_j)),
        "energy_j": float(np.sum(energy_j)) * grid.pue,
        "co2_g": float(np.sum(energy_j * intensity)) * grid.pue,
    }
