"""The report of a sweep."""

from __future__ import annotations

import yaml

from analysis.frame import Section, folded
from analysis.grids import html_table, html_text
from analysis.report.figure import Figure
from analysis.report.page import Report
from analysis.report.sortable import SCRIPT
from analysis.report.sweep.answer import bests, head
from analysis.report.sweep.deferral import deferral
from analysis.report.sweep.heat import heat
from analysis.report.sweep.load import load
from analysis.report.sweep.parallel import parallel
from analysis.report.sweep.pareto import pareto
from analysis.report.sweep.points import failures, origin, points
from analysis.report.sweep.swept import Swept
from simulator.records.metrics import ACRONYMS

FEW = 20  # failed points that are not folded away
READING = (
    f"Means with half their 95 % interval. {ACRONYMS} Click on a head to sort by it. The CSV has all metrics of all "
    "points in base units."
)


def sweep_report(swept: Swept) -> Report:
    """What `swept` says: the best points, all points as a table, how they stand to each other, and the origin."""
    figures = _figures(swept)
    before = [Section("points", "Points", _points(swept, figures))] if swept.results else []
    if swept.failures:
        before.append(Section("failed", "Points that failed", _failed(swept)))
    after = [Section("origin", "Where this is from", _origin(swept))]
    return Report(
        f"{swept.index.name}: report of a sweep",
        head(swept),
        before,
        figures,
        after,
        (SCRIPT,) if swept.results else (),
    )


def _figures(swept: Swept) -> tuple[Figure, ...]:
    if not swept.results:
        return ()
    return (pareto(swept), deferral(swept), load(swept), heat(swept), parallel(swept))


def _points(swept: Swept, figures: tuple[Figure, ...]) -> str:
    said = f'<p class="note">{html_text(READING)}</p>\n'
    compared = html_table(bests(swept)) if len(swept.results) > 1 else ""
    return compared + said + points(swept) + "".join(_button(each) for each in figures[:1])


def _button(front: Figure) -> str:
    """Saves the data of the front, which are those of all points."""
    if front.absent:
        return ""
    told = 'CSV <span class="unseen">of all points</span>'
    return f'<p><button type="button" data-figure="{front.name}" data-kind="CSV" hidden>{told}</button></p>\n'


def _failed(swept: Swept) -> str:
    told, count = failures(swept), len(swept.failures)
    return told if count <= FEW else folded("All failed points", f"{count:,} lines", told)


def _origin(swept: Swept) -> str:
    told = html_table(origin(swept))
    if not swept.results:
        return told
    number, result = next(iter(swept.results.items()))
    scenario = yaml.safe_dump(dict(result.scenario), sort_keys=False, allow_unicode=True)
    note = f"of point {number}; the others differ in what is varied"
    return told + folded("The scenario", note, f'<pre tabindex="0">{html_text(scenario)}</pre>\n')
