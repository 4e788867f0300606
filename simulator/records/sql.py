"""The folder of a sweep as a database: views over all points that have a result."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from simulator.records.errors import ResultError
from simulator.records.result import read_result
from simulator.records.sweep import POINTS, SweepIndex, SweepPoint, is_finished, read_indexes, tidy
from simulator.records.tables import SCHEMA

READS = ("SELECT", "EXPLAIN", "RELATION")  # kinds of statements that change nothing


def ask(folder: Path, query: str) -> pd.DataFrame:
    """What one SQL query (DuckDB's dialect) says of the sweeps in `folder`. Nothing can be changed.

    Views: `points` (a row a point: `point`, `key`, the varied keys, `verdict`, and a metric's mean, `.ci_low` and
    `.ci_high`), `replications` (a row a point and replication), and `queries`, `calls`, `ledger`, `timeline` of all
    points, as `records.tables` has them, with `point` and `key` before. Columns with dots stand in double quotes.

    Raises ResultError, in one line, where there is no sweep, no finished point, or something wrong with the query.
    """
    index = _all_points(Path(folder))
    try:
        with duckdb.connect() as database:
            statements = database.extract_statements(query)
            if len(statements) != 1 or statements[0].type.name not in READS:
                raise ResultError("sql: give one query that reads: select ... from points")
            _views(database, Path(folder), index)
            found: pd.DataFrame = database.execute(query).df()
    except duckdb.Error as error:
        raise ResultError(f"sql: {_line(error)}") from None
    return found


def _all_points(folder: Path) -> SweepIndex:
    """Finished points of all sweeps in the folder, each once."""
    indexes = read_indexes(folder)
    points = {point.key: point for index in indexes for point in index.points if is_finished(folder, point.key)}
    if not points:
        raise ResultError(f"{folder}: no point has a result yet")
    return SweepIndex(indexes[0].name, tuple(points.values()))


def _views(database: duckdb.DuckDBPyConnection, folder: Path, index: SweepIndex) -> None:
    rows = tidy(folder, index)
    database.register("replications", rows)
    database.register("points", _of_points(folder, index, rows))
    files = {
        table: [str(folder / POINTS / point.key / f"{table}.parquet") for point in index.points] for table in SCHEMA
    }
    for table, paths in files.items():
        keys = pd.DataFrame(
            {"filename": paths, "point": range(len(paths)), "key": [point.key for point in index.points]}
        )
        database.register(f"_{table}", keys)
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        database.execute(
            f"CREATE VIEW {table} AS SELECT f.point, f.key, t.* EXCLUDE (filename) "
            f"FROM read_parquet([{listed}], filename = true, union_by_name = true) t JOIN _{table} f USING (filename)"
        )


def _of_points(folder: Path, index: SweepIndex, rows: pd.DataFrame) -> pd.DataFrame:
    """One row a point: what all its replications say together."""
    first = rows.drop_duplicates("key").set_index("key")
    varied = list(first.columns[1 : list(first.columns).index("replication")])
    return pd.DataFrame([_row(folder, number, point, first, varied) for number, point in enumerate(index.points)])


def _row(folder: Path, number: int, point: SweepPoint, first: pd.DataFrame, varied: list[str]) -> dict[str, object]:
    summary = read_result(folder / POINTS / point.key).summary
    row: dict[str, object] = {"point": number, "key": point.key, **{key: first.at[point.key, key] for key in varied}}
    row |= {"replications": summary.replications, "verdict": summary.verdict}
    for name, told in summary.metrics.items():
        row |= {name: told.mean, f"{name}.ci_low": told.ci_low, f"{name}.ci_high": told.ci_high}
    return row


def _line(error: duckdb.Error) -> str:
    """The first lines of an error, without the query that DuckDB repeats below."""
    told = [line.strip() for line in str(error).split("\n\nLINE")[0].splitlines()]
    return " ".join(line for line in told if line)
