"""A table whose columns a reader can sort: plain HTML, and a script that makes the heads buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from analysis.grids import LONG, html_text

SCRIPT = "sortable.js"
MANY = 50  # rows from which on the table scrolls in a box of its own


class Cell(NamedTuple):
    """Text, the number that sorts it (None: the text does), and classes: `good`, `bad`, `chip`."""

    text: str
    number: float | None = None
    mark: str = ""


def sortable(name: str, label: str, heads: Sequence[str], rows: Sequence[tuple[int, Sequence[Cell]]]) -> str:
    """The table of id `name`, called `label`. A row is its number, which its first cell shows, and the other cells.

    A column all of whose cells have numbers, or say nothing, stands right.
    """
    columns = [cells for _, cells in rows]
    numeric = [any(cell.number is not None for cell in column) for column in zip(*columns, strict=True)]
    marks = ["number", *("number" if each else "words" for each in numeric)]
    top = "".join(
        f'<th class="{mark}" scope="col">{_breaking(head)}</th>' for head, mark in zip(heads, marks, strict=True)
    )
    body = "".join(f'<tr data-row="{number}">{_row(number, cells, marks[1:])}</tr>\n' for number, cells in rows)
    box = "wide tall" if len(rows) > MANY else "wide"
    return (
        f'<div class="{box}" tabindex="0" role="region" aria-label="{html_text(label)}">'
        f'<table class="sortable" id="{name}">\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n'
    )


def _breaking(head: str) -> str:
    """Dotted keys may break after a dot."""
    return html_text(head).replace(".", ".<wbr>")


def _row(number: int, cells: Sequence[Cell], marks: Sequence[str]) -> str:
    told = "".join(_cell(cell, mark) for cell, mark in zip(cells, marks, strict=True))
    return f'<th class="number" scope="row" data-value="{number}">{number}</th>{told}'


def _cell(cell: Cell, mark: str) -> str:
    value = "" if cell.number is None else f' data-value="{cell.number:.9g}"'
    classes = f"{mark} long" if len(cell.text) > LONG else mark
    inside = f'<span class="{cell.mark}">{html_text(cell.text)}</span>' if cell.mark else html_text(cell.text)
    return f'<td class="{classes}"{value}>{inside}</td>'
