"""`multillm schema`: the shape of scenario files, for editors."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of scenario files."""
    from simulator.spec.schema import schema_text

    print(schema_text(), end="")
