"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from simulator.records.errors import ResultError


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8; a file that is there is replaced whole.

    Raises ResultError if the disk refuses.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as beside:
            fresh = Path(beside) / "new"
            fresh.write_text(text, encoding="utf-8", newline="")
            os.replace(fresh, path)
    except OSError as error:
        raise ResultError(f"{path}: cannot be written: {error.strerror or error}") from error
