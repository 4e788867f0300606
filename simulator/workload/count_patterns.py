"""Counts the outcome patterns of a per-item table: `python -m simulator.workload.count_patterns TABLE.yaml OUT_DIR`.

Writes NAME.counts.csv and NAME.quantiles.csv, which a profile of kind `patterns` names.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.spec.errors import SpecError
from simulator.workload.csv_columns import Floats
from simulator.workload.patterns import ANY, KEYS
from simulator.workload.quality import QualityTable
from simulator.workload.read_quality import read_quality_profile, read_whole

LEVELS = (*(round(0.05 * i, 2) for i in range(20)), 0.99, 0.995, 0.998, 0.999, 1.0)
"""Fine at the top, since lengths have heavy tails."""

CountRow = tuple[str, str, str, int]
QuantileRow = tuple[str, ...]


def count_patterns(table: QualityTable, splits: Sequence[str]) -> tuple[list[CountRow], list[QuantileRow]]:
    """Rows (split, task, pattern, count), and rows (split, task, pattern, model, measure, value at each of `LEVELS`).

    Confidences are given the pattern, lengths are given the task (pattern `*`). Raises ValueError where a score is
    neither 0 nor 1.
    """
    if not np.isin(table.score, (0.0, 1.0)).all():
        raise ValueError(f"{table.name}: patterns need scores 0 or 1, for every model and item")
    counts: list[CountRow] = []
    quantiles: list[QuantileRow] = []
    task = [table.tasks[i] for i in table.task]
    pattern = ["".join(row) for row in table.score.astype(int).astype(str)]
    for (split, name), rows in _groups(zip(splits, task, strict=True)):
        for outcome, inside in _groups(pattern[i] for i in rows):
            these = rows[inside]
            counts.append((split, name, outcome, len(these)))
            quantiles += _quantile_rows((split, name, outcome), "confidence", table, these)
        for measure in ("output_tok", "prompt_tok"):
            quantiles += _quantile_rows((split, name, ANY), measure, table, rows)
    return counts, quantiles


def write_patterns(table: QualityTable, splits: Sequence[str], folder: Path) -> tuple[Path, Path]:
    """The two files of a table's patterns, named after the table."""
    counts, quantiles = count_patterns(table, splits)
    paths = folder / f"{table.name}.counts.csv", folder / f"{table.name}.quantiles.csv"
    _write(paths[0], ("split", "task", "pattern", "count"), counts)
    _write(paths[1], (*KEYS, *[f"q{level:g}" for level in LEVELS]), quantiles)
    return paths


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _quantile_rows(
    key: tuple[str, str, str], measure: str, table: QualityTable, rows: NDArray[np.intp]
) -> list[QuantileRow]:
    """A row for each model that has the measure on all these items."""
    matrix: Floats = getattr(table, measure)[rows]
    known = [j for j in range(len(table.models)) if not np.isnan(matrix[:, j]).any()]
    return [(*key, table.models[j], measure, *_at_levels(matrix[:, j], measure)) for j in known]


def _at_levels(values: Floats, measure: str) -> list[str]:
    # A straight line to a rare answer of 2048 tokens, or to -inf, would invent what nobody measured: the value below.
    below = measure != "confidence" or not np.isfinite(values).all()
    return [f"{value:.6g}" for value in np.quantile(values, LEVELS, method="lower" if below else "linear")]


def _groups(keys: Iterable[object]) -> list[tuple[Any, NDArray[np.intp]]]:
    """Rows of each key, in the order of keys."""
    rows: dict[Any, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    return [(key, np.array(rows[key], dtype=np.intp)) for key in sorted(rows)]


def main(arguments: Sequence[str]) -> int:
    """The command: a profile of kind `items`, and a folder for the two files."""
    if len(arguments) != 2:
        print("usage: python -m simulator.workload.count_patterns TABLE.yaml OUT_DIR", file=sys.stderr)
        return 2
    path, folder = map(Path, arguments)
    try:
        table, splits = read_whole(read_quality_profile(path), path.parent)
        paths = write_patterns(table, splits, folder)
    except (SpecError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(map(str, paths)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
