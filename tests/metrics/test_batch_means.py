from __future__ import annotations

import io
from math import log, sqrt

import numpy as np
import pytest
from made_run import mm1, run_of, waits_s
from rich.console import Console
from scipy import stats

from simulator.metrics.batches import batch_half, memory
from simulator.metrics.intervals import student_half
from simulator.metrics.summarise import summarise
from simulator.metrics.window import mser
from simulator.terminal import render

EXPERIMENTS = 400


def times_in_mm1(load, n, rng):
    """End-to-end times in an M/M/1 with mean service 1 s, all at once: the walk of Lindley less its least value."""
    gaps, service_s = rng.exponential(1 / load, n), rng.exponential(1.0, n)
    walk = np.concatenate([[0.0], np.cumsum(service_s[:-1] - gaps[1:])])
    return walk - np.minimum.accumulate(walk) + service_s


def steady_part(times_s):
    return times_s[mser(times_s) or 0 :]


def quantile_in_mm1(load, percentile):
    """End-to-end times of an M/M/1 are exponential with rate 1 - load."""
    return log(100 / (100 - percentile)) / (1 - load)


def test_the_walk_is_lindleys_recursion():
    rng = np.random.default_rng(3)
    times_s = times_in_mm1(0.8, 500, rng)
    rng = np.random.default_rng(3)
    gaps, service_s = rng.exponential(1 / 0.8, 500), rng.exponential(1.0, 500)
    np.testing.assert_allclose(times_s, waits_s(np.cumsum(gaps), service_s) + service_s, atol=1e-9)


def test_the_interval_of_independent_values_is_that_of_their_batches():
    values = np.random.default_rng(2).normal(10.0, 3.0, 2000)
    half, batches = batch_half(values)
    means = values.reshape(batches, -1).mean(axis=1)
    assert half == pytest.approx(stats.t.ppf(0.975, batches - 1) * stats.sem(means))
    assert half == pytest.approx(1.96 * 3 / sqrt(2000), rel=0.4)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_the_memory_of_an_autoregression_is_that_of_the_formula(rho):
    rng, n = np.random.default_rng(1), 100_000
    series = np.empty(n)
    series[0] = 0.0
    for i, noise in enumerate(rng.normal(size=n - 1)):
        series[i + 1] = rho * series[i] + noise
    assert memory(series) == pytest.approx((1 + rho) / (1 - rho), rel=0.15)


def test_a_constant_series_is_known():
    assert batch_half(np.ones(1000)) == (0.0, 20)


def test_one_long_replication_has_intervals_and_says_of_what():
    kept = summarise(*run_of(mm1(0.5, 20_000, seed=4))).metrics
    assert "batch means" in kept["e2e_s.p95"].reason
    assert kept["e2e_s.p95"].ci_low < quantile_in_mm1(0.5, 95) < kept["e2e_s.p95"].ci_high
    assert kept["queries_per_s"].ci_low is None


def test_the_terminal_says_how_the_intervals_of_one_replication_were_made():
    said = Console(file=io.StringIO(), width=120)
    render(summarise(*run_of(mm1(0.5, 20_000, seed=4))), said)
    told = [line for line in said.file.getvalue().splitlines() if "batch means" in line]
    assert told[0].startswith("interval of batch means: one replication in ")


def test_where_long_waits_come_together_there_is_no_interval():
    times_s = times_in_mm1(0.8, 20_000, np.random.default_rng(0))
    assert batch_half(steady_part(times_s), 99.0) is None
    assert batch_half(steady_part(times_s)) is not None


@pytest.mark.slow
@pytest.mark.parametrize("percentile", [None, 95.0])
def test_intervals_of_batch_means_hold_the_truth_as_often_as_they_say(percentile):
    rng, load, n = np.random.default_rng(7), 0.5, 20_000
    truth = 1 / (1 - load) if percentile is None else quantile_in_mm1(load, percentile)
    held = []
    for _ in range(3 * EXPERIMENTS):
        times_s = steady_part(times_in_mm1(load, n, rng))
        found = batch_half(times_s, percentile)
        if found is not None:
            value = times_s.mean() if percentile is None else np.percentile(times_s, percentile)
            held.append(abs(value - truth) <= found[0])
    assert len(held) > 0.9 * 3 * EXPERIMENTS
    assert 0.92 <= np.mean(held) <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("percentile", [None, 95.0])
def test_intervals_over_replications_hold_the_truth_as_often_as_they_say(percentile):
    rng, load = np.random.default_rng(11), 0.5
    truth = 1 / (1 - load) if percentile is None else quantile_in_mm1(load, percentile)
    held = []
    for _ in range(EXPERIMENTS):
        runs = [steady_part(times_in_mm1(load, 20_000, rng)) for _ in range(5)]
        values = [run.mean() if percentile is None else np.percentile(run, percentile) for run in runs]
        held.append(abs(np.mean(values) - truth) <= student_half(values))
    assert 0.92 <= np.mean(held) <= 0.98
