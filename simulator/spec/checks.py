"""What must hold between the sections of a scenario, beyond each value for itself."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.spec.errors import near
from simulator.spec.reader import Keys
from simulator.spec.scenario import PoolSpec, ScenarioSpec, StationSpec

Found = Iterator[tuple[Keys, str]]


def contradictions(spec: ScenarioSpec) -> Found:
    """Where, and what, sections say against each other."""
    yield from _names(spec)
    yield from _hosts(spec)
    yield from _routes(spec)
    yield from _grid(spec)


def place_of(pool: PoolSpec, spec: ScenarioSpec) -> str:
    """The place where a pool stands: its host's, or its own."""
    return pool.place if pool.host is None else spec.hosts[pool.host].place


def _names(spec: ScenarioSpec) -> Found:
    for name in spec.verifiers:
        if name in spec.fleet:
            yield ("verifiers", name), f"{name!r} is the name of a pool, too; a call could mean either"


def _hosts(spec: ScenarioSpec) -> Found:
    for name, pool in spec.fleet.items():
        if pool.host is None:
            continue
        host = spec.hosts[pool.host]
        if "place" in pool.model_fields_set and pool.place != host.place:
            yield ("fleet", name, "place"), f"must be {host.place!r}, where host {pool.host!r} is, not {pool.place!r}"
        if pool.devices > host.devices:
            has = f"host {pool.host!r} has {host.devices}: set hosts.{pool.host}.devices"
            yield ("fleet", name, "tensor_parallel"), f"needs {pool.devices} devices in one host, but {has}"


def _routes(spec: ScenarioSpec) -> Found:
    """A query must get from its origin to every pool and station, over one link or several."""
    origins = {cls.origin: name for name, cls in reversed(spec.workload.items())}
    stations: dict[Keys, StationSpec] = {
        ("verifiers", name): verifier for name, verifier in spec.verifiers.items() if isinstance(verifier, StationSpec)
    }
    if spec.router:
        stations[("router",)] = spec.router
    ends: dict[Keys, str] = {("fleet", name, "place"): place_of(pool, spec) for name, pool in spec.fleet.items()}
    ends |= {(*keys, "host"): spec.hosts[s.host].place for keys, s in stations.items() if s.host is not None}
    for keys, place in ends.items():
        for origin, cls in origins.items():
            if place not in _reached(origin, spec):
                yield keys, f"no link leads from {origin!r}, the origin of workload.{cls}, to {place!r}"


def _reached(place: str, spec: ScenarioSpec) -> set[str]:
    """All places that links join with this one."""
    reached, edge = {place}, {place}
    while edge:
        edge = {end for link in spec.links.values() for end in link.between if edge & {*link.between}} - reached
        reached |= edge
    return reached


def _grid(spec: ScenarioSpec) -> Found:
    places = [cls.origin for cls in spec.workload.values()]
    places += [place_of(pool, spec) for pool in spec.fleet.values()]
    places += [host.place for host in spec.hosts.values()]
    places += [end for link in spec.links.values() for end in link.between]
    for place in spec.grid:
        if place not in places:
            yield ("grid", place), near(place, places, " among the places of the scenario")
