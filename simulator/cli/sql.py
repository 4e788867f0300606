"""`multillm sql`: ask the folder of a sweep in SQL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 100  # rows of a table


def sql(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a sweep, or of a search.")],
    query: Annotated[str, typer.Argument(metavar="QUERY", help='select "ttft_s.p95" from points, say.')],
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, all rows, instead of a table.")] = False,
) -> None:
    """Ask all points of a sweep in SQL (DuckDB's).

    Views: points, replications, queries, calls, ledger, timeline. Names with dots stand in double quotes.
    """
    from simulator.records.sql import ask

    found = ask(folder, query)
    if csv:
        found.to_csv(sys.stdout, index=False)
        return
    _print(found)


def _print(found: pd.DataFrame) -> None:
    """The first rows as a table; numbers with five digits."""
    import pandas as pd
    from rich.text import Text

    from simulator.cli.searched import console
    from simulator.terminal import empty_table

    columns = list(found.columns)
    numeric = [pd.api.types.is_numeric_dtype(found[name]) for name in columns]
    titled = [(name, "right" if number else "left") for name, number in zip(columns, numeric, strict=True)]
    table = empty_table(titled[0][0], *titled[1:])
    table.columns[0].justify = "right" if numeric[0] else "left"
    for row in found.head(SHOWN).itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))
    console().print(table)
    if len(found) > SHOWN:
        print(f"... and {len(found) - SHOWN:,} more rows: --csv has them")


def _cell(value: object) -> str:
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):  # type: ignore[call-overload]
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
