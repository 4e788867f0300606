"""Rate limits against the generic cell rate algorithm, and the client's retries by hand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf, isnan

import pytest
from engine_examples import job
from hypothesis import given, settings
from hypothesis import strategies as st
from stepping import Wish

from simulator.engine.clock import ARRIVAL, TIMER, Clock, once
from simulator.engine.hosted import HostedPlan, HostedPool
from simulator.engine.job import Job
from simulator.engine.pool import Hooks, PoolFacts
from simulator.engine.rate_limit import Bucket, RateLimit
from simulator.workload.streams import uniform

ANSWER_S = 0.5


class Cell:
    """The same limit as `Bucket`, by the virtual time at which all that was let through would have been paid for.

    Generic cell rate algorithm, ITU-T I.371, with cells of different sizes.
    """

    def __init__(self, per_s: float) -> None:
        self.per_s, self.paid_s = per_s, -inf

    def passes(self, amount: float, now: float) -> bool:
        paid_s = max(self.paid_s, now) + amount / self.per_s
        if paid_s - now > 60.0 * (1 + 1e-9):
            return False
        self.paid_s = paid_s
        return True


asks = st.lists(
    st.tuples(st.one_of(st.just(0.0), st.floats(0, 40), st.integers(0, 30).map(float)), st.floats(0.0, 200.0)),
    max_size=60,
)


@settings(deadline=None)
@given(asks=asks, per_min=st.sampled_from([3.0, 60.0, 100.0, 150.0]))
def test_a_bucket_lets_through_what_a_minute_has_room_for(asks, per_min):
    bucket, cell, now = Bucket(per_min / 60), Cell(per_min / 60), 0.0
    for gap_s, amount in asks:
        now += gap_s
        if abs(max(cell.paid_s, now) + amount / cell.per_s - now - 60.0) < 1e-6:
            return  # rounding decides
        passes = bucket.has(amount, now)
        assert passes == cell.passes(amount, now)
        if passes:
            bucket.take(amount)


def test_a_call_a_second_never_exceeds_sixty_a_minute():
    bucket = Bucket(1.0)
    for _ in range(60):
        assert bucket.has(1.0, 0.0)
        bucket.take(1.0)
    assert not bucket.has(1.0, 0.5)
    for second in range(1, 10_000):
        assert bucket.has(1.0, float(second))
        bucket.take(1.0)


class Api:
    """A hosted pool with a limit, and what it told."""

    def __init__(self, limit: RateLimit | None, wishes: Sequence[Wish], u: float | None = 0.0) -> None:
        self.clock = Clock()
        self.refused: dict[int, tuple[str, float]] = {}
        self.gone: dict[int, float] = {}
        self.done: dict[int, float] = {}
        hooks = Hooks(
            first=lambda job, now: None,
            done=lambda job, now: self.done.update({job.id: now}),
            refused=lambda job, reason: self.refused.update({job.id: (reason, self.clock.now)}),
            gone=lambda job, now: self.gone.update({job.id: now}),
        )
        chance = uniform(seed=2, replication=0) if u is None else lambda stream, query, attempt: u
        plan = HostedPlan(PoolFacts("api", 0, "m", "away", None, 1), lambda job, uniform: (ANSWER_S, ANSWER_S), limit)
        self.pool = HostedPool(self.clock, plan, chance, hooks)
        self.jobs = [job(i, wish) for i, wish in enumerate(wishes)]
        for each, wish in zip(self.jobs, wishes, strict=True):
            once(self.clock, wish.arrive_s, ARRIVAL + each.id, partial(self.pool.submit, each))
            if wish.cancel_s is not None:
                once(self.clock, wish.cancel_s, TIMER + each.id, partial(self._cancel, each))

    def _cancel(self, job: Job, now: float) -> None:
        if isnan(job.done_s):
            self.pool.cancel(job, now)


def test_a_call_over_the_limit_waits_twice_as_long_each_time_and_then_fails():
    limit = RateLimit(requests_per_s=1 / 60, tokens_per_s=None, max_retries=3, retry_after_s=0.5)
    api = Api(limit, [Wish(0.0, 10, 10), Wish(1.0, 10, 10)])
    api.clock.run()
    assert api.done == {0: ANSWER_S}
    assert api.refused == {1: ("rate limited", 1.0 + 0.5 + 1.0 + 2.0)}
    assert [each.retries for each in api.jobs] == [0, 3]
    assert isnan(api.jobs[1].started_s)


def test_a_call_over_the_limit_is_served_when_the_bucket_has_filled():
    limit = RateLimit(requests_per_s=None, tokens_per_s=1.0, max_retries=9, retry_after_s=1.0)
    api = Api(limit, [Wish(0.0, 50, 10), Wish(0.0, 20, 10)])  # sixty tokens in it, then thirty wanted
    api.clock.run()
    assert api.jobs[1].started_s == 31.0  # tries at 0, 1, 3, 7, 15 and 31
    assert api.jobs[1].submitted_s == 0.0
    assert api.jobs[1].retries == 5
    assert api.done == {0: 0.5, 1: 31.5}


def test_the_wait_is_cut_by_up_to_a_quarter():
    limit = RateLimit(1 / 60, None, max_retries=1, retry_after_s=8.0)
    at_s = [Api(limit, [Wish(0.0, 1, 1)] * 2, u) for u in (0.0, 0.5, 1.0 - 2**-53)]
    for api in at_s:
        api.clock.run()
    assert [api.refused[1][1] for api in at_s] == pytest.approx([8.0, 7.0, 6.0])


def test_a_call_that_waits_to_be_tried_again_can_be_called_off():
    limit = RateLimit(1 / 60, None, max_retries=5, retry_after_s=2.0)
    api = Api(limit, [Wish(0.0, 1, 1), Wish(0.0, 1, 1, cancel_s=3.0)])
    once(api.clock, 1.0, TIMER, lambda now: api.done.update({-1: api.pool.report(now).waiting_calls}))
    api.clock.run()
    assert api.done == {0: ANSWER_S, -1: 1}
    assert api.gone == {1: 3.0}
    assert not api.refused


def test_larger_than_a_minute_is_never_served():
    api = Api(RateLimit(None, 1.0, max_retries=2, retry_after_s=100.0), [Wish(0.0, 50, 11)])
    api.clock.run()
    assert api.refused == {0: ("rate limited", 300.0)}


@settings(deadline=None)
@given(
    wishes=st.lists(
        st.builds(
            Wish,
            st.floats(0, 100),
            st.integers(1, 40),
            st.integers(1, 40),
            priority=st.just(0),
            cancel_s=st.one_of(st.none(), st.floats(100, 200)),
        ),
        max_size=25,
    ),
    requests=st.one_of(st.none(), st.sampled_from([2 / 60, 10 / 60])),
    tokens=st.one_of(st.none(), st.sampled_from([1.0, 5.0])),
    max_retries=st.integers(0, 4),
)
def test_no_call_is_lost_and_no_minute_has_more_than_two_buckets(wishes, requests, tokens, max_retries):
    api = Api(RateLimit(requests, tokens, max_retries, 0.5), wishes, None)
    api.clock.run()
    assert sorted([*api.done, *api.refused, *api.gone]) == list(range(len(wishes)))
    served = [(each.started_s, each) for each in api.jobs if not isnan(each.started_s)]
    for start_s, _ in served:
        minute = [each for at_s, each in served if start_s <= at_s < start_s + 60.0]
        if requests is not None:  # a full bucket and what comes in while it is emptied
            assert len(minute) <= 2 * 60 * requests * (1 + 1e-6)
        if tokens is not None:
            assert sum(each.prompt_tok + each.output_tok for each in minute) <= 2 * 60 * tokens * (1 + 1e-6)
    assert all(each.retries <= max_retries for each in api.jobs)
