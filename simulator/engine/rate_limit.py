"""Rate limits of hosted APIs: token buckets, refusals with 429, and the client's retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from simulator.engine.clock import ATTEMPTS, Clock, once
from simulator.engine.job import Job

MINUTE_S = 60.0
SLACK = 1e-9  # of a bucket: a request that comes exactly when there is room for it finds room
RATE_LIMITED = "rate limited"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What an account may ask, and how its client tries again: after `retry_after_s`, then twice as long each time."""

    requests_per_s: float | None
    tokens_per_s: float | None
    max_retries: int
    retry_after_s: float


class Bucket:
    """Refills continuously and holds a minute's worth, as providers document their limits; full at first."""

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        self.full = self.left = MINUTE_S * per_s
        self.as_of_s = 0.0

    def has(self, amount: float, now: float) -> bool:
        """Whether so much is in it now."""
        self.left = min(self.left + (now - self.as_of_s) * self.per_s, self.full)
        self.as_of_s = now
        return amount <= self.left + SLACK * self.full

    def take(self, amount: float) -> None:
        """Take so much out."""
        self.left -= amount


class RateLimiter:
    """Lets calls pass while both buckets have enough for them; others come back later, or are refused in the end.

    A call takes one request and its prompt and output tokens (of all samples of its prompt), as if the client had asked
    for an answer of just that length at most. A refused try takes nothing. The wait is cut by up to a quarter by
    chance, as the OpenAI Python client does it (version 1: 0.5 s, doubled, two retries). Left out: that a retry goes
    over the link once more, and tries that count towards the limit themselves (errs to short waits).
    """

    def __init__(
        self,
        clock: Clock,
        limit: RateLimit,
        uniform: Callable[[str, int, int], float],
        serve: Callable[[Job, float], None],
        refused: Callable[[Job, str], None],
    ) -> None:
        self.clock = clock
        self.limit = limit
        self.uniform = uniform
        self.serve = serve
        self.refused = refused
        self.requests = None if limit.requests_per_s is None else Bucket(limit.requests_per_s)
        self.tokens = None if limit.tokens_per_s is None else Bucket(limit.tokens_per_s)
        self.waiting: dict[int, Job] = {}  # between two tries

    def submit(self, job: Job, now: float) -> None:
        """Serve `job` now, later, or not at all."""
        tokens = job.prompt_tok + job.output_tok + sum(fork.output_tok for fork in job.forks or ())
        if (self.requests is None or self.requests.has(1.0, now)) and (
            self.tokens is None or self.tokens.has(tokens, now)
        ):
            if self.requests is not None:
                self.requests.take(1.0)
            if self.tokens is not None:
                self.tokens.take(tokens)
            self.serve(job, now)
        elif job.retries == self.limit.max_retries:
            self.refused(job, RATE_LIMITED)
        else:
            self.waiting[job.id] = job
            wait_s = self.limit.retry_after_s * 2.0**job.retries
            u = self.uniform(f"hosted-retry-{job.retries}", job.life.row, job.order % ATTEMPTS)
            once(self.clock, now + wait_s * (1.0 - u / 4), job.order, partial(self._again, job))

    def forget(self, job: Job) -> bool:
        """Do not try `job` again; whether it was waiting for that."""
        return self.waiting.pop(job.id, None) is not None

    def _again(self, job: Job, now: float) -> None:
        if self.forget(job):
            job.retries += 1
            self.submit(job, now)
