"""What is written beside a result: its report, and a trace of a window of it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.records.excerpt import Excerpt
    from simulator.records.result import Result
    from simulator.running.excerpt import Happened
    from simulator.running.run import Watch

TRACE = "trace.json.gz"


class Trace(StrEnum):
    """For whom a trace is written."""

    perfetto = "perfetto"


def watch_of(trace: Trace | None, from_s: float | None, seen: list[Excerpt]) -> Watch | None:
    """What adds to `seen` the excerpt that a trace shows; None where no trace is asked for.

    Raises SpecError where it is said when a trace begins, but none is asked for.
    """
    from simulator.spec.errors import SpecError

    if trace is None:
        if from_s is not None:
            raise SpecError("--trace-from: says where a trace begins; --trace perfetto writes one")
        return None

    def watch(happened: Happened) -> None:
        from simulator.running.excerpt import excerpt

        seen.append(excerpt(happened, from_s))

    return watch


def write_trace(excerpt: Excerpt, folder: Path) -> Path:
    """Write the trace into the result's folder, and give its file. Raises ResultError where the disk refuses."""
    from analysis.trace import perfetto
    from simulator.records.files import write_bytes

    written = folder / TRACE
    write_bytes(written, perfetto(excerpt))
    return written


def write_report(result: Result, folder: Path) -> Path | None:
    """Write the report into the result's folder. Where the disk refuses, say so: the result is there all the same."""
    from analysis.report.run.report import run_report
    from simulator.records.errors import ResultError
    from simulator.records.files import write_text
    from simulator.spec.reader import display

    page = folder / "report.html"
    try:
        write_text(page, run_report(result).html())
    except ResultError as error:
        print(f"no report: {error}; `multillm report {display(folder)}` writes it later", file=sys.stderr)
        return None
    return page
