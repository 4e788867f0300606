"""Hosted APIs: pools with infinite servers, elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from simulator.engine.clock import Clock, once
from simulator.engine.job import Job
from simulator.engine.pool import Hooks, PoolFacts, Uniform
from simulator.engine.rate_limit import RateLimit, RateLimiter
from simulator.policies.core import Reported


@dataclass(frozen=True, slots=True)
class HostedPlan:
    """A hosted API: each call is served at once, in `latency(job, uniform)` seconds to the first and the last token.

    With a `limit`, at once only while the account is below it.
    """

    facts: PoolFacts
    latency: Callable[[Job, Uniform], tuple[float, float]]
    limit: RateLimit | None = None


class HostedPool:
    """Infinite servers, elsewhere."""

    def __init__(self, clock: Clock, plan: HostedPlan, uniform: Uniform, hooks: Hooks) -> None:
        self.clock = clock
        self.facts, self.place = plan.facts, plan.facts.place
        self.request_s = 0.0  # in the time to its first token
        self.latency = plan.latency
        self.uniform = uniform
        self.hooks = hooks
        self.limiter = (
            None if plan.limit is None else RateLimiter(clock, plan.limit, uniform, self._serve, hooks.refused)
        )
        self.running = 0
        self.mean_output_tok = 0.0
        self.outstanding_calls = 0
        self.outstanding_tok = 0.0

    def submit(self, job: Job, now: float) -> None:
        """Serve `job`, if no rate limit is in the way."""
        job.submitted_s = now
        for fork in job.forks or ():
            fork.submitted_s = now
        if self.limiter is None:
            self._serve(job, now)
        else:
            self.limiter.submit(job, now)

    def _serve(self, job: Job, now: float) -> None:
        first_s, last_s = self.latency(job, self.uniform)
        self._answer(job, first_s, last_s, now)
        if job.forks:  # one time to the first token, each its own token rate
            for fork in job.forks:
                own_first_s, own_last_s = self.latency(fork, self.uniform)
                self._answer(fork, first_s, first_s + own_last_s - own_first_s, now)
            job.forks.clear()

    def _answer(self, job: Job, first_s: float, last_s: float, now: float) -> None:
        job.started_s = now
        self.running += 1
        if job.streams:
            once(self.clock, now + first_s, job.order, partial(self._first, job))
        else:
            job.first_s = now + first_s
        once(self.clock, now + last_s, job.order, partial(self._done, job))

    def cancel(self, job: Job, now: float) -> None:
        """What was begun goes on, and is billed; what waits to be tried again is not."""
        if job.forks and job in job.forks:
            job.forks.remove(job)
            self.hooks.gone(job, now)
        elif self.limiter is not None and self.limiter.forget(job):
            self.hooks.gone(job, now)

    def report(self, now_s: float) -> Reported:
        """A hosted API has no queue to tell of but the calls that its rate limit has sent away for a while."""
        return Reported(now_s, 0 if self.limiter is None else len(self.limiter.waiting), self.running, 0.0)

    def _first(self, job: Job, now: float) -> None:
        job.first_s = now
        self.hooks.first(job, now)

    def _done(self, job: Job, now: float) -> None:
        self.running -= 1
        job.done_s = now
        job.generated_tok = job.output_tok
        self.hooks.done(job, now)
