"""`multillm sweep`: every point of a sweep, on all cores or on a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.options import MaxReps, Profiles, ScenarioName, Sets, UntilCi, UntilMetric, until_of

if TYPE_CHECKING:
    from simulator.metrics.until import Until
    from simulator.sweeping.plan import Plan
    from simulator.sweeping.sweep import Told
    from simulator.sweeping.work import Done

SOME_FAILED = 4
SHOWN = 12  # points of a dry run


class Engine(StrEnum):
    """Who runs the points."""

    loky = "loky"
    dask = "dask"


def sweep(
    scenario: ScenarioName,
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", metavar="KEY=VALUES", help="1,2,4 or 1..16, instead of the file's sweep. Repeatable."),
    ] = None,
    sets: Sets = None,
    profiles: Profiles = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Processes; all cores if not given.")] = None,
    backend: Annotated[Engine, typer.Option("--backend", help="This machine's cores, or Dask.")] = Engine.loky,
    address: Annotated[
        str | None, typer.Option("--cluster", metavar="ADDRESS", help="Dask's scheduler: tcp://host:8786.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The folder, instead of sweeps/NAME-HASH.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh/--resume", help="Run points again that have a result.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and how long it would take.")] = False,
    max_fail: Annotated[int | None, typer.Option("--max-fail", min=0, help="Stop after more failures.")] = None,
    until_ci: UntilCi = None,
    metric: UntilMetric = None,
    max_reps: MaxReps = None,
) -> None:
    """Run many points of one scenario; those that have a result are not run again.

    Exit codes: 0 fine, 2 wrong command line or file, 4 some points failed (the rest is kept), 130 interrupted.
    """
    from simulator.sweeping.grid import grid_of
    from simulator.sweeping.plan import plan
    from simulator.sweeping.sweep import failed, run_plan, spec_of

    given = {"grid": grid_of(grid)} if grid else {}
    spec = spec_of(scenario, given, sets or (), profiles or ())
    until = until_of(scenario, sets, profiles, until_ci, metric, max_reps)
    made = plan(scenario, spec, sets or (), profiles or (), out, "--grid" if grid else f"{scenario}: sweep", until)
    if fresh:
        made.forget()
    if dry_run:
        _dry(made, jobs)
        return
    with _engine(backend, address, jobs) as client, _progress(made) as told:
        run_plan(made, jobs, backend.value, client, told, max_fail)
    failures = failed(made)
    _tell(made, len(failures))
    if until is not None:
        _tell_precision(made, until)
    for error in list(failures.values())[:SHOWN]:
        print(f"failed: {error}", file=sys.stderr)
    if failures:
        raise typer.Exit(SOME_FAILED)


@contextmanager
def _engine(backend: Engine, address: str | None, jobs: int | None) -> Iterator[Any]:
    if backend is Engine.loky:
        if address is not None:
            raise typer.BadParameter("goes with --backend dask", param_hint="--cluster")
        yield None
        return
    from simulator.sweeping.cluster import cluster

    with cluster(address, jobs) as client:
        yield client


def _dry(made: Plan, jobs: int | None) -> None:
    """What would run; the first point without a result is run, and kept, to know how long."""
    import os

    from simulator.sweeping.work import work

    left = made.left()
    print(f"{len(made.index.points)} points, {len(made.jobs) - len(left)} with a result, in {made.folder}")
    for point in made.index.points[:SHOWN]:
        there = "" if any(job["key"] == point.key for job in left) else "  (has a result)"
        print("  " + ", ".join(f"{key}={value}" for key, value in point.values.items()) + there)
    if len(made.index.points) > SHOWN:
        print(f"  ... and {len(made.index.points) - SHOWN} more")
    if left:
        done = work(left[0])
        workers = jobs or os.cpu_count() or 1
        print(
            f"one point took {done['wall_s']:.2f} s: the {len(left) - 1} others about "
            f"{done['wall_s'] * (len(left) - 1) / workers:,.0f} s with {workers} processes"
        )


@contextmanager
def _progress(made: Plan) -> Iterator[Told | None]:
    """A bar with the time that is left, where standard error is a terminal."""
    left = len(made.left())
    if not sys.stderr.isatty() or not left:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("points"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=left)

        def told(done: Done, over: int, total: int) -> None:
            bar.update(task, completed=over)

        yield told


def _tell(made: Plan, failures: int) -> None:
    from simulator.spec.reader import display

    finished = len(made.jobs) - len(made.left())
    print(f"{finished} of {len(made.jobs)} points have a result" + (f", {failures} failed" if failures else ""))
    print(f"sweep: {display(made.folder)}")


def _tell_precision(made: Plan, until: Until) -> None:
    """How many points are not as sure as was asked."""
    import json

    from simulator.records.sweep import POINTS, is_finished

    finished = [made.folder / POINTS / job["key"] for job in made.jobs if is_finished(made.folder, job["key"])]
    got = [
        json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["until"]["reached"] for folder in finished
    ]
    unsure = sum(one is None or one > until.rel_half for one in got)
    if unsure:
        wanted = f"{until.metric} to ± {100 * until.rel_half:.2g} %"
        print(f"{unsure} of {len(got)} points do not know {wanted} after {until.most} replications", file=sys.stderr)
