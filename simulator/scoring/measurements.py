"""Tables of measurements of one server: a CSV with a row for each burst of equal requests, and what was measured of it.

A row is `concurrency` requests of `prompt_tok` and `output_tok` tokens that start together. Its quantities, each empty
where it was not measured:

- `ttft_s`: seconds to the first token, mean over the requests, as the client sees it. With `joining_tok`: that of one
  more request, of a prompt so long, which joins while the `concurrency` requests decode;
- `tpot_s`: seconds between two tokens of a request, while all of them decode;
- `prefill_tok_per_s`: prompt tokens of all requests over the time until the last has its first token;
- `decode_tok_per_s`: tokens a second of all requests together, while all of them decode;
- `energy_j`: joules of the whole burst, of all devices together, above what they draw idle.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simulator.spec.errors import Problem, SpecError, near
from simulator.workload.csv_columns import CsvColumns, read_csv

QUANTITIES = ("ttft_s", "tpot_s", "prefill_tok_per_s", "decode_tok_per_s", "energy_j")
COUNTS = ("concurrency", "prompt_tok", "output_tok", "joining_tok")
COLUMNS = (*COUNTS, *QUANTITIES)

_MOST = {"concurrency": 4096, "prompt_tok": 10_000_000, "output_tok": 1_000_000, "joining_tok": 10_000_000}
_BETWEEN_TOKENS = ("tpot_s", "decode_tok_per_s")


@dataclass(frozen=True)
class Measurement:
    """One burst of equal requests, and its measured quantities by name."""

    prompt_tok: int
    output_tok: int
    concurrency: int = 1
    joining_tok: int = 0
    measured: Mapping[str, float] = field(default_factory=dict)


def read_measurements(path: Path) -> list[Measurement]:
    """All rows of a file. SpecError for columns that are not known, and for each bad value, with its line."""
    table = read_csv(path)
    _check_columns(table)
    rows = [_row(table, i) for i in range(len(table))]
    problems = [problem for row in rows if isinstance(row, SpecError) for problem in row.problems]
    if problems:
        raise SpecError(problems)
    return [row for row in rows if isinstance(row, Measurement)]


def measurements_text(rows: Iterable[Measurement]) -> str:
    """The rows as the text of a CSV file, which `read_measurements` reads again."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = [f"{row.measured[name]:.6g}" if name in row.measured else "" for name in QUANTITIES]
        writer.writerow([row.concurrency, row.prompt_tok, row.output_tok, row.joining_tok, *values])
    return text.getvalue()


def _check_columns(table: CsvColumns) -> None:
    unknown = [name for name in table.header if name not in COLUMNS]
    problems = [Problem(f"{table.path}:1", "", near(name, COLUMNS, " among the columns known")) for name in unknown]
    missing = [name for name in ("prompt_tok", "output_tok") if name not in table.header]
    problems += [Problem(f"{table.path}:1", "", f"no column {name!r}") for name in missing if not unknown]
    if not set(QUANTITIES) & set(table.header) and not unknown:
        problems.append(Problem(f"{table.path}:1", "", f"nothing measured: no column of {', '.join(QUANTITIES)}"))
    if problems:
        raise SpecError(problems)


def _row(table: CsvColumns, i: int) -> Measurement | SpecError:
    """A row, or what is wrong with it."""
    try:
        counts = {name: _count(table, i, name) for name in COUNTS if name in table.header}
        measured = {
            name: _quantity(table, i, name) for name in QUANTITIES if table.columns.get(name, [""] * (i + 1))[i]
        }
    except SpecError as error:
        return error
    if not measured:
        return table.error(i, "nothing measured: all quantities are empty")
    for name in _BETWEEN_TOKENS:
        if name in measured and counts["output_tok"] < 2:
            return table.error(i, f"{name}: needs an output_tok of 2 or more")
    if counts.get("joining_tok") and set(measured) - {"ttft_s"}:
        return table.error(i, "a row with joining_tok has a ttft_s and nothing else")
    return Measurement(**counts, measured=measured)


def _count(table: CsvColumns, i: int, name: str) -> int:
    cell = table.columns[name][i]
    least = 0 if name == "joining_tok" else 1
    if not cell and name in ("concurrency", "joining_tok"):
        return 1 - (name == "joining_tok")
    value = _number(table, i, name)
    if not (least <= value <= _MOST[name] and value.is_integer()):
        raise table.error(i, f"{name}: must be a whole number from {least} to {_MOST[name]}, not {cell!r}")
    return int(value)


def _quantity(table: CsvColumns, i: int, name: str) -> float:
    value = _number(table, i, name)
    if not 0 < value < np.inf:
        raise table.error(i, f"{name}: must be a number > 0, not {table.columns[name][i]!r}")
    return value


def _number(table: CsvColumns, i: int, name: str) -> float:
    try:
        return float(table.columns[name][i])
    except ValueError:
        raise table.error(i, f"{name}: {table.columns[name][i]!r} is not a number") from None
