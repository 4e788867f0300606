"""The result of a run and the folder it is kept in: written whole, then renamed; readable years later."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from simulator.records.errors import ResultError
from simulator.records.stories import Stories
from simulator.records.summary import Summary
from simulator.records.tables import SCHEMA, StoredTables, TablesLike, write_table

KIND = "multillm-result"  # in manifest.json: what marks a folder as ours
SCHEMA_VERSION = 1
STORIES = "stories.json"
_SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where it is there: sweeps read thousands
IDENTITY = ("version", "inputs")  # of the manifest: with the scenario and the seed, what makes two runs equal


@dataclass(frozen=True)
class Result:
    """A run: its resolved scenario, what happened (`tables`), what that says (`summary`), and by whom (`manifest`).

    `stories` tell of a few queries what no table does; results of older versions have none.

    Of the manifest, `version` (of the simulator) and `inputs` (hashes of the profiles and data used) belong to the
    result's identity; the rest (host, times) may differ between equal runs.
    """

    name: str
    scenario: Mapping[str, Any]
    tables: TablesLike
    summary: Summary
    manifest: Mapping[str, Any]
    stories: Stories | None = None

    def save(self, folder: Path | None = None) -> Path:
        """Keep this result: see `save`."""
        return save(self, folder)


def result_hash(result: Result) -> str:
    """Eight hexadecimal digits that equal runs share: of the scenario, the seed, the inputs and the version."""
    identity = {key: result.manifest.get(key) for key in IDENTITY}
    told = {"scenario": result.scenario, "seed": result.summary.seed, "schema": SCHEMA_VERSION, **identity}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:8]


def default_folder(result: Result, under: Path = Path("runs")) -> Path:
    """Where a result is kept if nobody says where: `runs/<name>-<hash8>`."""
    return under / f"{result.name}-{result_hash(result)}"


def save(result: Result, folder: Path | None = None) -> Path:
    """Write `result` to `folder` and return it; a result that is there is replaced.

    Everything is written to a hidden folder beside it, which is then renamed: nobody ever sees half a result. Raises
    ResultError if something else is there (see `check_folder`), or if the disk refuses.
    """
    folder = default_folder(result) if folder is None else Path(folder)
    check_folder(folder)
    try:
        folder = folder.resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            fresh, old = Path(beside) / "new", Path(beside) / "old"
            fresh.mkdir()
            _write(result, fresh)
            if folder.exists():
                os.replace(folder, old)
            os.replace(fresh, folder)
    except (OSError, duckdb.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise ResultError(f"{folder}: cannot write the result: {reason}") from error
    return folder


def check_folder(folder: Path) -> None:
    """Raise ResultError if `folder` is there and is not a result folder: nothing else is ever replaced."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise ResultError(f"{folder}: is a file, not a result folder; name a new folder")
    if _manifest(folder).get("kind") != KIND:
        raise ResultError(f"{folder}: exists and is not a result folder (no manifest.json of ours); name a new folder")


def read_result(folder: Path) -> Result:
    """The result kept in `folder`; its tables are read when they are first asked for.

    Raises ResultError if there is no such folder, if it is not a result, if it is incomplete or of another schema.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ResultError(f"{folder}: no such folder")
    manifest = _manifest(folder)
    if manifest.get("kind") != KIND:
        raise ResultError(f"{folder}: not a result folder (no manifest.json of ours)")
    if manifest.get("schema") != SCHEMA_VERSION:
        there = manifest.get("schema")
        raise ResultError(
            f"{folder}: has schema {there!r}, this version reads {SCHEMA_VERSION}; run the scenario again"
        )
    missing = [f"{table}.parquet" for table in SCHEMA if not (folder / f"{table}.parquet").is_file()]
    if missing:
        raise ResultError(f"{folder}: incomplete: no {', '.join(missing)}")
    try:
        scenario = yaml.load((folder / "scenario.resolved.yaml").read_text(encoding="utf-8"), _SAFE)
        summary = Summary.from_dict(json.loads((folder / "summary.json").read_text(encoding="utf-8")))
        kept = folder / STORIES
        stories = Stories.from_dict(json.loads(kept.read_text(encoding="utf-8"))) if kept.exists() else None
    except OSError as error:
        raise ResultError(f"{folder}: incomplete: {error.filename}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ResultError(f"{folder}: broken summary.json, {STORIES} or scenario.resolved.yaml") from error
    return Result(summary.name, scenario, StoredTables(folder), summary, manifest, stories)


def _write(result: Result, folder: Path) -> None:
    """All files; the manifest comes last."""
    for table in SCHEMA:
        write_table(getattr(result.tables, table), folder / f"{table}.parquet")
    scenario = yaml.safe_dump(dict(result.scenario), sort_keys=False, allow_unicode=True)
    (folder / "scenario.resolved.yaml").write_text(scenario, encoding="utf-8")
    _write_json(result.summary.to_dict(), folder / "summary.json")
    if result.stories is not None:
        _write_json(result.stories.to_dict(), folder / STORIES, indent=None)
    marks = {"kind": KIND, "schema": SCHEMA_VERSION, "hash": result_hash(result)}
    _write_json({**result.manifest, **marks}, folder / "manifest.json")


def _write_json(value: Any, path: Path, indent: int | None = 2) -> None:
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _manifest(folder: Path) -> dict[str, Any]:
    """The folder's manifest, empty where there is none that can be read."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
