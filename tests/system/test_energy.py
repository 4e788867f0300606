"""Joules of whole runs: the ledger is the integral of power, and queries' joules are the ledger's."""

from __future__ import annotations

from math import fsum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from power_trace import joules, replayed
from system_scenarios import scenarios
from system_world import (
    ACTIVE,
    BARE_W,
    BUSY_W,
    HEAD,
    HOST_IDLE_W,
    IDLE_W,
    LOAD_GB_PER_S,
    Scenario,
    Simulate,
    built,
    chat,
    linear,
    own,
    scenario,
)

from simulator import run
from simulator.physics.power import keep_warm_s
from simulator.spec.errors import SpecError

CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
LOAD_S = 2 * (ACTIVE["small"] + 2 * HEAD) / (LOAD_GB_PER_S * 1e9)  # 16 bits a parameter
ALWAYS = {"use": "always", "pool": "a"}


@settings(max_examples=40, deadline=None, suppress_health_check=CHECKS)
@given(question=scenarios())
def test_energy_is_the_integral_of_power(question: Scenario, folder: Path):
    system = built(question, folder)
    ledger = run(system).tables.ledger
    logs, end_s = replayed(system)
    homes = {f"{pool.plan.facts.name}-{i}": home for pool in system.pools for i, home in enumerate(pool.homes)}
    of_host = ledger["name"].astype(str).map(lambda name: homes.get(name, name))
    machines = ledger["kind"].isin(["host", "replica"]).to_numpy(bool)
    replicas = (ledger["kind"] == "replica").to_numpy(bool)
    hosts = (ledger["kind"] == "host").to_numpy(bool)
    for host in system.hosts:
        mine = machines & (
            (replicas & (of_host == host.name).to_numpy(bool)) | (hosts & (ledger["name"] == host.name).to_numpy(bool))
        )
        expected = joules(system, logs, end_s, host.name)
        assert fsum(ledger.loc[mine, "it_energy_j"]) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        alone = hosts & mine
        assert fsum(ledger.loc[alone, "time_s"]) == pytest.approx(end_s, rel=1e-9, abs=1e-9)


@settings(max_examples=40, deadline=None, suppress_health_check=CHECKS)
@given(question=scenarios())
def test_joules_of_queries_add_up_to_the_meter(question: Scenario, folder: Path):
    tables = run(built(question, folder)).tables
    if len(tables.queries):
        assert fsum(tables.queries["energy_j"]) == pytest.approx(fsum(tables.ledger["energy_j"]), rel=1e-9, abs=1e-9)


def test_two_calls_share_a_pass_by_their_tokens(simulate: Simulate):
    """Prompts of 40 in passes of 64: the second gets 24 of its tokens into the first pass and 16 into the next."""
    two = {
        "arrivals": {"use": "all-at-once", "queries": 2},
        "lengths": {"use": "fixed", "prompt_tok": 40, "output_tok": 3},
    }
    tables = simulate(scenario(ALWAYS, {"a": own()}, workload={"chat": two}, run={"queries": 2, "replications": 1}))
    tables = tables.tables
    pass_s, seq_s, context_s, chunk_s = 2.0**-6, 2.0**-9, 2.0**-18, 2.0**-11
    passes = [  # decoding, contexts, chunk
        (0, 0, 64),
        (1, 41, 16),
        (2, 42 + 41, 0),
        (1, 42, 0),
    ]
    seconds = [pass_s + seq_s * n + context_s * tok + chunk_s * chunk for n, tok, chunk in passes]
    mixed = 16 / 17  # prefill's share of the second pass
    first = 40 / 64 * seconds[0] + (1 - mixed) * seconds[1] + seconds[2] / 2
    second = 24 / 64 * seconds[0] + mixed * seconds[1] + seconds[2] / 2 + seconds[3]
    calls = tables.calls.sort_values("query")
    service_s = np.array([sum(seconds[:3]), sum(seconds)])
    rest_j = (IDLE_W + HOST_IDLE_W) * sum(seconds)
    expected = BUSY_W * np.array([first, second]) + rest_j * service_s / service_s.sum()
    np.testing.assert_allclose(calls["energy_j"], expected, rtol=1e-9)
    np.testing.assert_allclose(tables.queries["energy_j"], expected, rtol=1e-9)


# Models that come and go


def test_a_cold_call_waits_for_its_model(simulate: Simulate):
    question = scenario(ALWAYS, {"a": own(cold=True)}, run={"queries": 1, "replications": 1})
    cold = simulate(question).tables
    warm = simulate({**question, "fleet": {"a": own()}}).tables
    np.testing.assert_allclose(cold.queries["queue_s"], warm.queries["queue_s"] + LOAD_S)
    np.testing.assert_allclose(cold.queries["e2e_s"], warm.queries["e2e_s"] + LOAD_S)
    loading = cold.ledger[(cold.ledger["state"] == "loading").to_numpy()]
    assert loading["time_s"].sum() == pytest.approx(LOAD_S)
    assert loading["it_energy_j"].sum() == pytest.approx(LOAD_S * BUSY_W)


def test_a_model_that_is_never_at_rest_long_enough_stays(simulate: Simulate):
    question = scenario(ALWAYS, {"a": own()})
    patient = simulate({**question, "fleet": {"a": own(unload_after_s=1e6)}}).tables
    always = simulate(question).tables
    np.testing.assert_array_equal(patient.queries["e2e_s"], always.queries["e2e_s"])
    assert patient.ledger["it_energy_j"].sum() == pytest.approx(always.ledger["it_energy_j"].sum())


def test_keeping_warm_as_long_as_loading_costs_is_never_twice_too_dear(simulate: Simulate):
    """Ski rental: on every stretch of rest, against the better of keeping and unloading known beforehand."""
    load_j = (BUSY_W + IDLE_W - BARE_W) * LOAD_S  # beyond a bare machine
    wait_s = keep_warm_s(BUSY_W + IDLE_W - BARE_W, LOAD_S, IDLE_W, BARE_W)
    for rate in (0.02, 0.2, 0.5, 2.0):
        question = scenario(ALWAYS, {"a": own(unload_after_s=wait_s, max_seqs=1)}, workload={"chat": chat(rate)})
        tables = simulate(question).tables
        hosts = tables.ledger[(tables.ledger["kind"] == "host").to_numpy()]
        replica = tables.ledger[(tables.ledger["kind"] == "replica").to_numpy()]
        busy_s = replica.loc[(replica["state"] == "busy").to_numpy(), "time_s"].sum()
        loading = replica[(replica["state"] == "loading").to_numpy()]
        loaded_s = hosts.loc[(hosts["state"] == "loaded").to_numpy(), "time_s"].sum()
        paid_j = (loaded_s - busy_s) * (IDLE_W - BARE_W) + loading["it_energy_j"].sum()
        calls = tables.calls.sort_values("asked_s")
        idle_since_s = np.concatenate([[0.0], np.maximum.accumulate(calls["delivered_s"])[:-1]])
        gaps_s = np.maximum(calls["asked_s"].to_numpy() - idle_since_s, 0.0)
        best_j = np.minimum(gaps_s * (IDLE_W - BARE_W), load_j).sum()
        assert 0 < best_j <= paid_j * (1 + 1e-9)
        assert paid_j <= 2 * best_j * (1 + 1e-9)


def test_what_is_loaded_needs_a_speed_of_loading(folder: Path):
    from system_world import BOX, SOURCES, write_yaml

    slow = {key: value for key, value in BOX.items() if key != "load_gb_per_s"}
    write_yaml(folder / "profiles" / "devices" / "no-speed.yaml", {"name": "no-speed", **slow, "sources": SOURCES})
    with pytest.raises(SpecError, match=r"unload_after_s.*no load_gb_per_s"):
        built(scenario(ALWAYS, {"a": own(device="no-speed", unload_after_s=5.0)}), folder)


# Making, batteries, classes


def test_making_is_spread_over_the_years_and_batteries_drain(folder: Path):
    from system_world import BOX, SOURCES, write_yaml

    phone = {**BOX, "embodied_kg": 80.0, "life_years": 3.0, "battery_wh": 18.0}
    write_yaml(folder / "profiles" / "devices" / "made-phone.yaml", {"name": "made-phone", **phone, "sources": SOURCES})
    question = scenario(ALWAYS, {"a": own(device="made-phone", replicas=2)}, grid={"here": {"carbon_g_per_kwh": 360}})
    result = run(built(question, folder))
    ledger = result.tables.ledger
    end_s = float((result.tables.timeline["start_s"] + result.tables.timeline["width_s"]).max())
    making = ledger[(ledger["phase"] == "embodied").to_numpy()]
    making_g = 2 * 80e3 * end_s / (3 * 365.25 * 86400)
    assert making["co2_g"].sum() == pytest.approx(making_g)
    n = len(result.tables.queries)
    metrics = result.summary.metrics
    used_j = ledger["it_energy_j"].sum()
    assert metrics["co2_embodied_g_per_query"].mean == pytest.approx(making_g / n)
    assert metrics["co2_g_per_query"].mean == pytest.approx((making_g + used_j * 1e-4) / n)
    (battery,) = result.summary.batteries
    assert battery.frac_per_query == pytest.approx(used_j / (18 * 3600) / n)
    assert battery.empty_after_s == pytest.approx(18 * 3600 / (used_j / end_s / 2))
    assert battery.frac_per_h == pytest.approx(3600 / battery.empty_after_s)


def test_classes_share_the_joules_of_the_run(simulate: Simulate):
    workload = {"chat": chat(2.0), "code": chat(1.0)}
    result = simulate(scenario(ALWAYS, {"a": own()}, workload=workload))
    counts = result.tables.queries["cls"].value_counts()
    by_class = sum(
        metrics["energy_j_per_query"].mean * counts[name] for name, metrics in result.summary.classes.items()
    )
    assert by_class == pytest.approx(result.summary.metrics["energy_j_per_query"].mean * len(result.tables.queries))


@pytest.mark.parametrize("scope", ["gpu", "wall"])
def test_a_meters_joules_are_the_tokens_and_stand_for_what_it_saw(scope: str, simulate: Simulate):
    meter = {"prefill_j_per_tok": 0.25, "decode_j_per_tok": 2.0, "scope": scope}
    tables = simulate(scenario(ALWAYS, {"a": own(measured_energy=meter, steps=linear())})).tables
    replica = tables.ledger[(tables.ledger["kind"] == "replica").to_numpy()]
    metered = tables.ledger[(tables.ledger["state"] == "metered").to_numpy()]
    busy_s = replica.loc[(replica["state"] == "busy").to_numpy(), "time_s"].sum()
    tokens_j = 0.25 * tables.calls["prompt_tok"].sum() + 2.0 * (tables.calls["output_tok"] - 1).sum()
    beside_w = 3.0 if scope == "gpu" else 0.0
    assert replica["it_energy_j"].sum() == pytest.approx(tokens_j + beside_w * busy_s)
    assert metered["time_s"].sum() == pytest.approx(busy_s)
    assert metered["it_energy_j"].sum() == pytest.approx(busy_s * (HOST_IDLE_W if scope == "gpu" else 0.0))
