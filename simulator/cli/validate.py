"""`multillm validate`: all mistakes of scenario files, at once."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from simulator.cli.options import Profiles

WRONG_FILE = 2


def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Scenario files, or names of shipped ones.")],
    profiles: Profiles = None,
    build: Annotated[
        bool, typer.Option("--build", help="Build them, too: do the models fit, do the tables have them? Slower.")
    ] = False,
) -> None:
    """Check scenario files: each mistake in a line, with its place. Exits with 2 where there is any."""
    from simulator.spec.errors import SpecError
    from simulator.spec.load import load

    wrong = False
    for file in files:
        try:
            scenario = load(file, profiles=profiles or ())
            if build:
                from simulator.engine.build import build as build_system

                build_system(scenario)
        except SpecError as error:
            print(error, file=sys.stderr)
            wrong = True
        else:
            print(f"{file}: ok")
    if wrong:
        raise typer.Exit(WRONG_FILE)
