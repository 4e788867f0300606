"""From a quality profile's file to the table that the engine reads: the split, the models and the items asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, assert_never

import numpy as np

from simulator.spec.errors import SpecError, near
from simulator.spec.library import read_profile
from simulator.spec.reader import read_yaml
from simulator.workload.csv_columns import file_error, find_file
from simulator.workload.latent import LatentProfile, draw_latent
from simulator.workload.patterns import PatternsProfile, read_patterns
from simulator.workload.quality import QualityTable
from simulator.workload.quality_columns import ItemsProfile
from simulator.workload.quality_items import read_items
from simulator.workload.quality_runs import RunsProfile, read_runs
from simulator.workload.task_means import TaskMeansProfile, draw_task_means

QualityProfile = ItemsProfile | RunsProfile | PatternsProfile | LatentProfile | TaskMeansProfile
KINDS: Mapping[str, type[QualityProfile]] = {
    "items": ItemsProfile,
    "runs": RunsProfile,
    "patterns": PatternsProfile,
    "latent": LatentProfile,
    "task-means": TaskMeansProfile,
}
Split = Literal["train", "test", "all"]
Missing = Literal["error", "drop-item"]


def read_quality(
    path: Path, models: Sequence[str] | None = None, split: Split = "test", missing: Missing = "error"
) -> QualityTable:
    """The outcomes of `models` (all where None) on the items of `split`, as the profile in `path` describes them.

    Items without an outcome of one of the models are an error, or are left out and counted in `dropped_items`. Raises
    SpecError for a model or a split that the table lacks, and for whatever is wrong in its files.
    """
    table, splits = read_whole(read_quality_profile(path), path.parent)
    return _complete(_of_models(_of_split(table, splits, split, path), models, path), missing, path)


def read_quality_profile(path: Path) -> QualityProfile:
    """The checked profile in `path`. Raises SpecError with all that is wrong in it, a line each."""
    document = read_yaml(path)
    kind = document.data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise SpecError([document.problem(("kind",), near(str(kind), KINDS))])
    return read_profile(KINDS[kind], path)


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that the profile in `path` is made of, itself first: what a record of a run must name."""
    names = files_named(read_quality_profile(path))
    return (path, *(find_file(name, path.parent) for name in names))


def files_named(profile: QualityProfile) -> tuple[str, ...]:
    """What a profile calls the files that it is made of."""
    names: tuple[str | None, ...] = ()
    if isinstance(profile, ItemsProfile):
        names = (profile.file, profile.texts.file if profile.texts else None)
    elif isinstance(profile, RunsProfile):
        names = (profile.file,)
    elif isinstance(profile, PatternsProfile):
        names = (profile.counts, profile.quantiles)
    return tuple(name for name in names if name is not None)


def read_whole(profile: QualityProfile, folder: Path) -> tuple[QualityTable, list[str]]:
    """Every model and item of a profile whose files lie in `folder`, NaN where unknown, and the split of every item."""
    match profile:
        case ItemsProfile():
            return read_items(profile, folder)
        case RunsProfile():
            return read_runs(profile, folder)
        case PatternsProfile():
            return read_patterns(profile, folder)
        case LatentProfile():
            return draw_latent(profile)
        case TaskMeansProfile():
            return draw_task_means(profile)
        case _:
            assert_never(profile)


def _of_split(table: QualityTable, splits: Sequence[str], split: Split, path: Path) -> QualityTable:
    if split == "all":
        return table
    rows = np.flatnonzero(np.array(splits, dtype=object) == split)
    if not len(rows):
        there = ", ".join(sorted(set(splits)))
        raise file_error(path, f"no items of split {split!r} (there is {there}); 'all' takes every item")
    return table.take(rows)


def _of_models(table: QualityTable, models: Sequence[str] | None, path: Path) -> QualityTable:
    for model in models or ():
        if model not in table.models:
            raise file_error(path, near(model, table.models, " among its models"))
    return table if models is None else table.of(list(dict.fromkeys(models)))


def _complete(table: QualityTable, missing: Missing, path: Path) -> QualityTable:
    gaps = np.isnan(table.score)
    lacking = gaps.any(axis=1)
    if not lacking.any():
        return table
    if missing == "error" or lacking.all():
        row, column = np.argwhere(gaps)[0]
        raise file_error(
            path,
            f"model {table.models[column]!r} has no row for item {table.items[row]!r}; a replayed item needs every "
            f"model ({lacking.sum()} of {len(table)} items lack one)",
        )
    return replace(table.take(np.flatnonzero(~lacking)), dropped_items=int(lacking.sum()))
