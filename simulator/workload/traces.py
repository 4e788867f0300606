"""Recorded workloads: public trace formats and plain CSV, read as they are published, plain or gzipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.spec.base import NonNegative, Positive
from simulator.spec.errors import SpecError
from simulator.spec.refs import DataFile
from simulator.workload.arrivals import reach
from simulator.workload.csv_columns import CsvColumns, read_csv
from simulator.workload.jsonl import read_jsonl
from simulator.workload.traffic import Demand, Floats, Ints, Streams, Traffic

Format = Literal["azure", "burstgpt", "mooncake", "vidur", "splitwise", "lengths", "csv"]
Column = Literal["arrive_s", "prompt_tok", "output_tok"]
Failures = Literal["drop", "keep"]
Spellings = tuple[tuple[Column, tuple[str, ...]], ...]

# What files of each format call our columns; where several spellings are around, the first that a file has.
_SPELLINGS: Mapping[Format, Spellings] = {
    "azure": (
        ("arrive_s", ("TIMESTAMP",)),
        ("prompt_tok", ("ContextTokens",)),
        ("output_tok", ("GeneratedTokens",)),
    ),
    "burstgpt": (
        ("arrive_s", ("Timestamp",)),
        ("prompt_tok", ("Request tokens",)),
        ("output_tok", ("Response tokens",)),
    ),
    "mooncake": (
        ("arrive_s", ("timestamp",)),
        ("prompt_tok", ("input_length",)),
        ("output_tok", ("output_length",)),
    ),
    "vidur": (
        ("arrive_s", ("arrived_at",)),
        ("prompt_tok", ("num_prefill_tokens",)),
        ("output_tok", ("num_decode_tokens",)),
    ),
    "splitwise": (
        ("arrive_s", ("arrival_timestamp",)),
        ("prompt_tok", ("prompt_size",)),
        ("output_tok", ("token_size",)),
    ),
    "lengths": (
        ("prompt_tok", ("num_prefill_tokens", "ContextTokens")),
        ("output_tok", ("num_decode_tokens", "GeneratedTokens")),
    ),
    "csv": (),
}
_MOONCAKE_BIN_S = 3.0
_MOONCAKE_JITTER_S = 0.01  # the published timestamps are a few milliseconds off their bins


@dataclass(frozen=True, slots=True)
class TraceRows:
    """A file's rows in order of time; columns are (n,). `arrive_s` counts from the earliest row; None: lengths only.

    `failed` rows have no prompt or no answer tokens: they were left out, or kept with 1 token.
    """

    arrive_s: Floats | None
    prompt_tok: Ints
    output_tok: Ints
    failed: int


@dataclass(frozen=True)
class Trace:
    """Arrivals and lengths as recorded; they end with the file.

    Mooncake's timestamps are bins of 3 s: each is spread evenly over its bin, or all queries of a bin would meet the
    same batch (un-binned, the gaps are exponential). A file in that format with finer timestamps is left as it is.
    """

    file: DataFile
    """Plain or gzipped."""
    format: Format
    """Whose columns the file has; `csv`: those that `columns` names."""
    columns: dict[Column, str] | None = None
    """The file's names of our columns where they are not the format's: for `csv` all, with times in seconds."""
    speed: Positive = 1.0
    """2: in half the time, at twice the rate."""
    start_s: NonNegative = 0.0
    """Of the trace's own time: rows before it are left out, and it becomes time 0."""
    until_s: Positive | None = None
    """Of the trace's own time: rows from then on are left out."""
    failures: Failures = "drop"
    """What becomes of rows without prompt or answer tokens; kept, they count 1."""

    def __post_init__(self) -> None:
        _spellings(self.format, self.columns, ("arrive_s", "prompt_tok", "output_tok"))

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows in order of time, with lengths; fewer than asked for where the file ends."""
        rows = read_trace(Path(self.file), self.format, self.columns, self.failures)
        assert rows.arrive_s is not None, self
        at_s, order = rows.arrive_s, np.arange(len(rows.arrive_s))
        bin_s = _MOONCAKE_BIN_S * np.rint(at_s / _MOONCAKE_BIN_S)
        if self.format == "mooncake" and np.all(np.abs(at_s - bin_s) < _MOONCAKE_JITTER_S):
            at_s = bin_s + _MOONCAKE_BIN_S * streams("bins").random(len(at_s))
            order = np.argsort(at_s, kind="stable")
            at_s = at_s[order]
        until_s = np.inf if self.until_s is None else self.until_s
        inside = (at_s >= self.start_s) & (at_s < until_s)
        order, at_s = order[inside], (at_s[inside] - self.start_s) / self.speed
        n = reach(at_s, demand)
        return Traffic(at_s[:n], rows.prompt_tok[order[:n]], rows.output_tok[order[:n]], finite=True)


@dataclass(frozen=True)
class TraceLengths:
    """Lengths of a recorded workload, without its times: a row's prompt and answer stay together."""

    file: DataFile
    """Plain or gzipped."""
    format: Format = "lengths"
    """Whose columns the file has; `csv`: those that `columns` names."""
    columns: dict[Column, str] | None = None
    """The file's names of our columns where they are not the format's: for `csv` all."""
    order: Literal["shuffled", "recorded"] = "shuffled"
    """Rows drawn with replacement, or in the order of the recording, from the top again after the last."""
    failures: Failures = "drop"
    """What becomes of rows without prompt or answer tokens; kept, they count 1."""

    def __post_init__(self) -> None:
        _spellings(self.format, self.columns, ("prompt_tok", "output_tok"))

    def draw(self, n: int, streams: Streams) -> tuple[Ints, Ints]:
        """Prompt and output tokens, each (n,)."""
        rows = read_trace(Path(self.file), self.format, self.columns, self.failures)
        size = len(rows.prompt_tok)
        drawn = np.arange(n) % size if self.order == "recorded" else streams("rows").integers(0, size, n)
        return rows.prompt_tok[drawn], rows.output_tok[drawn]


def read_trace(
    file: Path, format: Format, columns: Mapping[Column, str] | None = None, failures: Failures = "drop"
) -> TraceRows:
    """Rows of a trace file. Raises SpecError with file and line where it is not what `format` says."""
    if not file.is_file():
        raise SpecError(f"{file}: no such file")
    spellings = _spellings(format, columns, ("prompt_tok", "output_tok"))
    return _read(file, format, spellings, failures, file.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(file: Path, format: Format, spellings: Spellings, failures: Failures, changed_ns: int) -> TraceRows:
    """As `read_trace`; a replication later the file is not read again, unless it has changed."""
    table = read_jsonl(file) if format == "mooncake" else read_csv(file)
    # Where a file has no spelling of a column, the error is about the first.
    names = {ours: next((name for name in theirs if name in table.header), theirs[0]) for ours, theirs in spellings}
    prompt_tok, output_tok = _counts(table, names["prompt_tok"]), _counts(table, names["output_tok"])
    good = (prompt_tok > 0) & (output_tok > 0)
    kept = np.flatnonzero(good) if failures == "drop" else np.arange(len(good))
    if not len(kept):
        raise SpecError(f"{file}: no row with prompt and answer tokens")
    arrive_s = None
    if "arrive_s" in names:
        times_s = _times_s(table, names["arrive_s"], format)
        kept = kept[np.argsort(times_s[kept], kind="stable")]
        arrive_s = times_s[kept] - times_s.min()
    return TraceRows(arrive_s, np.maximum(prompt_tok[kept], 1), np.maximum(output_tok[kept], 1), int((~good).sum()))


def _spellings(format: Format, columns: Mapping[Column, str] | None, needed: Sequence[Column]) -> Spellings:
    """What a file may call our columns. Raises ValueError where nothing says what one of those `needed` is called."""
    known = dict(_SPELLINGS[format]) | {ours: (theirs,) for ours, theirs in (columns or {}).items()}
    missing = [ours for ours in needed if ours not in known]
    if missing:
        raise ValueError(f"'columns' must say what the file calls {' and '.join(map(repr, missing))}")
    return tuple(known.items())


def _counts(table: CsvColumns, name: str) -> Ints:
    values = table.numbers(name)
    _check(table, name, np.isfinite(values) & (values >= 0) & (values == np.floor(values)), "a whole number, 0 or more")
    return values.astype(np.int64)


def _times_s(table: CsvColumns, name: str, format: Format) -> Floats:
    if format == "azure":
        return _clock_s(table, name)
    values = table.numbers(name)
    _check(table, name, np.isfinite(values), "a number")
    return values / 1e3 if format == "mooncake" else values


def _clock_s(table: CsvColumns, name: str) -> Floats:
    """Seconds since the first of the dates and times, to the 100 ns that they are written in."""
    cells = [cell.removesuffix("Z").removesuffix("+00:00") for cell in table.text(name)]
    try:
        ticks = np.array(cells, dtype="datetime64[ns]")
    except ValueError:
        ticks = np.array([_tick(cell) for cell in cells])
    _check(table, name, ~np.isnat(ticks), "a date and time (UTC)")
    return np.asarray((ticks - ticks[0]).astype(np.int64) * 1e-9, dtype=np.float64)


def _tick(cell: str) -> np.datetime64:
    try:
        return np.datetime64(cell, "ns")
    except ValueError:
        return np.datetime64("NaT", "ns")


def _check(table: CsvColumns, name: str, good: NDArray[np.bool_], what: str) -> None:
    bad = np.flatnonzero(~good)
    if len(bad):
        raise table.error(int(bad[0]), f"{name!r} should be {what}, not {table.text(name)[bad[0]]!r}")
