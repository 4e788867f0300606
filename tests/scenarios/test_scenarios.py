"""Every shipped scenario runs and keeps its word: what `scenarios/README.md` says holds as a relation between runs."""

from __future__ import annotations

import math
import os
import re
from functools import cache

import pytest

from simulator import build, load, run
from simulator.cli.listing import question
from simulator.records.result import Result
from simulator.scoring.linear_fit import fit_linear
from simulator.scoring.measurements import read_measurements
from simulator.spec.library import scenario_names, shipped

FOLDER = shipped("scenarios")
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
NAMES = [name for name in scenario_names() if not name.startswith("replays/")]
REPLAYS = [name for name in scenario_names() if name.startswith("replays/")]
DATA = os.environ.get("MULTILLM_DATA")
AZURE_HOUR = (
    "run.duration_s=3600",
    "fleet.gpu.replicas=8",
    "workload.code.arrivals.file=traces/azure2023_conv.csv.gz",
    "workload.code.arrivals.format=azure",
    "workload.code.arrivals.columns=~",
)


@cache
def ran(name: str, *sets: str) -> Result:
    """One replication."""
    return run(build(load(name, ["run.replications=1", *sets])))


def metric(name: str, key: str, *sets: str) -> float:
    mean = ran(name, *sets).summary.metrics[key].mean
    assert mean is not None, (name, key)
    return mean


def of_class(name: str, cls: str, key: str, *sets: str) -> float:
    mean = ran(name, *sets).summary.classes[cls][key].mean
    assert mean is not None, (name, cls, key)
    return mean


@pytest.mark.parametrize("name", [*NAMES, *REPLAYS])
def test_a_scenario_names_the_schema_and_asks_a_question(name: str) -> None:
    file = FOLDER / f"{name}.yaml"
    first, second = file.read_text(encoding="utf-8").splitlines()[:2]
    assert first == f"# yaml-language-server: $schema={'../' * name.count('/')}../simulator/spec/scenario.schema.json"
    assert second.startswith("# ")
    assert "?" in question(file)


def test_the_index_has_every_scenario_and_no_other() -> None:
    rows = re.findall(r"^\| \[(.+?)\]\((.+?)\) \| (.+?) \| (.+?) \| \d+ \|$", INDEX, re.MULTILINE)
    assert sorted(name for name, *_ in rows) == NAMES
    for name, file, asked, answered in rows:
        assert file == f"{name}.yaml"
        assert asked.endswith("?")
        assert answered.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_ends_every_query_once_and_says_finite_numbers(name: str) -> None:
    result = ran(name)
    queries = result.tables.queries
    assert queries["query"].is_unique
    assert len(queries) == sum(result.summary.fates.values()) == result.summary.queries > 0
    for key, value in result.summary.metrics.items():
        assert (value.mean is None and value.reason) or math.isfinite(value.mean or 0.0), key


@pytest.mark.parametrize("name", [name for name in NAMES if name != "overload-drops"])
def test_a_scenario_keeps_up(name: str) -> None:
    assert ran(name).summary.verdict == "STABLE"


def test_the_quickstart_holds_its_limit_and_needs_the_cloud_for_half() -> None:
    assert all(held.met for held in ran("quickstart").summary.slos)
    assert 0.4 < metric("quickstart", "escalated_frac") < 0.6


def test_three_boxes_hold_the_limit_two_do_not_and_each_more_takes_energy() -> None:
    name = "sweep-replicas"
    boxes = {number: f"fleet.edge.replicas={number}" for number in (2, 3, 4, 8)}
    assert metric(name, "ttft_s.p95", boxes[2]) > 15 > metric(name, "ttft_s.p95", boxes[3])
    joules = [metric(name, "energy_j_per_query", sets) for sets in boxes.values()]
    assert joules == sorted(joules)


def test_half_of_the_queries_asked_on_bring_most_of_the_gain_and_the_first_of_them_most_of_the_joules() -> None:
    bars = [f"policy.accept.edge={bar}" for bar in (-9, -0.7, -0.35, 1)]
    right, joules, seconds, share = (
        [metric("sweep-threshold", key, bar) for bar in bars]
        for key in ("accuracy", "energy_j_per_query", "e2e_s.mean", "escalated_frac")
    )
    assert (share[0], share[3]) == (0, 1)
    assert 0.4 < share[2] < 0.6
    assert right[2] - right[0] > 0.75 * (right[3] - right[0])
    assert joules[1] - joules[0] > 2 * (joules[3] - joules[1]) > 0
    assert seconds == sorted(seconds)


def test_a_gpu_beyond_its_load_is_in_time_for_fewer_than_at_it() -> None:
    at, above, far_above = (("sweep-load", f"workload.chat.arrivals.rate_per_s={rate}") for rate in (18, 21, 24))
    assert all(held.met for held in ran(*at).summary.slos)
    assert not any(held.met for one in (above, far_above) for held in ran(*one).summary.slos)
    good = [metric(name, "goodput_per_s", sets) for name, sets in (at, above, far_above)]
    assert good == sorted(good, reverse=True)


def test_one_gpu_holds_its_limit_at_the_rate_shipped_and_no_faster() -> None:
    assert metric("one-gpu", "ttft_s.p95") < 1.0
    assert metric("one-gpu", "ttft_s.p95", "workload.chat.arrivals.rate_per_s=18") > 1.0


def test_a_hot_phone_is_slower_by_the_factor_of_the_file() -> None:
    queries = ran("one-phone").tables.queries
    cool, hot = queries[queries["arrived_s"] < 540], queries[queries["arrived_s"] > 600]
    assert hot["tpot_s"].median() / cool["tpot_s"].median() == pytest.approx(1.5, rel=0.02)  # contexts differ a little


def test_a_cascade_with_half_the_cloud_saves_energy_and_costs_time_and_points() -> None:
    cascade, large = "edge-cloud-cascade", "edge-cloud-all-large"
    assert metric(cascade, "energy_j_per_query") < 0.8 * metric(large, "energy_j_per_query")
    assert metric(cascade, "ttft_s.mean") > 10 * metric(large, "ttft_s.mean")
    assert metric(cascade, "accuracy") < metric(large, "accuracy")
    assert all(held.met for name in (cascade, large) for held in ran(name).summary.slos)


def test_a_judge_s_votes_buy_accuracy_for_time_and_silence_costs_joules_a_right_answer() -> None:
    judged, cascade = "pipeline", ("edge-cloud-cascade", "workload.chat.arrivals.rate_per_s=4")
    silent = (judged, "policy.otherwise.abstain_below=0.3")
    assert metric(judged, "accuracy") > metric(cascade[0], "accuracy", cascade[1])
    assert metric(judged, "ttft_s.mean") > metric(cascade[0], "ttft_s.mean", cascade[1])
    assert ran(*silent).summary.fates["abstained"] > 0 == ran(judged).summary.fates["abstained"]
    assert metric(silent[0], "energy_j_per_correct", silent[1]) > metric(judged, "energy_j_per_correct")


def test_one_cloud_machine_alone_takes_less_energy_and_misses_the_limit() -> None:
    alone = ("edge-cloud-all-large", "fleet.cloud.replicas=1")
    assert metric(alone[0], "energy_j_per_query", alone[1]) < metric("edge-cloud-cascade", "energy_j_per_query")
    assert not all(held.met for held in ran(*alone).summary.slos)


def test_a_wide_uplink_takes_seconds_off_three_tiers() -> None:
    name, wide = "three-tiers-thin-link", "links.cell.up_mbit_per_s=50"
    assert metric(name, "ttft_s.mean") > metric(name, "ttft_s.mean", wide) + 1.0
    assert metric(name, "accuracy") == pytest.approx(metric(name, "accuracy", wide), abs=0.02)


def test_a_cascade_is_right_more_often_than_a_router_or_a_coin_and_slower() -> None:
    names = ("compare/cascade", "compare/router", "compare/random")
    for name in names:
        large = next(line for line in ran(name).summary.pools if line.pool == "large")
        assert large.answered_frac == pytest.approx(0.5, abs=0.03)
    cascade, router, coin = (metric(name, "accuracy") for name in names)
    assert cascade > max(router, coin) + 0.02
    assert metric(names[0], "ttft_s.mean") > 10 * max(metric(name, "ttft_s.mean") for name in names[1:])
    assert metric(names[0], "accuracy", "policy.use=oracle") > cascade


def test_more_gpus_meet_the_bursts_and_idle_the_day_away() -> None:
    two, three = "fleet.gpu.replicas=2", "fleet.gpu.replicas=3"
    assert metric("bursty-day", "ttft_s.p95", two) > 4.0 > metric("bursty-day", "ttft_s.p95", three)
    assert metric("bursty-day", "energy_j_per_query", three) > 2.5 * metric("bursty-day", "energy_j_per_query")


@pytest.mark.skipif(DATA is None, reason="MULTILLM_DATA, which names the folder of public traces, is not set")
def test_a_recorded_hour_runs_in_place_of_the_synthetic_day() -> None:
    result = ran("bursty-day", *AZURE_HOUR)
    assert result.summary.queries == 19_366  # the rows of the trace, as published
    for override in AZURE_HOUR:
        assert f"--set {override}" in INDEX


def test_priority_goes_first_and_a_bounded_queue_refuses_even_those_who_pay() -> None:
    name, unbounded = "overload-drops", "fleet.gpu.max_queue=~"
    assert ran(name).summary.verdict == "OVERLOADED"
    assert of_class(name, "free", "coverage") < of_class(name, "paying", "coverage") < 0.95
    assert of_class(name, "free", "ttft_s.p95") > 10 * of_class(name, "paying", "ttft_s.p95")
    assert of_class(name, "paying", "coverage", unbounded) > 0.999


def test_hosted_cascade_costs_a_fraction_and_some_points_and_time() -> None:
    name, largest = "hosted-apis", ("policy.use=always", "policy.pool=large")
    assert metric(name, "cost_usd_per_query") < 0.5 * metric(name, "cost_usd_per_query", *largest)
    assert metric(name, "accuracy") < metric(name, "accuracy", *largest) < metric(name, "accuracy") + 0.1
    assert metric(name, "ttft_s.mean") > metric(name, "ttft_s.mean", *largest)


def test_three_cards_at_the_edge_hold_both_limits_and_more_cloud_does_not_stand_in_for_one() -> None:
    name, two = "smallest-fleet", ("run.queries=1500", "fleet.edge.replicas=2")
    assert all(held.met for held in ran(name, "run.queries=1500").summary.slos)
    assert metric(name, "ttft_s.p95", *two) > 10
    assert metric(name, "ttft_s.p95", *two, "fleet.cloud.replicas=3") > 10


def charge_lasts_h(*sets: str) -> float:
    """Hours until the phones of `battery` are empty, radios included: by the joules of the ledger."""
    result = ran("battery", "run.duration_s=7200", "policy.moves=[]", *sets)
    ledger = result.tables.ledger
    drawn_j = ledger.loc[ledger["window"] & (ledger["kind"] != "hosted"), "energy_j"].sum()
    return 5 * 19.4 * 3600 / (drawn_j / 2)


def test_a_router_spares_the_phone_what_a_cascade_does_not_and_the_radio_takes_a_part_back() -> None:
    by_length, to_api = charge_lasts_h(), charge_lasts_h("policy.base.threshold=0")
    assert charge_lasts_h("policy={use: cascade, order: [phone, api], accept: -0.3}") < by_length < to_api
    (falling,) = ran("battery").summary.batteries
    (fixed,) = ran("battery", "policy.moves=[]").summary.batteries
    assert falling.frac_per_h < fixed.frac_per_h
    assert metric("battery", "accuracy") > metric("battery", "accuracy", "policy.moves=[]") + 0.05
    assert metric("battery", "cost_usd_per_query") > 3 * metric("battery", "cost_usd_per_query", "policy.moves=[]")


def test_the_steps_of_an_own_device_are_the_fit_of_the_table_beside_it() -> None:
    told = load("own-device").spec.fleet["box"].steps
    assert told is not None
    fitted = fit_linear(read_measurements(FOLDER / "own-device.csv")).coefficients
    assert {key: told.args[key] for key in fitted} == pytest.approx(fitted, rel=1e-3)


def test_a_measured_box_takes_less_than_its_data_sheet_promises() -> None:
    fast = "workload.chat.arrivals.rate_per_s=0.85"
    assert metric("own-device", "ttft_s.p95") < 2.0 < metric("own-device", "ttft_s.p95", fast)
    assert metric("own-device", "ttft_s.p95", fast, "fleet.box.steps=~") < 2.0


def test_a_threshold_that_follows_the_grid_saves_little_carbon_and_some_answers() -> None:
    still, few = "policy.moves=[]", "run.queries=4000"
    grams = metric("carbon", "co2_g_per_query", few) / metric("carbon", "co2_g_per_query", few, still)
    assert 0.95 < grams < 0.99
    assert metric("carbon", "accuracy", few) < metric("carbon", "accuracy", few, still) - 0.01
