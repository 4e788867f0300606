"""`multillm report`: result folders made into one HTML page."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from analysis.report.page import Report


class Export(StrEnum):
    """What is written beside the page."""

    csv = "csv"


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            help="The result folder of a run, or a sweep (one of several in a folder: its index); or those of several "
            "runs: the first is the reference.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The page, instead of DIR/report.html (of several: comparison.html)."
        ),
    ] = None,
    export: Annotated[
        Export | None, typer.Option("--export", help="Also write the data of each figure: FILE-csv/FIGURE.csv.")
    ] = None,
) -> None:
    """Write what a run, a sweep or a comparison of runs says as one HTML page that loads nothing and can be mailed.

    The page of several runs is kept where the command is given, since it is of no single one of them. Prints the files
    that were written.
    """
    from analysis.report.figure import csv
    from simulator.records.files import write_text
    from simulator.spec.reader import display

    first = folders[0].parent.parent if folders[0].is_file() else folders[0]
    usual = first / "report.html" if len(folders) == 1 else Path("comparison.html")
    written = usual if output is None else output
    made = report_of(folders[0]) if len(folders) == 1 else _of_comparison(folders)
    write_text(written, made.html())
    print(display(written))
    if export is Export.csv:
        tables = written.with_name(f"{written.stem}-csv")
        for figure in made.figures:
            if not figure.absent:
                write_text(tables / f"{figure.name}.csv", csv(figure.data))
        print(display(tables))


def report_of(kept: Path) -> Report:
    """The report of what `kept` is: a sweep, or a run. Raises ResultError where it is neither."""
    from analysis.report.run.report import run_report
    from analysis.report.sweep.report import sweep_report
    from analysis.report.sweep.swept import is_sweep, read_sweep
    from simulator.records.result import read_result

    return sweep_report(read_sweep(kept)) if is_sweep(kept) else run_report(read_result(kept))


def _of_comparison(folders: list[Path]) -> Report:
    """Of runs in the metrics that `multillm compare` tells."""
    from analysis.report.comparison.report import comparison_report
    from simulator.cli.compare import beside_first, labels, worth_telling
    from simulator.records.result import read_result

    results = [read_result(folder) for folder in folders]
    names = labels([str(folder) for folder in folders], results)
    compared = beside_first(results, names[1:], worth_telling(results))
    return comparison_report(dict(zip(names, results, strict=True)), compared)
