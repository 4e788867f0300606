"""Per-item quality tables from CSV by a column map: long (a row for each item and model) or wide (one for an item)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from simulator.workload.csv_columns import Floats, file_error, find_file, read_csv
from simulator.workload.quality import MEASURES, QualityTable, Samples
from simulator.workload.quality_columns import ItemColumns, ItemsProfile
from simulator.workload.quality_layout import Layout, layout, prompts_of
from simulator.workload.splits import hash_split

_ANY = (-np.inf, np.inf)
_QUANTITY = (0.0, 1e15)  # never negative, never infinite


def read_items(profile: ItemsProfile, folder: Path) -> tuple[QualityTable, list[str]]:
    """The whole table, with NaN where something was not measured, and the split of every item.

    Raises SpecError, with file and line, for columns that are not there, cells that are no numbers or out of range, a
    cell given twice, an item whose rows disagree on its task, split, prompt or numbers, and one without its prompt.
    """
    where = {name: (to,) if isinstance(to, str) else to for name, to in profile.where.items()}
    csv = read_csv(find_file(profile.file, folder)).where(where)
    if not len(csv):
        raise file_error(csv.path, "no rows" + (f" where {dict(profile.where)}" if where else ""))
    rows, columns = layout(csv, profile), profile.columns
    task = rows.of_items(columns.task) if columns.task else ["all"] * len(rows.items)
    prompts = rows.of_items(columns.prompt) if columns.prompt else None
    if profile.texts is not None:
        prompts = prompts_of(profile.texts, rows.items, folder)
    if columns.split:
        splits = rows.of_items(columns.split)
    else:
        together = rows.of_items(columns.split_by) if columns.split_by else prompts or rows.items
        splits = hash_split(together, task, profile.split)
    tasks = tuple(dict.fromkeys(task))
    score, output_tok = _scores(rows, profile), _quantity(rows, columns, "output_tok")
    sure = _surer(columns, "confidence") * rows.numbers(columns.confidence, _ANY)
    confidence = sure[:, :, 0]
    group = rows.groups(columns.group) if columns.group else None
    unknown = np.full(score.shape, -1, dtype=np.int32)
    table = QualityTable(
        name=profile.name,
        models=tuple(rows.models),
        items=rows.items,
        tasks=tasks,
        task=np.array([tasks.index(name) for name in task], dtype=np.int32),
        score=score[:, :, 0],
        confidence=confidence,
        output_tok=output_tok[:, :, 0],
        prompt_tok=_quantity(rows, columns, "prompt_tok")[:, :, 0],
        latency_s=_quantity(rows, columns, "latency_s")[:, :, 0],
        cost_usd=_quantity(rows, columns, "cost_usd")[:, :, 0],
        evidence=profile.evidence("file"),
        source="; ".join(source.ref for source in profile.sources),
        group=None if group is None else group[:, :, 0],
        has_test="test" in splits,
        prompts=None if prompts is None else tuple(prompts),
        embedding=rows.vectors(columns.embedding) if columns.embedding else None,
        recorded={name: rows.numbers_of_items(column) for name, column in columns.recorded.items()},
        signals=_signals(rows, columns, confidence, output_tok[:, :, 0]),
        samples=Samples(score, unknown if group is None else group, output_tok, sure) if columns.sample else None,
        energy_j_per_tok=_quantity(rows, columns, "energy_j_per_tok")[:, :, 0] if columns.energy_j_per_tok else None,
    )
    return table if profile.always_right is None else with_always_right(table, profile.always_right), splits


def with_always_right(table: QualityTable, model: str) -> QualityTable:
    """The table with one more model, always right: its answers equal every right one, and all else is unknown."""
    measured = {name: getattr(table, name) for name in MEASURES}
    more = {name: np.append(matrix, np.full((len(table), 1), np.nan), axis=1) for name, matrix in measured.items()}
    more["score"][:, -1] = 1.0
    group = table.group
    if group is not None:
        known = (table.score == 1.0) & (group >= 0)
        of_right = group[np.arange(len(table)), known.argmax(axis=1)]
        right = np.where(known.any(axis=1), of_right, group.max() + 1)
        group = np.append(group, right[:, None].astype(np.int32), axis=1)
    unknown = np.full((len(table), 1), np.nan)
    return replace(
        table,
        models=(*table.models, model),
        **more,
        group=group,
        signals={name: np.append(matrix, unknown, axis=1) for name, matrix in table.signals.items()},
        energy_j_per_tok=None,
    )


def _scores(rows: Layout, profile: ItemsProfile) -> Floats:
    low, high = profile.score_range
    read = rows.numbers(profile.columns.score, _ANY if profile.clip_scores else (low, high))
    return (np.clip(read, low, high) - low) / (high - low)


def _quantity(rows: Layout, columns: ItemColumns, measure: str) -> Floats:
    column, unit = columns.of(measure)
    return rows.numbers(column, _QUANTITY) * unit


def _signals(rows: Layout, columns: ItemColumns, confidence: Floats, output_tok: Floats) -> dict[str, Floats]:
    """Every further confidence, higher where surer; with `sum`, the Chow-sum score of Gupta et al., arXiv 2404.10136.

    `sum` prefers short answers, whatever they say: each token lowers it.
    """
    signals = {
        name: _surer(columns, name) * rows.numbers(column, _ANY)[:, :, 0] for name, column in columns.signals.items()
    }
    if columns.confidence_is == "mean-log-prob":
        signals["sum"] = confidence * np.maximum(output_tok, 1.0)  # an empty answer still ends
    return signals


def _surer(columns: ItemColumns, name: str) -> float:
    return -1.0 if name in columns.lower_is_surer else 1.0
