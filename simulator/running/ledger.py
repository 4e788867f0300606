"""The ledger: every second, joule, gram, dollar, FLOP and byte of a replication in exactly one row.

A row stands for one thing, state and phase, inside or outside the measured window; what lies across the window's edge
is split in proportion to its time. `machines` says how hosts and replicas share seconds and joules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import Grid, System
from simulator.engine.logs import Logs
from simulator.engine.plan import LinkPlan
from simulator.metrics.facts import Window
from simulator.physics.link import awake_s
from simulator.physics.link import energy_j as transfer_j
from simulator.physics.values import Link, weakest
from simulator.records.log import Log
from simulator.records.tables import LEDGER
from simulator.running.machines import Machines, embodied, hosts, replicas
from simulator.running.parts import Part, parts, row


def ledger(
    system: System,
    logs: Logs,
    calls: pd.DataFrame,
    machines: Machines,
    window: Window,
    end_s: float,
    hosted_j: NDArray[np.float64],
) -> pd.DataFrame:
    """The ledger of one replication; columns as `records.tables.LEDGER` without `replication`.

    `hosted_j` are the joules of each of `calls`, if it is at a hosted pool.
    """
    rows: list[dict[str, Any]] = []
    for part in parts(window, end_s):
        if part.window or part.pieces:
            rows += hosts(system, machines, part)
            rows += embodied(system, part)
            rows += replicas(system, machines, part)
            rows += _links(system, logs, part)
            rows += _stations(system, logs, part)
            rows += _hosted(system, calls, hosted_j, part)
    table = pd.DataFrame(rows, columns=[name for name in LEDGER if name != "replication"])
    numbers = ["time_s", "it_energy_j", "energy_j", "co2_g", "cost_usd", "flop", "bytes"]
    return table.astype(dict.fromkeys(numbers, "float64"))


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
            yield row(
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
    return row(
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
        yield row(
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


def _hosted(system: System, calls: pd.DataFrame, hosted_j: NDArray[np.float64], part: Part) -> Iterator[dict[str, Any]]:
    for built in system.pools:
        if built.hosted is None:
            continue
        facts = built.plan.facts
        is_here = ((calls["pool"] == facts.name) & calls["queue_s"].notna()).to_numpy()
        is_here = is_here & part.holds(calls["asked_s"].to_numpy(np.float64))
        mine, energy = calls[is_here], hosted_j[is_here]
        asked_s = mine["asked_s"].to_numpy(np.float64)
        intensity = system.grid(facts.place).carbon_g_per_j.mean(asked_s, asked_s)
        energy_j = float(np.sum(energy))
        yield row(
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
