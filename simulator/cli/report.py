"""`multillm report`: a result folder made into one HTML page."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Export(StrEnum):
    """What is written beside the page."""

    csv = "csv"


def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The result folder of a run.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The page, instead of RUN_DIR/report.html.")
    ] = None,
    export: Annotated[
        Export | None, typer.Option("--export", help="Also write the data of each figure: FILE-csv/FIGURE.csv.")
    ] = None,
) -> None:
    """Write what a run says as one HTML page: tables, then figures. It loads nothing and can be mailed.

    Prints the files that were written.
    """
    from analysis.report.figure import csv
    from analysis.report.run.report import run_report
    from simulator.records.files import write_text
    from simulator.records.result import read_result
    from simulator.spec.reader import display

    written = run_dir / "report.html" if output is None else output
    made = run_report(read_result(run_dir))
    write_text(written, made.html())
    print(display(written))
    if export is Export.csv:
        folder = written.with_name(f"{written.stem}-csv")
        for figure in made.figures:
            if not figure.absent:
                write_text(folder / f"{figure.name}.csv", csv(figure.data))
        print(display(folder))
