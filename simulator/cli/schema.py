"""`multillm schema`: the shape of files, for editors and for people."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the field reference instead: profiles, metrics and tables, too.")
    ] = False,
) -> None:
    """Print the JSON Schema of scenario files."""
    if markdown:
        from simulator.cli.reference import reference

        print(reference(), end="")
        return
    from simulator.spec.schema import schema_text

    print(schema_text(), end="")
