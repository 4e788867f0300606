"""What a worker does: one point, from plain data to a result folder, whatever process or machine it is on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, TypedDict

from simulator.records.files import write_text
from simulator.records.sweep import FAILED, POINTS, is_finished


class Job(TypedDict):
    """A point as a worker gets it. `sets` are (origin, key, value) as `spec.merge.Override` has them."""

    source: str
    sets: list[tuple[str, str, str]]
    profiles: list[str]
    folder: str
    key: str
    values: dict[str, Any]
    until: tuple[str, float, int] | None  # a metric, its relative half-width, and the most replications


class Done(TypedDict):
    """What came of it: `error` is empty where the result is in its folder."""

    key: str
    wall_s: float
    error: str


def work(job: Job) -> Done:
    """Run a point and keep its result, or keep why there is none."""
    started = time.perf_counter()
    folder = Path(job["folder"])
    if is_finished(folder, job["key"]):  # another sweep into the same folder was faster
        return {"key": job["key"], "wall_s": 0.0, "error": ""}
    try:
        _run(job, folder)
        _failure(job).unlink(missing_ok=True)
    except Exception as caught:  # whatever it is, the other points go on
        if not is_finished(folder, job["key"]):  # by another sweep, at the same moment
            return failed(job, f"{type(caught).__name__}: {caught}".splitlines()[0], time.perf_counter() - started)
    return {"key": job["key"], "wall_s": time.perf_counter() - started, "error": ""}


def failed(job: Job, error: str, wall_s: float = 0.0) -> Done:
    """Keep why a point has no result."""
    write_text(_failure(job), json.dumps({"values": job["values"], "error": error}, indent=1) + "\n")
    return {"key": job["key"], "wall_s": wall_s, "error": error}


def _failure(job: Job) -> Path:
    return Path(job["folder"]) / FAILED / f"{job['key']}.json"


def _run(job: Job, folder: Path) -> None:
    from simulator.engine.build import build
    from simulator.metrics.until import Until
    from simulator.running import run
    from simulator.spec.load import load
    from simulator.spec.merge import Override

    system = build(load(job["source"], [Override(*given) for given in job["sets"]], job["profiles"]))
    until = None if job["until"] is None else Until(*job["until"])
    run(system, until=until).save(folder / POINTS / job["key"])
