"""File -> `Scenario`: read, merged, checked whole; each value remembers where it is from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.spec.checks import contradictions
from simulator.spec.errors import Problem, SpecError
from simulator.spec.library import Kind, Library, find_scenario, library
from simulator.spec.merge import Override, overridden, read_with_bases
from simulator.spec.messages import checked
from simulator.spec.reader import Document, Keys, Spot, dotted
from simulator.spec.refs import Names
from simulator.spec.router_cost import router_of
from simulator.spec.scenario import ScenarioSpec

DEFAULT = "default"
OF_POLICY = "the policy's own"


@dataclass(frozen=True)
class Scenario:
    """A checked question about a fleet: its values, the profiles that its names mean, and where each value is from."""

    spec: ScenarioSpec
    library: Library
    document: Document
    file: Path

    @property
    def origins(self) -> Mapping[Keys, Spot]:
        """Where the key and the value at each place are from; defaults are not in it."""
        return self.document.spots

    def resolved(self) -> dict[str, Any]:
        """All values of a run, defaults included, as plain data; the same on every machine."""
        return self.spec.model_dump(mode="json", exclude={"extends", "sweep"})

    def shown(self) -> dict[str, Any]:
        """All values of a run, and what a sweep varies, as far as the file says it."""
        told = self.spec.model_dump(mode="json", include={"sweep"}, exclude_unset=True)
        return self.resolved() | {key: value for key, value in told.items() if value is not None}

    def problem(self, path: str | Keys, text: str) -> Problem:
        """A problem of the value at `path` ("fleet.edge.model"), found later, at its position in the file."""
        keys = self._keys(path) if isinstance(path, str) else path
        return Problem(self.document.spot(keys).value, dotted(keys), text)

    def error(self, path: str | Keys, text: str) -> SpecError:
        """The same, to be raised."""
        return SpecError([self.problem(path, text)])

    def _keys(self, path: str) -> Keys:
        return (
            tuple(int(step) if step.isdigit() and step.isascii() else step for step in path.split(".")) if path else ()
        )


def load(source: str | Path, sets: Sequence[str | Override] = (), profiles: Iterable[str | Path] = ()) -> Scenario:
    """The scenario in a file, or the shipped one of that name, with `sets` ("fleet.edge.replicas=4") laid over it.

    `profiles` are folders looked through before those shipped. SpecError has all mistakes, each with its position.
    """
    return read(source, profiles).scenario(sets)


@dataclass(frozen=True)
class Source:
    """A scenario's file as read, with what it extends, and the profiles: what many scenarios may be made from."""

    document: Document
    files: tuple[Path, ...]
    library: Library

    def scenario(self, sets: Sequence[str | Override] = ()) -> Scenario:
        """The scenario with `sets` laid over it, checked: see `load`."""
        document = overridden(self.document, sets)
        folders = tuple(dict.fromkeys(file.parent for file in self.files))
        spec = checked(ScenarioSpec, document, Names.of(document.data, self.library, folders))
        if spec.router is None:
            spec = spec.model_copy(update={"router": router_of(spec.policy)})
        problems = [document.problem(keys, text) for keys, text in contradictions(spec)]
        problems += _of_profiles(spec, self.library)
        problems += [document.problem(keys, text) for keys, text in _measured_otherwise(spec, self.library)]
        if problems:
            raise SpecError(problems)
        return Scenario(spec, self.library, document, self.files[0])


def read(source: str | Path, profiles: Iterable[str | Path] = ()) -> Source:
    """A scenario's file, or the shipped one of that name, read but not checked. SpecError where it is no YAML."""
    document, files = read_with_bases(find_scenario(str(source)))
    return Source(document, files, library(tuple(dict.fromkeys(file.parent for file in files)), profiles))


def profiles_used(spec: ScenarioSpec) -> list[tuple[Kind, str]]:
    """Kind and name of every profile that the scenario names, each once."""
    used: list[tuple[Kind, str | None]] = []
    for pool in spec.fleet.values():
        model = pool.model if pool.hosted is None else None
        used += [("models", model), ("devices", pool.device), ("hosted", pool.hosted)]
    used += [("devices", host.device) for host in spec.hosts.values()]
    used += [("links", link.profile) for link in spec.links.values()]
    used += [("regions", grid.region) for grid in spec.grid.values()]
    used += [("steps", pool.steps.use) for pool in spec.fleet.values() if pool.steps and pool.steps.profile]
    used += [("quality", cls.items.table) for cls in spec.workload.values() if cls.items]
    return sorted({(kind, name) for kind, name in used if name is not None})


def _of_profiles(spec: ScenarioSpec, shelf: Library) -> list[Problem]:
    """Mistakes in the profiles themselves."""
    problems: list[Problem] = []
    for kind, name in profiles_used(spec):
        if kind in ("quality", "workloads"):
            continue  # their shape belongs to the layer that reads them
        try:
            shelf.read(kind, name)
        except SpecError as error:
            problems += error.problems
    return problems


def _measured_otherwise(spec: ScenarioSpec, shelf: Library) -> Iterator[tuple[Keys, str]]:
    """Pools whose steps were measured with another model, or on another device."""
    for name, pool in spec.fleet.items():
        if pool.steps is None or not pool.steps.profile:
            continue
        profile = shelf.read("steps", pool.steps.use)
        device = pool.device if pool.host is None else spec.hosts[pool.host].device
        for kind, theirs, ours in (("model", profile.model, pool.model), ("device", profile.device, device)):
            if theirs not in (None, ours):
                yield ("fleet", name, "steps"), f"{profile.name!r} is of {kind} {theirs!r}, but the pool's is {ours!r}"


def explain(scenario: Scenario) -> list[tuple[str, Any, str]]:
    """Dotted key, value and origin of every value of the scenario; `default` where no file says it."""
    return [(dotted(keys), value, _origin(scenario, keys)) for keys, value in _leaves(scenario.shown(), ())]


def _leaves(value: Any, keys: Keys) -> Iterable[tuple[Keys, Any]]:
    """All values that hold no map: numbers, texts, lists of them, and what is empty."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*keys, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for i, item in enumerate(value):
            yield from _leaves(item, (*keys, i))
    else:
        yield keys, value


def _origin(scenario: Scenario, keys: Keys) -> str:
    spots = scenario.origins
    if keys in spots:
        return spots[keys].value
    short = keys[:-1]  # `lengths: azure-conv-like` stands for {use: azure-conv-like}
    if keys[-1] == "use" and short in spots and not any(k[:-1] == short for k in spots if k):
        return spots[short].value
    return OF_POLICY if keys[0] == "router" and keys[:1] not in spots and scenario.spec.router else DEFAULT
