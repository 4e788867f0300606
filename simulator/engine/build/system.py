"""From a checked scenario to what can run: profiles read, sizes checked, names gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

from simulator.engine.build.built import Built, Host, signal
from simulator.engine.build.classes import BuiltClass, classes
from simulator.engine.build.feedback import feedback
from simulator.engine.build.fleet import fleet
from simulator.engine.build.gauges import gauges
from simulator.engine.build.policies import policy
from simulator.engine.build.prices import Prices
from simulator.engine.build.rounds import decoding_together
from simulator.engine.plan import JudgePlan, LinkPlan, Plan, StationPlan
from simulator.physics import values
from simulator.physics.link import between, propagation_s, varies
from simulator.physics.signal import Signal
from simulator.physics.values import Link
from simulator.spec.load import Scenario
from simulator.spec.profiles import Evidence, LinkProfile
from simulator.spec.scenario import JudgeSpec, LinkSpec, StationSpec
from simulator.spec.units import to_base
from simulator.workload.traffic import Demand, World
from simulator.workload.world import world


@dataclass(frozen=True)
class Grid:
    """The electricity of a place: grams of CO2 a joule over time, and the building's factor."""

    carbon_g_per_j: Signal
    pue: float
    evidence: Evidence

    @property
    def with_building(self) -> Signal:
        """Grams a joule that devices draw, with what the building adds."""
        signal = self.carbon_g_per_j
        return Signal(signal.times_s, tuple(self.pue * value for value in signal.values))


@dataclass(frozen=True)
class System:
    """A scenario ready to run: the plan of the engine, and what accounting needs beside it."""

    scenario: Scenario
    plan: Plan
    demand: Demand
    hosts: tuple[Host, ...]
    pools: tuple[Built, ...]
    classes: tuple[BuiltClass, ...]
    links: tuple[Link, ...]
    stations: tuple[StationSpec, ...]
    grids: Mapping[str, Grid]

    def world(self, replication: int) -> World:
        """All that is asked in one replication; the same whatever the fleet and the policy are."""
        traffic = {cls.plan.facts.name: cls.traffic for cls in self.classes}
        made = world(traffic, self.demand, self.scenario.spec.seed, replication)
        for number, cls in enumerate(self.classes):
            made = cls.filled(made, number)
        return made

    def grid(self, place: str) -> Grid:
        """The grid of a place; one of unknown carbon where the scenario names none."""
        return self.grids.get(place, NO_GRID)


NO_GRID = Grid(Signal.constant(nan), 1.0, "assumed")  # its carbon is unknown


def build(scenario: Scenario) -> System:
    """Resolve every name of `scenario`. SpecError, with its place in the file, for what is missing or does not fit."""
    spec = scenario.spec
    links = [_link(scenario, link) for link in spec.links.values()]
    hosts, pools = fleet(scenario)
    pools = decoding_together(scenario, pools, links)
    built = classes(scenario, pools)
    verifiers = [_verifier(scenario, name, pools, built) for name in spec.verifiers]
    stations = [spec.router, *(each for each in spec.verifiers.values() if isinstance(each, StationSpec))]
    grids = {place: _grid(scenario, place) for place in spec.grid}
    plan = Plan(
        pools=tuple(pool.plan for pool in pools),
        replicas=tuple(len(pool.homes) for pool in pools),
        classes=tuple(cls.plan for cls in built),
        policy=policy(scenario, hosts, pools, built),
        links=tuple(_link_plan(name, spec.links[name], link) for name, link in zip(spec.links, links, strict=True)),
        router=_station(scenario, "router", spec.router) if spec.router else None,
        verifiers=tuple(verifiers),
        refresh_s=spec.telemetry.refresh_s,
        delay_s=spec.telemetry.delay_s,
        horizon_s=spec.run.duration_s,
        carbon_g_per_j={place: grid.with_building for place, grid in grids.items()},
        feedback=feedback(scenario, Prices(tuple(pools), {host.name: host for host in hosts}), built),
        gauges=gauges(spec.seed, hosts, pools, built),
    )
    return System(
        scenario,
        plan,
        Demand(queries=spec.run.queries, until_s=spec.run.duration_s),
        tuple(hosts),
        tuple(pools),
        tuple(built),
        tuple(links),
        tuple(station for station in stations if station is not None),
        grids,
    )


def _link(scenario: Scenario, spec: LinkSpec) -> Link:
    """The profile with what the scenario says laid over it."""
    given = {key: getattr(spec, key) for key in LinkSpec.model_fields if key in LinkProfile.model_fields}
    numbers = dict(to_base(key, value) for key, value in given.items() if value is not None)
    if spec.profile is None:
        return between("link", **numbers)
    profile = values.link(scenario.library.read("links", spec.profile))
    return values.overridden(profile, numbers)


def _link_plan(name: str, spec: LinkSpec, link: Link) -> LinkPlan:
    changes = signal(spec.bandwidth)
    return LinkPlan(
        name,
        spec.between,
        link.up_bytes_per_s,
        link.down_bytes_per_s,
        propagation_s(link),
        spec.sharing == "per_user",
        tuple(zip(changes.times_s, changes.values, strict=True)) if spec.bandwidth else (),
        link if varies(link) else None,
        spec.radios == "per_user" if spec.radios else spec.sharing == "per_user",
    )


def _station(scenario: Scenario, name: str, spec: StationSpec) -> StationPlan:
    place = None if spec.host is None else scenario.spec.hosts[spec.host].place
    return StationPlan(name, spec.time_s, spec.servers, place)


def _verifier(
    scenario: Scenario, name: str, pools: Sequence[Built], classes: Sequence[BuiltClass]
) -> StationPlan | JudgePlan:
    spec = scenario.spec.verifiers[name]
    if not isinstance(spec, JudgeSpec):
        return _station(scenario, name, spec)
    pool = next(pool for pool in pools if pool.plan.facts.name == spec.pool)
    for key in ("latency", "price"):
        if pool.hosted is not None and getattr(pool.spec, key) == "recorded":
            says = f"{spec.pool!r} has a recorded {key}, of answers only: give the profile's"
            raise scenario.error(("verifiers", name, "pool"), says)
    if spec.right is not None and (blind := [cls.plan.facts.name for cls in classes if cls.table is None]):
        says = f"workload.{blind[0]} has no 'items': nobody knows whether its answers are right"
        raise scenario.error(("verifiers", name, "right"), says)
    return JudgePlan(name, pool.plan.facts.index, spec.prompt_tok, spec.output_tok, spec.right, spec.wrong)


def _grid(scenario: Scenario, place: str) -> Grid:
    spec = scenario.spec.grid[place]
    evidence: Evidence = "assumed"
    g_per_j, pue = nan, None
    if spec.region is not None:
        region = values.region(scenario.library.read("regions", spec.region))
        g_per_j, evidence = region.carbon_g_per_j, region.evidence["carbon_g_per_j"]
        pue = region.pue
    if spec.carbon_g_per_kwh is not None:
        g_per_j, evidence = spec.carbon_g_per_kwh / 3.6e6, "assumed"
    pue = spec.pue if spec.pue is not None else pue or 1.0
    factors = signal(spec.carbon)
    return Grid(Signal(factors.times_s, tuple(g_per_j * f for f in factors.values)), pue, evidence)


__all__: Sequence[str] = ["Grid", "System", "build"]
