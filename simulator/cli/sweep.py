"""`multillm sweep`: every point of a sweep, on all cores or on a cluster."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.options import MaxReps, Profiles, ScenarioName, Sets, UntilCi, UntilMetric, until_of

if TYPE_CHECKING:
    from simulator.metrics.until import Until
    from simulator.sweeping.plan import Plan
    from simulator.sweeping.sweep import Told
    from simulator.sweeping.work import Done, Job

SOME_FAILED = 4
TOLD = 12  # failures


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
    with_report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html into the sweep's folder.")
    ] = True,
) -> None:
    """Run many points of one scenario; those that have a result are not run again. Write a report of them all.

    Exit codes: 0 fine, 2 wrong command line or file, 4 some points failed (the rest is kept), 130 interrupted.
    """
    from simulator.sweeping.grid import grid_of
    from simulator.sweeping.plan import plan
    from simulator.sweeping.sweep import failed, run_plan, spec_of

    given = {"grid": grid_of(grid)} if grid else {}
    spec = spec_of(scenario, given, sets or (), profiles or ())
    until = until_of(scenario, sets, profiles, until_ci, metric, max_reps)
    made = plan(scenario, spec, sets or (), profiles or (), out, "--grid" if grid else None, until)
    if dry_run:
        _dry(made, jobs, fresh)
        return
    with _pipes_may_break(), _engine(backend, address, jobs) as client, _progress() as told:
        run_plan(made, jobs, backend.value, client, told, max_fail, fresh)
    failures = failed(made)
    _tell(made, len(failures))
    if with_report:
        _report(made)
    if until is not None:
        _tell_precision(made, until)
    for error in list(failures.values())[:TOLD]:
        print(f"failed: {error}", file=sys.stderr)
    if failures:
        raise typer.Exit(SOME_FAILED)


@contextmanager
def _pipes_may_break() -> Iterator[None]:
    """A worker that dies breaks a pipe to it, which is no reason to end in silence, as it is where output goes."""
    if not hasattr(signal, "SIGPIPE"):
        yield
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)


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


def _dry(made: Plan, jobs: int | None, fresh: bool) -> None:
    """What would run, and how long that would take; nothing is kept."""
    from simulator.cli.points import print_points
    from simulator.spec.reader import display

    left = list(made.jobs) if fresh else made.left()
    print(f"{len(made.index.points):,} points in {display(made.folder)}")
    print_points(made.index, {job["key"] for job in left})
    there = len(made.jobs) - len(left)
    print(f"runs: {len(made.jobs):,}, {there:,} of them with a result")
    if left:
        wall_s = _timed(left[0])
        workers = min(jobs or os.cpu_count() or 1, len(left))
        all_s = wall_s * len(left) / workers
        print(f"one takes {wall_s:.2f} s: {len(left):,} about {_duration(all_s)} in {workers} processes")


def _timed(job: Job) -> float:
    """Seconds that a point takes."""
    from simulator.sweeping.work import work

    with tempfile.TemporaryDirectory() as folder:
        done = work({**job, "folder": folder})
    if done["error"]:
        print(f"failed: {done['error']}", file=sys.stderr)
        raise typer.Exit(SOME_FAILED)
    return done["wall_s"]


def _duration(time_s: float) -> str:
    """1:02:03 for hours, minutes and seconds; 4 s below a minute."""
    return f"{time_s:,.0f} s" if time_s < 60 else str(timedelta(seconds=round(time_s)))


@contextmanager
def _progress() -> Iterator[Told | None]:
    """A bar with the time that is left, where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("points"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    failures = 0
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, failed="")

        def told(done: Done, over: int, total: int) -> None:
            nonlocal failures
            failures += bool(done["error"])
            bar.update(task, completed=over, total=total, failed=f"{failures} failed" if failures else "")

        yield told


def _tell(made: Plan, failures: int) -> None:
    from simulator.cli.points import print_results
    from simulator.spec.reader import display

    print_results(made.folder, made.index)
    finished = len(made.jobs) - len(made.left())
    print(f"{finished} of {len(made.jobs)} points have a result" + (f", {failures} failed" if failures else ""))
    print(f"sweep: {display(made.folder)}")


def _report(made: Plan) -> None:
    """Write the page of this sweep. The results are there already, so a page that cannot be written ends nothing."""
    from analysis.report.sweep.report import sweep_report
    from analysis.report.sweep.swept import read_sweep
    from simulator.records.errors import ResultError
    from simulator.records.files import write_text
    from simulator.records.sweep import INDEX
    from simulator.spec.reader import display

    page = made.folder / "report.html"
    try:
        write_text(page, sweep_report(read_sweep(made.folder, made.index)).html())
    except ResultError as error:
        again = f"`multillm report {display(made.folder / INDEX / made.index.hash)}.json`"
        print(f"no report: {error}; {again} writes it later", file=sys.stderr)
    else:
        print(f"report: {display(page)}")


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
