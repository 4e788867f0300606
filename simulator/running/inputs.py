"""What a result rests on beside its scenario: profiles, data, own code, and the version of the simulator."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from simulator.spec.library import shipped
from simulator.spec.load import Scenario, profiles_used
from simulator.spec.parts import BUILTIN_WORKLOADS, Part
from simulator.spec.scenario import ScenarioSpec
from simulator.workload.read_quality import files_of


def inputs(scenario: Scenario, hashes: dict[Path, str] | None = None) -> Mapping[str, str]:
    """Hashes of the files of profiles, data and own code, by what the scenario calls them.

    Own code is the module that `use: module:Class` names, without what that imports. `hashes` remembers those of files.
    """
    known = {} if hashes is None else hashes
    files = dict(_files(scenario))
    for path in files.values():
        if path not in known:
            known[path] = sha256(path.read_bytes()).hexdigest()[:16]
    return {name: known[files[name]] for name in sorted(files)}


def _files(scenario: Scenario) -> Iterator[tuple[str, Path]]:
    for kind, name in profiles_used(scenario.spec):
        path = scenario.library.path(kind, name)
        if kind != "quality":
            yield f"{kind}/{name}", path
            continue
        for file in files_of(path):
            yield f"{kind}/{file.name}", file
    for engine in engines_used(scenario):
        yield f"engines/{engine}", scenario.library.path("engines", engine)
    for name, cls in scenario.spec.workload.items():
        for part in (cls.arrivals, cls.lengths):
            if part is not None and "file" in part.args:
                yield f"workload/{name}/{Path(part.args['file']).name}", Path(part.args["file"])
    for part in _parts(scenario.spec):
        if part.use in BUILTIN_WORKLOADS:
            yield f"workloads/{part.use}", shipped("profiles") / "workloads" / f"{part.use}.yaml"
        module = part.cls.__module__
        if ":" in part.use and (code := sys.modules[module].__file__) is not None:
            yield f"code/{module}", Path(code)


def engines_used(scenario: Scenario) -> set[str]:
    """Names of the profiles that say what engines achieve on the devices of the scenario."""
    spec, shelf = scenario.spec, scenario.library
    used: set[tuple[str, str | None]] = {(host.device, None) for host in spec.hosts.values()}
    for pool in spec.fleet.values():
        device = pool.device if pool.host is None else spec.hosts[pool.host].device
        if device is not None:
            used.add((device, pool.engine))
    return {name for device, engine in used for name in shelf.layer_names(shelf.read("devices", device), engine)}


def _parts(spec: ScenarioSpec) -> Iterator[Part]:
    """What can be replaced, parts of parts included."""
    given: list[Any] = [spec.policy, *(pool.steps for pool in spec.fleet.values())]
    for cls in spec.workload.values():
        given += [cls.arrivals, cls.lengths]
    while given:
        part = given.pop()
        if isinstance(part, Part):
            yield part
            given += part.args.values()


@cache
def version() -> str:
    """The version that is installed."""
    try:
        return metadata.version("multillm-sim")
    except metadata.PackageNotFoundError:
        return "unknown"
