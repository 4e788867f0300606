"""The folder of a sweep: a result folder for each point, by content, and an index of what was asked.

    points/<key>/           a result folder, as `records.result` has it; present means finished
    failed/<key>.json       why a point has no result: its values and its error
    index/<hash>.json       points in their order, of each sweep that was run into this folder

Nothing is written but whole: whoever stops a sweep, or runs two into one folder, loses nothing that was finished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.records.errors import ResultError
from simulator.records.files import clear_unfinished, write_text
from simulator.records.result import read_result

KIND = "multillm-sweep"
POINTS, FAILED, INDEX = "points", "failed", "index"
ABANDONED_S = 3600.0  # what was begun so long ago, and is not there, was begun by a process that was killed


@dataclass(frozen=True)
class SweepPoint:
    """A point: the values of the varied keys, and the key of its content, under which its result is kept."""

    values: Mapping[str, Any]
    key: str


@dataclass(frozen=True)
class SweepIndex:
    """What a sweep asked: its name, and its points in order."""

    name: str
    points: tuple[SweepPoint, ...]

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits that equal sweeps share."""
        told = [self.name, [point.key for point in self.points], [dict(point.values) for point in self.points]]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]

    def write(self, folder: Path) -> Path:
        """Keep it in `folder`, and give its file. Raises ResultError if the disk refuses."""
        points = [{"values": dict(point.values), "key": point.key} for point in self.points]
        told = {"kind": KIND, "name": self.name, "points": points}
        file = folder / INDEX / f"{self.hash}.json"
        write_text(file, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        return file


def is_finished(folder: Path, key: str) -> bool:
    """Whether the result of a point is there: it is renamed into place, so it is whole."""
    return (folder / POINTS / key / "manifest.json").is_file()


def check_folder(folder: Path) -> None:
    """Raise ResultError if `folder` is there, holds something, and is no folder of sweeps: nothing is mixed with it."""
    try:
        if folder.exists() and not (folder / INDEX).is_dir() and any(folder.iterdir()):
            raise ResultError(f"{folder}: is not the folder of a sweep (no {INDEX}); name a new folder")
    except OSError as error:
        raise ResultError(f"{folder}: cannot be read: {error.strerror or error}") from error


def clear_abandoned(folder: Path) -> None:
    """Remove what killed processes left half written."""
    for part in (POINTS, FAILED, INDEX):
        clear_unfinished(folder / part, ABANDONED_S)


def index_files(folder: Path) -> list[Path]:
    """The index of each sweep that was run into `folder`. Raises ResultError where it is no folder of sweeps."""
    found = sorted((folder / INDEX).glob("*.json"))
    if not found:
        raise ResultError(f"{folder}: not the folder of a sweep (no {INDEX}/*.json)")
    return found


def read_index(file: Path) -> SweepIndex:
    """The sweep of one index. Raises ResultError where the file is none."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        points = tuple(SweepPoint(point["values"], point["key"]) for point in told["points"])
        return SweepIndex(told["name"], points)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{file}: not an index of a sweep: {error}") from error


def read_indexes(folder: Path) -> list[SweepIndex]:
    """All sweeps that were run into `folder`. Raises ResultError where it is no folder of sweeps."""
    return [read_index(file) for file in index_files(folder)]


def read_failures(folder: Path) -> dict[str, str]:
    """Errors by key, of points that have failed and not been run again since."""
    found = {}
    for path in sorted((folder / FAILED).glob("*.json")):
        if not is_finished(folder, path.stem):
            found[path.stem] = str(json.loads(path.read_text(encoding="utf-8"))["error"])
    return found


def tidy(folder: Path, index: SweepIndex) -> pd.DataFrame:
    """One row a finished point and replication: `point`, the varied keys, `key`, `replication`, `verdict`, metrics.

    Metrics are columns by their keys (`ttft_s.p95`), NaN where undefined; values that are maps or lists are JSON text.
    """
    rows: list[dict[str, Any]] = []
    for number, point in enumerate(index.points):
        if is_finished(folder, point.key):
            rows += _rows(folder, number, point)
    varied = list(dict.fromkeys(key for point in index.points for key in point.values))
    head = ["point", *varied, "key", "replication", "verdict"]
    metrics = list(dict.fromkeys(name for row in rows for name in row if name not in head))
    return pd.DataFrame(rows, columns=[*head, *metrics])


def estimates(folder: Path, index: SweepIndex, metrics: Sequence[str]) -> pd.DataFrame:
    """One row a finished point: `point`, the varied keys, `key`, `verdict`, and mean and interval of each metric.

    Columns of a metric: its key, and `<key>.ci_low`, `<key>.ci_high`; NaN where undefined.
    """
    rows = []
    for number, point in enumerate(index.points):
        if not is_finished(folder, point.key):
            continue
        summary = read_result(folder / POINTS / point.key).summary
        row = {"point": number, **_flat(point.values), "key": point.key, "verdict": summary.verdict}
        for metric in metrics:
            if metric not in summary.metrics:
                raise ResultError(f"no metric {metric!r} in {folder / POINTS / point.key}")
            told = summary.metrics[metric]
            row |= {metric: told.mean, f"{metric}.ci_low": told.ci_low, f"{metric}.ci_high": told.ci_high}
        rows.append(row)
    return pd.DataFrame(rows)


def _rows(folder: Path, number: int, point: SweepPoint) -> list[dict[str, Any]]:
    summary = read_result(folder / POINTS / point.key).summary
    return [
        {
            "point": number,
            **_flat(point.values),
            "key": point.key,
            "replication": replication,
            "verdict": summary.verdict,
            **{
                name: told.each[replication] if replication < len(told.each) else None
                for name, told in summary.metrics.items()
            },
        }
        for replication in range(summary.replications)
    ]


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: json.dumps(value, sort_keys=True) if isinstance(value, dict | list | tuple) else value
        for key, value in values.items()
    }
