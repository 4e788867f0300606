"""The report of a sweep."""

from __future__ import annotations

from analysis.report.page import Report
from analysis.report.sweep.swept import Swept


def sweep_report(swept: Swept) -> Report:
    """What `swept` says: which points there are and how they stand to each other."""
    return Report(f"{swept.index.name}: report of a sweep", "", [], [], [])
