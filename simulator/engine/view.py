"""What policies see of the fleet: live where the router knows it itself, as reported where the pools tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from simulator.engine.clock import TELEMETRY, Alarm, Clock
from simulator.engine.pool import HostedPool, Pool
from simulator.policies.core import Reported


class SeenPool:
    """One pool as the router sees it."""

    def __init__(self, pool: Pool | HostedPool, reported: Callable[[], Reported]) -> None:
        self._pool = pool
        self._reported = reported
        facts = pool.facts
        self.name, self.model, self.tier, self.replicas = facts.name, facts.model, facts.tier, facts.replicas
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
    def reported(self) -> Reported:
        """What the pool last told of itself."""
        return self._reported()


class SeenFleet:
    """One live read-only object for all decisions of a run."""

    def __init__(self, clock: Clock, pools: Mapping[str, SeenPool]) -> None:
        self._clock = clock
        self.pools = pools

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
            return lambda: self.pools[name].report(self.clock.now)
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
