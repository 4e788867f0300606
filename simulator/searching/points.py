"""Points that a search asks for, one after the other: each is run once, and kept in the folder of a sweep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.records.errors import ResultError
from simulator.records.result import read_result
from simulator.records.summary import Summary
from simulator.records.sweep import (
    INDEX,
    POINTS,
    SweepIndex,
    SweepPoint,
    check_folder,
    clear_abandoned,
    is_finished,
)
from simulator.spec.errors import Problem, SpecError
from simulator.spec.load import Scenario, load
from simulator.spec.merge import Override
from simulator.spec.sweep import SweepSpec
from simulator.sweeping.execute import execute
from simulator.sweeping.plan import content_key, plan
from simulator.sweeping.work import Job

Values = Mapping[str, Any]  # of dotted keys


@dataclass(frozen=True)
class Tried:
    """A point that was run: what it said, and its scenario as it ran. Without a summary, `error` says why."""

    values: Values
    key: str = ""
    summary: Summary | None = None
    scenario: Mapping[str, Any] | None = None
    error: str = ""

    @property
    def name(self) -> str:
        """The values in words."""
        return named(self.values)


Told = Callable[[Tried], None]


class Points:
    """Runs points of a scenario, in the order in which a search wants them. A point that has a result is read.

    A search that was interrupted is begun anew, and goes on where it stopped.
    """

    def __init__(
        self,
        source: str | Path,
        sets: Sequence[str | Override] = (),
        profiles: Iterable[str | Path] = (),
        folder: str | Path | None = None,
        jobs: int | None = None,
        question: str = "search",
        told: Told | None = None,
    ) -> None:
        self.source, self.sets, self.profiles = str(source), tuple(sets), tuple(map(str, profiles))
        self.scenario: Scenario = load(self.source, self.sets, self.profiles)
        name = self.scenario.spec.name
        asked = hashlib.sha256(f"{content_key(self.scenario)} {question}".encode()).hexdigest()[:8]
        self.folder = (Path("sweeps") / f"{name}-{asked}" if folder is None else Path(folder)).absolute()
        self.jobs, self._told = jobs, told
        self._tried: dict[str, Tried] = {}

    @property
    def tried(self) -> list[Tried]:
        """All points so far, in the order in which they were asked for."""
        return list(self._tried.values())

    def check(self, asked: Iterable[Values]) -> None:
        """Raise SpecError, with the mistakes of all, where a point is wrong: before any is run."""
        problems: list[Problem] = []
        for values in asked:
            try:
                self._plan(values)
            except SpecError as error:
                problems += error.problems
        if problems:
            raise SpecError(list({str(problem): problem for problem in problems}.values()))

    def at(self, asked: Sequence[Values]) -> list[Tried]:
        """What the points say, in the order of `asked`; those without a result are run, side by side if several.

        A point that is no scenario, or whose run fails, has an error instead.
        """
        fresh = {_told(values): values for values in asked if _told(values) not in self._tried}
        jobs: dict[str, Job] = {}
        of: dict[str, str] = {}
        errors: dict[str, str] = {}
        for text, values in fresh.items():
            try:
                job = self._plan(values)
            except SpecError as error:
                errors[text] = str(error.problems[0])
                continue
            of[text] = job["key"]
            jobs[job["key"]] = job
        self._mark()
        left = [job for key, job in jobs.items() if not is_finished(self.folder, key)]
        failed = {done["key"]: done["error"] for done in execute(left, 1 if len(left) == 1 else self.jobs)}
        for text, values in fresh.items():
            why = errors.get(text) or failed.get(of[text], "")
            self._tried[text] = Tried(values, error=why) if why else self._read(values, of[text])
            if self._told is not None:
                self._told(self._tried[text])
        return [self._tried[_told(values)] for values in asked]

    def keep(self) -> None:
        """Write down which points were asked for, so that the folder is read as a sweep's."""
        points = tuple(SweepPoint(one.values, one.key) for one in self.tried if one.key)
        if points:
            SweepIndex(self.scenario.spec.name, points).write(self.folder)

    def _mark(self) -> None:
        """Make the folder one of sweeps before anything is in it, so that a search that is killed may go on.

        Raises ResultError where it is somebody else's.
        """
        check_folder(self.folder)
        try:
            (self.folder / INDEX).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultError(f"{self.folder}: cannot be written: {error.strerror or error}") from None
        clear_abandoned(self.folder)

    def _plan(self, values: Values) -> Job:
        spec = SweepSpec(list=(dict(values),))
        return plan(self.source, spec, self.sets, self.profiles, self.folder, "--vary").jobs[0]

    def _read(self, values: Values, key: str) -> Tried:
        result = read_result(self.folder / POINTS / key)
        return Tried(values, key, result.summary, result.scenario)


def named(values: Values) -> str:
    """Values in words: "fleet.edge.replicas=4, policy.accept.edge=0.5"."""
    return ", ".join(
        f"{key}={value:.5g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()
    )


def _told(values: Values) -> str:
    return json.dumps(dict(values), sort_keys=True)
