"""`multillm`: the commands together, and what their ends mean."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from simulator.cli.calibrate import calibrate
from simulator.cli.capacity import capacity
from simulator.cli.compare import compare
from simulator.cli.curve import curve
from simulator.cli.init import init
from simulator.cli.listing import listing
from simulator.cli.optimize import optimize
from simulator.cli.profile import app as profile
from simulator.cli.recommend import recommend
from simulator.cli.replay import replay
from simulator.cli.report import report
from simulator.cli.run import run
from simulator.cli.schema import schema
from simulator.cli.show import show
from simulator.cli.sql import sql
from simulator.cli.sweep import sweep
from simulator.cli.validate import validate

UNEXPECTED, WRONG_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help takes half the time
    context_settings={"max_content_width": 100},
)
app.command()(run)
app.command(short_help="Run many points of one scenario: print a table of them.")(sweep)
app.command()(compare)
app.command(short_help="Find the smallest or cheapest fleet that holds all limits.")(recommend)
app.command(short_help="Find the highest rate at which all limits hold.")(capacity)
app.command(short_help="Search for the best trade-offs: Pareto sets.")(optimize)
app.command()(report)
app.command()(sql)
app.command()(validate)
app.command()(show)
app.command()(curve)
app.command(short_help="Find a threshold on the table's train split.")(calibrate)
app.command(short_help="Print published figures beside replayed ones.")(replay)
app.command(name="list")(listing)
app.command()(schema)
app.command()(init)
app.add_typer(profile, name="profile", short_help="List, show, check, begin, fit, measure and score profiles.")


def command(args: Sequence[str]) -> int:
    """Do what `args` say and return the exit code.

    0 fine, 1 unexpected, 2 a wrong command line or file, 3 a limit with `gate: true` missed, 4 points of a sweep
    failed. Raises KeyboardInterrupt.
    """
    try:
        app([arg for arg in args if arg != "--debug"], prog_name="multillm")
    except SystemExit as end:
        if end.code == INTERRUPTED:
            raise KeyboardInterrupt from None
        return int(end.code or 0)
    except Exception as error:
        return _told(error, debug="--debug" in args)
    return 0


def _told(error: Exception, debug: bool) -> int:
    """Tell the user what went wrong; gives the exit code."""
    from simulator.records.errors import ResultError
    from simulator.spec.errors import SpecError, one_line

    if isinstance(error, SpecError | ResultError) or type(error).__name__ == "ClusterError":
        print(error, file=sys.stderr)
        return WRONG_INPUT
    if debug:
        traceback.print_exception(error)
    else:
        print(f"{type(error).__name__}: {one_line(str(error))} (--debug shows the traceback)", file=sys.stderr)
    return UNEXPECTED


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"multillm {version('multillm-sim')}")
        except PackageNotFoundError:
            print("multillm, not installed")
        raise typer.Exit


@app.callback()
def _multillm(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unexpected error; goes with every command.")
    ] = False,  # declared for the help: `command` looks for it
) -> None:
    """Simulate fleets of language models: latency, energy, money, carbon and accuracy, before deployment."""
