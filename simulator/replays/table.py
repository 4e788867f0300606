"""Rows as a table: on a terminal, and in the README of the replays between its marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulator.replays.core import Row
from simulator.spec.errors import SpecError

if TYPE_CHECKING:
    from rich.table import Table

MARKS = {
    "quantity": "---",
    "published": "--:",
    "replayed": "--:",
    "difference": "--:",
    "how": "---",
    "agrees": "---",
    "source": "---",
}


def shown(rows: Sequence[Row]) -> Table:
    """For a terminal."""
    from simulator.terminal import add_row, empty_table

    right = ("published", "replayed", "difference")
    head, cells = _columns(rows)
    table = empty_table(head[0], *((title, "right" if title in right else "left") for title in head[1:]))
    for column, title in zip(table.columns, head, strict=True):
        column.no_wrap = title != "source"
    for each in cells:
        add_row(table, *each)
    return table


def one_source(rows: Sequence[Row]) -> str | None:
    """Where all published figures are from; None where rows differ, and then say it themselves."""
    sources = {row.source for row in rows}
    return sources.pop() if len(sources) == 1 else None


def agreement(rows: Sequence[Row]) -> str:
    """How many rows agree, in words."""
    judged = [row for row in rows if row.met is not None]
    missed = sum(not row.met for row in judged)
    if not judged:
        return f"{len(rows)} answers"
    return f"{len(judged) - missed} of {len(judged)} agree" + (f", {missed} miss" if missed else "")


def markdown(rows: Sequence[Row]) -> str:
    """For a page."""
    head, cells = _columns(rows)
    lines = [_line(head), _line([MARKS[title] for title in head])]
    return "\n".join([*lines, *map(_line, cells)])


def put(page: str, name: str, rows: Sequence[Row]) -> str:
    """The page with these rows between `<!-- rows: NAME -->` and `<!-- end -->`. SpecError without these marks."""
    mark = re.compile(rf"(<!-- rows: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not mark.search(page):
        raise SpecError(f"the page has no place for {name!r}: <!-- rows: {name} --> ... <!-- end -->")
    source = one_source(rows)
    told = agreement(rows) + (f"; published: {source}" if source else "")
    text = f"\n{markdown(rows)}\n\n{told[0].upper()}{told[1:]}.\n\n"
    return mark.sub(lambda found: f"{found[1]}{text}{found[2]}", page)


def _columns(rows: Sequence[Row]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Titles and cells; without the source where all have the same."""
    count = len(MARKS) - (one_source(rows) is not None)
    return tuple(MARKS)[:count], [_cells(row)[:count] for row in rows]


def _cells(row: Row) -> tuple[str, ...]:
    differs = "" if row.differs is None else f"{row.differs:+.2g}"
    agrees = "" if row.met is None else "yes" if row.met else "NO"
    return row.quantity, row.published, row.replayed, differs, row.how, agrees, row.source


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
