"""`multillm run`: simulate a scenario, print what it says, keep the result."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.beside import Trace, watch_of, write_report, write_trace
from simulator.cli.options import MaxReps, Profiles, ScenarioName, Sets, UntilCi, UntilMetric, until_of

if TYPE_CHECKING:
    from simulator.engine.build import System
    from simulator.metrics.until import Until
    from simulator.records.excerpt import Excerpt
    from simulator.records.result import Result
    from simulator.records.summary import Held
    from simulator.running.run import Watch
    from simulator.spec.merge import Override

GATE_MISSED = 3
WIDTH = 120  # of tables that go into a file or a pipe


def run(
    scenario: ScenarioName,
    sets: Sets = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="The seed, instead of the file's.")] = None,
    reps: Annotated[int | None, typer.Option("--reps", min=1, help="Replications, instead of the file's.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The result folder, instead of runs/NAME-HASH.")
    ] = None,
    profiles: Profiles = None,
    until_ci: UntilCi = None,
    metric: UntilMetric = None,
    max_reps: MaxReps = None,
    trace: Annotated[
        Trace | None, typer.Option("--trace", help="Also write RUN_DIR/trace.json.gz: open it in ui.perfetto.dev.")
    ] = None,
    trace_from: Annotated[
        float | None,
        typer.Option("--trace-from", metavar="SECONDS", min=0, help="Where --trace begins, if not after the warm-up."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of the table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but the result folder.")] = False,
    with_report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html into the result folder.")
    ] = True,
) -> None:
    """Simulate a scenario: print metrics, keep the result, and a report of it as one HTML page.

    Exit codes: 0 fine, 1 unexpected, 2 wrong command line or file, 3 a limit with `gate: true` missed, 130 interrupted.
    """
    from simulator.engine.build import build
    from simulator.spec.load import load

    seen: list[Excerpt] = []
    with redirect_stdout(sys.stderr):  # what a policy of the user's prints is no part of the answer
        system = build(load(scenario, [*(sets or ()), *_overrides(seed, reps)], profiles or ()))
        _check_out(out)
        watch = watch_of(trace, trace_from, seen)
        until = until_of(scenario, sets, profiles, until_ci, metric, max_reps)
        result = _simulated(system, until, watch, quiet)
        folder = result.save(out)
        beside: dict[str, Path | None] = {"report": None}
        for one in seen:
            beside["trace"] = write_trace(one, folder)
    try:
        beside["report"] = write_report(result, folder) if with_report else None
    finally:  # the result is kept and told, whatever becomes of its report
        _tell(result, folder, beside, as_json, quiet)
    if until is not None:
        print(_precision(result), file=sys.stderr)
    missed = [held for held in result.summary.slos if held.gate and not held.met]
    for held in missed:
        print(_missed(held), file=sys.stderr)
    if missed:
        raise typer.Exit(GATE_MISSED)


def _simulated(system: System, until: Until | None, watch: Watch | None, quiet: bool) -> Result:
    """The system's result; how far it is is shown unless `quiet`."""
    from simulator.cli.progress import progress
    from simulator.running import run as simulate  # pandas and scipy, for which no mistake in a file has to wait

    spec = system.scenario.spec.run
    most = spec if until is None else spec.model_copy(update={"replications": until.most})
    with progress(most, show=not quiet) as told:
        return simulate(system, told, until, watch)


def _overrides(seed: int | None, reps: int | None) -> list[Override]:
    """The two settings that have an option of their own."""
    from simulator.spec.merge import Override

    given = (("--seed", "seed", seed), ("--reps", "run.replications", reps))
    return [Override(f"{option} {value}", key, str(value)) for option, key, value in given if value is not None]


def _check_out(out: Path | None) -> None:
    """Raise ResultError now where the result could not be kept later."""
    from simulator.records.errors import ResultError
    from simulator.records.result import check_folder

    folder = Path("runs") / "new" if out is None else out
    check_folder(folder)
    above = next(parent for parent in folder.absolute().parents if os.path.lexists(parent))
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise ResultError(f"{folder}: cannot be made: {above} is not a folder one may write to")


def _tell(result: Result, folder: Path, beside: Mapping[str, Path | None], as_json: bool, quiet: bool) -> None:
    """The answer, on standard output, and the files `beside` the result by what they are."""
    from simulator.spec.reader import display
    from simulator.terminal import render, to_json

    if as_json:
        told = to_json(result.summary, folder, result.manifest["wall_s"])
        told |= {what: None if written is None else str(written) for what, written in beside.items()}
        print(json.dumps(told, indent=2, allow_nan=False))
        return
    if quiet:
        print(display(folder))
        return
    from rich.console import Console

    render(result.summary, Console(width=None if sys.stdout.isatty() else WIDTH))
    print(f"result: {display(folder)}")
    for what, written in beside.items():
        if written is not None:
            print(f"{what}: {display(written)}")


def _precision(result: Result) -> str:
    """One line about what --until-ci came to."""
    asked = result.manifest["until"]
    got, wanted, count = asked["reached"], asked["rel_half"], result.summary.replications
    told = "has no interval" if got is None else f"is known to ± {100 * got:.2g} %"
    enough = got is not None and got <= wanted
    less = "" if enough else f", not ± {100 * wanted:.2g} %: --max-reps {asked['most']} is reached"
    return f"{asked['metric']} {told} after {count} replications{less}"


def _missed(held: Held) -> str:
    """One line about a gate: "gate missed: ttft_s p95 of chat is 2.1, not <= 1.5"."""
    what = held.metric if held.percentile is None else f"{held.metric} p{held.percentile:g}"
    of = "" if held.cls is None else f" of {held.cls}"
    bounds = [f"{sign} {bound:g}" for sign, bound in ((">=", held.min), ("<=", held.max)) if bound is not None]
    value = "undefined" if held.value is None else f"{held.value:.4g}"
    return f"gate missed: {what}{of} is {value}, not {' and '.join(bounds)}"
