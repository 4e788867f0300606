"""The points of a sweep as tables on a terminal: what would run, and what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from simulator.records.metrics import Scale
    from simulator.records.summary import Estimate, Held, Summary
    from simulator.records.sweep import SweepIndex, SweepPoint

SHOWN = 12  # points of a dry run
MOST = 30  # points of a table of results
HEADLINES = ("accuracy", "e2e_s.p95", "energy_j_per_query", "cost_usd_per_query")
WIDTH = 120  # where the output is no terminal


def print_points(index: SweepIndex, waiting: set[str]) -> None:
    """The first points; those whose key is not in `waiting` have a result."""
    varied = _varied(index)
    table = _table("point", *varied, "key", "result")
    for number, point in enumerate(index.points[:SHOWN]):
        table.add_row(str(number), *_values(point, varied), point.key, "" if point.key in waiting else "there")
    _print(table, len(index.points) - SHOWN)


def print_results(folder: Path, index: SweepIndex) -> None:
    """What came of the first points: metrics with a limit and headlines, mean and 95 % interval; limits and verdict."""
    from simulator.records.metrics import head
    from simulator.records.result import read_result
    from simulator.records.sweep import POINTS, is_finished

    there = [point for point in index.points[:MOST] if is_finished(folder, point.key)]
    found = [(point, read_result(folder / POINTS / point.key).summary) for point in there]
    if not found:
        return
    keys = _metrics([summary for _, summary in found])
    scales = [_scale(key, [summary.metrics[key] for _, summary in found]) for key in keys]
    titles = [head(key, of.unit) for key, of in zip(keys, scales, strict=True)]
    limits = any(summary.slos for _, summary in found)
    varied = _varied(index)
    table = _table(*varied, *titles, *(["limits"] if limits else []), "verdict")
    for point, summary in found:
        cells = (_cell(summary.metrics[key], of) for key, of in zip(keys, scales, strict=True))
        table.add_row(*_values(point, varied), *cells, *([_held(summary.slos)] if limits else []), summary.verdict)
    _print(table, len(index.points) - MOST)


def _metrics(summaries: Sequence[Summary]) -> list[str]:
    """Keys of the metrics with a limit, then of the headlines: those that some point has a value of."""
    limited = [held.key for summary in summaries for held in summary.slos]
    return [
        key
        for key in dict.fromkeys((*limited, *HEADLINES))
        if all(key in summary.metrics for summary in summaries)
        and any(summary.metrics[key].mean for summary in summaries)
    ]


def _scale(key: str, estimates: Sequence[Estimate]) -> Scale:
    """The unit in which people say the largest value."""
    from simulator.records.metrics import scale

    return scale(key, max(abs(estimate.mean or 0.0) for estimate in estimates))


def _cell(estimate: Estimate, of: Scale) -> str:
    return "-" if estimate.mean is None else of.around(estimate.mean, estimate.ci_low, estimate.ci_high)


def _held(slos: Sequence[Held]) -> str:
    missed = sum(not held.met for held in slos)
    return "ok" if not missed else f"{missed} of {len(slos)} missed" if len(slos) > 1 else "missed"


def _varied(index: SweepIndex) -> list[str]:
    return list(dict.fromkeys(key for point in index.points for key in point.values))


def _values(point: SweepPoint, varied: Sequence[str]) -> list[str]:
    values: Mapping[str, Any] = point.values
    return [json.dumps(values[key], ensure_ascii=False) if key in values else "-" for key in varied]


def _table(*titles: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), highlight=False)
    for title in titles:
        table.add_column(Text(title), no_wrap=" " not in title, overflow="fold")
    return table


def _print(table: Table, more: int) -> None:
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else WIDTH, markup=False, highlight=False).print(table)
    if more > 0:
        print(f"... and {more:,} more")
