"""Per-item quality tables from CSV by a column map: long (a row for each item and model) or wide (one for an item)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.spec.base import Spec
from simulator.spec.errors import near
from simulator.spec.profiles import Profile
from simulator.spec.units import to_base
from simulator.workload.csv_columns import CsvColumns, Floats, file_error, find_file, read_csv
from simulator.workload.quality import MEASURES, QualityTable
from simulator.workload.splits import HashSplit, hash_split

Names = str | Annotated[tuple[str, ...], Field(min_length=1)]
PerModel = str | dict[str, str]
"""One column (long), a header with `{model}` in it (wide), or a header for each model (wide)."""

_RANGES = {"score": (0.0, 1.0), "confidence": (-np.inf, np.inf)}
_QUANTITY = (0.0, 1e15)  # all others: never negative, never infinite


class ItemColumns(Spec):
    """Which column says what. Quantities carry their unit in the key."""

    item: Names
    """What names an item; several columns are joined by '/'."""
    task: Names | None = None
    split: str | None = None
    """Values `train` and `test`; without it the table is split by hash of the prompt."""
    prompt: str | None = None
    """Text of the question: items with equal prompts fall into one split. The item's name where it is not given."""
    model: str | None = None
    """Long tables only: whose row it is."""
    score: PerModel
    """0 or 1 for wrong or right, or a score from 0 to 1."""
    confidence: PerModel | None = None
    """Higher is surer; -inf and inf are allowed."""
    output_tok: PerModel | None = None
    prompt_tok: PerModel | None = None
    latency_s: PerModel | None = None
    latency_ms: PerModel | None = None
    cost_usd: PerModel | None = None
    group: PerModel | None = None
    """The answer itself, as any text: equal texts are equal answers."""

    @model_validator(mode="after")
    def _one_latency(self) -> ItemColumns:
        if self.latency_s is not None and self.latency_ms is not None:
            raise ValueError("give one of 'latency_s' and 'latency_ms'")
        return self

    def of(self, measure: str) -> tuple[PerModel | None, float]:
        """Where one of `MEASURES` (or the group) is found, and the factor to its base unit."""
        if measure == "latency_s" and self.latency_ms is not None:
            return self.latency_ms, to_base("latency_ms", 1.0)[1]
        column: PerModel | None = getattr(self, measure)
        return column, 1.0


class ItemsProfile(Profile):
    """A table of measured outcomes, one for each item and model."""

    kind: Literal["items"]
    file: str
    """CSV, plain or gzip: beside this file, or under the folder that MULTILLM_DATA names."""
    format: Literal["long", "wide"]
    columns: ItemColumns
    where: Mapping[str, Names] = {}
    """Only rows with these values in these columns."""
    models: tuple[str, ...] | dict[str, str] = ()
    """Models to read, or a map from a name of one's own to the table's; all, in a long table, where it is empty."""
    split: HashSplit = HashSplit()
    """Used where no column says the split."""

    @model_validator(mode="after")
    def _columns_fit_format(self) -> ItemsProfile:
        columns = {measure: self.columns.of(measure)[0] for measure in (*MEASURES, "group")}
        if self.format == "long":
            if self.columns.model is None or any(isinstance(column, dict) for column in columns.values()):
                raise ValueError("a long table needs 'columns.model', and one column for each of the others")
            return self
        if self.columns.model is not None or not self.models:
            raise ValueError("a wide table needs 'models', and no 'columns.model'")
        for measure, column in columns.items():
            if isinstance(column, dict):
                if unknown := [name for name in column if name not in self.names()]:
                    raise ValueError(f"'columns.{measure}': {near(unknown[0], self.names(), ' in models')}")
            elif column is not None and "{model}" not in column and measure != "prompt_tok" and len(self.models) > 1:
                raise ValueError(f"'columns.{measure}': {column!r} needs '{{model}}' in it, or a column for each model")
        return self

    def names(self) -> dict[str, str]:
        """The table's own name of each model; empty where all models of a long table are taken."""
        return dict(self.models) if isinstance(self.models, dict) else {name: name for name in self.models}


@dataclass(frozen=True)
class _Layout:
    """Where each row of a file belongs: its item, and in a long table its model."""

    csv: CsvColumns
    items: tuple[str, ...]
    models: Mapping[str, str]  # own name -> the table's
    item: NDArray[np.intp]  # (rows,)
    model: NDArray[np.intp] | None  # (rows,); -1: not asked for; None: wide
    first: NDArray[np.intp]  # (items,) row that an item is met in first

    def of_items(self, names: Names) -> list[str]:
        """Text that belongs to items, (items,); it must be the same in all rows of an item."""
        cells = np.array(_joined(self.csv, names), dtype=object)
        other = np.flatnonzero(cells != cells[self.first][self.item])
        if len(other):
            row = int(other[0])
            raise self.csv.error(row, f"item {self.items[self.item[row]]!r} is {cells[row]!r} here, but not before")
        return list(cells[self.first])

    def numbers(self, columns: ItemColumns, measure: str) -> Floats:
        """A measure in base units as (items, models), NaN where there is no cell."""
        column, unit = columns.of(measure)
        low, high = _RANGES.get(measure, _QUANTITY)
        matrix = np.full((len(self.items), len(self.models)), np.nan)
        for rows, j, header in self._blocks(column):
            matrix[self.item[rows], j] = self.csv.numbers(header, low, high)[rows] * unit
        return matrix

    def groups(self, column: PerModel) -> NDArray[np.int32]:
        """Answers as (items, models) numbers that are equal where the texts are, -1 where a cell is empty."""
        matrix = np.full((len(self.items), len(self.models)), -1, dtype=np.int32)
        number: dict[str, int] = {"": -1}
        for rows, j, header in self._blocks(column):
            cells = self.csv.text(header)
            matrix[self.item[rows], j] = [number.setdefault(cells[row], len(number)) for row in rows]
        return matrix

    def _blocks(self, column: PerModel | None) -> list[tuple[NDArray[np.intp], NDArray[np.intp], str]]:
        """Of every column that holds a measure: the rows to read, the model of each, and the header."""
        if column is None:
            return []
        if self.model is not None:
            rows = np.flatnonzero(self.model >= 0)
            return [(rows, self.model[rows], str(column))]
        if isinstance(column, str):
            headers = {name: column.replace("{model}", theirs) for name, theirs in self.models.items()}
        else:
            headers = column
        rows = np.arange(len(self.csv))
        return [(rows, np.full_like(rows, j), headers[name]) for j, name in enumerate(self.models) if name in headers]


def read_items(profile: ItemsProfile, folder: Path) -> tuple[QualityTable, list[str]]:
    """The whole table, with NaN where something was not measured, and the split of every item.

    Raises SpecError, with file and line, for columns that are not there, cells that are no numbers or out of range, a
    cell given twice, and an item whose rows disagree on its task, split or prompt.
    """
    csv = read_csv(find_file(profile.file, folder)).where({name: _tuple(to) for name, to in profile.where.items()})
    if not len(csv):
        raise file_error(csv.path, "no rows" + (f" where {dict(profile.where)}" if profile.where else ""))
    layout = _layout(csv, profile)
    columns = profile.columns
    task = layout.of_items(columns.task) if columns.task else ["all"] * len(layout.items)
    if columns.split:
        splits = layout.of_items(columns.split)
    else:
        prompts = layout.of_items(columns.prompt) if columns.prompt else layout.items
        splits = hash_split(prompts, task, profile.split)
    tasks = tuple(dict.fromkeys(task))
    measures = {measure: layout.numbers(columns, measure) for measure in MEASURES}
    table = QualityTable(
        name=profile.name,
        models=tuple(layout.models),
        items=layout.items,
        tasks=tasks,
        task=np.array([tasks.index(name) for name in task], dtype=np.int32),
        score=measures["score"],
        confidence=measures["confidence"],
        output_tok=measures["output_tok"],
        prompt_tok=measures["prompt_tok"],
        latency_s=measures["latency_s"],
        cost_usd=measures["cost_usd"],
        evidence=profile.evidence("file"),
        source="; ".join(source.ref for source in profile.sources),
        group=layout.groups(columns.group) if columns.group else None,
        has_test="test" in splits,
    )
    return table, splits


def _layout(csv: CsvColumns, profile: ItemsProfile) -> _Layout:
    keys = _joined(csv, profile.columns.item)
    items = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    item = np.array([items[key] for key in keys], dtype=np.intp)
    _, first = np.unique(item, return_index=True)
    models, model = profile.names(), None
    cells = [(key, "") for key in keys]
    if profile.columns.model is not None:
        theirs = csv.text(profile.columns.model)
        there = dict.fromkeys(theirs)
        models = models or {name: name for name in there}
        if absent := [name for name in models.values() if name not in there]:
            raise file_error(csv.path, near(absent[0], there, f" in column {profile.columns.model!r}"))
        number = {name: j for j, name in enumerate(models.values())}
        model = np.array([number.get(name, -1) for name in theirs], dtype=np.intp)
        cells = list(zip(keys, theirs, strict=True))
    seen: set[tuple[str, str]] = set()
    for row, cell in enumerate(cells):
        if cell in seen:
            raise csv.error(row, f"a second row for item {cell[0]!r}" + (f" of model {cell[1]!r}" if cell[1] else ""))
        seen.add(cell)
    return _Layout(csv, tuple(items), models, item, model, first)


def _joined(csv: CsvColumns, names: Names) -> list[str]:
    return ["/".join(cells) for cells in zip(*(csv.text(name) for name in _tuple(names)), strict=True)]


def _tuple(names: Names) -> Sequence[str]:
    return (names,) if isinstance(names, str) else names
