"""Joint outcomes as counts: which models were right together, how often, and how sure each was then.

A pattern is a string of 0 and 1, one character a model: `00111` says that the last three models were right and the
others wrong. Quantiles of the confidence are given the *whole* pattern. Conditioning on a model's own outcome alone
forgets that a model is surer of what the larger ones know too, and turns a losing cascade into a winning one.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.spec.errors import near
from simulator.spec.profiles import Profile
from simulator.workload.csv_columns import CsvColumns, Floats, file_error, find_file, read_csv
from simulator.workload.quality import QualityTable

ANY = "*"  # in the place of a pattern: all items of the task
KEYS = ("split", "task", "pattern", "model", "measure")
SHUFFLED_APART = {"confidence": True, "output_tok": False, "prompt_tok": False}
"""What patterns have quantiles of. Models read one text and answer one question, so their lengths are long together."""

Group = tuple[str, str, str]  # split, task, pattern


class PatternsProfile(Profile):
    """Counts of outcome patterns and quantiles given the pattern: what may be shipped of a table that may not."""

    kind: Literal["patterns"]
    """Counts of joint outcomes."""
    models: Annotated[tuple[str, ...], Field(min_length=1)]
    """In the order of the pattern's characters."""
    counts: str
    """CSV with the columns split, task, pattern, count."""
    quantiles: str | None = None
    """CSV with the columns split, task, pattern (* for any), model, measure, and the levels q0, q0.05, ..., q1."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the shuffles inside a pattern."""


def read_patterns(profile: PatternsProfile, folder: Path) -> tuple[QualityTable, list[str]]:
    """A table with exactly `count` items of every pattern, of all splits, and the split of every item.

    Values stand at evenly spaced quantiles, shuffled inside the pattern (inside the task, where the quantiles are those
    of all patterns): confidences for each model on its own, lengths for all models alike. The same profile gives the
    same table. What two models are sure of together, beyond the pattern, is lost: cascades of two models come out
    right, longer ones differ by up to 0.02 in accuracy and 0.11 in calls a query on the sets shipped. Raises SpecError
    for what does not fit together.
    """
    counts = read_csv(find_file(profile.counts, folder))
    groups: list[Group] = list(zip(*(counts.text(name) for name in ("split", "task", "pattern")), strict=True))
    if twice := next((row for row, group in enumerate(groups) if group in groups[:row]), None):
        raise counts.error(twice, f"pattern: {', '.join(groups[twice])} is there twice")
    count = _whole_numbers(counts)
    if not count.any():
        raise file_error(counts.path, "no items are counted")
    outcomes = [_outcomes(counts, row, len(profile.models)) for row in range(len(counts))]
    score = np.repeat(np.array(outcomes, dtype=np.float64), count, axis=0)
    drawn = {measure: np.full(score.shape, np.nan) for measure in SHUFFLED_APART}
    if profile.quantiles:
        _draw(drawn, read_csv(find_file(profile.quantiles, folder)), profile, _rows(groups, count))

    tasks = tuple(dict.fromkeys(task for _, task, _ in groups))
    group_of_item = np.repeat(np.arange(len(groups)), count)
    table = QualityTable(
        name=profile.name,
        models=profile.models,
        items=tuple(f"{'/'.join(group)}/{i}" for group, n in zip(groups, count, strict=True) for i in range(n)),
        tasks=tasks,
        task=np.array([tasks.index(task) for _, task, _ in groups], dtype=np.int32)[group_of_item],
        score=score,
        confidence=drawn["confidence"],
        output_tok=drawn["output_tok"],
        prompt_tok=drawn["prompt_tok"],
        latency_s=np.full(score.shape, np.nan),
        cost_usd=np.full(score.shape, np.nan),
        evidence=profile.evidence("counts"),
        source="; ".join(source.ref for source in profile.sources),
        has_test="test" in {split for split, _, _ in groups},
    )
    return table, [groups[i][0] for i in group_of_item]


def quantile_values(levels: Floats, values: Floats, at: Floats) -> Floats:
    """The quantile function through `values` at `levels`, at each `at`: straight in between, flat beside infinities."""
    left = np.clip(np.searchsorted(levels, at, side="right") - 1, 0, len(levels) - 2)
    low, high = values[left], values[left + 1]
    share = (at - levels[left]) / (levels[left + 1] - levels[left])
    straight = np.isfinite(low) & np.isfinite(high)
    step = np.where(straight, high, 0.0) - np.where(straight, low, 0.0)
    return np.where(straight, np.where(straight, low, 0.0) + step * share, np.where(share < 1, low, high))


def _draw(
    drawn: Mapping[str, Floats], quantiles: CsvColumns, profile: PatternsProfile, rows: Mapping[Group, NDArray[np.intp]]
) -> None:
    """Fill the matrices of `drawn`, (items, models), row by row of `quantiles`; what has no row stays NaN."""
    levels, values = _levels_and_values(quantiles)
    keys = list(zip(*(quantiles.text(name) for name in KEYS), strict=True))
    for row, (split, task, pattern, model, measure) in enumerate(keys):
        if measure not in drawn:
            raise quantiles.error(row, f"measure: {near(measure, drawn)}")
        if model not in profile.models:
            raise quantiles.error(row, f"model: {near(model, profile.models)}")
        here = rows.get((split, task, pattern))
        if here is None:
            raise quantiles.error(row, f"no items of split {split!r}, task {task!r}, pattern {pattern!r} are counted")
        name = f"{split}/{task}/{pattern}/{measure}/{model if SHUFFLED_APART[measure] else ''}"
        order = np.random.default_rng([profile.seed, zlib.crc32(name.encode())]).permutation(len(here))
        at = np.linspace(0.0, 1.0, len(here)) if len(here) > 1 else np.full(len(here), 0.5)
        spread = quantile_values(levels, values[row], at)
        drawn[measure][here[order], profile.models.index(model)] = (
            spread if measure == "confidence" else np.rint(spread)
        )
    for measure, model in dict.fromkeys((measure, model) for *_, model, measure in keys):
        gaps = np.isnan(drawn[measure][:, profile.models.index(model)])
        for group, here in rows.items():
            if gaps[here].any():
                raise file_error(quantiles.path, f"{measure} of model {model!r} lacks {', '.join(group)}")


def _rows(groups: Sequence[Group], count: NDArray[np.int64]) -> dict[Group, NDArray[np.intp]]:
    """Rows of the table that belong to each group, and to all patterns of each task."""
    ends = np.cumsum(count)
    rows: dict[Group, NDArray[np.intp]] = {
        group: np.arange(end - n, end) for group, n, end in zip(groups, count, ends, strict=True)
    }
    for split, task in dict.fromkeys(group[:2] for group in groups):
        rows[split, task, ANY] = np.concatenate([rows[group] for group in groups if group[:2] == (split, task)])
    return rows


def _levels_and_values(quantiles: CsvColumns) -> tuple[Floats, Floats]:
    """Levels (k,), and values (rows, k)."""
    names = [name for name in quantiles.header if name not in KEYS]
    levels = np.array([float(name[1:]) if re.fullmatch(r"q[01](\.\d+)?", name) else np.nan for name in names])
    if len(levels) < 2 or levels[0] != 0 or levels[-1] != 1 or not (np.diff(levels) > 0).all():
        raise file_error(quantiles.path, f"give {', '.join(KEYS)} and the levels q0, ..., q1 in rising order", 1)
    values = np.column_stack([quantiles.numbers(name) for name in names])
    falls = np.isnan(values).any(axis=1) | (values[:, 1:] < values[:, :-1]).any(axis=1)
    if falls.any():
        raise quantiles.error(int(falls.argmax()), "quantiles are missing, or fall")
    return levels, values


def _whole_numbers(counts: CsvColumns) -> NDArray[np.int64]:
    count = counts.numbers("count", low=0.0)
    broken = ~(np.isfinite(count) & (count == np.floor(count)))
    if broken.any():
        raise counts.error(int(broken.argmax()), "count: give a whole number, 0 or more")
    return count.astype(np.int64)


def _outcomes(counts: CsvColumns, row: int, models: int) -> list[int]:
    pattern = counts.text("pattern")[row]
    if len(pattern) != models or not set(pattern) <= {"0", "1"}:
        raise counts.error(row, f"pattern: {pattern!r} is not {models} characters 0 or 1, one a model")
    return [int(outcome) for outcome in pattern]
