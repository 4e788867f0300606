"""What every call of every query takes on an idle fleet: seconds, dollars and joules, and the ways between places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.hosted import HostedPlan
from simulator.engine.job import Job
from simulator.engine.pool import Uniform
from simulator.physics import values
from simulator.physics.alone import Alone, alone, side_by_side
from simulator.physics.link import propagation_s
from simulator.physics.memory import weight_bytes
from simulator.physics.price import call_usd
from simulator.workload.traffic import World

Floats = NDArray[np.float64]


class Cost(NamedTuple):
    """What something takes; NaN where unknown.

    `memory_byte_s` are a model's weights for as long as a call runs (errs low: its KV cache is left out).
    """

    usd: float = 0.0
    energy_j: float = 0.0
    flop: float = 0.0
    memory_byte_s: float = 0.0

    def plus(self, other: Cost) -> Cost:
        """Both."""
        return Cost(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, frac: float) -> Cost:
        """A part of it."""
        return Cost(*(frac * a for a in self))


class Taken(NamedTuple):
    """A call alone: seconds from its start to its first and last token, and what it takes."""

    first_s: float
    last_s: float
    cost: Cost


class Idle:
    """Calls of the queries of `world`, each alone at its pool. Idle watts and rent count while a call runs."""

    def __init__(self, system: System, world: World, uniform: Uniform) -> None:
        self.system = system
        self.world = world
        self.uniform = uniform
        spec = system.scenario.spec.workload.values()
        self.cached_frac: Floats = np.array([cls.cached_prompt_frac for cls in spec])
        self._usual: dict[int, tuple[list[int], list[int], list[Taken]]] = {}
        self._others: dict[tuple[int, int, int], Taken] = {}
        self._together: dict[tuple[int, ...], list[Taken]] = {}

    def samples(self, jobs: Sequence[Job]) -> list[Taken]:
        """What samples of one prompt take, one or several, once the request has been read."""
        if len(jobs) == 1:
            return [self._taken(jobs[0])]
        pool, prompt = jobs[0].pool, jobs[0].prompt_tok
        plan = self.system.plan.pools[pool]
        if isinstance(plan, HostedPlan):  # one time to the first token, each its own rate; the prompt is billed once
            alone = [self._hosted(job, plan, further=job is not jobs[0]) for job in jobs]
            first_s = alone[0].first_s
            return [one._replace(first_s=first_s, last_s=first_s + one.last_s - one.first_s) for one in alone]
        key = (pool, prompt, *(job.output_tok for job in jobs))
        if key not in self._together:
            steps, batched_tok = self.system.pools[pool].steps, self.system.pools[pool].spec.max_batched_tok
            assert steps is not None
            one = side_by_side(steps, prompt, key[2:], batched_tok)
            self._together[key] = self._priced(pool, one, np.full(len(jobs), one.last_s.max() / len(jobs)))
        return self._together[key]

    def _taken(self, job: Job) -> Taken:
        plan = self.system.plan.pools[job.pool]
        if isinstance(plan, HostedPlan):
            return self._hosted(job, plan)
        prompts, outputs, usual = self._of_pool(job.pool)
        row = job.life.row
        if job.prompt_tok == prompts[row] and job.output_tok == outputs[row]:
            return usual[row]
        key = (job.pool, job.prompt_tok, job.output_tok)
        if key not in self._others:
            (self._others[key],) = self._own(job.pool, np.array([job.prompt_tok]), np.array([job.output_tok]))
        return self._others[key]

    def lengths(self, pool: int, row: int) -> tuple[int, int]:
        """Tokens of a query's prompt and answer at a pool: the table's, or the workload's."""
        if pool not in self._usual:
            self._usual[pool] = (*self._lengths(pool), [])
        prompts, outputs, _ = self._usual[pool]
        return prompts[row], outputs[row]

    def _of_pool(self, pool: int) -> tuple[list[int], list[int], list[Taken]]:
        prompts, outputs, usual = self._usual.get(pool) or (*self._lengths(pool), [])
        if not usual:
            usual = self._own(pool, np.array(prompts, np.int64), np.array(outputs, np.int64))
            self._usual[pool] = prompts, outputs, usual
        return prompts, outputs, usual

    def _lengths(self, pool: int) -> tuple[list[int], list[int]]:
        world = self.world
        prompts, outputs = world.prompt_tok.copy(), world.output_tok.copy()
        for number, cls in enumerate(self.system.plan.classes):
            rows = np.flatnonzero((world.cls == number) & (world.item >= 0))
            for column, lengths in ((prompts, cls.prompt_tok[pool]), (outputs, cls.output_tok[pool])):
                if lengths is not None:
                    column[rows] = np.array(lengths)[world.item[rows]]
        return prompts.tolist(), outputs.tolist()

    def _own(self, pool: int, prompt_tok: NDArray[np.int64], output_tok: NDArray[np.int64]) -> list[Taken]:
        built = self.system.pools[pool]
        assert built.steps is not None
        one = alone(built.steps, prompt_tok, output_tok, built.spec.max_batched_tok)
        return self._priced(pool, one, one.last_s)

    def _priced(self, pool: int, one: Alone, held_s: Floats) -> list[Taken]:
        """With rent, idle watts and memory for the seconds that each holds the machine."""
        built = self.system.pools[pool]
        machine = next(host for host in self.system.hosts if host.name == built.homes[0])
        model = values.model(self.system.scenario.library.read("models", built.model))
        weights = weight_bytes(model, built.spec.weights or model.weights)
        joules = self.system.grid(built.plan.facts.place).pue * (one.energy_j + machine.idle_w * held_s)
        columns = one.first_s, one.last_s, machine.usd_per_s * held_s, joules, one.flop, weights * held_s
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [Taken(first_s, last_s, Cost(*cost)) for first_s, last_s, *cost in rows]

    def _hosted(self, job: Job, plan: HostedPlan, further: bool = False) -> Taken:
        first_s, last_s = plan.latency(job, self.uniform)
        built = self.system.pools[job.pool]
        hosted = built.hosted
        assert hosted is not None
        j_per_tok = nan if hosted.energy_j_per_tok is None else hosted.energy_j_per_tok
        number = int(self.world.cls[job.life.row])
        cls = self.system.classes[number]
        if built.spec.energy == "recorded":
            assert cls.table is not None
            assert cls.table.energy_j_per_tok is not None
            j_per_tok = float(cls.table.energy_j_per_tok[job.life.item, cls.columns[job.pool]])
        if built.spec.price == "recorded":
            assert cls.table is not None
            usd = float(cls.table.cost_usd[job.life.item, cls.columns[job.pool]])
        else:
            tok = np.array(0.0 if further else float(job.prompt_tok)), np.array(float(job.output_tok))
            usd = float(call_usd(hosted, *tok, float(self.cached_frac[number]))) - further * hosted.price_usd_per_call
        return Taken(first_s, last_s, Cost(usd, j_per_tok * job.output_tok, nan, nan))


class Way(NamedTuple):
    """A way between two places, hop after hop: seconds of the first byte, seconds a byte, joules a byte, its width."""

    delay_s: float
    s_per_byte: float
    j_per_byte: float
    bytes_per_s: float  # of its thinnest hop

    def then(self, other: Way) -> Way:
        """One after the other: stored and forwarded."""
        return Way(
            self.delay_s + other.delay_s,
            self.s_per_byte + other.s_per_byte,
            self.j_per_byte + other.j_per_byte,
            min(self.bytes_per_s, other.bytes_per_s),
        )


NOWHERE = Way(0.0, 0.0, 0.0, float("inf"))


def idle_ways(system: System) -> Callable[[str, str], Way]:
    """The way with the fewest links between two places, at medians: idle, awake, without outages."""
    hops: dict[str, dict[str, Way]] = {}
    for plan, link in zip(system.plan.links, system.links, strict=True):
        ends = plan.between
        for start, end, bytes_per_s, joules in (
            (*ends, link.up_bytes_per_s, link.energy_up_j_per_byte),
            (*ends[::-1], link.down_bytes_per_s, link.energy_down_j_per_byte),
        ):
            hop = Way(propagation_s(link), 1 / bytes_per_s, joules + link.network_j_per_byte, bytes_per_s)
            hops.setdefault(start, {})[end] = hop
    known: dict[tuple[str, str], Way] = {}

    def way(start: str, end: str) -> Way:
        if (start, end) not in known:
            known[start, end] = _found(hops, start, end)
        return known[start, end]

    return way


def _found(hops: dict[str, dict[str, Way]], start: str, end: str) -> Way:
    """Breadth first, links in the order of the file, as the engine goes."""
    paths, frontier = {start: NOWHERE}, [start]
    for here in frontier:
        for there, hop in hops.get(here, {}).items():
            if there not in paths:
                paths[there] = paths[here].then(hop)
                frontier.append(there)
    return paths[end]
