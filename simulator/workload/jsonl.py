"""JSONL files (gzip by their first bytes) as columns of text, so that a bad cell is named by file and line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from simulator.spec.errors import SpecError
from simulator.workload.csv_columns import CsvColumns


def read_jsonl(path: Path) -> CsvColumns:
    """Columns of numbers and texts of a file with one flat JSON object a line; the first says which there are.

    Lists and objects inside are left out. Raises SpecError, with the line.
    """
    columns: dict[str, list[str]] = {}
    lines: list[int] = []
    for number, row in objects(path):
        if not lines:
            columns = {name: [] for name, value in row.items() if not isinstance(value, list | dict)}
        for name, cells in columns.items():
            if name not in row:
                raise SpecError(f"{path}:{number}: no {name!r}")
            cells.append(str(row[name]))
        lines.append(number)
    if not lines:
        raise SpecError(f"{path}: has no rows")
    return CsvColumns(path, tuple(columns), columns, lines)


def objects(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """The object on each line that is not blank, with the line's number. Raises SpecError, with the line."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            yield number, _row(f"{path}:{number}", line)


def _row(origin: str, line: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise SpecError(f"{origin}:{error.colno}: not JSON: {error.msg}") from None
    if not isinstance(row, dict):
        raise SpecError(f"{origin}: should be a JSON object")
    return row


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from None
