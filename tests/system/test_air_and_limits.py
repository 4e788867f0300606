"""Whole runs over links whose transfers differ, with radios, and at APIs with limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from system_world import API, SOURCES, Scenario, Simulate, built, chat, own, scenario, write_yaml

from simulator.engine.build import System
from simulator.spec.errors import SpecError

NONE = {"rtt_sigma": 0.0, "up_sigma": 0.0, "down_sigma": 0.0, "outage_frac": 0.0, "promotion_s": 0.0, "tail_w": 0.0}
ALWAYS = {"use": "always", "pool": "far"}


def far(link: Scenario, fleet: Scenario | None = None, **more: Any) -> Scenario:
    links = {"line": {"between": ["here", "dc"], **link}}
    return scenario(ALWAYS, fleet or {"far": own(place="dc")}, **{"links": links, **more})


def tail(tables: Any) -> pd.DataFrame:
    ledger: pd.DataFrame = tables.ledger
    return ledger[(ledger["phase"] == "tail").to_numpy(bool)]


@pytest.mark.parametrize("sharing", ["shared", "per_user"])
def test_no_spread_and_no_radio_is_todays_link_to_the_bit(sharing: str, simulate: Simulate):
    plain = simulate(far({"profile": "wire", "sharing": sharing})).tables
    zero = simulate(far({"profile": "air", "sharing": sharing, **NONE})).tables
    for name in ("queries", "calls", "timeline"):
        pd.testing.assert_frame_equal(getattr(plain, name), getattr(zero, name), check_exact=True)
    numbers = plain.ledger.select_dtypes("number")
    pd.testing.assert_frame_equal(numbers, zero.ledger.select_dtypes("number"), check_exact=True)


def test_pools_by_other_names_meet_the_same_air(simulate: Simulate):
    def told(names: tuple[str, str]) -> pd.DataFrame:
        fleet = {names[0]: own(place="dc"), names[1]: {"hosted": "api", "place": "dc"}}
        question = far({"profile": "air"}, fleet)
        policy = {"use": "cascade", "order": list(names), "accept": 0.5}
        return simulate({**question, "policy": policy}).tables.calls.select_dtypes("number")

    pd.testing.assert_frame_equal(told(("a", "z")), told(("z", "a")), check_exact=True)


def test_two_policies_meet_the_same_luck(simulate: Simulate):
    """A transfer that shares its pipe with none takes as long whoever is asked."""
    fleet = {"far": own(place="dc"), "other": own("large", place="dc", replicas=2)}
    question = far({"profile": "air", "sharing": "per_user"}, fleet)
    ups = [
        simulate({**question, "policy": {"use": "always", "pool": pool}}).tables.calls.set_index("query")["uplink_s"]
        for pool in fleet
    ]
    np.testing.assert_allclose(ups[0].sort_index(), ups[1].sort_index(), atol=1e-9)
    assert ups[0].std() > 0.1


def test_a_lone_request_over_lte_costs_twelve_joules_of_tail(simulate: Simulate):
    """Huang et al., MobiSys 2012: 11.576 s at 1.06 W; waking and the answer's own time come on top."""
    lengths = {"use": "fixed", "prompt_tok": 50, "output_tok": 20}
    workload = {"chat": chat(arrivals={"use": "constant", "rate_per_s": 1 / 60}, lengths=lengths)}
    question = far({"profile": "lte", "sharing": "shared"}, workload=workload, run={"queries": 5, "replications": 1})
    tables = simulate(question).tables
    awake = tail(tables)
    busy_s = tables.calls["delivered_s"] - tables.calls["asked_s"]
    least, most = 5 * 11.6 * 1.06, 1.06 * (5 * 11.6 + busy_s.sum())
    assert least <= awake["energy_j"].sum() <= most
    assert most / 5 == pytest.approx(12.3, rel=0.2)
    assert (tables.calls["uplink_s"] > 0.85).all()  # each of them after silence


def test_requests_within_a_tail_share_it(simulate: Simulate):
    workload = {"chat": chat(arrivals={"use": "constant", "rate_per_s": 0.5})}
    question = far({"profile": "lte"}, workload=workload, run={"queries": 40, "replications": 1})
    one, each = (simulate(far_radios(question, who)).tables for who in ("one", "per_user"))
    end_s = float(one.queries["arrived_s"].max())
    assert tail(one)["time_s"].sum() == pytest.approx(end_s - one.queries["arrived_s"].min() + 11.6, rel=0.1)
    assert tail(each)["time_s"].sum() >= 40 * 11.6
    assert (one.calls["uplink_s"] > 0.85).sum() < 3  # the first one wakes it
    assert (each.calls["uplink_s"] > 0.85).all()


def far_radios(question: Scenario, who: str) -> Scenario:
    return {**question, "links": {"line": {**question["links"]["line"], "radios": who}}}


def test_twice_the_watts_of_a_tail_are_twice_its_joules(simulate: Simulate):
    once, twice = (
        simulate(far({"profile": "air", "tail_w": watts}, grid={"here": {"carbon_g_per_kwh": 100}})).tables
        for watts in (1.0, 2.0)
    )
    assert tail(once)["energy_j"].sum() > 0
    np.testing.assert_allclose(tail(twice)[["energy_j", "co2_g"]], 2 * tail(once)[["energy_j", "co2_g"]])
    np.testing.assert_allclose(tail(once)["co2_g"], tail(once)["energy_j"] * 100 / 3.6e6)
    rest = [t.ledger[(t.ledger["phase"] != "tail").to_numpy(bool)]["energy_j"].sum() for t in (once, twice)]
    assert rest[0] == rest[1]


# APIs


def api(**more: Any) -> Scenario:
    lengths = {"use": "fixed", "prompt_tok": 100, "output_tok": 20}
    workload = {"chat": chat(arrivals={"use": "all-at-once", "queries": 50}, lengths=lengths)}
    fleet = {"api": {"hosted": "api", "model": "api", **more}}
    return scenario({"use": "always", "pool": "api"}, fleet, workload=workload)


def test_calls_over_the_limit_fail_and_are_not_billed(simulate: Simulate):
    tables = simulate(api(requests_per_min=30, max_retries=0)).tables
    failed = tables.calls[(tables.calls["fate"] == "failed").to_numpy()]
    assert len(failed) == 20
    assert set(failed["reason"]) == {"rate limited"}
    assert (failed["cost_usd"] == 0).all()
    assert (tables.queries["fate"] == "dropped").sum() == 20
    assert set(tables.queries["reason"].dropna()) == {"rate limited"}


def test_the_limit_of_a_profile_holds_unless_the_scenario_gives_another(folder: Path, simulate: Simulate):
    limited = {**API, "name": "limited-api", "requests_per_min": 30, "sources": SOURCES}
    write_yaml(folder / "profiles" / "hosted" / "limited-api.yaml", limited)
    for more, failed in (({}, 20), ({"requests_per_min": 40}, 10), ({"tokens_per_min": 120}, 49)):
        calls = simulate(api(hosted="limited-api", max_retries=0, **more)).tables.calls
        assert (calls["fate"] == "failed").sum() == failed


def test_the_wait_for_a_limit_is_queueing_at_the_pool(simulate: Simulate):
    tables = simulate(api(requests_per_min=30, max_retries=12)).tables
    calls = tables.calls
    assert (calls["fate"] == "answered").all()
    assert ((calls["retries"] > 0) == (calls["queue_s"] > 0)).all()
    assert (calls["retries"] > 0).sum() == 20
    last_s = 40.0  # twenty calls beyond the bucket, one each two seconds
    assert calls["queue_s"].max() >= last_s
    again = calls["retries"].to_numpy(float)
    doubled = 0.5 * (2.0**again - 1)  # the sum of the waits, of which chance takes up to a quarter
    assert (calls["queue_s"] <= doubled + 1e-9).all()
    assert (calls["queue_s"] >= 0.75 * doubled - 1e-9).all()


def test_a_limit_that_nobody_meets_changes_nothing(simulate: Simulate):
    free, limited = (simulate(api(**more)).tables for more in ({}, {"requests_per_min": 1e9, "tokens_per_min": 1e12}))
    for name in ("queries", "calls", "ledger", "timeline"):
        pd.testing.assert_frame_equal(getattr(free, name), getattr(limited, name), check_exact=True)


def test_cached_prompts_are_cheaper_by_their_share(folder: Path, simulate: Simulate):
    def cost(frac: float) -> float:
        question = api(hosted="gpt-4o-mini")
        question["workload"]["chat"]["cached_prompt_frac"] = frac
        return float(simulate(question).tables.calls["cost_usd"].mean())

    assert cost(0.0) == pytest.approx(100 * 0.15e-6 + 20 * 0.6e-6)
    assert cost(0.5) == pytest.approx(50 * 0.15e-6 + 50 * 0.075e-6 + 20 * 0.6e-6)


def test_a_closed_model_needs_no_profile(folder: Path):
    system: System = built(api(hosted="claude-opus-4-5"), folder)
    assert system.pools[0].model == "api"
    with pytest.raises(SpecError, match="no 'api' in models"):
        built(scenario(ALWAYS, {"far": own("api")}), folder)


def test_own_pools_have_no_rate_limits(folder: Path):
    with pytest.raises(SpecError, match="'tokens_per_min' is of hosted pools"):
        built(scenario(ALWAYS, {"far": own(tokens_per_min=5)}), folder)


# Regions


@pytest.mark.parametrize(
    ("grid", "pue"),
    [
        ({"region": "gcp-us-west1"}, 1.09),
        ({"region": "gcp-us-west1", "pue": 1.5}, 1.5),
        ({"region": "DE"}, 1.0),
        ({"carbon_g_per_kwh": 1.0}, 1.0),
    ],
)
def test_a_place_has_the_pue_of_the_scenario_else_of_its_region(grid: Scenario, pue: float, folder: Path):
    system: System = built(scenario({"use": "always", "pool": "a"}, {"a": own()}, grid={"here": grid}), folder)
    assert system.grid("here").pue == pue
