"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from simulator.records.errors import ResultError


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8; a file that is there is replaced whole.

    Raises ResultError if the disk refuses.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, likewise."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as beside:
            fresh = Path(beside) / "new"
            fresh.write_bytes(data)
            os.replace(fresh, path)
    except OSError as error:
        raise ResultError(f"{path}: cannot be written: {error.strerror or error}") from error


def remove(folder: Path) -> None:
    """Remove a folder that is ours: renamed first, so that nobody ever sees a part of it.

    Raises ResultError if the disk refuses.
    """
    try:
        with tempfile.TemporaryDirectory(
            prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
        ) as beside:
            os.replace(folder, Path(beside) / "old")
    except FileNotFoundError:
        return  # somebody else was faster
    except OSError as error:
        raise ResultError(f"{folder}: cannot be removed: {error.strerror or error}") from error


_UNFINISHED = re.compile(r"\..+-[a-z0-9_]{8}")  # what tempfile makes of the prefixes above


def clear_unfinished(folder: Path, older_than_s: float) -> None:
    """Remove from `folder` what writers left there that were killed; what is younger may be somebody's work."""
    before = time.time() - older_than_s
    for path in folder.glob(".*-*"):
        with suppress(FileNotFoundError):  # its writer may be ready just now
            if _UNFINISHED.fullmatch(path.name) and path.is_dir() and path.stat().st_mtime < before:
                shutil.rmtree(path, ignore_errors=True)
