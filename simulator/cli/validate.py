"""`multillm validate`: all mistakes of scenario files, at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.options import Profiles

if TYPE_CHECKING:
    from simulator.spec.load import Scenario

WRONG_FILE = 2


def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Scenario files, or names of shipped ones.")],
    profiles: Profiles = None,
    build: Annotated[
        bool, typer.Option("--build", help="Build them, too: do the models fit, do the tables have them? Slower.")
    ] = False,
) -> None:
    """Check scenario files: each mistake in a line, with its place. Exits with 2 where there is any.

    Of a scenario with a sweep, every point is checked.
    """
    from simulator.spec.errors import SpecError
    from simulator.spec.load import load

    wrong = False
    for file in files:
        try:
            scenario = load(file, profiles=profiles or ())
            points = _points(file, scenario, profiles or ())
            if build:
                from simulator.engine.build import build as build_system

                build_system(scenario)
        except SpecError as error:
            print(error, file=sys.stderr)
            wrong = True
        else:
            print(f"{file}: ok" + (f", and so are the {points:,} points of its sweep" if points else ""))
    if wrong:
        raise typer.Exit(WRONG_FILE)


def _points(file: str, scenario: Scenario, profiles: list[Path] | tuple[()]) -> int:
    """How many points the scenario's sweep has, each loaded; 0 without a sweep."""
    if scenario.spec.sweep is None:
        return 0
    from simulator.sweeping.loaded import loaded

    return sum(1 for _ in loaded(file, scenario.spec.sweep, (), profiles, None))
