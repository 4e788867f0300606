"""What a figure of a report is: its name, how to read it, what Plotly draws, and its data as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#B3A100")  # Okabe and Ito, no black
DASHES = ("solid", "dash", "dot", "dashdot")  # told apart where there are more pools than colours
PATTERNS = ("", "/", "x", ".")  # the same of bars
GREY = "#8A8A8A"
SCALE = ((0.0, COLOURS[0]), (0.5, "#9A9A9A"), (1.0, COLOURS[1]))  # from good to bad, seen on light and on dark
DIGITS = 5


@dataclass(frozen=True)
class Choice:
    """A list above a figure to choose from: `options`, what they are called by value, and the one `chosen` first."""

    name: str
    label: str
    options: Mapping[str, str]
    chosen: str


@dataclass(frozen=True)
class Figure:
    """A figure, or why there is none (`absent`; then there are no traces).

    `data` is what is drawn, in base units: what the CSV holds. `layout` is Plotly's, without colours of the page.

    Where there are `choices`, a figure is drawn from them: a single one names one of the `versions` (traces and what
    their layout has more), several are given to the figure's own `script` (a file of this folder), which makes traces
    and layout in the browser out of `inside`. `above` the lists and `below` the buttons stands HTML of its own. `webgl`
    says that Plotly draws it with WebGL.
    """

    name: str
    title: str
    reading: str
    data: pd.DataFrame
    traces: tuple[dict[str, Any], ...] = ()
    layout: dict[str, Any] = field(default_factory=dict)
    absent: str = ""
    choices: tuple[Choice, ...] = ()
    versions: Mapping[str, tuple[tuple[dict[str, Any], ...], dict[str, Any]]] = field(default_factory=dict)
    script: str = ""
    inside: Any = None
    above: str = ""
    below: str = ""
    webgl: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As the page keeps it."""
        told: dict[str, Any] = {"name": self.name, "traces": self.traces, "layout": self.layout, "csv": csv(self.data)}
        if self.versions:
            told["versions"] = {name: {"traces": one, "layout": more} for name, (one, more) in self.versions.items()}
        return told if self.inside is None else {**told, "inside": self.inside}


def absent(name: str, title: str, why: str) -> Figure:
    """The place of a figure that has nothing to show."""
    return Figure(name, title, "", pd.DataFrame(), absent=why)


def csv(table: pd.DataFrame) -> str:
    """`table` as CSV, numbers to five digits."""
    return table.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")


def rounded(values: Iterable[float]) -> list[float | None]:
    """Numbers to five digits for JSON, None for what is not finite."""
    return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values]


def shown(name: str) -> str:
    """A name as Plotly shows it: it reads a little HTML in its labels."""
    return escape(str(name), quote=False)


def groups(table: pd.DataFrame, by: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each value of `by`, in the order in which they come."""
    for name, part in table.groupby(by, sort=False):
        yield str(name), part


class Pools:
    """One colour and dash for each pool, the same in all figures of a page; what is no pool is grey."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def colour(self, name: str) -> str:
        """The colour of a pool."""
        return COLOURS[self.names.index(name) % len(COLOURS)] if name in self.names else GREY

    def dash(self, name: str) -> str:
        """The dash of a pool's lines."""
        return DASHES[self.names.index(name) // len(COLOURS) % len(DASHES)] if name in self.names else "solid"

    def bar(self, name: str) -> dict[str, Any]:
        """A pool's bars in Plotly's words."""
        pattern = PATTERNS[self.names.index(name) // len(COLOURS) % len(PATTERNS)] if name in self.names else ""
        return {"color": self.colour(name)} | ({"pattern": {"shape": pattern}} if pattern else {})

    def line(self, name: str) -> dict[str, Any]:
        """A pool's line in Plotly's words."""
        return {"color": self.colour(name), "dash": self.dash(name), "width": 2}
