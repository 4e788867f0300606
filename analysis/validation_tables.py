"""The tables of the validation page, as text: bars, groups, places, the worst rows, what is extrapolated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.grids import ABSENT, Grid, amount, percent, unit
from analysis.score_figures import figures, worst
from simulator.records.scores import SETTINGS

UNSEEN = ("model left out", "device left out")


def bars(summary: pd.DataFrame) -> Grid:
    """Each bar, the median error of what it is on, and whether it is met."""
    words = ("group", "quantity", "setting", "verdict")
    rows = [
        (
            *(row["group"], _of_kind(row), row["setting"]),
            verdict(row["verdict"], row["over_frac"]),
            *(f"{100 * row['limit_frac']:g}", percent(row["median_frac"]), f"{row['n']:,}"),
        )
        for row in _rows(summary[summary["verdict"] != ""])
    ]
    return Grid((*words, "limit %", "median %", "n"), tuple(rows), frozenset(words))


def verdict(word: str, over_frac: float) -> str:
    """A verdict, and by how many points of per cent a bar was missed."""
    if word != "missed":
        return word
    return f"missed by {percent(over_frac) if over_frac >= 0.001 else 'less than 0.1'} points"


def group(summary: pd.DataFrame, name: str, packed: bool) -> Grid:
    """The figures of one group: quantities and kinds down, settings side by side, and the bars."""
    rows = summary[summary["group"] == name]
    grid = beside(rows.assign(quantity=[_of_kind(row) for row in _rows(rows)]), ["quantity"], packed)
    said = [
        "; ".join(
            f"{row['setting']} ≤ {100 * row['limit_frac']:g} %: {verdict(row['verdict'], row['over_frac'])}"
            for row in _rows(rows)
            if row["verdict"] and _of_kind(row) == line[0]
        )
        for line in grid.rows
    ]
    if not any(said):
        return grid
    return Grid(
        (*grid.heads, "bar"),
        tuple((*line, each or ABSENT) for line, each in zip(grid.rows, said, strict=True)),
        grid.words | {"bar"},
        (*grid.over, ("", 1)),
    )


def beside(table: pd.DataFrame, by: Sequence[str], packed: bool) -> Grid:
    """Figures (columns `by`, setting and FIGURES) with the settings side by side.

    Packed, a setting is one column `median / p90 / bias (n)`; else it is four columns.
    """
    settings = [setting for setting in SETTINGS if (table["setting"] == setting).any()]
    lines: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}
    for row in _rows(table):
        line = lines.setdefault(tuple(str(row[column]) for column in by), {})
        line[row["setting"]] = _packed(row) if packed else _apart(row)
    heads = ("median / p90 / bias % (n)",) if packed else ("n", "median %", "p90 %", "bias %")
    absent = (ABSENT,) * len(heads)
    return Grid(
        (*by, *(heads * len(settings))),
        tuple((*key, *(cell for each in settings for cell in line.get(each, absent))) for key, line in lines.items()),
        frozenset(by),
        (("", len(by)), *((setting, len(heads)) for setting in settings)),
    )


def places(scores: pd.DataFrame, by: Sequence[str], packed: bool, most: int | None = None) -> tuple[Grid, int]:
    """Figures by the columns `by`, settings side by side, and how many lines are not shown.

    Where there are more than `most` lines, those with most rows are kept.
    """
    sizes = scores.groupby(list(by)).size().sort_values(ascending=False, kind="stable")
    kept = scores.merge(sizes.head(most if most is not None else len(sizes)).reset_index()[list(by)], on=list(by))
    return beside(figures(kept, [*by, "setting"]), by, packed), len(sizes) - min(len(sizes), most or len(sizes))


def furthest_off(scores: pd.DataFrame, name: str, n: int = 10) -> Grid:
    """The `n` rows of a group that are furthest off, with the likely cause."""
    place = ("row", "device", "model", "quantity", "setting")
    numbers = ("error %", "measured", "predicted")
    told = ("likely cause", "source", "table")
    rows = [
        (
            *(row[column] for column in place),
            percent(row["error_frac"], signed=True),
            *(amount(row[column], unit(row["quantity"])) for column in ("measured", "predicted")),
            *(_cause(row["cause"], row["extrapolated"]), row["source"], row["table"]),
        )
        for row in _rows(worst(scores[scores["group"] == name], n))
    ]
    return Grid((*place, *numbers, *told), tuple(rows), frozenset((*place, *told)))


def extrapolated(scores: pd.DataFrame, packed: bool) -> Grid:
    """Errors of the rows that fell back on other constants, by what they fell back on, beside all that did not."""
    told = scores.assign(extrapolated=scores["extrapolated"].replace("", "nothing: constants of its own"))
    return beside(figures(told, ["extrapolated", "setting"]), ["extrapolated"], packed)


def not_scored(summary: pd.DataFrame) -> list[str]:
    """What was never scored on a model or a device left out: `group, quantity: settings` each."""
    rows = summary[(summary["kind"] == "") & (summary["n"] > 0)]
    said = []
    for (name, quantity), part in rows.groupby(["group", "quantity"], sort=True):
        absent = [setting for setting in UNSEEN if setting not in set(part["setting"])]
        if absent:
            said.append(f"{name}, {quantity}: {', '.join(absent)}")
    return said


def _of_kind(row: Mapping[str, Any]) -> str:
    """A quantity, and of which kind of models where it is not of all."""
    return f"{row['quantity']}, {row['kind']}" if row["kind"] else str(row["quantity"])


def _packed(row: Mapping[str, Any]) -> tuple[str, ...]:
    n, median, p90, bias = _apart(row)
    return (f"{median} / {p90} / {bias} ({n})" if row["n"] else "no rows",)


def _apart(row: Mapping[str, Any]) -> tuple[str, ...]:
    figures = (percent(row["median_frac"]), percent(row["p90_frac"]), percent(row["bias_frac"], signed=True))
    return (f"{row['n']:,}", *figures)


def _cause(cause: str, extrapolated: str) -> str:
    said = [cause, f"extrapolated: {extrapolated}" if extrapolated else ""]
    return "; ".join(each for each in said if each) or ABSENT


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
