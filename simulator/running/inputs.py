"""What a result rests on beside its scenario: profiles, data, and the version of the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from simulator.spec.load import Scenario, profiles_used
from simulator.workload.read_quality import files_of


def inputs(scenario: Scenario, hashes: dict[Path, str] | None = None) -> Mapping[str, str]:
    """Hashes of the profiles and data files, by what the scenario calls them; `hashes` remembers those of files."""
    known = {} if hashes is None else hashes
    files: dict[str, Path] = {}
    for kind, name in profiles_used(scenario.spec):
        path = scenario.library.path(kind, name)
        if kind != "quality":
            files[f"{kind}/{name}"] = path
            continue
        for file in files_of(path):
            files[f"{kind}/{file.name}"] = file
    for name, cls in scenario.spec.workload.items():
        for part in (cls.arrivals, cls.lengths):
            if part is not None and "file" in part.args:
                files[f"workload/{name}/{Path(part.args['file']).name}"] = Path(part.args["file"])
    for path in files.values():
        if path not in known:
            known[path] = sha256(path.read_bytes()).hexdigest()[:16]
    return {name: known[files[name]] for name in sorted(files)}


def version() -> str:
    """The version that is installed."""
    try:
        return metadata.version("multillm-sim")
    except metadata.PackageNotFoundError:
        return "unknown"
