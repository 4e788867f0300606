"""Draws against what they are draws of: medians, sigmas and tails, within four standard errors."""

from __future__ import annotations

from math import isfinite, log, pi, sqrt
from statistics import NormalDist, fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import shipped

from simulator.physics.chance import exponential, lognormal, normal
from simulator.physics.link import between, travel_s
from simulator.workload.streams import uniform

N = 20_000
U = [uniform(seed=5, replication=0)("test", i, 0) for i in range(N)]
V = [uniform(seed=5, replication=0)("other", i, 0) for i in range(N)]


@pytest.mark.parametrize(("median", "sigma"), [(0.089, 0.32), (117.3, 1.6), (2.0, 0.1)])
def test_lognormals_have_their_median_and_sigma(median, sigma):
    logs = [log(lognormal(median, sigma, u)) for u in U]
    assert abs(np.median(logs) - log(median)) < 4 * sigma * sqrt(pi / 2 / N)
    assert abs(fmean(logs) - log(median)) < 4 * sigma / sqrt(N)
    assert abs(stdev(logs) - sigma) < 4 * sigma / sqrt(2 * N)


def test_exponentials_have_their_mean_and_spread():
    drawn = [exponential(0.3, u) for u in U]
    assert abs(fmean(drawn) - 0.3) < 4 * 0.3 / sqrt(N)
    assert min(drawn) >= 0


@given(st.floats(0.0, 1.0, exclude_max=True))
def test_every_uniform_stands_for_something_finite(u):
    assert isfinite(normal(u))
    assert lognormal(1.0, 1.6, u) > 0
    assert exponential(1.0, u) >= 0


@given(st.floats(0.001, 0.999), st.floats(0.01, 1e3))
def test_without_a_sigma_there_is_the_median_and_nothing_else(u, median):
    assert lognormal(median, 0.0, u) == median
    link = between("line", median, 1.0, 1.0)
    assert travel_s(link, u, u) == median / 2


def test_a_round_trip_is_lognormal_as_a_whole():
    """Half of one draw each way: its sigma is the profile's, not that of two halves, which would be smaller."""
    link = between("cell", 0.089, 1.0, 1.0, rtt_sigma=0.32)
    round_trips = [log(travel_s(link, u, 0.9) + travel_s(link, u, 0.1)) for u in U]
    assert abs(stdev(round_trips) - 0.32) < 4 * 0.32 / sqrt(2 * N)
    assert abs(np.median(round_trips) - log(0.089)) < 4 * 0.32 * sqrt(pi / 2 / N)


def test_outages_are_as_frequent_and_as_long_as_said():
    link = between("wifi", 0.01, 1.0, 1.0, outage_frac=0.05, outage_mean_s=0.4)
    late_s = [travel_s(link, 0.5, v) - 0.005 for v in V]
    met = [s for s in late_s if s > 1e-12]
    assert abs(len(met) / N - 0.05) < 4 * sqrt(0.05 * 0.95 / N)
    assert abs(fmean(met) - 0.4) < 4 * 0.4 / sqrt(len(met))


@pytest.mark.parametrize(("name", "p99_ms"), [("wifi-home", 90.0), ("wifi-far", 500.0)])
def test_home_wifi_has_the_tail_that_was_measured(name, p99_ms):
    """sarodeoverwireless: 99th percentiles of a day of pings."""
    link = shipped("links", name)
    pings = [travel_s(link, u, v) + travel_s(link, u, w) for u, v, w in zip(U, V, U[::-1], strict=True)]
    assert 1e3 * np.quantile(pings, 0.99) == pytest.approx(p99_ms, rel=0.25)
    assert 1e3 * np.median(pings) == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize(
    ("name", "percentile", "expected"), [("lte", 0.5, 117.3), ("5g-mmwave", 0.1, 944 / np.exp(1.2816 * 1.06))]
)
def test_rates_of_a_cell_are_spread_as_the_speed_tests(name, percentile, expected):
    link = shipped("links", name)
    rates = [8e-6 * lognormal(link.down_bytes_per_s, link.down_sigma, u) for u in U]
    density = NormalDist().pdf(NormalDist().inv_cdf(percentile))
    error = link.down_sigma * sqrt(percentile * (1 - percentile) / N) / density
    assert abs(log(np.quantile(rates, percentile)) - log(expected)) < 4 * error
