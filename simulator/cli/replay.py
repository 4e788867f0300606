"""`multillm replay`: published figures beside what the same techniques come to here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

WIDTH = 160  # of tables that go into a file or a pipe


def replay(
    name: Annotated[str | None, typer.Argument(help="Which replay; all where it is not given.")] = None,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="PAGE", help="Put the tables into this page between its marks.")
    ] = None,
) -> None:
    """Print published figures beside replayed ones, with their differences.

    A miss is shown, and is no error. Most replays read public tables that are not shipped: MULTILLM_DATA names their
    folder, and where one is not there, a line says where it is from.
    """
    from rich.console import Console

    from simulator.replays.registry import REPLAYS, find, rows
    from simulator.replays.table import agreement, one_source, put, shown

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for each in [name] if name else REPLAYS:
        made, found = rows(each), find(each)
        told = f"{each}: {found.title}\nscenarios: {', '.join(found.scenarios)}\n"
        if source := one_source(made):
            told += f"published: {source}\n"
        console.print(told, markup=False, highlight=False)
        console.print(shown(made))
        console.print(agreement(made) + "\n", markup=False, highlight=False)
        if into is not None:
            _write(into, put(_read(into), each, made))


def _read(page: Path) -> str:
    from simulator.spec.errors import SpecError

    try:
        return page.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"--into {page}: {error.strerror}") from None


def _write(page: Path, text: str) -> None:
    from simulator.records.files import write_text

    write_text(page, text)
