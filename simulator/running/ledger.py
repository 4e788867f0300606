"""The ledger: every second, joule, gram, dollar, FLOP and byte of a replication in exactly one row.

Idle watts of a host run all the time and are counted once; what spans draw comes on top of them, and is split between
prefill and decode by the tokens of their passes. A row stands for one thing, state and phase, inside or outside the
measured window; a span that lies across the window's edge is split in proportion to its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import Grid, System
from simulator.engine.logs import Logs
from simulator.engine.plan import LinkPlan
from simulator.metrics.facts import Window
from simulator.physics.link import awake_s
from simulator.physics.link import energy_j as transfer_j
from simulator.physics.power import prefill_share
from simulator.physics.step import Spans
from simulator.physics.values import Link, weakest
from simulator.records.log import Log
from simulator.records.tables import LEDGER

Floats = NDArray[np.float64]


class Part(NamedTuple):
    """Inside or outside the window: which part of the run it is, and its seconds."""

    window: bool
    pieces: tuple[tuple[float, float], ...]

    @property
    def time_s(self) -> float:
        """Its seconds."""
        return sum(end - start for start, end in self.pieces)

    def holds(self, at_s: Floats) -> NDArray[np.bool_]:
        """Which moments lie in this part: each moment in one, the last of all in the window."""
        held = np.zeros(at_s.shape, bool)
        for start, end in self.pieces:
            held |= (at_s >= start) & ((at_s < end) | (self.window & (at_s == end)))
        return held

    def overlap_s(self, start_s: Floats, end_s: Floats) -> Floats:
        """How many seconds of each interval lie in this part."""
        lies = [np.clip(np.minimum(end_s, end) - np.maximum(start_s, start), 0.0, None) for start, end in self.pieces]
        return np.sum(lies, axis=0) if lies else np.zeros_like(start_s)


def parts(window: Window, end_s: float) -> tuple[Part, Part]:
    """The window, and what lies before and after it."""
    start, stop = min(window.start_s, end_s), min(window.end_s, end_s)
    around = tuple(piece for piece in ((0.0, start), (stop, end_s)) if piece[1] > piece[0])
    return Part(True, ((start, stop),)), Part(False, around)


@dataclass(frozen=True)
class Drawn:
    """Intervals with what they drew: columns of equal length."""

    start_s: Floats
    time_s: Floats
    energy_j: Floats
    flop: Floats
    bytes: Floats
    prefill: Floats  # share of each that is prefill's
    decode_seqs: Floats


def drawn(system: System, pool: int, log: Log) -> Drawn:
    """The spans of one replica, metered."""
    columns = {name: values.astype(np.float64, copy=False) for name, values in log.columns().items()}
    start_s = columns.pop("start_s")
    spans = Spans(**columns)
    steps = system.pools[pool].steps
    assert steps is not None
    meter = steps.meter(spans)
    return Drawn(
        start_s, spans.time_s, meter.energy_j, meter.flop, meter.bytes, prefill_share(spans), spans.decode_seqs
    )


def ledger(
    system: System,
    logs: Logs,
    calls: pd.DataFrame,
    metered: Mapping[tuple[int, int], Drawn],
    window: Window,
    end_s: float,
) -> pd.DataFrame:
    """The ledger of one replication; columns as `records.tables.LEDGER` without `replication`."""
    rows: list[dict[str, Any]] = []
    for part in parts(window, end_s):
        if part.window or part.pieces:
            rows += _hosts(system, part)
            rows += _replicas(system, metered, part)
            rows += _links(system, logs, part)
            rows += _stations(system, logs, part)
            rows += _hosted(system, calls, part)
    table = pd.DataFrame(rows, columns=[name for name in LEDGER if name != "replication"])
    numbers = ["time_s", "it_energy_j", "energy_j", "co2_g", "cost_usd", "flop", "bytes"]
    return table.astype(dict.fromkeys(numbers, "float64"))


def _row(part: Part, **values: Any) -> dict[str, Any]:
    empty = {
        "pool": None,
        "it_energy_j": 0.0,
        "energy_j": 0.0,
        "co2_g": 0.0,
        "cost_usd": 0.0,
        "flop": 0.0,
        "bytes": 0.0,
        "cost_evidence": values["evidence"],
    }
    return {"window": part.window, **empty, **values}


def _hosts(system: System, part: Part) -> Iterator[dict[str, Any]]:
    pools = {home: pool.plan.facts.name for pool in system.pools for home in pool.homes}
    shared = {host.name for host in system.hosts if sum(host.name in pool.homes for pool in system.pools) != 1}
    for host in system.hosts:
        grid = system.grid(host.place)
        energy_j = host.idle_w * part.time_s
        carbon = sum(float(grid.carbon_g_per_j.integral(*piece)) for piece in part.pieces)
        yield _row(
            part,
            kind="host",
            name=host.name,
            place=host.place,
            pool=None if host.name in shared else pools[host.name],
            state="on",
            phase="idle",
            time_s=part.time_s,
            it_energy_j=energy_j,
            energy_j=energy_j * grid.pue,
            co2_g=host.idle_w * grid.pue * carbon,
            cost_usd=host.usd_per_s * part.time_s,
            evidence=host.device.evidence["idle_w"],
            cost_evidence=host.price_evidence,
        )


def _replicas(system: System, metered: Mapping[tuple[int, int], Drawn], part: Part) -> Iterator[dict[str, Any]]:
    for (pool, replica), spans in metered.items():
        built = system.pools[pool]
        facts = built.plan.facts
        grid = system.grid(facts.place)
        inside_s = part.overlap_s(spans.start_s, spans.start_s + spans.time_s)
        share = np.divide(inside_s, spans.time_s, out=np.zeros_like(inside_s), where=spans.time_s > 0)
        intensity = grid.carbon_g_per_j.mean(spans.start_s, spans.start_s + spans.time_s)
        same = {"kind": "replica", "name": f"{facts.name}-{replica}", "place": facts.place, "pool": facts.name}
        busy_s = 0.0
        for phase, of_phase in (("prefill", share * spans.prefill), ("decode", share * (1.0 - spans.prefill))):
            time_s = float(np.sum(spans.time_s * of_phase))
            energy_j = spans.energy_j * of_phase
            busy_s += time_s
            yield _row(
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
                evidence=built.energy_evidence,
            )
        yield _row(
            part, **same, state="idle", phase="idle", time_s=part.time_s - busy_s, evidence=built.energy_evidence
        )


def _links(system: System, logs: Logs, part: Part) -> Iterator[dict[str, Any]]:
    for i, (link, plan) in enumerate(zip(system.links, system.plan.links, strict=True)):
        grid = system.grid(plan.between[0])
        if link.tail_w > 0:
            yield _radio(link, plan, grid, logs.radios[i], part)
        for j, way in enumerate(("up", "down")):
            columns = logs.transfers[2 * i + j].columns()
            start_s, time_s, size = (np.asarray(columns[name], np.float64) for name in ("start_s", "time_s", "bytes"))
            inside = part.holds(start_s)
            size = size * inside
            radio_j, network_j = transfer_j(link, *((size, 0.0 * size) if way == "up" else (0.0 * size, size)))
            energy = radio_j + network_j
            energy_j = float(np.sum(energy))
            yield _row(
                part,
                kind="link",
                name=f"{plan.name}-{way}",
                place=plan.between[0],
                state="busy",
                phase="transfer",
                time_s=float(np.sum(time_s * inside)),
                it_energy_j=energy_j,
                energy_j=energy_j,
                co2_g=float(np.sum(energy * grid.carbon_g_per_j.mean(start_s, start_s))),
                bytes=float(np.sum(size)),
                evidence=weakest(link.evidence[key] for key in (f"energy_{way}_j_per_byte", "network_j_per_byte")),
            )


def _radio(link: Link, plan: LinkPlan, grid: Grid, log: Log, part: Part) -> dict[str, Any]:
    """The radio awake, by the transfers of this part that woke it or kept it so: the last tail counts whole."""
    columns = log.columns()
    start_s, end_s = (np.asarray(columns[name], np.float64) for name in ("start_s", "end_s"))
    added_s = awake_s(np.asarray(columns["user"], np.int64), start_s, end_s, link.tail_s) * part.holds(start_s)
    energy_j = link.tail_w * float(np.sum(added_s))
    return _row(
        part,
        kind="link",
        name=f"{plan.name}-radio",
        place=plan.between[0],
        state="on",
        phase="tail",
        time_s=float(np.sum(added_s)),
        it_energy_j=energy_j,
        energy_j=energy_j,
        co2_g=link.tail_w * float(np.sum(added_s * grid.carbon_g_per_j.mean(start_s, start_s + added_s))),
        evidence=weakest(link.evidence[key] for key in ("tail_s", "tail_w")),
    )


def _stations(system: System, logs: Logs, part: Part) -> Iterator[dict[str, Any]]:
    for spec, plan, log in zip(system.stations, system.plan.stations, logs.visits, strict=True):
        columns = log.columns()
        start_s, time_s = np.asarray(columns["start_s"], np.float64), np.asarray(columns["time_s"], np.float64)
        place = plan.place or system.classes[0].plan.facts.origin
        grid = system.grid(place)
        inside_s = part.overlap_s(start_s, start_s + time_s)
        energy = spec.active_w * inside_s
        energy_j = float(np.sum(energy))
        yield _row(
            part,
            kind="station",
            name=plan.name,
            place=place,
            state="busy",
            phase="decide",
            time_s=float(np.sum(inside_s)),
            it_energy_j=energy_j,
            energy_j=energy_j * grid.pue,
            co2_g=float(np.sum(energy * grid.carbon_g_per_j.mean(start_s, start_s + time_s))) * grid.pue,
            evidence="assumed",
        )


def _hosted(system: System, calls: pd.DataFrame, part: Part) -> Iterator[dict[str, Any]]:
    for built in system.pools:
        if built.hosted is None:
            continue
        facts = built.plan.facts
        mine = calls[(calls["pool"] == facts.name) & calls["queue_s"].notna()]
        mine = mine[part.holds(mine["asked_s"].to_numpy(np.float64))]
        j_per_tok = built.hosted.energy_j_per_tok
        energy = mine["output_tok"].to_numpy(np.float64) * (np.nan if j_per_tok is None else j_per_tok)
        asked_s = mine["asked_s"].to_numpy(np.float64)
        intensity = system.grid(facts.place).carbon_g_per_j.mean(asked_s, asked_s)
        energy_j = float(np.sum(energy))
        yield _row(
            part,
            kind="hosted",
            name=facts.name,
            place=facts.place,
            pool=facts.name,
            state="busy",
            phase="call",
            time_s=float((mine["prefill_s"] + mine["decode_s"]).sum()),
            it_energy_j=energy_j,
            energy_j=energy_j,
            co2_g=float(np.sum(energy * intensity)),
            cost_usd=float(mine["cost_usd"].sum()),
            evidence=built.energy_evidence,
            cost_evidence=built.price_evidence,
        )
