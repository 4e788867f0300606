"""`run`: a system's replications, simulated and told in tables."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from simulator.engine.build import System
from simulator.engine.build.built import Host
from simulator.engine.replication import Replication
from simulator.metrics.facts import BatteryFacts, ClassFacts, PoolFacts, RunFacts, Window
from simulator.metrics.sample import Sample, sample
from simulator.metrics.summarise import summarise
from simulator.metrics.until import Until
from simulator.metrics.window import window
from simulator.physics.link import time_evidence
from simulator.physics.roofline import Roofline
from simulator.physics.rounds import Rounds
from simulator.physics.table import Table
from simulator.physics.values import weakest
from simulator.records.result import Result
from simulator.records.stories import Stories
from simulator.records.tables import SCHEMA, Tables
from simulator.running.attribution import attributed_j
from simulator.running.excerpt import Happened
from simulator.running.inputs import inputs, version
from simulator.running.ledger import ledger
from simulator.running.machines import machines
from simulator.running.stories import followed, stories
from simulator.running.tables import calls_table, hosted_j, queries_table
from simulator.running.timeline import timeline
from simulator.workload.streams import uniform

LEFT_OUT = ("faults, autoscaling and prefix caches (errs to low latency and energy, prefix caches to high)",)

Progress = Callable[[int, int], None]  # replication, queries that came
Watch = Callable[[Happened], None]


def run(
    system: System, progress: Progress | None = None, until: Until | None = None, watch: Watch | None = None
) -> Result:
    """Simulate all replications of `system`, or as many more as `until` wants; `watch` sees the first in detail.

    The result is that of a scenario with so many replications; its manifest's `until` has what was asked and reached.
    Raises PolicyError where a policy of the user's breaks its promises.
    """
    started = time.perf_counter()
    spec = system.scenario.spec
    told: list[dict[str, pd.DataFrame]] = []
    windows: list[Window] = []
    samples: list[Sample] = []  # of `until`
    sampled: Stories | None = None
    facts = _facts(system, [])
    first = spec.run.replications if until is None else min(spec.run.replications, until.most)
    while len(told) < first or (until is not None and not until.is_enough(samples, spec.seed)):
        one, seen, of_first = _replicate(system, len(told), progress, None if told else watch)
        sampled = of_first or sampled
        told.append(one)
        windows.append(seen)
        if until is not None:
            samples.append(sample(one["queries"], one["ledger"], seen, facts)[0])
    simulated = time.perf_counter()
    tables = Tables(**{name: _joined([one[name] for one in told]) for name in SCHEMA})
    summary = summarise(tables, _facts(system, windows))
    wall_s = time.perf_counter() - started
    manifest = {
        "version": version(),
        "inputs": inputs(system.scenario),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_s": wall_s,
        "queries_per_wall_s": len(tables.queries) / (simulated - started),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    if until is not None:
        manifest["until"] = {**asdict(until), "reached": until.reached(samples, spec.seed)}
    resolved = system.scenario.resolved()
    resolved["run"]["replications"] = len(windows)
    return Result(spec.name, resolved, tables, summary, manifest, sampled)


def _replicate(
    system: System, number: int, progress: Progress | None, watch: Watch | None
) -> tuple[dict[str, pd.DataFrame], Window, Stories | None]:
    """One replication's tables, the part of it that is measured, and stories of the first one's queries."""
    world = system.world(number)
    rows = followed(system.scenario.spec.seed, len(world)) if number == 0 else ()
    with threadpool_limits(1):  # no bit of what a policy reckons depends on the cores, and its matrices are small
        one = Replication(system.plan, world, uniform(system.scenario.spec.seed, number), rows)
        logs = one.run(None if progress is None else lambda came: progress(number, came))
    end_s = one.end_s
    del one  # its lists are as large as the tables
    worked = machines(system, logs, end_s)
    if watch is None:
        for spans in logs.spans:
            spans.clear()  # metered, they are told
    calls = calls_table(system, world, logs)
    queries = queries_table(system, world, logs, calls)
    seen = window(queries, end_s, system.scenario.spec.run.warmup_s)
    provided_j = hosted_j(system, world, logs)
    account = ledger(system, logs, calls, worked, seen, end_s, provided_j)
    query = queries["query"].to_numpy()
    calls["energy_j"], queries["energy_j"] = attributed_j(system, logs, worked, account, query, end_s, provided_j)
    calls["accepted"] = calls["call"].isin(logs.queries.columns()["call"])
    if watch is not None:
        watch(Happened(system, logs, worked, calls, queries, seen, end_s))
    tables = {
        "queries": queries,
        "calls": calls,
        "ledger": account,
        "timeline": timeline(system, logs, calls, worked, end_s),
    }
    for name, table in tables.items():
        table.insert(0, "replication", number)
        assert list(table.columns) == list(SCHEMA[name]), (name, list(table.columns))
    told = stories(system, world, logs.notes, queries, calls, seen.start_s) if number == 0 else None
    return tables, seen, told


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables one after the other; texts stay categories, over all words that came up."""
    if len(tables) == 1:
        return tables[0]
    for name in tables[0].columns:
        if isinstance(tables[0][name].dtype, pd.CategoricalDtype):
            words = list(dict.fromkeys(word for table in tables for word in table[name].cat.categories))
            for table in tables:
                table[name] = table[name].cat.set_categories(words)
    return pd.concat(tables, ignore_index=True)


def _facts(system: System, windows: list[Window]) -> RunFacts:
    spec = system.scenario.spec
    return RunFacts(
        name=spec.name,
        seed=spec.seed,
        windows=tuple(windows),
        pools={pool.plan.facts.name: _pool_facts(pool) for pool in system.pools},
        classes={
            cls.plan.facts.name: ClassFacts(
                spec.workload[cls.plan.facts.name].slo,
                None if cls.table is None else cls.table.name,
                "assumed" if cls.table is None else cls.table.evidence,  # type: ignore[arg-type]
            )
            for cls in system.classes
        },
        slos=spec.slo,
        link_evidence=weakest(time_evidence(link) for link in system.links) if system.links else "measured",
        left_out=(*LEFT_OUT, *_unknown_making(system)),
        extrapolated=tuple(_extrapolated(system)),
        batteries=_batteries(system),
    )


def _extrapolated(system: System) -> Iterator[str]:
    """Which pools' times are of devices or batches that nobody measured, and what stands in."""
    for pool in system.pools:
        name, both = pool.plan.facts.name, pool.steps
        for steps in (both.own.steps, both.other.steps) if isinstance(both, Rounds) else (both,):
            if isinstance(steps, Roofline) and steps.device.extrapolated_from:
                device = steps.device
                yield f"{name}: nobody measured its engine on {device.name}; as engines/{device.extrapolated_from} says"
            elif isinstance(steps, Table) and steps.outside == "extrapolate":
                yield f"{name}: its table is carried on beyond its ends"


def _unknown_making(system: System) -> tuple[str, ...]:
    """Whose making is in no gram, because nobody says what it emitted."""
    unknown = dict.fromkeys(host.device.name for host in system.hosts if host.device.embodied_g is None)
    names = [*unknown, *dict.fromkeys(pool.hosted.name for pool in system.pools if pool.hosted is not None)]
    return (f"the making of {', '.join(names)} (errs to low carbon)",) if names else ()


def _batteries(system: System) -> tuple[BatteryFacts, ...]:
    """Machines with batteries, those of one pool or one entry of `hosts` together."""
    groups: dict[str, list[Host]] = {}
    for host in system.hosts:
        if host.device.battery_j is not None:
            groups.setdefault(host.name.rpartition("-")[0], []).append(host)
    found = []
    for name, group in groups.items():
        homes = {host.name for host in group}
        replicas = tuple(
            f"{pool.plan.facts.name}-{i}" for pool in system.pools for i, home in enumerate(pool.homes) if home in homes
        )
        battery_j = group[0].devices * (group[0].device.battery_j or 0.0)
        found.append(BatteryFacts(name, battery_j, tuple(host.name for host in group), replicas))
    return tuple(found)


def _pool_facts(pool: Any) -> PoolFacts:
    if pool.hosted is not None:
        return PoolFacts(pool.model, pool.hosted.name, pool.time_evidence)
    count = "" if pool.spec.devices == 1 else f"{pool.spec.devices} x "
    return PoolFacts(
        pool.model,
        count + pool.device.name,
        pool.time_evidence,
        len(pool.homes),
        pool.plan.limits.kv_tok,
        pool.kv_origin,
    )
