"""Links whose transfers differ, against sharing from event to event, and radios against a list of their uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import nan

import pytest
from engine_examples import no_chance
from hypothesis import given, settings
from hypothesis import strategies as st
from test_links_and_stations import shared_equally, some_job, transfers

from simulator.engine.air import Luck
from simulator.engine.clock import ARRIVAL, Clock, once
from simulator.engine.job import Job
from simulator.engine.logs import Logs
from simulator.engine.network import Network
from simulator.engine.plan import LinkPlan, Plan
from simulator.physics.link import between
from simulator.physics.values import Link
from simulator.policies.always import Always
from simulator.workload.streams import uniform

STILL = between("still", 1.0, 20.0, 40.0)
UNEVEN = between(
    "uneven", 1.0, 20.0, 40.0, rtt_sigma=0.4, up_sigma=0.8, down_sigma=0.5, outage_frac=0.3, outage_mean_s=2.0
)
SLEEPY = between("sleepy", 0.0, 1e9, 1e9, promotion_s=1.0, radio_idle_s=5.0, tail_s=5.0, tail_w=2.0)
CHANCE = uniform(seed=1, replication=0)


def plan(link: Link, per_user: bool, varying: bool = True) -> LinkPlan:
    ends = ("phone", "city")
    return LinkPlan(
        "line",
        ends,
        link.up_bytes_per_s,
        link.down_bytes_per_s,
        link.rtt_s / 2,
        per_user,
        varying=link if varying else None,
        radio_per_user=per_user,
    )


def carried(link: LinkPlan, sends: Sequence[tuple[float, float]], jobs: Sequence[Job]) -> tuple[list[float], Logs]:
    """When each transfer up is there, and the logs."""
    clock = Clock()
    logs = Logs.empty(Plan((), (), (), lambda world, uniform: Always("pool"), (link,)))
    net = Network(clock, (link,), logs, CHANCE if link.varying else no_chance)
    arrived_s = [nan] * len(sends)

    def arrived(i: int, job: Job, now: float) -> None:
        assert job is jobs[i]
        arrived_s[i] = now

    def send(i: int, size: float, now: float) -> None:
        net.way("phone", "city").send(size, jobs[i], now, partial(arrived, i))

    for i, (time_s, size) in enumerate(sends):
        once(clock, time_s, ARRIVAL + i, partial(send, i, size))
    clock.run()
    return arrived_s, logs


@settings(deadline=None)
@given(sends=transfers)
def test_a_slow_transfer_uses_the_air_as_a_larger_one_would(sends):
    jobs = [some_job(i) for i in range(len(sends))]
    luck = Luck(UNEVEN, UNEVEN.up_sigma, 0, "up", CHANCE)
    arrived_s, logs = carried(plan(UNEVEN, per_user=False), sends, jobs)
    at_median = [(time_s, size / luck.rate_factor(job)) for (time_s, size), job in zip(sends, jobs, strict=True)]
    out_s = shared_equally(at_median, [(0.0, UNEVEN.up_bytes_per_s)], 0.0)
    expected = [s + luck.travel_s(job) for s, job in zip(out_s, jobs, strict=True)]
    assert arrived_s == pytest.approx(expected, rel=1e-9, abs=1e-9)
    columns = logs.transfers[0].columns()
    assert columns["bytes"].sum() == pytest.approx(sum(size for _, size in sends))  # as sent, not as they weigh
    assert columns["time_s"] * UNEVEN.up_bytes_per_s == pytest.approx([size for _, size in sorted_by_time(at_median)])


def sorted_by_time(sends: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return sorted(sends, key=lambda send: send[0])


@settings(deadline=None)
@given(sends=transfers, per_user=st.booleans())
def test_without_sigmas_a_varying_pipe_is_a_plain_one(sends, per_user):
    jobs = [some_job(i) for i in range(len(sends))]
    varying, logs = carried(plan(STILL, per_user), sends, jobs)
    plain, plain_logs = carried(plan(STILL, per_user, varying=False), sends, jobs)
    assert varying == pytest.approx(plain, rel=1e-9, abs=1e-9)
    for name in ("start_s", "time_s", "bytes"):
        assert (logs.transfers[0].columns()[name] == plain_logs.transfers[0].columns()[name]).all()


def test_one_call_meets_one_luck_and_others_another():
    up, down = (Luck(UNEVEN, 0.5, 0, direction, CHANCE) for direction in ("up", "down"))
    calm = replace(UNEVEN, outage_frac=0.0)
    there, back = (Luck(calm, 0.5, 0, direction, CHANCE) for direction in ("up", "down"))
    elsewhere = Luck(UNEVEN, 0.5, 1, "up", CHANCE)
    job, other = some_job(3), some_job(4)
    assert up.rate_factor(job) == up.rate_factor(some_job(3))
    assert len({up.rate_factor(job), down.rate_factor(job), elsewhere.rate_factor(job), up.rate_factor(other)}) == 4
    assert there.travel_s(job) == back.travel_s(job) != there.travel_s(other)


def test_a_rate_is_what_a_transfer_finds_and_a_delay_what_its_first_byte_takes():
    clock = Clock()
    logs = Logs.empty(Plan((), (), (), lambda world, uniform: Always("pool"), (plan(UNEVEN, True),)))
    way = Network(clock, (plan(UNEVEN, True),), logs, CHANCE).way("phone", "city")
    luck, job = Luck(UNEVEN, UNEVEN.up_sigma, 0, "up", CHANCE), some_job(7)
    assert way.rate(job) == 20.0 * luck.rate_factor(job)
    assert way.delay(job, 0.0) == luck.travel_s(job)
    assert way.delay_s == 0.5


# Radios

moments = st.lists(st.floats(0.0, 60.0), min_size=1, max_size=20, unique=True).map(sorted)


def promotions(times_s: Sequence[float], promotion_s: float, idle_s: float) -> list[float]:
    """What each of these instant transfers waits for the radio, from the one before alone."""
    waits, awake_s, last_s = [], 0.0, float("-inf")
    for now in times_s:
        if now - last_s > idle_s:
            awake_s = now + promotion_s
        waits.append(max(awake_s - now, 0.0))
        last_s = max(now, awake_s)
    return waits


@settings(deadline=None)
@given(times_s=moments, per_user=st.booleans())
def test_a_radio_must_be_woken_after_silence_only(times_s, per_user):
    jobs = [some_job(i) for i in range(len(times_s))]  # each of another user
    arrived_s, logs = carried(plan(SLEEPY, per_user), [(s, 0.0) for s in times_s], jobs)
    waits = [1.0] * len(times_s) if per_user else promotions(times_s, 1.0, 5.0)
    assert [s - t for s, t in zip(arrived_s, times_s, strict=True)] == pytest.approx(waits, abs=1e-9)
    columns = logs.radios[0].columns()
    assert columns["user"].tolist() == ([job.life.user for job in jobs] if per_user else [0] * len(jobs))
    assert columns["start_s"].tolist() == times_s
    assert columns["end_s"] == pytest.approx(arrived_s, abs=1e-9)


def test_both_directions_are_one_radio():
    clock = Clock()
    link = plan(SLEEPY, per_user=True)
    logs = Logs.empty(Plan((), (), (), lambda world, uniform: Always("pool"), (link,)))
    net, job, arrived_s = Network(clock, (link,), logs, CHANCE), some_job(0), []
    for time_s, ends in ((0.0, ("phone", "city")), (5.5, ("city", "phone")), (11.0, ("phone", "city"))):
        once(
            clock,
            time_s,
            ARRIVAL,
            lambda now, ends=ends: net.way(*ends).send(0.0, job, now, lambda job, now: arrived_s.append(now)),
        )
    clock.run()
    assert arrived_s == [1.0, 5.5, 12.0]


def test_an_answer_that_streams_keeps_the_radio_awake():
    clock = Clock()
    link = plan(SLEEPY, per_user=False)
    logs = Logs.empty(Plan((), (), (), lambda world, uniform: Always("pool"), (link,)))
    net, job, other, arrived_s = Network(clock, (link,), logs, CHANCE), some_job(0), some_job(1), {}

    def first(now: float) -> None:
        job.streams, job.first_s = True, now
        net.way("city", "phone").send(4.0, job, now, lambda job, now: None)

    def ask(now: float) -> None:
        net.way("phone", "city").send(0.0, other, now, lambda job, now: arrived_s.update({other.id: now}))

    def last(now: float) -> None:
        job.done_s = now
        net.way("city", "phone").stream(400.0, job)

    once(clock, 2.0, 0, first)
    once(clock, 12.0, 0, ask)  # nine seconds after the first token was there
    once(clock, 30.0, 0, last)
    once(clock, 34.0, 0, ask)
    clock.run()
    assert arrived_s == {1: pytest.approx(34.0)}
    assert logs.radios[0].columns()["end_s"].max() == pytest.approx(34.0)
    assert (2.0, 30.0) in zip(*(logs.radios[0].columns()[name] for name in ("start_s", "end_s")), strict=True)


def test_a_stream_may_be_over_before_its_first_token_has_come_to_the_radio():
    clock = Clock()
    cell = replace(plan(SLEEPY, True), between=("phone", "mast"))
    links = (LinkPlan("backbone", ("city", "mast"), 1.0, 1.0, 5.0), cell)
    logs = Logs.empty(Plan((), (), (), lambda world, uniform: Always("pool"), links))
    way, job, seen_s = Network(clock, links, logs, CHANCE).way("city", "phone"), some_job(0), []
    job.streams, job.first_s = True, 0.0
    way.send(4.0, job, 0.0, lambda job, now: seen_s.append(now))
    job.done_s = 2.0
    way.stream(8.0, job)
    clock.run()
    assert seen_s == [pytest.approx(4.0 + 5.0 + 1.0)]  # on the backbone, and then the radio sleeps again
    assert logs.radios[1].columns()["start_s"].tolist() == [0.0, 9.0]


def test_time_up_ends_the_use_of_a_radio():
    clock = Clock()
    slow = plan(replace(SLEEPY, up_bytes_per_s=1.0), per_user=False)
    logs = Logs.empty(Plan((), (), (), lambda world, uniform: Always("pool"), (slow,)))
    net = Network(clock, (slow,), logs, CHANCE)
    once(clock, 3.0, 0, lambda now: net.way("phone", "city").send(100.0, some_job(0), now, lambda job, now: None))
    clock.run(until=10.0)
    net.stop(10.0)
    assert [tuple(row) for row in zip(*logs.radios[0].columns().values(), strict=True)] == [(0, 3.0, 10.0)]


def test_radios_that_sleep_are_forgotten():
    clock = Clock()
    link = plan(SLEEPY, per_user=True)
    logs = Logs.empty(Plan((), (), (), lambda world, uniform: Always("pool"), (link,)))
    net = Network(clock, (link,), logs, CHANCE)
    for i in range(5000):
        once(
            clock,
            float(i),
            ARRIVAL + i,
            lambda now, i=i: net.way("phone", "city").send(0.0, some_job(i), now, lambda job, now: None),
        )
    clock.run()
    (radio,) = net._radios
    assert len(radio.uses) <= 1100
    assert len(logs.radios[0].columns()["user"]) == 5000
