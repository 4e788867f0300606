"""The report of a sweep."""

from __future__ import annotations

from analysis.report.figure import Figure
from analysis.report.page import Report
from analysis.report.sweep.deferral import deferral
from analysis.report.sweep.heat import heat
from analysis.report.sweep.load import load
from analysis.report.sweep.swept import Swept


def sweep_report(swept: Swept) -> Report:
    """What `swept` says: which points there are and how they stand to each other."""
    return Report(f"{swept.index.name}: report of a sweep", "", [], _figures(swept), [])


def _figures(swept: Swept) -> tuple[Figure, ...]:
    return (deferral(swept), load(swept), heat(swept))
