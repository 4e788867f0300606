"""`multillm init`: a scenario to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FILE = "my-scenario.yaml"
STARTER = Path(__file__).with_name("starter.yaml")


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where to write it; here where it is not given.", show_default=False)
    ] = Path(),
) -> None:
    """Write a commented scenario to start from. A file that is there is left alone."""
    from simulator.records.errors import ResultError
    from simulator.spec.schema import SCHEMA_FILE

    file = folder / FILE
    for_editors = f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(for_editors + STARTER.read_text(encoding="utf-8"))
    except FileExistsError:
        raise ResultError(f"{file if folder.is_dir() else folder}: exists, and is left as it is") from None
    except OSError as error:
        raise ResultError(f"{file}: cannot be written: {error.strerror}") from None
    print(f"wrote {file}\nnext: multillm run {file}")
