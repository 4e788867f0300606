"""How far the simulator is from measurements: the validation report, as Markdown and as one HTML page.

Both are made of a table of scores (`simulator.records.scores.SCORES`) and of the bars it is held to (`BARS`).
"""

from __future__ import annotations

import pandas as pd

from analysis import validation_tables as tables
from analysis.frame import Section, folded, frame
from analysis.grids import Grid, html_table, html_text, markdown_table, markdown_text
from analysis.scatter import scatter
from analysis.score_figures import summary
from simulator.records.scores import SETTINGS

__all__ = ["markdown", "page", "summary"]

TITLE = "Validation: predicted against measured"
MOST_PLACES = 80  # lines of a Markdown table that a person still reads
FITTED = (
    "The step and power models are formulas with a few constants: which share of its peaks a device reaches with an "
    "engine, seconds that a pass costs in any case, watts by load. They are fitted on measured rows: in each setting "
    "only on the rows that it allows, and each row is predicted with the constants of its setting. An engine's "
    "constants are fitted at three levels, of the engine, of families of devices and of devices, each drawn to the one "
    "above; closed loops are then simulated in the engine."
)
ERRORS = (
    "The error of a row is (predicted - measured) / measured. The median and the 90th percentile (p90) are of its "
    "absolute value; bias is the median of its signed value, above zero where too much is predicted. n counts rows."
)
EXTRAPOLATED = (
    "Where a device or an engine has no constants of its own, those of a broader layer serve. Such rows are marked "
    "extrapolated, here and in every result of the simulator that uses them."
)
NOISE = (
    "Sources mostly publish one number a row, without its spread between runs: a part of each error is theirs. "
    "Nothing is said of devices, models, engines and loads beyond those in the tables."
)


def markdown(scores: pd.DataFrame, bars: pd.DataFrame, extra: str = "") -> str:
    """The report as Markdown, without the plot; `extra` (Markdown) stands before the section on how to read it."""
    found = summary(scores, bars)
    parts = [f"# {TITLE}\n", markdown_text(_covered(scores)) + "\n", f"**{_verdicts(found)}**\n"]
    parts += ["## Bars\n", _markdown_of(tables.bars(found), "No bar was given.")]
    parts += ["## Errors by group\n"]
    for name in _groups(found):
        parts += [f"### {markdown_text(name)}\n", _markdown_of(tables.group(found, name, packed=True))]
        if not (scores["group"] == name).any():
            parts += ["No row of this group was at hand.\n"]
    parts += ["## The worst ten of each group\n", "Each measured number at its worst setting.\n"]
    for name in _groups_with_rows(scores):
        parts += [f"### {markdown_text(name)}: worst\n", _markdown_of(tables.furthest_off(scores, name))]
    places, left = tables.places(scores, ["source", "device"], packed=True, most=MOST_PLACES)
    parts += ["## By source and device\n", _markdown_of(places, "No rows.")]
    if left:
        parts += [f"{left:,} more with fewer rows are in the HTML page.\n"]
    parts += [
        "## Extrapolated\n",
        EXTRAPOLATED + "\n",
        _markdown_of(tables.extrapolated(scores, packed=True), "No rows."),
    ]
    parts += [extra.strip() + "\n"] if extra.strip() else []
    parts += ["## How to read this\n", ERRORS + "\n", FITTED + "\n"]
    parts += ["".join(f"- **{setting}**: {said}\n" for setting, said in SETTINGS.items())]
    parts += ["## What is not tested\n", NOISE + "\n"]
    holes = tables.not_scored(found)
    parts += ["Not scored on unseen rows:\n", "".join(f"- {markdown_text(hole)}\n" for hole in holes)] if holes else []
    return "\n".join(parts)


def page(scores: pd.DataFrame, bars: pd.DataFrame, extra_html: str = "") -> str:
    """The report as one HTML page that loads nothing; `extra_html` stands before the section on how to read it."""
    found = summary(scores, bars)
    sections = [
        ("bars", "Bars", _html_of(tables.bars(found), "No bar was given.")),
        ("groups", "Errors by group", "".join(_html_group(scores, found, name) for name in _groups(found))),
        ("scatter", "Predicted against measured", _html_scatter(scores)),
        ("worst", "The worst ten of each group", _html_worst(scores)),
        ("sources", "By source, device, model and quantity", _html_sources(scores)),
        ("extrapolated", "Extrapolated", _html_extrapolated(scores)),
        *([("more", "", extra_html)] if extra_html.strip() else []),
        ("reading", "How to read this", _html_reading()),
        ("untested", "What is not tested", _html_untested(found)),
    ]
    head = f"<p>{html_text(_covered(scores))}</p>\n<p><strong>{html_text(_verdicts(found))}</strong></p>\n"
    return frame(TITLE, head, [Section(*section) for section in sections])


def _covered(scores: pd.DataFrame) -> str:
    """What the rows are of."""
    if scores.empty:
        return "No measured row was scored."
    counts = {name: scores[name].nunique() for name in ("device", "model", "engine", "source")}
    rows = len(scores.drop_duplicates([*_SAME, "table", "row", "quantity"]))
    said = ", ".join(f"{n:,} {name}{'s' if n != 1 else ''}" for name, n in counts.items())
    return f"{rows:,} measured number{'s' if rows != 1 else ''}: {said}."


_SAME = ("group", "source", "device", "engine", "model")


def _verdicts(found: pd.DataFrame) -> str:
    """How many bars are met, and which are not."""
    held = found[found["verdict"] != ""]
    if held.empty:
        return "No bar was given."
    counts = held["verdict"].value_counts()
    said = f"{counts.get('met', 0)} of {len(held)} bars are met"
    said += f", {counts['missed']} missed" if "missed" in counts else ""
    return said + (f", {counts['no rows']} without rows to test them" if "no rows" in counts else "") + "."


def _groups(found: pd.DataFrame) -> list[str]:
    return sorted(found["group"].unique())


def _groups_with_rows(scores: pd.DataFrame) -> list[str]:
    return sorted(scores["group"].unique())


def _markdown_of(grid: Grid, empty: str = "") -> str:
    return markdown_table(grid) if grid.rows else empty + "\n"


def _html_of(grid: Grid, empty: str = "") -> str:
    return html_table(grid) if grid.rows else f"<p>{html_text(empty)}</p>\n"


def _html_group(scores: pd.DataFrame, found: pd.DataFrame, name: str) -> str:
    none = "" if (scores["group"] == name).any() else "<p>No row of this group was at hand.</p>\n"
    return f"<h3>{html_text(name)}</h3>\n{html_table(tables.group(found, name, packed=False))}{none}"


def _html_scatter(scores: pd.DataFrame) -> str:
    if scores.empty:
        return "<p>No rows.</p>\n"
    return (
        '<p class="note">Each point is a measured number; on the line, the prediction equals it. Hollow points are '
        "extrapolated. A click on a device in the legend hides it, a double click shows it alone.</p>\n"
        + scatter(scores)
    )


def _html_worst(scores: pd.DataFrame) -> str:
    parts = [
        folded(
            name, f"{(scores['group'] == name).sum():,} rows", html_table(tables.furthest_off(scores, name)), " open"
        )
        for name in _groups_with_rows(scores)
    ]
    return '<p class="note">Each measured number at its worst setting.</p>\n' + ("".join(parts) or "<p>No rows.</p>\n")


def _html_sources(scores: pd.DataFrame) -> str:
    parts = []
    for source, rows in scores.groupby("source"):
        grid, _ = tables.places(rows, ["device", "model", "quantity"], packed=False)
        parts.append(folded(str(source), f"{len(grid.rows):,} lines", html_table(grid)))
    return "".join(parts) or "<p>No rows.</p>\n"


def _html_extrapolated(scores: pd.DataFrame) -> str:
    return f"<p>{EXTRAPOLATED}</p>\n" + _html_of(tables.extrapolated(scores, packed=False), "No rows.")


def _html_reading() -> str:
    settings = "".join(f"<dt>{setting}</dt><dd>{said}</dd>" for setting, said in SETTINGS.items())
    return f"<p>{ERRORS}</p>\n<p>{FITTED}</p>\n<dl>{settings}</dl>\n"


def _html_untested(found: pd.DataFrame) -> str:
    holes = "".join(f"<li>{html_text(hole)}</li>" for hole in tables.not_scored(found))
    return f"<p>{NOISE}</p>\n" + (f"<p>Not scored on unseen rows:</p>\n<ul>{holes}</ul>\n" if holes else "")
