"""`multillm report`: a result folder made into one HTML page."""

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
    run_dir: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_DIR|SWEEP_DIR", help="The result folder of a run or a sweep; one of several sweeps: its index."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The page, instead of DIR/report.html.")
    ] = None,
    export: Annotated[
        Export | None, typer.Option("--export", help="Also write the data of each figure: FILE-csv/FIGURE.csv.")
    ] = None,
) -> None:
    """Write what a run or a sweep says as one HTML page: tables, then figures. It loads nothing and can be mailed.

    Prints the files that were written.
    """
    from analysis.report.figure import csv
    from simulator.records.files import write_text
    from simulator.spec.reader import display

    made = report_of(run_dir)
    folder = run_dir.parent.parent if run_dir.is_file() else run_dir
    written = folder / "report.html" if output is None else output
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
