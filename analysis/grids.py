"""Tables of text that a person reads, as Markdown and as HTML; and numbers as text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

ABSENT = "–"
LONG = 24  # characters from which on a cell may break into lines
VERDICTS = {
    "met": "good",
    "clear: better": "good",
    "missed": "bad",
    "clear: worse": "bad",
    "no rows": "bad",
}  # a verdict's words -> the class of its cell


@dataclass(frozen=True)
class Grid:
    """Rows of cells below their heads. Columns whose head is among `words` are text, the others numbers.

    `over` names runs of columns in a head above the heads: pairs of a name (empty: none) and how many it spans.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[str] = frozenset()
    over: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.heads) for row in self.rows), (self.heads, self.rows[:1])
        assert not self.over or sum(span for _, span in self.over) == len(self.heads), (self.over, self.heads)


def percent(fraction: float, signed: bool = False) -> str:
    """A fraction in per cent to three figures, without the sign `%`; a dash for NaN."""
    if pd.isna(fraction):
        return ABSENT
    value = round(100 * fraction, 1) + 0.0  # -0.0 would print its sign
    places = 0 if abs(value) >= 100 else 1
    return f"{value:+,.{places}f}" if signed else f"{value:,.{places}f}"


def unit(quantity: str) -> str:
    """The unit that a quantity's suffix names; empty where it names none."""
    for suffix, name in (("_j_per_tok", "J/tok"), ("_tok_per_s", "tok/s"), ("_s", "s"), ("_w", "W"), ("_j", "J")):
        if quantity.endswith(suffix):
            return name
    return ""


def amount(value: float, name: str) -> str:
    """A number above 0 to three figures with its unit, scaled: 0.0123, s -> 12.3 ms."""
    for scale, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")):
        # Nobody says kiloseconds; 999.6 m would be printed as 1000 m.
        if value >= 0.9995 * scale and not (name == "s" and scale > 1):
            return f"{float(f'{value / scale:.3g}'):,g} {prefix}{name}".rstrip()
    return f"{value:.3g} {name}".rstrip()


def html_text(text: str) -> str:
    """`text` as HTML that shows it and does nothing else."""
    return escape(text, quote=True)


def markdown_text(text: str) -> str:
    """`text` as Markdown that shows it and does nothing else, in one line that fits a cell."""
    text = re.sub(r"([\\`*_{}\[\]|~$])", r"\\\1", " ".join(text.split()))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown_table(grid: Grid) -> str:
    """`grid` as a Markdown table; a name over columns stands before each of their heads."""
    over = [name for name, span in grid.over for _ in range(span)] or [""] * len(grid.heads)
    heads = [f"{above} {head}".strip() for above, head in zip(over, grid.heads, strict=True)]
    rule = ["---" if head in grid.words else "--:" for head in grid.heads]
    lines = [
        [markdown_text(head) for head in heads],
        rule,
        *([markdown_text(cell) for cell in row] for row in grid.rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def html_table(grid: Grid) -> str:
    """`grid` as an HTML table in a box that scrolls sideways where it is too wide."""
    over = "".join(
        f'<th scope="colgroup" colspan="{span}">{html_text(name)}</th>' if name else f'<td colspan="{span}"></td>'
        for name, span in grid.over
    )
    starts = list(itertools.accumulate((span for _, span in grid.over), initial=0))[1:-1]
    marks = [
        ("words" if head in grid.words else "number") + (" starts" if at in starts else "")
        for at, head in enumerate(grid.heads)
    ]
    heads = "".join(_cell("th", head, mark, ' scope="col"') for head, mark in zip(grid.heads, marks, strict=True))
    rows = "".join(f"<tr>{_html_row(row, marks)}</tr>\n" for row in grid.rows)
    above = f"<tr>{over}</tr>\n" if over else ""
    return (
        f'<div class="wide" tabindex="0"><table>\n<thead>{above}<tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody></table></div>\n"
    )


def _html_row(row: Sequence[str], marks: Sequence[str]) -> str:
    first = _cell("th", row[0], marks[0], ' scope="row"')
    return first + "".join(_cell("td", cell, mark) for cell, mark in zip(row[1:], marks[1:], strict=True))


def _cell(tag: str, text: str, mark: str, more: str = "") -> str:
    """A cell of classes `mark`, and more where it is long or a verdict."""
    verdicts = [name for word, name in VERDICTS.items() if tag == "td" and re.fullmatch(rf"{word}( by .*)?", text)]
    classes = " ".join([mark, *(["long"] if len(text) > LONG else []), *verdicts])
    return f'<{tag} class="{classes}"{more}>{html_text(text)}</{tag}>'
