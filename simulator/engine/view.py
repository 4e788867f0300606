"""What policies see of the fleet: live where the router knows it itself, as reported where the pools tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import nan
from typing import NamedTuple

from simulator.engine.air import VaryingPipe
from simulator.engine.clock import TELEMETRY, Alarm, Clock
from simulator.engine.hosted import HostedPool
from simulator.engine.link import OwnPipe, SharedPipe
from simulator.engine.plan import Plan
from simulator.engine.pool import Pool, PoolPlan
from simulator.policies.core import Reported

Pipe = SharedPipe | OwnPipe | VaryingPipe


class Known(NamedTuple):
    """What views of pools look things up in."""

    clock: Clock
    plan: Plan
    pools: Sequence[Pool | HostedPool]


class SeenPool:
    """One pool as the router sees it."""

    def __init__(self, pool: Pool | HostedPool, reported: Callable[[], Reported], known: Known) -> None:
        self._pool = pool
        self._reported = reported
        self._known = known
        self._alone_s: dict[int, float] = {}  # to read a prompt by itself, by its length
        facts = pool.facts
        self.name, self.model, self.tier, self.replicas = facts.name, facts.model, facts.tier, facts.replicas
        self.place = facts.place
        self.usd_per_tok = facts.usd_per_tok

    @property
    def outstanding_calls(self) -> int:
        """Calls sent and not heard of."""
        return self._pool.outstanding_calls

    @property
    def outstanding_tok(self) -> float:
        """Their prompts, plus the mean output seen so far."""
        return self._pool.outstanding_tok

    @property
    def outstanding_tok_by_replica(self) -> Sequence[float]:
        """The same of each engine, of the calls that have come to one."""
        pool = self._pool
        return tuple(pool.load_tok) if isinstance(pool, Pool) else (pool.outstanding_tok,)

    @property
    def reported(self) -> Reported:
        """What the pool last told of itself."""
        return self._reported()

    @property
    def carbon_g_per_j(self) -> float:
        """Grams of CO2 for each joule now."""
        signal = self._known.plan.carbon_g_per_j.get(self.place)
        return nan if signal is None else signal.value(self._known.clock.now)

    @property
    def battery_frac(self) -> float | None:
        """What is left in the batteries: rest counts by time, calls that have ended by their tokens.

        An answer's first token comes with the prompt.
        """
        gauge = self._known.plan.gauges.get(self.name)
        if gauge is None:
            return None
        used_j = gauge.idle_w * self._known.clock.now
        for number, (prompt_j, output_j) in gauge.j_per_tok.items():
            pool = self._known.pools[number]
            assert isinstance(pool, Pool)
            used_j += prompt_j * pool.prompts_tok + output_j * (pool.outputs_tok - pool.outputs)
        return max(0.0, 1.0 - used_j / gauge.battery_j)

    @property
    def predicted_tpot_s(self) -> float:
        """Seconds of a token in batches of the calls outstanding; of nobody else's where there are none."""
        pool = self._pool
        if isinstance(pool, HostedPool):
            return pool.facts.tpot_s
        calls, ended = pool.outstanding_calls, pool.outputs
        if calls:
            context_tok = pool.outstanding_tok / calls
        else:
            context_tok = (pool.prompts_tok + pool.outputs_tok) / ended if ended else 1.0
        seqs = min(max(1, -(-calls // self.replicas)), pool.limits.max_seqs)
        return self._plan.steps.pace(seqs, round(seqs * context_tok), 0, 0, 0.0)[0]

    def predicted_ttft_s(self, prompt_tok: int) -> float:
        """Seconds until such a prompt is read, behind those of the calls outstanding."""
        pool = self._pool
        if isinstance(pool, HostedPool):
            return pool.facts.ttft_s
        before_tok = max(0.0, pool.outstanding_tok - pool.outstanding_calls * pool.mean_output_tok)
        alone_s = self._alone_s.get(prompt_tok)
        if alone_s is None:
            own = min(max(1, prompt_tok), pool.limits.batched_tok)
            alone_s = self._alone_s[prompt_tok] = self._chunk_s(own) * prompt_tok / own
        return pool.request_s + before_tok / self.replicas * self._full_chunk_s / pool.limits.batched_tok + alone_s

    @cached_property
    def _full_chunk_s(self) -> float:
        """Seconds of a pass that reads as much of prompts as one can."""
        return self._chunk_s(self._plan.limits.batched_tok)

    def _chunk_s(self, chunk: int) -> float:
        return self._plan.steps.pace(0, 0, chunk, 0, chunk * chunk / 2)[0]

    @cached_property
    def _plan(self) -> PoolPlan:
        plan = self._known.plan.pools[self._pool.facts.index]
        assert isinstance(plan, PoolPlan)
        return plan


class SeenLink:
    """One link as a router may measure it."""

    def __init__(self, clock: Clock, up: Pipe, down: Pipe) -> None:
        self._clock, self._up, self._down = clock, up, down
        self.rtt_s = up.delay_s + down.delay_s

    @property
    def up_bytes_per_s(self) -> float:
        """What one more transfer would get now, from the first place to the second."""
        return self._up.left(self._clock.now)

    @property
    def down_bytes_per_s(self) -> float:
        """The same from the second to the first."""
        return self._down.left(self._clock.now)


class SeenFleet:
    """One live read-only object for all decisions of a run."""

    def __init__(self, clock: Clock, pools: Mapping[str, SeenPool], links: Mapping[str, SeenLink]) -> None:
        self._clock = clock
        self.pools = pools
        self.links = links

    @property
    def now_s(self) -> float:
        """Simulated time."""
        return float(self._clock.now)


class Telemetry:
    """Reports of all pools every `refresh_s`, seen `delay_s` later; always true now where `refresh_s` is 0."""

    def __init__(self, clock: Clock, pools: Mapping[str, Pool | HostedPool], refresh_s: float, delay_s: float) -> None:
        self.clock = clock
        self.pools = pools
        self.refresh_s = refresh_s
        self.delay_s = delay_s
        self.reports: deque[tuple[float, dict[str, Reported]]] = deque()
        self.alarm = Alarm(clock, self._refresh)
        if refresh_s > 0.0:
            self._refresh(clock.now)

    def of(self, name: str) -> Callable[[], Reported]:
        """A reader of pool `name`'s report."""
        if self.refresh_s == 0.0:
            clock, report = self.clock, self.pools[name].report
            return lambda: report(clock.now)
        return lambda: self._seen()[name]

    def stop(self) -> None:
        """No more reports: nobody is left to read them."""
        self.alarm.unset()

    def _refresh(self, now: float) -> None:
        self.reports.append((now, {name: pool.report(now) for name, pool in self.pools.items()}))
        self._seen()
        self.alarm.set(now + self.refresh_s, TELEMETRY, now)

    def _seen(self) -> dict[str, Reported]:
        """The newest report that has arrived; before any has, the first."""
        old = self.clock.now - self.delay_s
        while len(self.reports) > 1 and self.reports[1][0] <= old:
            self.reports.popleft()
        return self.reports[0][1]
