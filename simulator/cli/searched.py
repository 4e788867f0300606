"""What commands that search have in common: a line a point while they go on, and the points as a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from simulator.searching.judge import Judged
    from simulator.searching.points import Told, Tried

WIDTH = 120  # of tables that go into a file or a pipe


def console() -> Console:
    """Standard output, as wide as the terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH)


def say(text: str) -> None:
    """A line of the answer, as it stands."""
    console().print(text, markup=False, highlight=False, soft_wrap=True)


def telling() -> Told | None:
    """Says on standard error what each point came to, where that is a terminal."""
    if not sys.stderr.isatty():
        return None
    from simulator.searching.judge import judge

    def told(tried: Tried) -> None:
        print(f"{tried.name}: {judge(tried).text}", file=sys.stderr)

    return told


def say_notes(best: Tried, notes: Sequence[str]) -> None:
    """What makes an answer less sure."""
    from simulator.searching.judge import doubts

    for note in (*notes, *doubts(best)):
        say(f"note: {note}")


def print_tried(tried: Sequence[tuple[Tried, Judged]], best: Tried) -> None:
    """Every point that was tried, and what it misses."""
    from simulator.searching.judge import margin
    from simulator.terminal import add_row, empty_table

    table = empty_table("tried", ("limits", "left"), ("", "left"))
    for one, judged in tried:
        mark = "holds" if judged.holds else judged.text
        add_row(table, one.name, "" if one.summary is None else margin(one), mark + ("  <--" if one is best else ""))
    console().print(table)


def point(tried: Tried, judged: Judged) -> dict[str, Any]:
    """A point as JSON has it."""
    metrics = {} if tried.summary is None else {k: e.mean for k, e in tried.summary.metrics.items()}
    verdict = None if tried.summary is None else tried.summary.verdict
    return {
        "values": dict(tried.values),
        "key": tried.key,
        "holds": judged.holds,
        "missed": list(judged.why),
        "verdict": verdict,
        "metrics": metrics,
    }
