"""What a sweep came to: a row a finished point, with all its metrics and their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.grids import ABSENT
from analysis.report.figure import rounded
from analysis.report.sweep.words import text, words
from simulator.records.errors import ResultError
from simulator.records.metrics import NAMED, Scale, head, scale
from simulator.records.result import Result, read_result
from simulator.records.summary import Estimate
from simulator.records.sweep import (
    INDEX,
    POINTS,
    SweepIndex,
    index_files,
    is_finished,
    read_failures,
    read_index,
)

HEADLINES = (  # after those that have a limit
    *("accuracy", "ttft_s.p95", "e2e_s.p95", "energy_j_per_query", "cost_usd_per_query", "co2_g_per_query"),
    *("goodput_per_s", "escalated_frac"),
)


@dataclass(frozen=True)
class Swept:
    """A sweep as it is kept: its points in order, results of the finished ones by number, errors of the failed ones."""

    index: SweepIndex
    results: Mapping[int, Result]
    failures: Mapping[int, str]

    @cached_property
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
        return tuple(key for key in keys if key in known and key.partition(".")[0] in NAMED)

    @cached_property
    def headlines(self) -> tuple[str, ...]:
        """Keys of the metrics with a limit, then of those that people ask for first; none that is 0 everywhere."""
        limited = [one.key for each in self.results.values() for one in each.summary.slos]
        return tuple(key for key in dict.fromkeys((*limited, *HEADLINES)) if key in self.metrics and self._says(key))

    @cached_property
    def within(self) -> tuple[int, ...]:
        """The finished points that are stable and hold all limits."""
        return tuple(
            number
            for number, result in self.results.items()
            if result.summary.verdict == "STABLE" and all(one.met for one in result.summary.slos)
        )

    @cached_property
    def rows(self) -> pd.DataFrame:
        """A row a finished point: `point`, the varied keys, `verdict`; of each metric its mean, `.ci_low`, `.ci_high`.

        In base units, NaN where undefined; a varied value that is a map or a list is as the scenario has it.
        """
        return pd.DataFrame([self._row(number, result) for number, result in self.results.items()])

    def estimate(self, number: int, metric: str) -> Estimate | None:
        """A metric at a finished point; None where the point has none of it."""
        one = self.results[number].summary.metrics.get(metric)
        return None if one is None or one.mean is None else one

    def differs(self, metric: str) -> bool:
        """Whether the points that the answer is about have different values of a metric."""
        about = self.rows[self.rows["point"].isin(self.within or tuple(self.results))]
        return len(set(rounded(about[metric])) - {None}) > 1

    def scale(self, metric: str) -> Scale:
        """The unit in which people say the largest value of a metric, the same for all points."""
        return scale(metric, float(np.nanmax(np.abs(self.rows[metric].to_numpy(np.float64)))))

    def head(self, metric: str) -> str:
        """What a column or an axis is called: "TTFT p95 [s]"."""
        return head(metric, self.scale(metric).unit)

    def said(self, number: int, metric: str) -> str:
        """A metric at a point in the unit of `head`, with half its interval: "12.7 ± 0.7"."""
        one = self.estimate(number, metric)
        if one is None or one.mean is None:
            return ABSENT
        return self.scale(metric).around(one.mean, one.ci_low, one.ci_high)

    @cached_property
    def words(self) -> Mapping[str, Sequence[str]]:
        """The values of each varied key as people read them, one for each point of the sweep."""
        return {key: words([point.values.get(key) for point in self.index.points]) for key in self.varied}

    def values(self, number: int) -> list[str]:
        """The varied values of a point as people read them, in the order of `varied`."""
        return [self.words[key][number] for key in self.varied]

    def label(self, number: int, most: int | None = None) -> str:
        """A point in words: "point 3 (fleet.edge.replicas = 4)"; with no values where these take more than `most`."""
        told = zip(self.varied, self.values(number), strict=True)
        named = ", ".join(f"{key} = {value}" for key, value in told if value != ABSENT)
        return f"point {number} ({named})" if named and (most is None or len(named) <= most) else f"point {number}"

    @cached_property
    def table(self) -> pd.DataFrame:
        """`rows` with maps and lists as JSON: what a CSV holds."""
        flat = {key: self.rows[key].map(_flat) for key in self.varied}
        return self.rows.assign(**flat)

    def _says(self, key: str) -> bool:
        return bool((self.rows[key].fillna(0.0) != 0).any())

    def _row(self, number: int, result: Result) -> dict[str, Any]:
        values = self.index.points[number].values
        row: dict[str, Any] = {"point": number, **{key: values.get(key) for key in self.varied}}
        row["verdict"] = result.summary.verdict
        for key in self.metrics:
            one = result.summary.metrics.get(key)
            ends = (None, None, None) if one is None else (one.mean, one.ci_low, one.ci_high)
            numbers = (np.nan if end is None else end for end in ends)
            row |= dict(zip((key, f"{key}.ci_low", f"{key}.ci_high"), numbers, strict=True))
        return row


def read_sweep(kept: Path, index: SweepIndex | None = None) -> Swept:
    """The sweep that is kept in the folder `kept`, or of which `kept` is the index file; `index` where it is known.

    Raises ResultError where there is none, and where there are several in a folder and none is named.
    """
    folder = kept.parent.parent if kept.is_file() else kept
    if index is None:
        index = read_index(kept if kept.is_file() else _only(folder))
    failed = read_failures(folder)
    keys = [point.key for point in index.points]
    read = {key: read_result(folder / POINTS / key) for key in dict.fromkeys(keys) if is_finished(folder, key)}
    return Swept(
        index,
        {number: read[key] for number, key in enumerate(keys) if key in read},
        {number: failed[key] for number, key in enumerate(keys) if key in failed},
    )


def is_sweep(kept: Path) -> bool:
    """Whether `kept` is a folder of sweeps, or the index file of one."""
    return (kept / INDEX).is_dir() or (kept.is_file() and kept.parent.name == INDEX)


def _only(folder: Path) -> Path:
    """The index of the folder's only sweep."""
    files = index_files(folder)
    if len(files) > 1:
        told = ", ".join(f"{file} ({len(read_index(file).points):,} points)" for file in files)
        raise ResultError(f"{folder}: holds {len(files)} sweeps; name one instead of the folder: {told}")
    return files[0]


def _flat(value: Any) -> Any:
    return text(value) if isinstance(value, Mapping | list) else value
