"""A replay without load says what the engine says of queries that never meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from system_world import J_PER_TOK, Scenario, built, chat, items, own, scenario
from test_golden_replay import DATA, cascade, golden, is_quick, name_of, recorded_apis

from simulator import run
from simulator.replaying import replay
from simulator.spec.errors import SpecError

__all__ = ["recorded_apis"]

FAR = {"arrivals": {"use": "constant", "rate_per_s": 0.001}}
FLEET = {
    "small": own(place="home", replicas=2),
    "large": own("large", place="site"),
    "api": {"hosted": "api", "place": "site"},
}
POLICIES = (
    {"use": "always", "pool": "large"},
    {"use": "random", "share": {"small": 0.3, "large": 0.3, "api": 0.4}},
    {"use": "threshold", "weak": "small", "strong": "api", "threshold": 40},
    {"use": "cascade", "order": ["small", "large", "api"], "accept": 0.6},
    {"use": "cascade", "order": ["small", "large"], "accept": 0.6, "verifier": "judge"},
    {"use": "oracle"},
    {"use": "system_policies:Hedge", "first": "large", "second": "api", "after_s": 0.25},
    {"use": "system_policies:Vote", "among": ["small", "large", "api"], "enough": 1},
    {"use": "system_policies:Patient", "pool": "small", "pause_s": 0.5},
    {"use": "cascade", "order": ["small", "api"], "accept": 0.6, "verifier": "reader"},
    {"use": "system_policies:BestOf", "pool": "api", "samples": 3},
    {"use": "system_policies:Refine", "pool": "small", "editor": "api"},
    {"use": "replay_policies:Several", "pool": "small", "samples": 3, "times": 2},
)
READER = {"pool": "large", "prompt_tok": 7, "output_tok": 3, "right": 0.8, "wrong": 0.3}
WORKLOADS: dict[str, Scenario] = {
    "own lengths": chat(origin="home", **FAR),
    "lengths of the table": chat(origin="home", items=items("table"), show="at-once", payload_bytes=2000.0, **FAR),
    "sessions": chat(
        origin="home",
        arrivals={"use": "sessions", "rate_per_s": 0.001, "turns_mean": 3, "wait": {"median_s": 30, "sigma": 0.1}},
    ),
    "patience": chat(origin="home", timeout_s=1.0, call_timeout_s=0.5, **FAR),
}


def question(policy: Scenario, workload: str, **more: object) -> Scenario:
    return scenario(
        policy,
        FLEET,
        workload={"chat": WORKLOADS[workload]},
        links={"line": {"between": ["home", "site"], "profile": "wire", "sharing": "per_user"}},
        verifiers={"judge": {"time_s": 0.05, "active_w": 20}, "reader": READER},
        **more,
    )


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: "-".join(map(str, policy.values())))
@pytest.mark.parametrize("workload", WORKLOADS)
def test_it_is_the_engine_where_no_query_meets_another(policy: Scenario, workload: str, folder: Path):
    system = built(question(policy, workload), folder)
    ours, theirs = replay(system).queries, run(system).tables.queries
    for name in ("query", "item", "cls", "task", "pool", "fate", "score", "confidence", "calls", "escalated"):
        one, two = (table[name].astype(object).where(table[name].notna(), None) for table in (ours, theirs))
        assert one.tolist() == two.tolist(), name
    np.testing.assert_allclose(ours["e2e_s"], theirs["e2e_s"], rtol=1e-6)
    assert ours["e2e_s"].notna().any()


def test_a_router_elsewhere_takes_its_time_and_its_way(folder: Path):
    hosts = {"rack": {"device": "box", "place": "site"}}
    router = {"time_s": 0.5, "active_w": 10.0, "host": "rack"}
    system = built(
        question({"use": "cascade", "order": ["large", "small"], "accept": 0.6}, "own lengths", hosts=hosts)
        | {"router": router},
        folder,
    )
    ours, theirs = replay(system).queries, run(system).tables.queries
    np.testing.assert_allclose(ours["e2e_s"], theirs["e2e_s"], rtol=1e-6)


def test_hosted_calls_cost_and_draw_what_they_do_in_a_run(folder: Path):
    system = built(question({"use": "always", "pool": "api"}, "lengths of the table"), folder)
    ours, theirs = replay(system), run(system).tables
    np.testing.assert_allclose(ours.queries["cost_usd"], theirs.queries["cost_usd"], rtol=1e-9)
    no_links = built(question({"use": "always", "pool": "api"}, "lengths of the table") | {"name": "near"}, folder)
    assert (replay(no_links).calls["energy_j"] >= J_PER_TOK * ours.calls["output_tok"] - 1e-9).all()


def test_samples_of_a_prompt_cost_what_they_do_in_a_run(folder: Path):
    system = built(question({"use": "system_policies:BestOf", "pool": "api", "samples": 3}, "own lengths"), folder)
    ours, theirs = replay(system).queries, run(system).tables.queries
    np.testing.assert_allclose(ours["cost_usd"], theirs["cost_usd"], rtol=1e-9)


@pytest.mark.parametrize("samples", [1, 4])
def test_own_machines_draw_what_a_run_says_while_they_work(samples: int, folder: Path):
    """The engine's joules of calls, less the rest between them: what is above idle, and idle watts for their time."""
    several = {"use": "replay_policies:Several", "pool": "small", "samples": samples}
    system = built(question(several, "own lengths"), folder)
    ours = replay(system).calls
    ledger = run(system).tables.ledger
    busy = ledger[(ledger["pool"] == "small") & ledger["phase"].isin(["prefill", "decode"])]
    seconds = float(busy["seconds"].sum()) if "seconds" in busy else float(busy["time_s"].sum())
    idle_w = system.hosts[0].idle_w
    assert ours["energy_j"].sum() == pytest.approx(float(busy["energy_j"].sum()) + idle_w * seconds, rel=1e-6)


def test_every_replication_is_a_world_of_its_own(folder: Path):
    system = built(question(POLICIES[3], "own lengths"), folder)
    one, two = replay(system, 0).queries, replay(system, 1).queries
    assert not one["e2e_s"].equals(two["e2e_s"])
    pd.testing.assert_frame_equal(one, replay(system, 0).queries)


@pytest.mark.skipif(DATA is None, reason="MULTILLM_DATA is not set: no public tables here")
@pytest.mark.parametrize("row", [row for row in golden() if is_quick(row)], ids=name_of)
def test_a_cascade_is_the_published_replay(row: dict[str, str], recorded_apis: Path):
    queries = replay(built(cascade(row), recorded_apis)).queries
    latency_ms = 1e3 * queries["e2e_s"].to_numpy()
    found = {
        "accuracy": queries["score"].mean(),
        "cost_usd_mean": queries["cost_usd"].mean(),
        "latency_ms_mean": latency_ms.mean(),
        **{f"latency_ms_p{p}": np.percentile(latency_ms, p) for p in (50, 95, 99)},
        "calls_per_query": queries["calls"].mean(),
    }
    assert found == pytest.approx({name: float(row[name]) for name in found}, rel=1e-6, abs=1e-9)


def test_a_call_that_is_too_long_fails_as_in_a_run(folder: Path):
    fleet = {**FLEET, "small": own(place="home", kv_tok=48)}
    ask = question({"use": "cascade", "order": ["small", "large"], "accept": 0.6}, "own lengths") | {"fleet": fleet}
    system = built(ask, folder)
    ours, theirs = replay(system).queries, run(system).tables.queries
    assert ours["pool"].tolist() == theirs["pool"].tolist()
    assert (ours["pool"] == "large").any()


def test_a_policy_that_asks_a_pool_that_is_not_there_is_told_so(folder: Path):
    with pytest.raises((SpecError, Exception), match="nowhere"):
        replay(built(question({"use": "always", "pool": "nowhere"}, "own lengths"), folder))
