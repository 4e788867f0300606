"""What carries, serves and waits, against plain recursions: links, stations, deadlines, hosted pools, alarms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import fsum, inf
from typing import Any

import pytest
from engine_examples import job, no_chance
from hypothesis import given, settings
from hypothesis import strategies as st
from stepping import Wish
from test_queues_by_recursion import fcfs_starts_s

from simulator.engine.clock import ARRIVAL, TIMER, Alarm, Clock, once
from simulator.engine.deadlines import Deadlines
from simulator.engine.hosted import HostedPlan, HostedPool
from simulator.engine.job import Job
from simulator.engine.link import OwnPipe, SharedPipe
from simulator.engine.logs import Logs
from simulator.engine.network import Network
from simulator.engine.plan import LinkPlan, Plan
from simulator.engine.pool import Hooks, PoolFacts
from simulator.engine.station import Station
from simulator.policies.always import Always
from simulator.records.log import Log

Sent = tuple[float, float]  # seconds, bytes


def some_job(i: int) -> Job:
    return job(i, Wish(0.0, 1, 1))


def shared_equally(sends: Sequence[Sent], bandwidth: Sequence[Sent], delay_s: float) -> list[float]:
    """Arrivals over a pipe that all transfers share equally; `bandwidth` is (from, bytes a second), from 0 on.

    From event to event, with what is left of each transfer.
    """
    left: dict[int, float] = {}
    arrived_s = [0.0] * len(sends)
    coming = sorted(range(len(sends)), key=lambda i: sends[i][0])
    now, rate = 0.0, bandwidth[0][1]
    changes = list(bandwidth[1:])
    while coming or left:
        next_end_s = now + min(left.values()) * len(left) / rate if left else inf
        next_send_s = sends[coming[0]][0] if coming else inf
        next_change_s = changes[0][0] if changes else inf
        then = min(next_end_s, next_send_s, next_change_s)
        if left:
            got = (then - now) * rate / len(left)
            left = {i: size - got for i, size in left.items()}
        now = then
        if now == next_end_s:
            ended = min(left, key=left.__getitem__)
            del left[ended]
            arrived_s[ended] = now + delay_s
        elif now == next_send_s:
            sent = coming.pop(0)
            left[sent] = sends[sent][1]
        else:
            rate = changes.pop(0)[1]
    return arrived_s


def on_clock(at: Sequence[tuple[float, Callable[[float], None]]]) -> Clock:
    """A clock on which these things happen at these times."""
    clock = Clock()
    for i, (time_s, what) in enumerate(at):
        once(clock, time_s, ARRIVAL + i, what)
    return clock


times = st.one_of(st.floats(0.0, 20.0), st.integers(0, 5).map(float))
sizes = st.one_of(st.floats(1e-3, 500.0), st.sampled_from([0.0, 10.0, 10.0, 100.0]))
transfers = st.lists(st.tuples(times, sizes), min_size=1, max_size=25)
bandwidths = st.lists(st.tuples(times, st.floats(1.0, 200.0)), max_size=3).map(
    lambda changes: [(0.0, 20.0), *sorted(dict(changes).items())]
)


@settings(deadline=None)
@given(sends=transfers, bandwidth=bandwidths, delay_s=st.sampled_from([0.0, 0.5, 3.0]))
def test_a_shared_pipe_shares_equally(sends, bandwidth, delay_s):
    clock, rows, arrived_s = Clock(), [], {}
    pipe = SharedPipe(clock, bandwidth[0][1], delay_s, rows.append)

    def arrived(job: Job, now: float) -> None:
        arrived_s[job.id] = now

    for time_s, bytes_per_s in bandwidth[1:]:
        once(clock, time_s, TIMER, partial(pipe.change, bytes_per_s))
    for i, (time_s, size) in enumerate(sends):
        once(clock, time_s, ARRIVAL + i, lambda now, i=i, size=size: pipe.send(size, some_job(i), now, arrived))
    clock.run()
    assert [arrived_s[i] for i in range(len(sends))] == pytest.approx(
        shared_equally(sends, bandwidth, delay_s), rel=1e-9, abs=1e-9
    )
    assert fsum(row[2] for row in rows) == pytest.approx(fsum(size for _, size in sends))


def test_a_pipe_of_ones_own_is_nobody_elses():
    clock, rows, arrived_s = Clock(), [], []
    pipe = OwnPipe(clock, 10.0, 0.25, rows.append)
    for i, time_s in enumerate((0.0, 0.0, 5.0)):
        once(
            clock, time_s, i, lambda now, i=i: pipe.send(20.0, some_job(i), now, lambda job, now: arrived_s.append(now))
        )
    once(clock, 1.0, TIMER, partial(pipe.change, 5.0))  # of what is sent from now on
    clock.run()
    assert arrived_s == [2.25, 2.25, 9.25]
    assert rows == [(0.0, 2.0, 20.0), (0.0, 2.0, 20.0), (5.0, 4.0, 20.0)]


def network(links: tuple[LinkPlan, ...]) -> tuple[Clock, Network, Sequence[Log]]:
    clock = Clock()
    logs = Logs.empty(Plan((), (), (), lambda world, uniform: Always("pool"), links))
    return clock, Network(clock, links, logs, no_chance), logs.transfers


CHAIN = (
    LinkPlan("radio", ("phone", "mast"), 10.0, 50.0, 0.1),
    LinkPlan("fibre", ("mast", "city"), 25.0, 25.0, 0.2, changes=((5.0, 0.1),)),
)


@settings(deadline=None)
@given(sends=transfers)
def test_two_links_are_one_after_the_other(sends):
    clock, net, logs = network(CHAIN)
    arrived_s: dict[int, float] = {}
    for i, (time_s, size) in enumerate(sends):

        def send(now: float, i: int = i, size: float = size) -> None:
            net.way("phone", "city").send(size, some_job(i), now, lambda job, now: arrived_s.update({job.id: now}))

        once(clock, time_s, ARRIVAL + i, send)
    clock.run()
    at_mast_s = shared_equally(sends, [(0.0, 10.0)], 0.1)
    hop = [(time_s, size) for time_s, (_, size) in zip(at_mast_s, sends, strict=True)]
    expected = shared_equally(hop, [(0.0, 25.0), (5.0, 2.5)], 0.2)
    assert [arrived_s[i] for i in range(len(sends))] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    up, down, fibre_up, fibre_down = (fsum(log.columns()["bytes"]) for log in logs)
    assert up == fibre_up == pytest.approx(fsum(size for _, size in sends))
    assert down == fibre_down == 0.0


def test_ways_are_those_with_the_fewest_links_in_both_directions():
    short = LinkPlan("cable", ("phone", "city"), 7.0, 3.0, 4.0)
    clock, net, _ = network((*CHAIN, short))
    assert (net.way("phone", "city").rate(some_job(0)), net.way("city", "phone").rate(some_job(0))) == (7.0, 3.0)
    assert net.way("city", "phone").delay_s == 4.0
    clock, net, _ = network(CHAIN)
    assert (net.way("phone", "city").rate(some_job(0)), net.way("city", "phone").rate(some_job(0))) == (10.0, 25.0)
    assert net.way("phone", "city").delay_s == pytest.approx(0.3)
    clock.run()
    assert net.way("phone", "city").rate(some_job(0)) == 2.5  # the fibre has become thin
    with pytest.raises(KeyError):
        net.way("phone", "moon")


@settings(deadline=None)
@given(
    gaps=st.lists(st.one_of(st.just(0.0), st.floats(0, 3)), min_size=1, max_size=40),
    servers=st.integers(1, 4),
    time_s=st.sampled_from([0.0, 0.5, 1.3]),
)
def test_a_station_is_g_d_c(gaps, servers, time_s):
    visits_s = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    clock, rows, served_s = Clock(), [], [inf] * len(visits_s)
    station = Station(clock, time_s, servers, rows.append)

    def visit(i: int, now: float) -> None:
        station.visit(i, lambda now: served_s.__setitem__(i, now), now)

    for i, visit_s in enumerate(visits_s):
        once(clock, visit_s, ARRIVAL + i, partial(visit, i))
    clock.run()
    starts_s = fcfs_starts_s(visits_s, [time_s] * len(visits_s), servers)
    assert served_s == [start_s + time_s for start_s in starts_s]
    assert rows == [(start_s, time_s) for start_s in starts_s]


@settings(deadline=None)
@given(
    things=st.lists(st.tuples(times, st.one_of(st.none(), st.floats(0.0, 6.0), st.just(3.0))), max_size=30),
)
def test_each_thing_runs_out_after_its_time_unless_it_is_over(things):
    things = sorted(things, key=lambda thing: thing[0])
    clock, over, ran_out = Clock(), set(), {}

    def told(i: int, now: float) -> None:
        assert i not in ran_out
        ran_out[i] = now

    deadlines = Deadlines[int](clock, 3.0, over.__contains__, told)
    for i, (time_s, lasts_s) in enumerate(things):
        once(clock, time_s, ARRIVAL + i, partial(deadlines.watch, i, i))
        if lasts_s is not None:
            once(clock, time_s + lasts_s, i, lambda now, i=i: over.add(i))  # completions come before timers
    clock.run()
    assert ran_out == {i: t + 3.0 for i, (t, lasts) in enumerate(things) if lasts is None or lasts > 3.0}


def test_what_runs_out_may_be_watched_again():
    clock, ran_out = Clock(), []

    def again(thing: str, now: float) -> None:
        ran_out.append((thing, now))
        if len(ran_out) < 6:
            deadlines.watch(thing, 0, now)

    deadlines = Deadlines[str](clock, 2.0, lambda thing: False, again)
    for thing, time_s in (("a", 0.0), ("b", 0.0), ("c", 1.0)):
        once(clock, time_s, ARRIVAL, partial(deadlines.watch, thing, 0))
    clock.run()
    assert ran_out == [("a", 2.0), ("b", 2.0), ("c", 3.0), ("a", 4.0), ("b", 4.0), ("c", 5.0), ("a", 6.0), ("b", 6.0)]


def test_a_hosted_pool_serves_everyone_at_once():
    clock, seen = Clock(), []
    hooks = Hooks(
        first=lambda job, now: seen.append(("first", job.id, now)),
        done=lambda job, now: seen.append(("done", job.id, now)),
        refused=lambda job, reason: None,
        gone=lambda job, now: None,
    )
    plan = HostedPlan(PoolFacts("api", 0, "m", "away", None, 1), lambda job, uniform: (0.5, 0.5 + job.output_tok))
    pool = HostedPool(clock, plan, lambda stream, query, attempt: 0.5, hooks)
    jobs = [job(i, Wish(1.0 * i, 9, 3 - i)) for i in range(3)]
    jobs[0].streams = True
    for each in jobs:
        once(clock, each.asked_s, ARRIVAL + each.id, partial(pool.submit, each))
    once(clock, 2.0, TIMER, lambda now: seen.append(("running", pool.report(now).running_calls, now)))
    clock.run()
    assert seen == [
        ("first", 0, 0.5),
        ("running", 3, 2.0),
        ("done", 0, 3.5),
        ("done", 1, 3.5),
        ("done", 2, 3.5),
    ]
    assert [(each.started_s, each.first_s, each.done_s) for each in jobs] == [
        (0, 0.5, 3.5),
        (1, 1.5, 3.5),
        (2, 2.5, 3.5),
    ]


# The clock


def test_of_an_alarms_settings_only_the_last_one_rings():
    clock, rung = Clock(), []
    alarm = Alarm(clock, rung.append)
    alarm.set(5.0, 0, 0.0)
    alarm.set(3.0, 0, 0.0)
    once(clock, 4.0, 0, lambda now: alarm.set(6.0, 0, now))
    once(clock, 7.0, 0, lambda now: alarm.set(1.0, 0, now))  # past: now
    once(clock, 8.0, 0, lambda now: alarm.set(9.0, 0, now))
    once(clock, 8.5, 0, lambda now: alarm.unset())
    clock.run()
    assert rung == [3.0, 6.0, 7.0]


@given(orders=st.permutations([3, 8, ARRIVAL, ARRIVAL + 1, TIMER, TIMER + 7]))
def test_at_one_time_the_order_counts_not_who_was_first_to_ask(orders):
    clock, rung = Clock(), []
    for order in orders:
        once(clock, 2.0, order, lambda now, order=order: rung.append(order))
    clock.run()
    assert rung == sorted(orders)


def test_alarms_live_beside_processes_of_simpy():
    clock, seen = Clock(), []

    def process() -> Any:
        for _ in range(3):
            yield clock.timeout(1.0)
            seen.append(("process", clock.now))

    clock.process(process())
    once(clock, 1.5, 0, lambda now: seen.append(("alarm", now)))
    clock.run(until=2.5)
    assert seen == [("process", 1.0), ("alarm", 1.5), ("process", 2.0)]
    assert clock.now == 2.5
