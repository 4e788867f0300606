"""All replays by name, and whether their data is at hand."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path

from simulator.replays.core import Replay, Row
from simulator.spec.errors import SpecError, near
from simulator.spec.library import library
from simulator.spec.refs import DATA_VARIABLE
from simulator.workload.csv_columns import find_file
from simulator.workload.read_quality import files_named, read_quality_profile

REPLAYS: Mapping[str, str] = {
    "golden-cascades": "simulator.replays.golden",
    "llama-cascades": "simulator.replays.llama_chain",
    "routellm": "simulator.replays.routellm",
    "routerbench": "simulator.replays.routerbench",
    "consistency": "simulator.replays.consistency",
    "hil-f": "simulator.replays.hil_f",
    "greenserv": "simulator.replays.greenserv",
    "uniroute": "simulator.replays.uniroute",
    "hybrid-llm": "simulator.replays.hybrid_llm",
    "routellm-mf": "simulator.replays.routellm_mf",
    "frugalgpt": "simulator.replays.frugal",
    "automix": "simulator.replays.automix",
    "n1-bandit-under-load": "simulator.replays.n1",
    "n2-moving-threshold": "simulator.replays.n2",
    "n3-route-or-cascade": "simulator.replays.n3",
}
"""Modules with a `REPLAY`, in the order in which they are told."""


def find(name: str) -> Replay:
    """The replay of this name. SpecError with near names."""
    if name not in REPLAYS:
        raise SpecError(near(name, REPLAYS, " among the replays"))
    replay = importlib.import_module(REPLAYS[name]).REPLAY
    assert isinstance(replay, Replay)
    return replay


def rows(name: str) -> tuple[Row, ...]:
    """What it comes to. SpecError where data is not at hand, a line a file: which, and where it is from."""
    replay = find(name)
    if lacking := missing(replay):
        data = os.environ.get(DATA_VARIABLE) or "which is not set"
        raise SpecError(
            f"replay {name!r} needs {'; '.join(lacking)}: put it under the folder of {DATA_VARIABLE} ({data})"
        )
    return tuple(replay.rows())


def missing(replay: Replay) -> list[str]:
    """Files that a replay needs and that are not there, by where they are from."""
    shelf = library([Path()])
    lacking: dict[str, list[str]] = {}
    for table in replay.tables:
        path = shelf.path("quality", table)
        profile = read_quality_profile(path)
        source = next(source.ref for source in profile.sources if source.kind == "measured")
        for name in files_named(profile):
            if not _is_there(name, path.parent):
                lacking.setdefault(f"see {path.name}: made of {source}", []).append(name)
    for name, source in replay.files.items():
        if not _is_there(name, Path()):
            lacking.setdefault(source, []).append(name)
    by_files = {", ".join(dict.fromkeys(names)): source for source, names in lacking.items()}
    return [f"{names} ({source})" for names, source in by_files.items()]


def _is_there(name: str, beside: Path) -> bool:
    try:
        find_file(name, beside)
    except SpecError:
        return False
    return True
