"""What a sweep came to: a row a finished point, with all its metrics and their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.records.errors import ResultError
from simulator.records.result import Result, read_result
from simulator.records.sweep import POINTS, SweepIndex, is_finished, read_failures, read_indexes


@dataclass(frozen=True)
class Swept:
    """A sweep as it is kept: its points in order, results of the finished ones by number, errors of the failed ones."""

    index: SweepIndex
    results: Mapping[int, Result]
    failures: Mapping[int, str]

    @property
    def varied(self) -> tuple[str, ...]:
        """The dotted keys that differ between points."""
        return tuple(dict.fromkeys(key for point in self.index.points for key in point.values))

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Keys of all metrics of which some point has a value."""
        keys = dict.fromkeys(key for result in self.results.values() for key in result.summary.metrics)
        known = {
            key
            for result in self.results.values()
            for key, one in result.summary.metrics.items()
            if one.mean is not None
        }
        return tuple(key for key in keys if key in known)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """A row a finished point: `point`, the varied keys, `verdict`; of each metric its mean, `.ci_low`, `.ci_high`.

        In base units, NaN where undefined; a varied value that is a map or a list is as the scenario has it.
        """
        return pd.DataFrame([self._row(number, result) for number, result in self.results.items()])

    def unit(self, metric: str) -> str:
        """The base unit of a metric."""
        found = (result.summary.metrics.get(metric) for result in self.results.values())
        return next(one.unit for one in found if one is not None)

    def _row(self, number: int, result: Result) -> dict[str, Any]:
        values = self.index.points[number].values
        row: dict[str, Any] = {"point": number, **{key: values.get(key) for key in self.varied}}
        row["verdict"] = result.summary.verdict
        for key in self.metrics:
            one = result.summary.metrics.get(key)
            ends = (None, None, None) if one is None else (one.mean, one.ci_low, one.ci_high)
            row |= dict(zip((key, f"{key}.ci_low", f"{key}.ci_high"), ends, strict=True))
        return row


def read_sweep(folder: Path) -> Swept:
    """The sweep that is kept in `folder`. Raises ResultError where there is none, or several that are not the same."""
    indexes = read_indexes(folder)
    if len(indexes) > 1:
        names = ", ".join(f"{index.name}-{index.hash} ({len(index.points)} points)" for index in indexes)
        raise ResultError(f"{folder}: holds {len(indexes)} sweeps ({names}); a report is of one")
    (index,) = indexes
    failed = read_failures(folder)
    numbers: Sequence[int] = range(len(index.points))
    there = [number for number in numbers if is_finished(folder, index.points[number].key)]
    return Swept(
        index,
        {number: read_result(folder / POINTS / index.points[number].key) for number in there},
        {number: failed[index.points[number].key] for number in numbers if index.points[number].key in failed},
    )
