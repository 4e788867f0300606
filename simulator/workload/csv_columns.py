"""CSV files (gzip by their first bytes) as named columns of text and numbers; a bad cell is named by file and line."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.spec.errors import Problem, SpecError, near, shown

Floats = NDArray[np.float64]

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class CsvColumns:
    """A CSV file by column. `lines` (rows,) are the lines on which rows end, for messages."""

    path: Path
    header: tuple[str, ...]
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.lines)

    def text(self, name: str) -> Sequence[str]:
        """Cells of a column as they stand, (rows,). Raises SpecError where there is none of that name."""
        if name not in self.columns:
            raise file_error(self.path, near(name, self.header, " among its columns"))
        return self.columns[name]

    def numbers(self, name: str, low: float = -np.inf, high: float = np.inf) -> Floats:
        """A column as numbers, (rows,): NaN where a cell is empty; inf and -inf are numbers.

        Raises SpecError for a cell that is no number, or not from `low` to `high`.
        """
        cells = self.text(name)
        try:
            values = np.array([cell or "nan" for cell in cells], dtype=np.float64)
        except ValueError:
            values = np.array([self._number(name, row) for row in range(len(self))], dtype=np.float64)
        outside = (values < low) | (values > high)
        if outside.any():
            row = int(outside.argmax())
            raise self.error(row, f"{name}: {cells[row]} is not from {low:g} to {high:g}")
        return values

    def error(self, row: int, message: str) -> SpecError:
        """An error at a row, to be raised."""
        return file_error(self.path, message, self.lines[row])

    def where(self, conditions: Mapping[str, Sequence[str]]) -> CsvColumns:
        """The rows whose cells are among those listed, for every column named."""
        keep = np.ones(len(self), dtype=bool)
        for name, allowed in conditions.items():
            keep &= np.isin(np.array(self.text(name), dtype=object), list(allowed))
        rows = [row for row, kept in enumerate(keep) if kept]
        columns = {name: [cells[i] for i in rows] for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=[self.lines[i] for i in rows])

    def _number(self, name: str, row: int) -> float:
        cell = self.columns[name][row]
        try:
            return float(cell or "nan")
        except ValueError:
            raise self.error(row, f"{name}: {shown(cell)} is not a number") from None


def file_error(path: Path, text: str, line: int | None = None) -> SpecError:
    """What is wrong with a data file, to be raised; at a line, where one is to blame."""
    return SpecError([Problem(f"{path}:{line}" if line else str(path), "", text)])


def find_file(name: str, beside: Path) -> Path:
    """The file called `name` in the folder `beside`, else under the folder of public data that MULTILLM_DATA names."""
    data = os.environ.get("MULTILLM_DATA")
    for folder in [beside, *([Path(data)] if data else [])]:
        if (folder / name).is_file():
            return folder / name
    raise file_error(beside / name, f"no such file, nor under MULTILLM_DATA ({data or 'which is not set'})")


def read_csv(path: Path) -> CsvColumns:
    """All of a CSV file, plain or gzip, UTF-8 with or without a byte-order mark. Raises SpecError, with the line."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw.startswith(_GZIP_MAGIC) else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise file_error(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[int] = []
    cells: list[list[str]] = []
    try:
        header = tuple(next(rows, ()))
        for row in rows:
            if len(row) != len(header) and row:
                raise file_error(path, f"{len(row)} cells, but the header has {len(header)}", rows.line_num)
            if row:
                cells.append(row)
                lines.append(rows.line_num)
    except csv.Error as error:
        raise file_error(path, f"not CSV: {error}", rows.line_num) from None
    twice = next((name for i, name in enumerate(header) if name in header[:i]), None)
    if not header or twice is not None:
        raise file_error(path, f"column {twice!r} is there twice" if header else "no header", 1)
    columns = dict(zip(header, map(list, zip(*cells, strict=True)), strict=True)) if cells else {n: [] for n in header}
    return CsvColumns(path, header, columns, lines)
