"""The report of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.frame import Section, folded
from analysis.grids import html_table, html_text
from analysis.report.comparison import figures, tables
from analysis.report.comparison.differences import dots
from analysis.report.figure import Figure, Pools
from analysis.report.page import Report
from analysis.report.run.measured import Measured
from analysis.report.run.report import origin
from analysis.report.words import EVIDENCE, chip
from simulator.records.compared import Compared
from simulator.records.result import Result

Runs = Mapping[str, Result]
INTERVALS = (
    "A difference is clear if its 95 % interval leaves out 0. Each line is judged for itself: of 20 lines without any "
    "true difference, one is expected to be called clear."
)
ENOUGH = 3  # runs from which on their trade-offs are drawn


def comparison_report(runs: Runs, compared: Sequence[Compared]) -> Report:
    """What differs between `runs`, by their names: the first is the reference, `compared` are the others beside it."""
    reference, *others = runs
    keys = [each.metric for each in compared[0].differences]
    who = others[0] if len(others) == 1 else f"{len(others)} runs"
    return Report(
        f"{who} against {reference}: report of a comparison",
        "".join(_run(label, run, label == reference) for label, run in runs.items()),
        [
            Section("what-differs", "What differs", _differences(reference, compared)),
            Section("side-by-side", "Side by side", _side_by_side(runs, keys)),
            Section("changed", "What was changed", _changed(runs)),
        ],
        _figures(runs, compared, keys),
        [
            Section(
                "origin", "Where this is from", "".join(folded(label, "", origin(run)) for label, run in runs.items())
            )
        ],
    )


def _run(label: str, run: Result, is_reference: bool) -> str:
    summary = run.summary
    name = f"<strong>{html_text(label)}</strong>{' (the reference)' if is_reference else ''}"
    why = f"{html_text(summary.why)}. What limits it: {html_text(summary.limit)}."
    return f"<p>{chip(summary.verdict)} {name}: {why}</p>\n"


def _differences(reference: str, compared: Sequence[Compared]) -> str:
    parts = [f'<p class="note">{INTERVALS}</p>\n']
    for one in compared:
        parts.append(f"<h3>{html_text(one.name)} against {html_text(reference)}: {one.how}</h3>\n")
        parts.append(html_table(tables.differences(reference, one)))
    return "".join(parts)


def _side_by_side(runs: Runs, keys: Sequence[str]) -> str:
    limits = tables.held(runs)
    told = f'<p class="note">{EVIDENCE}</p>\n{html_table(tables.side_by_side(runs, keys))}'
    return told if limits is None else f"{told}<h3>Limits</h3>\n{html_table(limits)}"


def _changed(runs: Runs) -> str:
    grid = tables.changed(runs)
    return html_table(grid) if grid.rows else "<p>Nothing: scenarios, profiles and version are the same.</p>\n"


def _figures(runs: Runs, compared: Sequence[Compared], keys: Sequence[str]) -> tuple[Figure, ...]:
    colours = Pools(list(runs))
    measured = {label: Measured(run) for label, run in runs.items()}
    drawn = (
        dots(next(iter(runs)), compared, colours),
        figures.headlines(runs, keys, colours),
        figures.cdf(runs, measured, colours, "ttft_s"),
        figures.cdf(runs, measured, colours, "e2e_s"),
        figures.energy(runs, colours),
    )
    return (*drawn, figures.tradeoff(runs, colours)) if len(runs) >= ENOUGH else drawn
