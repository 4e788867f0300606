"""From a scenario and what varies to jobs: every point checked, and known by its content, before any runs."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simulator.metrics.until import Until
from simulator.records.result import SCHEMA_VERSION
from simulator.records.sweep import POINTS, SweepIndex, SweepPoint, is_finished
from simulator.running.inputs import inputs, version
from simulator.spec.errors import Problem, SpecError
from simulator.spec.load import Scenario, load
from simulator.spec.merge import Override
from simulator.spec.sweep import SweepSpec
from simulator.sweeping.points import count, overrides, points
from simulator.sweeping.work import Job

MOST_POINTS = 100_000


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
                shutil.rmtree(self.folder / POINTS / job["key"])


def plan(
    source: str | Path,
    spec: SweepSpec,
    sets: Sequence[str | Override] = (),
    profiles: Iterable[str | Path] = (),
    folder: Path | None = None,
    origin: str = "sweep",
    until: Until | None = None,
) -> Plan:
    """All points of a sweep, loaded and checked. SpecError has the mistakes of all points, or says too many.

    With `until`, each point has as many replications as that wants.
    """
    total = count(spec)
    if total > MOST_POINTS:
        raise SpecError([Problem(origin, "", f"{total:,} points: at most {MOST_POINTS:,} are run in one sweep")])
    given = [each if isinstance(each, Override) else Override.of(each) for each in sets]
    shelves = [str(profile) for profile in profiles]
    found: list[SweepPoint] = []
    jobs: dict[str, tuple[list[Override], Mapping[str, Any]]] = {}
    problems: dict[str, Problem] = {}
    hashes: dict[Path, str] = {}
    name = ""
    for values in points(spec):
        laid = [*given, *overrides(values, origin)]
        try:
            scenario = load(source, laid, shelves)
        except SpecError as error:
            problems |= {str(problem): problem for problem in error.problems}
            if len(problems) > 20:
                break
            continue
        name = scenario.spec.name
        key = content_key(scenario, hashes, until)
        found.append(SweepPoint(values, key))
        jobs.setdefault(key, (laid, values))
    if problems:
        raise SpecError(list(problems.values()))
    index = SweepIndex(name, tuple(found))
    where = (Path("sweeps") / f"{name}-{index.hash}" if folder is None else Path(folder)).absolute()
    made = tuple(
        Job(
            source=str(source),
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
