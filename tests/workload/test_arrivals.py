import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from simulator.workload.arrivals import AllAtOnce, Constant, Gamma, OnOff, Poisson, Rates
from simulator.workload.builtin import BuiltinArrivals
from simulator.workload.closed import Sessions, Spread, Users
from simulator.workload.lengths import Tokens
from simulator.workload.streams import NamedStreams
from simulator.workload.traffic import Demand

STREAMS = NamedStreams(seed=3, replication=0, prefix="chat")
ON_OFF = OnOff(20.0, 1.0, 50.0, 0.8, 0.1, 0.3, 0.4, 5.0)
LENGTHS = {
    "first_prompt": Tokens(median_tok=900, sigma=1.0),
    "new_prompt": Tokens(median_tok=40, sigma=1.0),
    "output": Tokens(median_tok=200, sigma=0.7),
}
SOURCES = [
    Poisson(4.0),
    Gamma(4.0, 2.5),
    Constant(4.0),
    Rates(10.0, (1.0, 0.0, 9.0), cv=1.5),
    Rates(10.0, (1.0, 0.0, 9.0), repeat=False),
    ON_OFF,
    AllAtOnce(70),
    Users(7, 2.0, ramp_s=3.0),
    Sessions(0.5, 3.0, Spread(median_s=9.0, sigma=1.0), **LENGTHS),
    Sessions(0.5, 4.0, Spread(median_s=9.0), turns="fixed"),
    *(
        BuiltinArrivals(name)
        for name in ("azure-conv-like", "azure-code-like", "mooncake-conv-like", "agentic-coding-like", "burstgpt-like")
    ),
]
COLUMNS = ("arrive_s", "prompt_tok", "output_tok", "wait_s", "session", "turn", "due_s")


def counts(arrive_s, until_s, window_s):
    """Arrivals in each whole window."""
    return np.histogram(arrive_s, window_s * np.arange(int(until_s / window_s) + 1))[0]


def dispersion(arrive_s, until_s, window_s):
    n = counts(arrive_s, until_s, window_s)
    return n.var() / n.mean()


def assert_begins_with(longer, shorter):
    assert len(longer) >= len(shorter)
    for name in COLUMNS:
        ours, theirs = getattr(longer, name), getattr(shorter, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            np.testing.assert_array_equal(ours[: len(theirs)], theirs, err_msg=name)


@pytest.mark.parametrize("source", SOURCES, ids=repr)
@settings(max_examples=15, deadline=None)
@given(few=st.integers(1, 400), more=st.integers(0, 400))
def test_more_queries_begin_with_the_fewer(source, few, more):
    assert_begins_with(source.draw(Demand(queries=few + more), STREAMS), source.draw(Demand(queries=few), STREAMS))


@pytest.mark.parametrize("source", SOURCES, ids=repr)
@settings(max_examples=10, deadline=None)
@given(short_s=st.floats(0.5, 300), longer_s=st.floats(0, 300))
def test_a_longer_time_begins_with_the_shorter(source, short_s, longer_s):
    shorter = source.draw(Demand(until_s=short_s), STREAMS)
    assert_begins_with(source.draw(Demand(until_s=short_s + longer_s), STREAMS), shorter)
    if not isinstance(source, Users):  # all of them, also who begins late
        assert np.all(shorter.arrive_s[~np.isnan(shorter.arrive_s)] < short_s)


@pytest.mark.parametrize("source", SOURCES, ids=repr)
def test_queries_and_time_ask_for_the_same_rows(source):
    by_count, by_time = source.draw(Demand(queries=60), STREAMS), source.draw(Demand(until_s=1e4), STREAMS)
    assert_begins_with(by_time, by_count)


@pytest.mark.parametrize("source", SOURCES, ids=repr)
def test_rows_are_in_the_order_in_which_they_are_due(source):
    rows = source.draw(Demand(queries=500), STREAMS)
    due_s = rows.arrive_s if rows.due_s is None else rows.due_s
    assert np.all(np.diff(due_s) >= 0)
    assert np.all(due_s >= 0)


@pytest.mark.parametrize("source", [Poisson(4.0), Gamma(4.0, 2.0), Rates(10.0, (1.0, 7.0)), ON_OFF], ids=repr)
def test_a_clock_four_times_slower_is_the_same_world(source):
    slower = {
        Poisson: lambda: Poisson(1.0),
        Gamma: lambda: Gamma(1.0, 2.0),
        Rates: lambda: Rates(40.0, (0.25, 1.75)),
        OnOff: lambda: OnOff(80.0, 1.0, 50.0, 0.8, 0.4, 0.3, 0.4, 20.0),
    }[type(source)]()
    fast, slow = source.draw(Demand(queries=300), STREAMS), slower.draw(Demand(queries=300), STREAMS)
    np.testing.assert_array_equal(slow.arrive_s, 4 * fast.arrive_s)


def test_poisson_gaps_are_exponential_and_counts_poisson():
    arrive_s = Poisson(5.0).draw(Demand(queries=50_000), STREAMS).arrive_s
    assert stats.kstest(np.diff(arrive_s) * 5.0, "expon").pvalue > 1e-3
    assert dispersion(arrive_s, arrive_s[-1], 1.0) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("cv", [0.5, 1.0, 3.0])
def test_gamma_gaps_have_their_mean_and_spread_and_the_dispersion_tends_to_cv_squared(cv):
    arrive_s = Gamma(5.0, cv).draw(Demand(queries=200_000), STREAMS).arrive_s
    gaps_s = np.diff(arrive_s)
    assert gaps_s.mean() == pytest.approx(0.2, rel=4 * cv / np.sqrt(200_000))
    assert gaps_s.std() / gaps_s.mean() == pytest.approx(cv, rel=0.05)
    for rank in (0.5, 0.9, 0.99):
        below = np.mean(gaps_s * 5.0 < stats.gamma.ppf(rank, 1 / cv**2, scale=cv**2))
        assert below == pytest.approx(rank, abs=4 * np.sqrt(rank * (1 - rank) / 200_000))
    windows = arrive_s[-1] / 100
    assert dispersion(arrive_s, arrive_s[-1], 100.0) == pytest.approx(cv**2, rel=4 * np.sqrt(2 / windows))


def test_constant_arrivals_are_at_multiples_of_the_gap():
    np.testing.assert_array_equal(Constant(4.0).draw(Demand(until_s=1.0), STREAMS).arrive_s, [0, 0.25, 0.5, 0.75])


@pytest.mark.parametrize("cv", [1.0, 2.0])
def test_each_window_has_its_rate(cv):
    rates = (2.0, 0.0, 10.0, 5.0)
    arrive_s = Rates(50.0, rates, cv=cv).draw(Demand(until_s=200.0 * 200), STREAMS).arrive_s
    per_window = counts(arrive_s, 200.0 * 200, 50.0).reshape(200, 4)
    for rate, seen in zip(rates, per_window.T, strict=True):
        assert abs(seen.mean() - 50 * rate) <= 4 * cv * np.sqrt(50 * rate / 200) + 4 * cv**2 / 200
    assert per_window[:, 1].sum() == 0


def test_one_window_of_rates_is_the_renewal_process():
    np.testing.assert_allclose(
        Rates(7.0, (4.0,), cv=2.5).draw(Demand(queries=500), STREAMS).arrive_s,
        Gamma(4.0, 2.5).draw(Demand(queries=500), STREAMS).arrive_s,
        rtol=1e-12,
    )


def test_rates_that_do_not_repeat_end():
    rows = Rates(10.0, (3.0, 3.0), repeat=False).draw(Demand(queries=10_000), STREAMS)
    assert rows.finite
    assert len(rows) < 120
    assert rows.arrive_s[-1] < 20.0


def test_all_at_once_is_at_zero():
    rows = AllAtOnce(5).draw(Demand(queries=9), STREAMS)
    np.testing.assert_array_equal(rows.arrive_s, np.zeros(5))
    assert len(AllAtOnce(5).draw(Demand(until_s=1.0), STREAMS)) == 5


def test_bursts_have_their_sizes_and_idle_times_between():
    rows = OnOff(100.0, 0.5, 30.0, 0.5, 0.01, 0.0, 1.0, gap_max_s=2.0).draw(Demand(queries=100_000), STREAMS)
    gaps_s = np.diff(rows.arrive_s)
    idle_s = gaps_s[gaps_s > 2.0]
    sizes = np.diff(np.flatnonzero(gaps_s > 2.0))
    assert np.median(idle_s) == pytest.approx(100.0, rel=0.05)
    assert np.log(idle_s).std() == pytest.approx(0.5, rel=0.05)
    assert np.median(sizes) == pytest.approx(30.0, rel=0.05)
    assert gaps_s[gaps_s <= 2.0].mean() == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        (Poisson, {"rate_per_s": 0}, "greater than 0"),
        (Gamma, {"rate_per_s": 1, "cv": -1}, "greater than 0"),
        (Rates, {"window_s": 60, "rate_per_s": []}, "at least 1 item"),
        (Rates, {"window_s": 60, "rate_per_s": [0, 0]}, "one rate at least must be above 0"),
        (AllAtOnce, {"queries": 0}, "greater than or equal to 1"),
        (Users, {"users": 0, "think_s": 1}, "greater than or equal to 1"),
        (Sessions, {"rate_per_s": 1, "turns_mean": 2.5, "turns": "fixed", "wait": {"median_s": 1}}, "whole number"),
        (
            Sessions,
            {"rate_per_s": 1, "turns_mean": 2, "wait": {"median_s": 1}, "output": {"median_tok": 5}},
            "give all of 'first_prompt', 'new_prompt' and 'output'",
        ),
    ],
)
def test_arguments_are_checked_by_type_and_together(kind, given, says):
    with pytest.raises(ValidationError, match=says):
        TypeAdapter(kind).validate_python(given)
