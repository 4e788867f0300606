"""How fast the simulator is, as ratios to SimPy's own M/M/1 in the same process: `make bench`.

Prints calls/s, events per call, memory and the ratios, and writes bench.json. Every measurement has a process of its
own, in which the yardstick runs before, between and after the rounds; medians are quoted, since machines are noisy.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import simpy
from sweeps import show, sweeps
from threadpoolctl import threadpool_limits

from simulator import build, load, run
from simulator.engine.build import System
from simulator.engine.replication import Replication
from simulator.running.drawn import drawn
from simulator.workload.streams import uniform
from simulator.workload.traffic import World

HERE = Path(__file__).parent
YARDSTICK_JOBS = 200_000


def yardstick() -> float:
    """Jobs a second of SimPy's M/M/1 at load 0.8: `Resource(capacity=1)`, one process a job."""
    env = simpy.Environment()
    server = simpy.Resource(env, capacity=1)
    chance = random.Random(1)

    def job() -> Any:
        with server.request() as turn:
            yield turn
            yield env.timeout(chance.expovariate(1.25))

    def source() -> Any:
        for _ in range(YARDSTICK_JOBS):
            env.process(job())
            yield env.timeout(chance.expovariate(1.0))

    env.process(source())
    started = time.perf_counter()
    env.run()
    return YARDSTICK_JOBS / (time.perf_counter() - started)


def peers_trace(system: System, queries: int) -> World:
    """The trace that the peers were timed on, the same numbers in the same order."""
    chance = np.random.default_rng(0)
    arrive_s = np.cumsum(chance.exponential(1 / 12, queries))
    prompt_tok = np.clip(chance.geometric(1 / 512, queries), 16, 2048)
    output_tok = np.clip(chance.geometric(1 / 128, queries), 2, 1024)
    world = asked(system, queries)
    return replace(world, arrive_s=arrive_s, prompt_tok=prompt_tok, output_tok=output_tok)


def asked(system: System, queries: int) -> World:
    """The scenario's own world, with so many queries."""
    return replace(system, demand=replace(system.demand, queries=queries)).world(0)


def simulate(system: System, world: World) -> dict[str, float]:
    """Let one replication run, and meter its energy: seconds, calls, events and when it ended."""
    one = Replication(system.plan, world, uniform(0, 0))
    started = time.perf_counter()
    logs = one.run()
    for pool, spans in enumerate(logs.spans):
        for log in spans:
            drawn(system, pool, log)
    wall_s = time.perf_counter() - started
    events = next(one.clock._eid)
    return {"wall_s": wall_s, "queries": len(world), "calls": len(logs.calls), "events": events}


def engine(name: str, queries: int, rounds: int) -> dict[str, float]:
    """Rates of one scenario, and their ratio to the yardstick around each round."""
    system = build(load(HERE / f"{name}.yaml"))
    make: Callable[[System, int], World] = peers_trace if name == "single-pool" else asked
    world = make(system, queries)
    simulate(system, make(system, 2_000))
    before = yardstick()
    told, ratios, yards = [], [], [before]
    for _ in range(rounds):
        told.append(simulate(system, world))
        yards.append(yardstick())
        ratios.append(queries / told[-1]["wall_s"] / statistics.mean(yards[-2:]))
    wall_s = statistics.median(one["wall_s"] for one in told)
    one = told[0]
    return {
        "queries": queries,
        "queries_per_s": queries / wall_s,
        "calls_per_s": one["calls"] / wall_s,
        "calls_per_query": one["calls"] / queries,
        "events_per_call": one["events"] / one["calls"],
        "us_per_query": wall_s / queries * 1e6,
        "yardstick_jobs_per_s": statistics.median(yards),
        "ratio_to_simpy_mm1": statistics.median(ratios),
    }


MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


def whole(name: str, queries: int, folder: Path) -> dict[str, float]:
    """A whole run with its tables and its folder: peak memory, and seconds to save."""
    system = build(load(HERE / f"{name}.yaml", [f"run.queries={queries}"]))
    started = time.perf_counter()
    result = run(system)
    ran = time.perf_counter()
    result.save(folder)
    saved = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES
    return {"queries": queries, "run_s": ran - started, "save_s": saved - ran, "peak_bytes": peak}


def report(folder: Path) -> dict[str, float]:
    """The command `report`, the interpreter's start included: median seconds of three, and peak memory.

    In a small process: a child's peak is never below what its parent held.
    """
    times = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "simulator", "report", str(folder)], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * MAXRSS_BYTES
    return {"report_s": statistics.median(times), "peak_bytes": peak}


@dataclass
class Timed:
    """A policy, and the seconds spent in its decisions and in what it learns."""

    policy: Any
    time_s: float = 0.0

    def decide(self, query: Any, view: Any) -> Any:
        """Its decision."""
        started = time.perf_counter()
        decision = self.policy.decide(query, view)
        self.time_s += time.perf_counter() - started
        return decision


@dataclass
class Learns(Timed):
    """One that learns."""

    def learn(self, feedback: Any) -> None:
        """What comes back."""
        started = time.perf_counter()
        self.policy.learn(feedback)
        self.time_s += time.perf_counter() - started


def policies(queries: int) -> dict[str, float]:
    """Share of a run's time that each policy of the library takes to be prepared, decide and learn.

    The fleet is three pools of GPUs under load; estimators are fitted before, as `build` does.
    """
    sys.path.insert(0, str(HERE.parent / "policies"))
    from policy_world import EXAMPLES, scenario, write_world, write_yaml

    folder = Path(tempfile.mkdtemp())
    write_world(folder)
    found = {}
    for name, (example, *_) in EXAMPLES.items():
        write_yaml(folder / "one.yaml", scenario(example, queries=queries, own_fleet=True))
        system = build(load(folder / "one.yaml"))
        world = system.world(0)
        prepare = system.plan.policy
        prepare(world, uniform(0, 0))  # what is fitted to the train split is fitted once, for all replications
        spent: list[Any] = []

        def timed(world: World, chance: Any, prepare: Any = prepare, spent: list[Any] = spent) -> Any:
            started = time.perf_counter()
            policy = prepare(world, chance)
            kind = Learns if hasattr(policy, "learn") else Timed
            spent.append(kind(policy, time.perf_counter() - started))
            return spent[-1]

        gc.collect()
        gc.freeze()  # what the policies before have left is none of this one's
        with threadpool_limits(1):  # as `run` does
            started = time.perf_counter()
            Replication(replace(system.plan, policy=timed), world, uniform(0, 0)).run()
            found[name] = spent[0].time_s / (time.perf_counter() - started)
    return found


def commands() -> dict[str, float]:
    """Median seconds of commands as a user meets them, the interpreter's start included."""
    folder = tempfile.mkdtemp()
    cached = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/cache"}  # as where Python may write bytecode
    cached.pop("PYTHONDONTWRITEBYTECODE", None)
    asked_for = {
        "help_s": ["--help"],
        "validate_s": ["validate", "quickstart"],
        "quickstart_s": ["run", "quickstart", "--quiet", "--out", f"{folder}/quickstart"],
    }
    found = {}
    for name, words in asked_for.items():
        times = []
        for _ in range(4):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-m", "simulator", *words], check=True, capture_output=True, env=cached)
            times.append(time.perf_counter() - started)
        found[name] = statistics.median(times[1:])
    return found


def apart(*words: object) -> dict[str, float]:
    """A measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", *map(str, words)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def one(words: list[str]) -> dict[str, float]:
    """The measurement that `apart` asks for."""
    match words:
        case ["whole", name, queries, folder]:
            return whole(name, int(queries), Path(folder))
        case ["report", folder]:
            return report(Path(folder))
        case ["commands"]:
            return commands()
        case ["policies", queries]:
            return policies(int(queries))
        case [name, queries, rounds]:
            return engine(name, int(queries), int(rounds))
    raise SystemExit(f"no measurement {words}")


def main() -> None:
    """Measure all, print it, and write bench.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--queries", type=int, default=1_000_000, help="of the largest run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--points", type=int, default=200, help="of the sweeps, a second each")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one)))
        return
    most = given.queries
    single = apart("single-pool", most, 1)
    cascade = apart("cascade", most // 5, given.rounds)
    scaling = {n: apart("single-pool", n, given.rounds) for n in (most // 100, most // 10)} | {most: single}
    with tempfile.TemporaryDirectory() as folder:
        small = apart("whole", "single-pool", most // 10, f"{folder}/small")
        large = apart("whole", "single-pool", most, f"{folder}/large")
        apart("whole", "cascade", most, f"{folder}/tiers")
        reports = {name: apart("report", f"{folder}/{name}") for name in ("large", "tiers")}
    found = {
        "single_pool": single,
        "cascade": cascade,
        "scaling": {
            **{str(n): one["us_per_query"] * one["yardstick_jobs_per_s"] * 1e-6 for n, one in scaling.items()},
            "unit": "yardstick jobs a query",
        },
        "memory_bytes_per_query": (large["peak_bytes"] - small["peak_bytes"]) / (large["queries"] - small["queries"]),
        "peak_bytes": large["peak_bytes"],
        "save_s": large["save_s"],
        "run_s": large["run_s"],
        "reports": {"single-pool": reports["large"], "cascade": reports["tiers"]},
        "commands": apart("commands"),
        "policy_time_frac": apart("policies", 5_000),
        "sweeps": sweeps(given.points, 1.0, 1),
        "sweep_report": reports.report(given.points),
    }
    given.out.write_text(json.dumps(found, indent=2) + "\n")
    costs = [found["scaling"][str(n)] for n in scaling]
    print(f"yardstick      {single['yardstick_jobs_per_s']:12,.0f} jobs/s of SimPy's M/M/1")
    for name, told, key in (("single pool", single, "calls_per_s"), ("cascade", cascade, "queries_per_s")):
        print(
            f"{name:14s} {told[key]:12,.0f} {key.replace('_per_s', '/s')}, ratio {told['ratio_to_simpy_mm1']:.2f}, "
            f"{told['events_per_call']:.2f} events a call, {told['calls_per_query']:.2f} calls a query"
        )
    print(f"scaling        {max(costs) / min(costs):12.2f} x between the dearest and the cheapest of {list(scaling)}")
    grows, peak_gb = found["memory_bytes_per_query"], large["peak_bytes"] / 1e9
    print(f"memory         {grows:12.0f} bytes a query, {peak_gb:.2f} GB at most")
    print(f"a run of {most}: {large['run_s']:.1f} s, saved in {large['save_s']:.1f} s")
    for name, told in found["reports"].items():
        print(f"its report     {told['report_s']:12.1f} s, {told['peak_bytes'] / 1e9:.2f} GB at most ({name})")
    dearest = sorted(found["policy_time_frac"].items(), key=lambda told: -told[1])[:5]
    print("policies       share of run time,", ", ".join(f"{name} {share:.2f}" for name, share in dearest), "...")
    print("commands      ", ", ".join(f"{name} {value:.2f}" for name, value in found["commands"].items()))
    show(found["sweeps"])
    reports.show(found["sweep_report"])


if __name__ == "__main__":
    main()
