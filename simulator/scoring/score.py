"""Every measured point beside what the simulator says: of shipped profiles, and of fits that never saw the point."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
from joblib import Parallel, delayed

from simulator.physics.values import Device
from simulator.records.scores import SCORES
from simulator.scoring.engines import fitted
from simulator.scoring.points import SERVED, Names, Point, Quantity, by_engine, device_under
from simulator.scoring.predict import predict
from simulator.scoring.real import table
from simulator.scoring.tables import read_points
from simulator.spec.architecture import parts
from simulator.spec.errors import SpecError
from simulator.spec.library import Library

FOLDS = 5  # of rows left out

BARS = pd.DataFrame(
    [
        ("batch 1", "decode_s", "", "model left out", 0.10),
        ("batch 1", "decode_s", "", "device left out", 0.20),
        ("batch 1", "prefill_s", "", "model left out", 0.20),
        ("batch 1", "prefill_s", "", "device left out", 0.30),
        ("serving", "tpot_s", "dense", "row left out", 0.12),
        ("serving", "tpot_s", "moe", "row left out", 0.20),
        ("serving", "ttft_s", "", "row left out", 0.25),
        ("energy", "energy_j_per_tok", "", "model left out", 0.12),
        ("energy, 2024", "energy_j_per_tok", "", "model left out", 0.25),
        ("splitwise", "prompt_s", "", "in-sample", 0.08),
        ("splitwise", "token_s", "", "in-sample", 0.08),
    ],
    columns=["group", "quantity", "kind", "setting", "limit_frac"],
)
"""Median absolute errors that were asked for when the models were made."""


@dataclass(frozen=True)
class Task:
    """A batch to predict: its points (one a quantity) with the device as it is to be seen."""

    points: tuple[Point, ...]
    setting: str
    device: Device
    layer: str
    """Which level of the engine's numbers is fallen back on; empty where the device's own are known."""


def score(folder: Path, library: Library, jobs: int = 1, tick: Callable[[int, int], None] | None = None) -> Scored:
    """Score all tables in a folder against the profiles of a library. SpecError where there is no table."""
    names = Names(library)
    points = read_points(folder, names)
    if not points:
        raise SpecError(f"{folder}: no table of measurements that a profile was found for")
    tasks = list(_tasks(points, library))
    told: list[dict[Quantity, float]] = []
    made = Parallel(n_jobs=jobs, return_as="generator", batch_size=8)(
        delayed(predict)(task.points[0], task.device, [point.quantity for point in task.points]) for task in tasks
    )
    for i, one in enumerate(made):
        told.append(one)
        if tick is not None:
            tick(i + 1, len(tasks))
    rows = [row for task, one in zip(tasks, told, strict=True) for row in _rows(task, one)]
    unfit = sum(not one for one in told)
    if unfit:
        names.skipped["does not fit in the memory of its devices, or nothing joins them"] = unfit
    return Scored(pd.DataFrame(rows, columns=list(SCORES)), dict(names.skipped.most_common()))


@dataclass(frozen=True)
class Scored:
    """Scores as `records.scores` has them, and how many rows were not used, by reason."""

    scores: pd.DataFrame
    skipped: Mapping[str, int]


def _tasks(points: Sequence[Point], library: Library) -> Iterator[Task]:
    """The shipped profiles on all points, then each fold's points with numbers fitted on the others."""
    for batch in _batches(points):
        device, layer = device_under(library, batch[0])
        yield Task(batch, "in-sample", device, "" if layer.endswith(f"-{batch[0].device.name}") else layer)
    for _, mine in by_engine(list(points)):
        yield from _left_out(mine, library, "model left out", lambda point: tuple(parts(point.model)))
        yield from _left_out(mine, library, "device left out", lambda point: point.device.name)
        yield from _left_out(mine, library, "row left out", _row_fold, but=-1)


def _left_out(
    points: Sequence[Point], library: Library, setting: str, fold: Callable[[Point], Hashable], but: Hashable = None
) -> Iterator[Task]:
    keys = {fold(point) for point in points} - {but}
    for key in sorted(keys, key=str):
        others = [point for point in points if fold(point) != key]
        if not others:
            continue
        made = fitted(others)
        for batch in _batches([point for point in points if fold(point) == key]):
            level = made.level(batch[0])
            yield Task(batch, setting, made.device(batch[0], library), "" if level == "device" else level)


def _row_fold(point: Point) -> int:
    """Which fold a served row belongs to; -1 for others."""
    return crc32(point.row.encode()) % FOLDS if point.quantity in SERVED else -1


def _batches(points: Sequence[Point]) -> list[tuple[Point, ...]]:
    """Points of the same batch together: those of one row that one simulation answers."""
    batches: dict[tuple[Any, ...], list[Point]] = defaultdict(list)
    for point in points:
        apart = point.quantity if point.quantity not in SERVED else "served"
        batches[point.row, apart].append(point)
    return [tuple(batch) for batch in batches.values()]


def _rows(task: Task, told: Mapping[Quantity, float]) -> Iterator[tuple[Any, ...]]:
    for point in task.points:
        if point.quantity in told:
            predicted = told[point.quantity]
            yield (
                point.source, point.table, point.row, point.device.name, point.engine, point.model.name, point.quantity,
                point.kind, point.group, task.setting, point.measured, predicted, task.layer, _cause(point, predicted),
            )  # fmt: skip


def _cause(point: Point, predicted: float) -> str:
    """What most likely makes a large error of this point."""
    if abs(predicted / point.measured - 1) < 0.3:
        return ""
    if point.cause:
        return point.cause
    if point.kind == "moe" and predicted > point.measured:
        return "experts are less evenly used than assumed"
    if point.quantity == "ttft_s":
        return "batching and queueing of the benchmark's client are not known"
    if point.split.devices > 1:
        return "messages between devices; version of the engine"
    if point.group == "batch 1" and predicted < point.measured:
        return "an older or slower build than the median of its engine"
    return "version and settings of the engine"


def real_tables(file: Path) -> tuple[str, str]:
    """What `make validate-real` found, as a section in Markdown and in HTML. SpecError where the file is another."""
    try:
        told = table(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{file}: no results of real servers: {type(error).__name__}: {error}") from None
    title = "Real llama.cpp servers beside the simulator"
    return f"## {title}\n\n```text\n{told}\n```\n", f"<h2>{title}</h2><pre>{escape(told)}</pre>"
