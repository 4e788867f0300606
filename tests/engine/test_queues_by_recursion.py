"""One call at a time makes a pool a plain queue: exact by recursions that know no clock, and by queueing theory."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from math import factorial
from typing import Any

import numpy as np
import pytest
from engine_examples import Affine, pooled
from hypothesis import given, settings
from hypothesis import strategies as st
from stepping import Wish

from simulator.engine.replica import Limits

TICK_S = 1 / 64  # a power of two: times and their ties are exact
BY_PROMPT = Affine(chunk_s=TICK_S)  # a call of one token of output takes its prompt in ticks
ONE_AT_A_TIME = Limits(max_seqs=1, batched_tok=1 << 40)
DISPATCHES = ("least-tokens", "least-calls", "shared", "round-robin", "random", "power-of-two", "own")


def fcfs_starts_s(arrive_s: Sequence[float], service_s: Sequence[float], servers: int) -> list[float]:
    """Starts in a first-come-first-served queue (Kiefer and Wolfowitz 1955)."""
    free_s, starts_s = [0.0] * servers, []
    for arrived_s, takes_s in zip(arrive_s, service_s, strict=True):
        starts_s.append(max(arrived_s, heapq.heappop(free_s)))
        heapq.heappush(free_s, starts_s[-1] + takes_s)
    return starts_s


def uniform(stream: str, query: int, attempt: int) -> float:
    """Some number in [0, 1) for each of its arguments."""
    return (len(stream) * 0.7548776662 + query * 0.5698402910 + attempt * 0.3) % 1.0


def assigned(wishes: Sequence[Wish], users: Sequence[int], dispatch: str, replicas: int) -> list[tuple[int, float]]:
    """Replica and start of each call where each replica has a queue of its own: looks back at all calls before."""
    told: list[tuple[int, float]] = []
    done_s: list[float] = []
    load: list[int] = []
    for i, wish in enumerate(wishes):
        here = [j for j in range(i) if done_s[j] > wish.arrive_s]  # at equal times completions come first
        loads = [sum(load[j] for j in here if told[j][0] == r) for r in range(replicas)]
        calls = [sum(told[j][0] == r for j in here) for r in range(replicas)]
        a = int(uniform("dispatch", i, 0) * replicas)
        others = [r for r in range(replicas) if r != a] or [a]
        b = others[int(uniform("dispatch-other", i, 0) * len(others))]
        r = {
            "least-tokens": loads.index(min(loads)),
            "least-calls": calls.index(min(calls)),
            "round-robin": i % replicas,
            "random": a,
            "power-of-two": min(sorted((a, b)), key=loads.__getitem__),
            "own": users[i] % replicas,
        }[dispatch]
        start_s = max([wish.arrive_s] + [done_s[j] for j in here if told[j][0] == r])
        load.append(wish.prompt_tok + (len(here) < i))  # all outputs are 1, known once a call is done
        told.append((r, start_s))
        done_s.append(start_s + wish.prompt_tok * TICK_S)
    return told


def shared_starts_s(wishes: Sequence[Wish], servers: int) -> list[float]:
    """Starts in one queue by priority, then arrival: at each end or arrival, free servers take the heads."""
    free_s, starts_s = [0.0] * servers, [-1.0] * len(wishes)
    while -1.0 in starts_s:
        left = [i for i, s in enumerate(starts_s) if s < 0]
        now = max(min(free_s), min(wishes[i].arrive_s for i in left))
        came = [i for i in left if wishes[i].arrive_s <= now]
        head = min(came, key=lambda i: (-wishes[i].priority, i))
        starts_s[head] = now
        free_s[free_s.index(min(free_s))] = now + wishes[head].prompt_tok * TICK_S
    return starts_s


@st.composite
def queues(draw: st.DrawFn, priorities: int = 0) -> list[Wish]:
    """Calls with gaps and lengths in whole ticks: many come while another ends, or together."""
    ticks = draw(
        st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20), st.integers(0, priorities)), min_size=1, max_size=40)
    )
    now, wishes = 0, []
    for gap, prompt, priority in ticks:
        now += gap
        wishes.append(Wish(now * TICK_S, prompt, 1, priority))
    return wishes


@settings(deadline=None, max_examples=40)
@pytest.mark.parametrize("dispatch", [d for d in DISPATCHES if d != "shared"])
@given(wishes=queues(), replicas=st.integers(1, 5), data=st.data())
def test_each_dispatch_is_the_one_that_its_name_says(dispatch, wishes, replicas, data):
    users = data.draw(st.lists(st.integers(0, 9), min_size=len(wishes), max_size=len(wishes)))
    told = pooled(wishes, BY_PROMPT, ONE_AT_A_TIME, dispatch, replicas, users, uniform=uniform)
    expected = assigned(wishes, users, dispatch, replicas)
    assert [(job.replica, job.started_s) for job in told.jobs] == expected
    assert told.pool.load_tok == [0.0] * replicas
    assert told.pool.calls == [0] * replicas


@settings(deadline=None, max_examples=60)
@given(wishes=queues(priorities=2), servers=st.integers(1, 5))
def test_a_shared_queue_serves_by_priority_then_arrival(wishes, servers):
    told = pooled(wishes, BY_PROMPT, ONE_AT_A_TIME, "shared", servers)
    assert [job.started_s for job in told.jobs] == shared_starts_s(wishes, servers)


def calls(seed: int, n: int, load: float, servers: int, services: Any) -> tuple[list[Wish], Affine]:
    """Poisson arrivals and mean service 1 s; the prompt is the service in microseconds."""
    rng = np.random.default_rng(seed)
    arrive_s = np.cumsum(rng.exponential(1 / (load * servers), n))
    prompt_tok = np.maximum(np.rint(services(rng, n) * 1e6), 1)
    wishes = [Wish(t, int(p), 1) for t, p in zip(arrive_s.tolist(), prompt_tok.tolist(), strict=True)]
    return wishes, Affine(chunk_s=1e-6)


def exponential(rng: np.random.Generator, n: int) -> Any:
    return rng.exponential(1.0, n)


def constant(rng: np.random.Generator, n: int) -> Any:
    return np.ones(n)


def lognormal(rng: np.random.Generator, n: int) -> Any:
    return rng.lognormal(-0.32, 0.8, n)  # mean 1, squared coefficient of variation exp(0.64) - 1


@pytest.mark.parametrize("servers", [1, 3, 8])
@pytest.mark.parametrize("services", [exponential, lognormal, constant])
def test_a_shared_pool_is_g_g_c(servers, services):
    wishes, steps = calls(7, 4000, 0.9, servers, services)
    told = pooled(wishes, steps, ONE_AT_A_TIME, "shared", servers)
    expected = fcfs_starts_s([w.arrive_s for w in wishes], [w.prompt_tok * 1e-6 for w in wishes], servers)
    np.testing.assert_allclose([job.started_s for job in told.jobs], expected, rtol=0, atol=1e-6)


def mean_waits_s(load: float, servers: int, services: Any, replications: int = 12, n: int = 2000) -> list[float]:
    """Mean wait of each replication, without its first calls, which find the queue empty."""
    means = []
    for seed in range(replications):
        wishes, steps = calls(seed, n, load, servers, services)
        jobs = pooled(wishes, steps, ONE_AT_A_TIME, "shared", servers).jobs
        means.append(float(np.mean([job.started_s - job.submitted_s for job in jobs[n // 10 :]])))
    return means


def agrees(samples: Sequence[float], expected: float) -> None:
    """The mean of replications is within four standard errors."""
    error = np.std(samples, ddof=1) / len(samples) ** 0.5
    assert abs(np.mean(samples) - expected) < 4 * error, (np.mean(samples), expected, error)
    assert error < 0.15 * expected  # else it would agree with anything


def erlang_b(offered: float, servers: int) -> float:
    """Share of arrivals that M/M/c/c loses."""
    return offered**servers / factorial(servers) / sum(offered**k / factorial(k) for k in range(servers + 1))


def erlang_c_wait_s(load: float, servers: int) -> float:
    """Mean wait of M/M/c, service 1 s."""
    lost = erlang_b(load * servers, servers)
    waits = lost / (1 - load * (1 - lost))
    return waits / (servers * (1 - load))


@pytest.mark.parametrize(("load", "servers"), [(0.7, 1), (0.8, 3)])
def test_mean_wait_is_erlangs(load, servers):
    agrees(mean_waits_s(load, servers, exponential), erlang_c_wait_s(load, servers))


def test_mean_wait_of_m_d_1():
    agrees(mean_waits_s(0.8, 1, constant), 0.8 / (2 * (1 - 0.8)))


def test_mean_wait_is_pollaczek_and_khinchines():
    squared_cv = np.exp(0.64) - 1
    agrees(mean_waits_s(0.6, 1, lognormal), 0.6 / (1 - 0.6) * (1 + squared_cv) / 2)


def refused_frac(load: float, servers: int, max_queue: int, seed: int) -> float:
    wishes, steps = calls(seed, 2000, load, servers, exponential)
    told = pooled(wishes, steps, ONE_AT_A_TIME, "shared", servers, max_queue=max_queue)
    assert set(told.refused.values()) == {"full"}
    return len(told.refused) / len(wishes)


def test_a_pool_without_a_queue_loses_erlangs_share():
    agrees([refused_frac(0.9, 4, 0, seed) for seed in range(12)], erlang_b(3.6, 4))


def test_a_bounded_queue_is_m_m_1_k():
    load, room = 0.9, 1 + 3
    expected = (1 - load) * load**room / (1 - load ** (room + 1))
    agrees([refused_frac(load, 1, 3, seed) for seed in range(12)], expected)
    wishes, steps = calls(5, 3000, load, 1, exponential)
    for dispatch in ("shared", "least-tokens"):  # of one replica both are one queue
        told = pooled(wishes, steps, ONE_AT_A_TIME, dispatch, max_queue=3)
        assert told.refused.keys() == lost_by_recursion(wishes, room)


def lost_by_recursion(wishes: Sequence[Wish], room: int) -> set[int]:
    """Who finds `room` calls in a queue with one server."""
    done_s: list[float] = []
    lost = set()
    for i, wish in enumerate(wishes):
        if sum(d > wish.arrive_s for d in done_s[-room:]) == room:
            lost.add(i)
        else:
            done_s.append(max([wish.arrive_s, *done_s[-1:]]) + wish.prompt_tok * 1e-6)
    return lost
