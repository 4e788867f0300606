"""Where the rows of a per-item table belong: their item, model and sample, and matrices filled by these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.spec.errors import near
from simulator.workload.csv_columns import CsvColumns, Floats, file_error, find_file, read_csv
from simulator.workload.quality_columns import ItemsProfile, Names, PerModel, TextsFile

_MOST_SAMPLES = 10_000


@dataclass(frozen=True)
class Layout:
    """Where each row of a file belongs: its item, and in a long table its model and sample."""

    csv: CsvColumns
    items: tuple[str, ...]
    models: Mapping[str, str]  # own name -> the table's
    item: NDArray[np.intp]  # (rows,)
    model: NDArray[np.intp] | None  # (rows,); -1: not asked for; None: wide
    sample: NDArray[np.intp]  # (rows,); 0 where the file numbers none
    first: NDArray[np.intp]  # (items,) row that an item is met in first

    def of_items(self, names: Names) -> list[str]:
        """Text that belongs to items, (items,); it must be the same in all rows of an item."""
        cells = np.array(_joined(self.csv, names), dtype=object)
        self._check_same(cells, cells != cells[self.first][self.item])
        return list(cells[self.first])

    def numbers_of_items(self, name: str) -> Floats:
        """A number that belongs to items, (items,), NaN where there is none; the same in all rows of an item."""
        cells = self.csv.numbers(name)
        before = cells[self.first][self.item]
        self._check_same(cells, (cells != before) & ~(np.isnan(cells) & np.isnan(before)))
        return cells[self.first]

    def vectors(self, names: Names) -> Floats:
        """An embedding as (items, d): of the columns named, or of those that begin with one name."""
        if isinstance(names, str):
            found = [name for name in self.csv.header if name.startswith(names)]
            if not found:
                raise file_error(self.csv.path, f"no column begins with {names!r}")
            names = tuple(found)
        matrix = np.column_stack([self.numbers_of_items(name) for name in names])
        gaps = ~np.isfinite(matrix)
        if gaps.any():
            item, column = np.argwhere(gaps)[0]
            raise self.csv.error(int(self.first[item]), f"{names[column]}: an embedding needs a number here")
        return matrix

    def numbers(self, column: PerModel | None, low_high: tuple[float, float]) -> Floats:
        """What is measured of each model, (items, models, samples), NaN where there is no cell."""
        matrix = np.full(self._shape(), np.nan)
        for rows, j, header in self._blocks(column):
            matrix[self.item[rows], j, self.sample[rows]] = self.csv.numbers(header, *low_high)[rows]
        return matrix

    def groups(self, column: PerModel) -> NDArray[np.int32]:
        """Answers as (items, models, samples) numbers, equal where the texts are, -1 where a cell is empty."""
        matrix = np.full(self._shape(), -1, dtype=np.int32)
        number: dict[str, int] = {"": -1}
        for rows, j, header in self._blocks(column):
            cells = self.csv.text(header)
            groups = [number.setdefault(cells[row], len(number)) for row in rows]
            matrix[self.item[rows], j, self.sample[rows]] = groups
        return matrix

    def _shape(self) -> tuple[int, int, int]:
        return len(self.items), len(self.models), int(self.sample.max()) + 1

    def _check_same(self, cells: NDArray[Any], differs: NDArray[np.bool_]) -> None:
        if differs.any():
            row = int(differs.argmax())
            cell = cells.tolist()[row]
            raise self.csv.error(row, f"item {self.items[self.item[row]]!r} is {cell!r} here, but not before")

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


def layout(csv: CsvColumns, profile: ItemsProfile) -> Layout:
    """Where each row belongs. SpecError for a model that is not there, and for a second row of the same."""
    keys = _joined(csv, profile.columns.item)
    items = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    item = np.array([items[key] for key in keys], dtype=np.intp)
    _, first = np.unique(item, return_index=True)
    models, model = profile.names(), None
    theirs: Sequence[str] = [""] * len(keys)
    if profile.columns.model is not None:
        theirs = csv.text(profile.columns.model)
        there = dict.fromkeys(theirs)
        models = models or {name: name for name in there}
        if absent := [name for name in models.values() if name not in there]:
            raise file_error(csv.path, near(absent[0], there, f" in column {profile.columns.model!r}"))
        number = {name: j for j, name in enumerate(models.values())}
        model = np.array([number.get(name, -1) for name in theirs], dtype=np.intp)
    sample = _samples(csv, profile.columns.sample)
    seen: set[tuple[str, str, int]] = set()
    for row, cell in enumerate(zip(keys, theirs, sample.tolist(), strict=True)):
        if cell in seen:
            which = (f" of model {cell[1]!r}" if cell[1] else "") + (f", sample {cell[2]}" if cell[2] else "")
            raise csv.error(row, f"a second row for item {cell[0]!r}{which}")
        seen.add(cell)
    return Layout(csv, tuple(items), models, item, model, sample, first)


def prompts_of(texts: TextsFile, items: Sequence[str], folder: Path) -> list[str]:
    """The prompt of each item, from the file of prompts. SpecError for an item that is not in it, or twice."""
    csv = read_csv(find_file(texts.file, folder))
    prompts: dict[str, str] = {}
    for row, (key, prompt) in enumerate(zip(_joined(csv, texts.item), csv.text(texts.prompt), strict=True)):
        if key in prompts:
            raise csv.error(row, f"a second prompt for item {key!r}")
        prompts[key] = prompt
    if absent := [item for item in items if item not in prompts]:
        raise file_error(csv.path, f"no prompt for item {absent[0]!r} ({len(absent)} of {len(items)} items lack one)")
    return [prompts[item] for item in items]


def _samples(csv: CsvColumns, name: str | None) -> NDArray[np.intp]:
    if name is None:
        return np.zeros(len(csv), dtype=np.intp)
    numbers = csv.numbers(name, 0, _MOST_SAMPLES)
    broken = numbers != np.floor(numbers)  # NaN, too
    if broken.any():
        raise csv.error(int(broken.argmax()), f"{name}: give the number of the sample, from 0")
    return numbers.astype(np.intp)


def _joined(csv: CsvColumns, names: Names) -> list[str]:
    names = (names,) if isinstance(names, str) else names
    return ["/".join(cells) for cells in zip(*(csv.text(name) for name in names), strict=True)]
