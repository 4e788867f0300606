"""Simulate fleets of language models: latency, energy, money, carbon and accuracy, before deployment.

    from simulator import load, build, run
    result = run(build(load("quickstart")))
    result.summary.metrics["accuracy"].mean

Names are imported when first used, so that the command line answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.engine.build import build
    from simulator.policies.check import check_policy
    from simulator.records.result import read_result
    from simulator.running import run
    from simulator.spec.load import load
    from simulator.sweeping.sweep import sweep

_HOMES = {
    "load": "simulator.spec.load",
    "build": "simulator.engine.build",
    "run": "simulator.running",
    "read_result": "simulator.records.result",
    "check_policy": "simulator.policies.check",
    "sweep": "simulator.sweeping.sweep",
}

__all__ = ["build", "check_policy", "load", "read_result", "run", "sweep"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
