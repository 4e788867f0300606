"""The tables of a run: what their columns are, and how they are kept in Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import duckdb
import pandas as pd

from simulator.records.errors import ResultError

QUERIES = {
    "replication": "which repetition, from 0",
    "query": "number in the replication's world, from 0",
    "cls": "class of the workload",
    "task": "task of its item, or of its class",
    "item": "row of the class's quality table; -1: none",
    "user": "whose query it is; -1: an open loop's",
    "session": "the session it is a turn of; -1: none",
    "turn": "its place in the session",
    "arrived_s": "when the user asked",
    "ttft_s": "from arrival to the first token shown",
    "tpot_s": "between tokens of the accepted answer; NaN for answers of one token",
    "queue_s": "waiting on the critical path",
    "e2e_s": "from arrival to the last token; NaN unless finished",
    "fate": "finished | abstained | dropped | unfinished",
    "reason": "why it was dropped",
    "pool": "where the accepted answer is from",
    "calls": "calls made for it",
    "escalated": "a second answer call because of an answer",
    "score": "of the accepted answer: 0/1 or in [0, 1]; NaN without an item or an answer",
    "confidence": "of the accepted answer",
    "prompt_tok": "tokens of its prompt",
    "output_tok": "tokens of the accepted answer",
    "cost_usd": "dollars of all its calls at hosted pools",
    "energy_j": "its share of all joules of the run",
}
CALLS = {
    "replication": "which repetition, from 0",
    "call": "number in the replication",
    "query": "whose call it is",
    "pool": "who was asked",
    "replica": "which replica; -1: none took it",
    "kind": "answer | verify | refine",
    "fate": "answered | cancelled | failed | unfinished",
    "reason": "why it failed",
    "asked_s": "when the policy decided it",
    "uplink_s": "on links to the pool",
    "queue_s": "waiting for a replica",
    "prefill_s": "from its start to its first token",
    "decode_s": "from its first to its last token",
    "downlink_s": "on links from the pool",
    "delivered_s": "when it ended for the policy",
    "prompt_tok": "tokens of its prompt; of a further sample of one prompt, what was prefilled for it",
    "output_tok": "tokens generated",
    "preemptions": "times it lost its memory and began anew",
    "retries": "times a rate limit sent it away, and it came again",
    "sample": "which answer of its pool to its query, from 0; -1: a verification or refinement",
    "score": "truth: how right the answer is",
    "confidence": "what the policy saw",
    "cost_usd": "dollars at a hosted pool",
    "energy_j": "its share of its pool's joules",
    "accepted": "the user got this answer",
}
LEDGER = {
    "replication": "which repetition, from 0",
    "window": "inside the measured window",
    "kind": "host | replica | link | hosted | station",
    "name": "which one",
    "place": "where it is",
    "pool": "whose it is, where it is one pool's",
    "state": "of replicas idle | busy | loading | off; of hosts loaded | bare | metered | held; else on | busy",
    "phase": "idle | prefill | decode | load | transfer | tail | decide | call | embodied",
    "time_s": "seconds in that state",
    "it_energy_j": "joules of the machine itself",
    "energy_j": "joules with the building's share (PUE)",
    "co2_g": "grams of CO2-equivalent",
    "cost_usd": "dollars",
    "flop": "floating-point operations",
    "bytes": "bytes moved",
    "evidence": "of the joules: measured | fitted | datasheet | assumed",
    "cost_evidence": "of the dollars, likewise",
}
TIMELINE = {
    "replication": "which repetition, from 0",
    "start_s": "start of the bin",
    "width_s": "its width",
    "pool": "of which pool",
    "busy_frac": "share of replicas' time at work",
    "decode_seqs": "mean number of sequences decoding, over all replicas",
    "waiting": "mean number of calls waiting",
    "energy_j": "joules drawn",
    "arrivals": "calls that came",
    "finished": "calls that were answered",
    "escalated": "calls that came because of another pool's answer",
}
SCHEMA = {"queries": QUERIES, "calls": CALLS, "ledger": LEDGER, "timeline": TIMELINE}


class TablesLike(Protocol):
    """Four tables, in memory or read when first asked for. Columns: `SCHEMA`; all start with `replication`."""

    @property
    def queries(self) -> pd.DataFrame:
        """One row a query."""
        ...

    @property
    def calls(self) -> pd.DataFrame:
        """One row a call."""
        ...

    @property
    def ledger(self) -> pd.DataFrame:
        """One row for each thing, state and phase, inside and outside the window."""
        ...

    @property
    def timeline(self) -> pd.DataFrame:
        """One row a bin of time and pool."""
        ...

    def columns(self, table: str, names: Sequence[str]) -> pd.DataFrame:
        """Some columns of one of the tables: a large one's others are not read for them."""
        ...


@dataclass(frozen=True)
class Tables:
    """Tables in memory, all replications one after the other."""

    queries: pd.DataFrame
    calls: pd.DataFrame
    ledger: pd.DataFrame
    timeline: pd.DataFrame

    def columns(self, table: str, names: Sequence[str]) -> pd.DataFrame:
        """Some columns of one of the tables."""
        found: pd.DataFrame = getattr(self, table)[list(names)]
        return found


class StoredTables:
    """Tables of a result folder, each read when it is first asked for. Text columns are categories."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def queries(self) -> pd.DataFrame:
        """One row a query."""
        return read_table(self.folder / "queries.parquet")

    @cached_property
    def calls(self) -> pd.DataFrame:
        """One row a call."""
        return read_table(self.folder / "calls.parquet")

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """One row for each thing, state and phase, inside and outside the window."""
        return read_table(self.folder / "ledger.parquet")

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """One row a bin of time and pool."""
        return read_table(self.folder / "timeline.parquet")

    def columns(self, table: str, names: Sequence[str]) -> pd.DataFrame:
        """Some columns of one of the tables, and nothing else of its file."""
        return read_table(self.folder / f"{table}.parquet", names)


_INTERRUPTS = ("KeyboardInterrupt", "Query interrupted", "INTERRUPT")  # what DuckDB makes of Ctrl-C, by where it comes


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write `table` as Parquet: the same bytes for the same values. NaN becomes NULL, for SQL's sake."""
    try:
        with duckdb.connect(config={"threads": 1}) as database:  # one thread: the row groups' order is the rows' order
            database.register("rows", table)
            database.execute(f"COPY rows TO {_quoted(path)} (FORMAT parquet, COMPRESSION zstd)")
    except (duckdb.Error, RuntimeError) as error:
        if any(word in str(error) for word in _INTERRUPTS):
            raise KeyboardInterrupt from None
        raise


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A table as it was written, or some of its `columns`. Raises ResultError where the file cannot be read."""
    try:
        with duckdb.connect() as database:
            file = f"read_parquet({_quoted(path)})"
            kinds = {name: kind for name, kind, *_ in database.execute(f"DESCRIBE FROM {file}").fetchall()}
            wanted = list(kinds if columns is None else columns)
            text = [name for name in wanted if kinds.get(name) == "VARCHAR"]
            values = _values(database, file, text)
            told = ", ".join(_coded(name, values.get(name)) for name in wanted)
            table: pd.DataFrame = database.execute(f"SELECT {told} FROM {file}").df()
    except duckdb.Error as error:
        raise ResultError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    return table.assign(**{name: pd.Categorical(table[name], values[name], ordered=False) for name in text})


def _values(database: duckdb.DuckDBPyConnection, file: str, text: Sequence[str]) -> dict[str, list[str]]:
    """The different values of columns of text, sorted."""
    if not text:
        return {}
    lists = ", ".join(f'list_sort(list(DISTINCT "{name}") FILTER ("{name}" IS NOT NULL))' for name in text)
    found = database.execute(f"SELECT {lists} FROM {file}").fetchone()
    return {name: values or [] for name, values in zip(text, found or (), strict=True)}


def _coded(name: str, values: Iterable[str] | None) -> str:
    """A column in SQL; text by number of its value, since a million strings would be a million objects."""
    if not values:
        return f'"{name}"'
    return f'"{name}"::ENUM({", ".join(_literal(value) for value in values)}) AS "{name}"'


def _literal(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _quoted(path: Path) -> str:
    """A path as an SQL literal."""
    return _literal(str(path))
