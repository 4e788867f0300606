"""What one run says of another: a slower clock, other names, thresholds at their ends, a pool nobody asks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from system_scenarios import scenarios
from system_world import SLOWER, Scenario, Simulate, chat, items, own, scenario, slowed

from simulator.records.result import Result

few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
WORLD = ["arrived_s", "item", "prompt_tok", "cls", "task"]
EVERY_TABLE = ("queries", "calls", "ledger", "timeline")


def same(one: Result, other: Result, *names: str) -> None:
    """The tables of both are equal, bit for bit."""
    for name in names or EVERY_TABLE:
        pd.testing.assert_frame_equal(
            getattr(one.tables, name), getattr(other.tables, name), check_exact=True, check_categorical=False
        )


def same_times(one: Result, other: Result) -> None:
    """Every query and call met the same, whatever pools and classes are called or how they are numbered."""
    for name in ("queries", "calls"):
        left, right = (getattr(result.tables, name).select_dtypes("number") for result in (one, other))
        worth = ["energy_j"]  # shares of what all machines draw, those of pools that nobody asks too
        pd.testing.assert_frame_equal(left.drop(columns=worth), right.drop(columns=worth), check_exact=True)


# A slower clock

TIMES = {
    "queries": ["arrived_s", "ttft_s", "tpot_s", "queue_s", "e2e_s"],
    "calls": ["asked_s", "uplink_s", "queue_s", "prefill_s", "decode_s", "downlink_s", "delivered_s"],
    "ledger": ["time_s"],
    "timeline": ["start_s", "width_s"],
}
WORTH = {
    "ledger": ["it_energy_j", "energy_j", "co2_g", "cost_usd"],
    "timeline": ["energy_j"],
    "calls": ["energy_j"],
    "queries": ["energy_j"],
}


@few
@given(question=scenarios())
def test_a_slower_world_is_the_same_world(question: Scenario, simulate: Simulate):
    assume(not any("requests_per_min" in pool or "tokens_per_min" in pool for pool in question["fleet"].values()))
    fast, slow = simulate(question), simulate(slowed(question))
    for name in EVERY_TABLE:
        one, other = getattr(fast.tables, name), getattr(slow.tables, name)
        times = TIMES[name]
        np.testing.assert_array_equal(other[times], SLOWER * one[times])
        scaled = [*times, *WORTH.get(name, ())]
        pd.testing.assert_frame_equal(one.drop(columns=scaled), other.drop(columns=scaled), rtol=1e-12)
    for kinds, names, factor in (
        (["host", "replica", "station"], WORTH["ledger"], SLOWER),  # the same watts, grams and dollars a second
        (["hosted"], ["energy_j", "co2_g"], SLOWER),
        (["hosted"], ["cost_usd"], 1),  # of a token, of a byte
        (["link"], ["energy_j"], 1),
        (["radio"], ["energy_j"], SLOWER),
    ):
        one, other = (result.tables.ledger for result in (fast, slow))
        kind = one["kind"].astype(object).where((one["phase"] != "tail").to_numpy(bool), "radio")
        rows = kind.isin(kinds).to_numpy(bool)
        np.testing.assert_array_equal(other.loc[rows, names], factor * one.loc[rows, names])


# Names and order


def renamed(question: Scenario) -> Scenario:
    """Other names for everything that a scenario names itself, in another alphabetical order."""
    text = json.dumps(question)
    for i, name in enumerate(("pool0", "pool1", "pool2", "rack", "line", "judge", "home", "site")):
        text = text.replace(f'"{name}"', f'"{chr(ord("z") - i)}-{name[:2]}"')
    return json.loads(text)  # type: ignore[no-any-return]


@few
@given(question=scenarios())
def test_other_names_change_nothing(question: Scenario, simulate: Simulate):
    named, other = simulate(question), simulate(renamed(question))
    same_times(named, other)
    for name in ("ledger", "timeline"):
        left, right = (getattr(result.tables, name).select_dtypes("number") for result in (named, other))
        pd.testing.assert_frame_equal(left, right, check_exact=True)


@few
@given(question=scenarios(), spare=st.sampled_from([own("large", replicas=2), {"hosted": "api"}]), first=st.booleans())
def test_a_pool_that_nobody_asks_changes_nothing_for_the_others(
    question: Scenario, spare: Scenario, first: bool, simulate: Simulate
):
    assume(question["policy"]["use"] not in ("least-loaded", "oracle"))  # these ask all there are
    pools = list(question["fleet"].items())
    spare = {"place": "home", **spare}
    fleet = dict([("spare", spare), *pools] if first else [*pools, ("spare", spare)])
    without, with_spare = simulate(question), simulate({**question, "fleet": fleet})
    same_times(without, with_spare)
    for name, others in (("ledger", without.tables.ledger), ("timeline", without.tables.timeline)):
        table = getattr(with_spare.tables, name)
        kept = table[(table["pool"].astype(object) != "spare").to_numpy()].reset_index(drop=True)
        pd.testing.assert_frame_equal(kept, others, check_exact=True, check_categorical=False)


def test_the_order_of_classes_changes_nothing(simulate: Simulate):
    workload = {"chat": chat(2.0), "code": chat(1.0, items=items("table"), priority=1)}
    question = scenario({"use": "cascade", "order": ["a", "b"], "accept": 0.5}, {"a": own(), "b": own("large")})
    one = simulate({**question, "workload": workload})
    other = simulate({**question, "workload": dict(reversed(workload.items()))})
    same_times(one, other)


# Limits that nobody meets


@few
@given(question=scenarios())
def test_limits_that_nobody_meets_change_nothing(question: Scenario, simulate: Simulate):
    far = {"timeout_s": 1e6, "call_timeout_s": 1e6, "abandon_s": 1e6}
    bounded = json.loads(json.dumps(question))
    for cls in bounded["workload"].values():
        cls.update({key: value for key, value in far.items() if key not in cls})
    for pool in bounded["fleet"].values():
        if "hosted" not in pool:
            # six caches fit beside the largest models on one machine
            pool.update(
                {key: value for key, value in {"max_queue": 10**6, "kv_tok": 40_000}.items() if key not in pool}
            )
    if question["policy"]["use"] not in ("least-loaded",):
        bounded["telemetry"] = {"refresh_s": 0.125, "delay_s": 0.0625}  # nobody looks
    same(simulate(question), simulate(bounded))


def test_a_replication_does_not_know_of_the_others(simulate: Simulate):
    question = scenario({"use": "least-loaded"}, {"a": own(), "b": own("large", replicas=2, dispatch="power-of-two")})
    one = simulate(question)
    three = simulate({**question, "run": {**question["run"], "replications": 3}})
    for name in EVERY_TABLE:
        table = getattr(three.tables, name)
        pd.testing.assert_frame_equal(
            table[(table["replication"] == 0).to_numpy()], getattr(one.tables, name), check_categorical=False
        )
    arrived = three.tables.queries.groupby("replication")["arrived_s"].sum()
    assert arrived.nunique() == 3


# Policies at their ends

FLEETS: dict[str, Scenario] = {
    "here": {"small": own(), "large": own("large", replicas=2)},
    "far": {"small": own(), "large": own("large", place="dc")},
    "both far": {"small": own(place="dc"), "large": own("large", place="dc")},
}
WAN = {"wan": {"between": ["here", "dc"], "profile": "wire"}}


def asked(policy: Scenario, fleet: str, **more: Any) -> Scenario:
    links = {} if fleet == "here" else {"links": WAN}
    return scenario(policy, FLEETS[fleet], **links, **more)


@pytest.mark.parametrize("fleet", FLEETS)
def test_a_cascade_that_accepts_all_is_the_small_model_alone(fleet: str, simulate: Simulate):
    seen = {"workload": {"chat": chat(show="at-once")}}  # else its answers show only when they are whole
    cascade = {"use": "cascade", "order": ["small", "large"], "accept": -1e9}
    same(simulate(asked(cascade, fleet, **seen)), simulate(asked({"use": "always", "pool": "small"}, fleet, **seen)))


def test_a_cascade_that_accepts_late_shows_late(simulate: Simulate):
    cascade = simulate(asked({"use": "cascade", "order": ["small", "large"], "accept": -1e9}, "here")).tables.queries
    always = simulate(asked({"use": "always", "pool": "small"}, "here")).tables.queries
    np.testing.assert_array_equal(cascade["e2e_s"], always["e2e_s"])
    np.testing.assert_array_equal(cascade["ttft_s"], always["e2e_s"])
    assert (always["ttft_s"] < always["e2e_s"])[always["output_tok"] > 1].all()


@pytest.mark.parametrize("fleet", FLEETS)
def test_a_cascade_that_accepts_nothing_escalates_every_query(fleet: str, simulate: Simulate):
    tables = simulate(asked({"use": "cascade", "order": ["small", "large"], "accept": 1e9}, fleet)).tables
    assert tables.queries["escalated"].all()
    assert (tables.queries["pool"] == "large").all()
    assert (tables.queries["calls"] == 2).all()
    small = tables.calls[(tables.calls["pool"] == "small").to_numpy()].set_index("query")
    large = tables.calls[(tables.calls["pool"] == "large").to_numpy()].set_index("query")
    np.testing.assert_array_equal(large["asked_s"].sort_index(), small["delivered_s"].sort_index())


@pytest.mark.parametrize("fleet", FLEETS)
@pytest.mark.parametrize(
    "policy",
    [
        {"use": "random", "share": {"small": 0.3}},
        {"use": "random", "share": {"small": 1.0, "large": 0.0}},
        {"use": "threshold", "weak": "small", "strong": "large", "threshold": 1e9},
        {"use": "threshold", "weak": "large", "strong": "small", "threshold": 0},
        {"use": "least-loaded", "among": ["small"]},
        {"use": "cascade", "order": ["small"], "accept": 0.5},
    ],
    ids=lambda policy: policy["use"],
)
def test_a_policy_with_one_choice_is_always_that_one(policy: Scenario, fleet: str, simulate: Simulate):
    same(simulate(asked(policy, fleet)), simulate(asked({"use": "always", "pool": "small"}, fleet)))


POLICIES = (
    {"use": "always", "pool": "small"},
    {"use": "random", "share": {"small": 0.5, "large": 0.5}},
    {"use": "threshold", "weak": "small", "strong": "large", "threshold": 40},
    {"use": "cascade", "order": ["small", "large"], "accept": 0.5},
    {"use": "least-loaded"},
    {"use": "oracle"},
)


def test_all_policies_under_one_seed_meet_the_same_world(simulate: Simulate):
    worlds = [simulate(asked(policy, "far")).tables.queries[WORLD] for policy in POLICIES]
    for world in worlds[1:]:
        pd.testing.assert_frame_equal(world, worlds[0], check_exact=True)


def test_a_longer_run_begins_with_the_shorter_ones_queries(simulate: Simulate):
    question = asked(POLICIES[3], "here")
    short = simulate(question).tables.queries
    long = simulate({**question, "run": {**question["run"], "queries": 100}}).tables.queries
    pd.testing.assert_frame_equal(long[WORLD].head(len(short)), short[WORLD], check_exact=True)


# Prices and fleets


def test_twice_the_price_is_twice_the_cost(simulate: Simulate):
    fleet = {"box": own(usd_per_h=2.0), "api": {"hosted": "api"}}
    policy = {"use": "random", "share": {"box": 0.5, "api": 0.5}}
    grid = {"here": {"carbon_g_per_kwh": 100, "pue": 1.25}}
    dear = {"box": own(usd_per_h=4.0), "api": {"hosted": "dear-api"}}
    cheap = simulate(scenario(policy, fleet, grid=grid)).tables
    twice = simulate(scenario(policy, dear, grid={"here": {"carbon_g_per_kwh": 200, "pue": 1.25}})).tables
    half_used = simulate(scenario(policy, fleet, grid={"here": {"carbon_g_per_kwh": 100, "pue": 2.5}})).tables
    assert cheap.queries["cost_usd"].sum() > 0
    np.testing.assert_allclose(twice.ledger["cost_usd"], 2 * cheap.ledger["cost_usd"], rtol=1e-12)
    np.testing.assert_allclose(twice.ledger["co2_g"], 2 * cheap.ledger["co2_g"], rtol=1e-12)
    np.testing.assert_array_equal(twice.ledger["energy_j"], cheap.ledger["energy_j"])
    machines = cheap.ledger["kind"].isin(["host", "replica"]).to_numpy(bool)
    np.testing.assert_allclose(half_used.ledger["energy_j"][machines], 2 * cheap.ledger["energy_j"][machines])
    np.testing.assert_array_equal(half_used.ledger["it_energy_j"], cheap.ledger["it_energy_j"])


@pytest.mark.parametrize("dispatch", ["least-tokens", "least-calls", "shared", "power-of-two", "random"])
def test_more_replicas_never_mean_more_queueing(dispatch: str, simulate: Simulate):
    def queueing_s(replicas: int) -> float:
        fleet = {"small": own(replicas=replicas, max_seqs=2, dispatch=dispatch)}
        question = scenario({"use": "always", "pool": "small"}, fleet, workload={"chat": chat(8.0)})
        run = {"queries": 150, "replications": 4, "warmup_s": 0.0}
        return float(simulate({**question, "run": run}).tables.queries["queue_s"].mean())

    waits_s = [queueing_s(replicas) for replicas in (1, 2, 4)]
    assert waits_s[0] > waits_s[1] > waits_s[2] >= 0
