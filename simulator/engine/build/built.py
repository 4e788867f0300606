"""Machines and pools as they are built, with what accounting must know of them."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.engine.hosted import HostedPlan
from simulator.engine.pool import PoolPlan
from simulator.physics.signal import Signal
from simulator.physics.step import StepModel
from simulator.physics.values import Device, Hosted
from simulator.spec.profiles import Evidence
from simulator.spec.scenario import ChangeSpec, PoolSpec

SEES_HOST = ("host", "wall")  # scopes of a meter that sees the machine around the devices too


@dataclass(frozen=True)
class Host:
    """A physical machine with `devices` accelerators: its idle watts and its price run for as long as the run lasts."""

    name: str
    place: str
    device: Device
    devices: int
    usd_per_s: float  # of the whole machine
    price_evidence: Evidence

    @property
    def idle_w(self) -> float:
        """Watts drawn at rest with a model loaded."""
        return self.devices * (self.device.idle_w + self.device.host_idle_w)


@dataclass(frozen=True)
class Built:
    """A pool with what accounting must know of it: own ones have a device, steps and homes, hosted ones an API."""

    plan: PoolPlan | HostedPlan
    spec: PoolSpec
    model: str
    homes: tuple[str, ...] = ()  # host of each replica
    device: Device | None = None
    steps: StepModel | None = None
    hosted: Hosted | None = None
    kv_origin: str = ""
    time_evidence: Evidence = "assumed"
    energy_evidence: Evidence = "assumed"
    price_evidence: Evidence = "assumed"


def signal(changes: tuple[ChangeSpec, ...]) -> Signal:
    """Factors over time as a signal that starts at 1."""
    factors = {0.0: 1.0} | {change.from_s: change.factor for change in changes}
    return Signal(tuple(sorted(factors)), tuple(factors[time_s] for time_s in sorted(factors)))
