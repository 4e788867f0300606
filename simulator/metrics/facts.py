"""What metrics must know of a run beside its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from simulator.spec.profiles import Evidence
from simulator.spec.scenario import SloSpec


class Window(NamedTuple):
    """The measured part of a replication, from its warm-up's end; `steady` False: none was found, nothing was cut."""

    start_s: float
    end_s: float
    steady: bool = True


@dataclass(frozen=True)
class PoolFacts:
    """A pool as the scenario has it. `replicas` None: a hosted API. `evidence` is that of its step model or latency."""

    model: str
    device: str
    evidence: Evidence
    replicas: int | None = None
    kv_tok: int | None = None
    kv_origin: str = ""


@dataclass(frozen=True)
class ClassFacts:
    """A class of the workload: its limits, and the quality table its items are of (None: no items)."""

    slos: tuple[SloSpec, ...] = ()
    table: str | None = None
    quality_evidence: Evidence = "assumed"


@dataclass(frozen=True)
class BatteryFacts:
    """Machines that run on batteries of `battery_j` each: their names, and those of the replicas on them."""

    name: str
    battery_j: float
    hosts: tuple[str, ...]
    replicas: tuple[str, ...]


@dataclass(frozen=True)
class RunFacts:
    """A run: one window a replication, pools and classes by name, the limits of all queries, what the model leaves out.

    `link_evidence` is the weakest of the links that queries pass.
    """

    name: str
    seed: int
    windows: tuple[Window, ...]
    pools: Mapping[str, PoolFacts]
    classes: Mapping[str, ClassFacts]
    slos: tuple[SloSpec, ...] = ()
    link_evidence: Evidence = "assumed"
    left_out: tuple[str, ...] = field(default=())
    extrapolated: tuple[str, ...] = ()
    batteries: tuple[BatteryFacts, ...] = ()
