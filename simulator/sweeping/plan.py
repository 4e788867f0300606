"""From a scenario and what varies to jobs: every point checked, and known by its content, before any runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simulator.metrics.until import Until
from simulator.records.files import remove
from simulator.records.result import SCHEMA_VERSION
from simulator.records.sweep import POINTS, SweepIndex, SweepPoint, is_finished
from simulator.running.inputs import inputs, version
from simulator.spec.load import Scenario
from simulator.spec.merge import Override
from simulator.spec.sweep import SweepSpec
from simulator.sweeping.loaded import loaded
from simulator.sweeping.work import Job


@dataclass(frozen=True)
class Plan:
    """Points in order, with the job that makes each; equal points have one job."""

    index: SweepIndex
    jobs: tuple[Job, ...]
    folder: Path

    def left(self) -> list[Job]:
        """Jobs whose result is not there yet."""
        return [job for job in self.jobs if not is_finished(self.folder, job["key"])]

    def forget(self) -> None:
        """Remove the results of this plan's points; no others."""
        for job in self.jobs:
            if is_finished(self.folder, job["key"]):
                remove(self.folder / POINTS / job["key"])


def plan(
    source: str | Path,
    spec: SweepSpec,
    sets: Sequence[str | Override] = (),
    profiles: Iterable[str | Path] = (),
    folder: Path | None = None,
    origin: str | None = "sweep",
    until: Until | None = None,
) -> Plan:
    """All points of a sweep, loaded and checked: see `loaded`, which raises SpecError. Paths in jobs are absolute.

    With `until`, each point has as many replications as that wants.
    """
    shelves = [str(Path(profile).absolute()) for profile in profiles]
    found: list[SweepPoint] = []
    jobs: dict[str, tuple[tuple[Override, ...], Mapping[str, Any]]] = {}
    hashes: dict[Path, str] = {}
    name = ""
    for point in loaded(source, spec, sets, shelves, origin):
        name = point.scenario.spec.name
        key = content_key(point.scenario, hashes, until)
        found.append(SweepPoint(point.values, key))
        jobs.setdefault(key, (point.laid, point.values))
    index = SweepIndex(name, tuple(found))
    where = (Path("sweeps") / f"{name}-{index.hash}" if folder is None else Path(folder)).absolute()
    given = Path(source)
    made = tuple(
        Job(
            source=str(given.absolute() if given.is_file() else given),
            sets=[(each.origin, each.key, each.value) for each in laid],
            profiles=shelves,
            folder=str(where),
            key=key,
            values=dict(values),
            until=None if until is None else (until.metric, until.rel_half, until.most),
        )
        for key, (laid, values) in jobs.items()
    )
    return Plan(index, made, where)


def content_key(scenario: Scenario, hashes: dict[Path, str] | None = None, until: Until | None = None) -> str:
    """Twelve hexadecimal digits of all that a result depends on: values, profiles, data, version."""
    told: dict[str, Any] = {
        "scenario": scenario.resolved(),
        "inputs": inputs(scenario, hashes),
        "version": version(),
        "schema": SCHEMA_VERSION,
    }
    if until is not None:
        told["until"] = asdict(until)
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:12]
