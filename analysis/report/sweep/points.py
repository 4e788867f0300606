"""The tables of a sweep's report: all points, those that failed, and where the sweep is from."""

from __future__ import annotations

from analysis.grids import ABSENT, Grid, html_table
from analysis.report.sortable import Cell, sortable
from analysis.report.sweep.swept import Swept
from analysis.report.words import CHIPS

TABLE = "table-of-points"


def points(swept: Swept) -> str:
    """All finished points as an HTML table: varied values, headline metrics with intervals, limits, verdict."""
    limits = any(result.summary.slos for result in swept.results.values())
    heads = ("point", *swept.varied, *map(swept.head, swept.headlines), *(("limits",) if limits else ()), "verdict")
    rows = [
        (number, [*_varied(swept, number), *_metrics(swept, number), *_ends(swept, number, limits)])
        for number in swept.results
    ]
    return sortable(TABLE, "All points with a result", heads, rows)


def failed(swept: Swept) -> Grid:
    """The points that failed: varied values and error."""
    heads = ("point", *swept.varied, "error")
    rows = [(str(number), *swept.values(number), error) for number, error in swept.failures.items()]
    return Grid(heads, tuple(rows), frozenset(heads) - {"point"})


def origin(swept: Swept) -> Grid:
    """What makes the sweep again. When and where it ran is left out: equal sweeps have equal reports."""
    summaries = [result.summary for result in swept.results.values()]
    manifests = [result.manifest for result in swept.results.values()]
    told = {
        "sweep": swept.index.name,
        "index": swept.index.hash,
        "varied": ", ".join(swept.varied) or ABSENT,
        "seed": _distinct([str(one.seed) for one in summaries]),
        "replications": _distinct([str(one.replications) for one in summaries]),
        "queries of a point": _distinct([f"{one.queries:,}" for one in summaries]),
        "multillm-sim": _distinct([str(one.get("version", ABSENT)) for one in manifests]),
    }
    return Grid(("what", "value"), tuple(told.items()), frozenset({"what", "value"}))


def failures(swept: Swept) -> str:
    """The table of failed points as HTML."""
    return html_table(failed(swept))


def _varied(swept: Swept, number: int) -> list[Cell]:
    values = swept.index.points[number].values
    return [
        Cell(told, float(value) if isinstance(value := values.get(key), int | float) and value == value else None)
        for key, told in zip(swept.varied, swept.values(number), strict=True)
    ]


def _metrics(swept: Swept, number: int) -> list[Cell]:
    return [
        Cell(swept.said(number, key), None if (one := swept.estimate(number, key)) is None else one.mean)
        for key in swept.headlines
    ]


def _ends(swept: Swept, number: int, limits: bool) -> list[Cell]:
    """Limits missed, and the verdict."""
    summary = swept.results[number].summary
    missed = sum(not one.met for one in summary.slos)
    several = len(summary.slos) > 1
    told = "met" if not missed else f"{missed} of {len(summary.slos)} missed" if several else "missed"
    held = Cell(told if summary.slos else ABSENT, None, "bad" if missed else "good" if summary.slos else "")
    verdict = Cell(summary.verdict, None, f"chip {CHIPS[summary.verdict]}")
    return [held, verdict] if limits else [verdict]


def _distinct(values: list[str], most: int = 5) -> str:
    """The different values, the first `most` of them."""
    found = list(dict.fromkeys(values))
    more = f", ... ({len(found):,} values)" if len(found) > most else ""
    return ", ".join(found[:most]) + more if found else ABSENT
