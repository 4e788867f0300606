"""The shipped synthetic workloads against the traces that they were fitted to, or the published figures of these."""

import gzip
import heapq
import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from simulator.spec.errors import SpecError
from simulator.spec.library import library
from simulator.workload.builtin import BuiltinArrivals, BuiltinLengths, workload_profile
from simulator.workload.streams import NamedStreams
from simulator.workload.synthetic import Swings
from simulator.workload.traces import Trace
from simulator.workload.traffic import Demand
from simulator.workload.world import ClassTraffic, world

DATA = os.environ.get("MULTILLM_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="MULTILLM_DATA does not name the folder of public data")
NAMES = ["agentic-coding-like", "azure-code-like", "azure-conv-like", "burstgpt-like", "mooncake-conv-like"]
SEEDS = range(8)


def streams(seed=0):
    return NamedStreams(seed, 0, "chat")


def fcfs_waits_s(rows, servers):
    """The queue check: waits in a first-come queue whose service is prompt / 8000 + output x 0.02 s."""
    service_s = rows.prompt_tok / 8000 + rows.output_tok * 0.02
    free_s, waits_s = [0.0] * servers, []
    for arrived, service in zip(rows.arrive_s.tolist(), service_s.tolist(), strict=True):
        start = max(arrived, heapq.heappop(free_s))
        waits_s.append(start - arrived)
        heapq.heappush(free_s, start + service)
    return np.array(waits_s)


def dispersions(arrive_s, until_s):
    """Variance over mean of the counts in whole windows of 1, 10 and 60 s."""
    found = []
    for window_s in (1, 10, 60):
        counts = np.histogram(arrive_s, window_s * np.arange(int(until_s / window_s) + 1))[0]
        found.append(counts.var() / counts.mean())
    return found


def distance(ours, theirs):
    return stats.ks_2samp(ours, theirs).statistic


def public_trace(file, format):
    return Trace(str(Path(DATA) / "traces" / file), format).draw(Demand(until_s=1e9), streams())


@pytest.fixture(scope="module")
def conv():
    return [BuiltinArrivals("azure-conv-like").draw(Demand(until_s=3502.0), streams(seed)) for seed in SEEDS]


@pytest.fixture(scope="module")
def code():
    return [BuiltinArrivals("azure-code-like").draw(Demand(until_s=3436.0), streams(seed)) for seed in range(16)]


def test_all_built_in_workloads_are_shipped_and_say_where_they_are_from():
    assert set(NAMES) <= set(library(()).names("workloads"))
    evidence = {name: workload_profile(name).evidence("lengths") for name in NAMES}
    assert evidence.pop("burstgpt-like") == "assumed"
    assert set(evidence.values()) == {"fitted"}
    assert workload_profile("agentic-coding-like").evidence("mean_rate_per_s") == "assumed"


def test_a_workload_that_does_not_exist_is_named_with_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'azure-conv-like'"):
        workload_profile("azure-conv")


@pytest.mark.parametrize("name", sorted({*NAMES} - {"burstgpt-like"}))
def test_the_mean_rate_is_as_stated(name):
    spread = {"azure-code-like": 0.1}.get(name, 0.05)
    stated_per_s, rates_per_s = workload_profile(name).mean_rate_per_s, []
    for seed in range(3):
        rows = BuiltinArrivals(name).draw(Demand(queries=60_000), streams(seed))
        rates_per_s.append(len(rows) / np.nanmax(rows.arrive_s))
    assert np.mean(rates_per_s) == pytest.approx(stated_per_s, rel=spread)


def test_swinging_rates_are_lognormal_from_window_to_window():
    arrive_s = Swings(10.0, median_per_s=100.0, sigma=1.0, cv=1.0).draw(Demand(until_s=5000.0), streams()).arrive_s
    log_counts = np.log(np.histogram(arrive_s, 10.0 * np.arange(501))[0])
    assert log_counts.mean() == pytest.approx(np.log(1000.0), abs=4 / np.sqrt(500))
    assert log_counts.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * 500))


def test_burstgpt_like_has_the_published_mean_lengths():
    prompt_tok, output_tok = BuiltinLengths("burstgpt-like").draw(200_000, streams())
    assert prompt_tok.mean() == pytest.approx(621, rel=0.02)
    assert output_tok.mean() == pytest.approx(126, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_another_rate_is_the_same_shape_in_another_time(name):
    stated_per_s = workload_profile(name).mean_rate_per_s
    plain = BuiltinArrivals(name).draw(Demand(queries=2000), streams())
    slower = BuiltinArrivals(name, rate_per_s=stated_per_s / 4).draw(Demand(queries=2000), streams())
    np.testing.assert_allclose(slower.arrive_s, 4 * plain.arrive_s)
    np.testing.assert_array_equal(slower.prompt_tok, plain.prompt_tok)
    if plain.wait_s is not None:  # people do not think slower when there are fewer of them
        np.testing.assert_array_equal(slower.wait_s, plain.wait_s)
    by_time = BuiltinArrivals(name, rate_per_s=stated_per_s / 4).draw(Demand(until_s=1000.0), streams())
    assert np.nanmax(by_time.arrive_s) < 1000.0


@pytest.mark.parametrize("name", NAMES)
def test_lengths_drawn_alone_are_those_of_the_arrivals(name):
    part = ClassTraffic(BuiltinArrivals(name), next_prompt="trace")
    whole = world({"a": part}, Demand(queries=30_000), seed=1, replication=0)
    prompt_tok, output_tok = BuiltinLengths(name).draw(30_000, streams())
    most = 0.13 if name == "agentic-coding-like" else 0.05
    assert distance(prompt_tok, whole.prompt_tok) < most
    assert distance(output_tok, whole.output_tok) < 0.05


def test_azure_conv_like_bursts_as_published(conv):
    one, ten, sixty = np.mean([dispersions(rows.arrive_s, 3502.0) for rows in conv], axis=0)
    assert one == pytest.approx(1.4, abs=0.1)
    assert ten == pytest.approx(3.9, abs=0.3)
    assert sixty == pytest.approx(17.5, abs=1.5)


def test_azure_conv_like_passes_the_queue_check(conv):
    waits_s = [fcfs_waits_s(rows, servers=30).mean() for rows in conv]
    assert 0.22 <= np.mean(waits_s) <= 0.45  # published p10-p90 over seeds; the trace: 0.33


def test_azure_conv_like_rate_and_lengths_drift_together(conv):
    correlations = []
    for rows in conv:
        bins = (rows.arrive_s / 300).astype(int)
        calls = np.bincount(bins)[:-1]
        mean_output = np.bincount(bins, rows.output_tok)[:-1] / calls
        correlations.append(np.corrcoef(calls, mean_output)[0, 1])
    assert np.mean(correlations) < -0.9  # the trace: -0.97; lengths drawn apart from time: 0


@needs_data
def test_azure_conv_like_is_like_its_trace(conv):
    trace = public_trace("azure2023_conv.csv.gz", "azure")
    gaps = [distance(np.diff(rows.arrive_s), np.diff(trace.arrive_s)) for rows in conv]
    assert np.mean(gaps) == pytest.approx(0.014, abs=0.003)
    assert np.mean([distance(rows.prompt_tok, trace.prompt_tok) for rows in conv]) == pytest.approx(0.025, abs=0.005)
    assert np.mean([distance(rows.output_tok, trace.output_tok) for rows in conv]) == pytest.approx(0.027, abs=0.005)
    np.testing.assert_allclose(
        np.mean([dispersions(rows.arrive_s, 3501.0) for rows in conv], axis=0),
        dispersions(trace.arrive_s, 3501.0),
        rtol=0.1,
    )
    waits_s = sorted(fcfs_waits_s(rows, servers=30).mean() for rows in conv)
    assert waits_s[0] < fcfs_waits_s(trace, servers=30).mean() < 2 * waits_s[-1]


def test_azure_code_like_bursts_and_queues_as_published(code):
    one, ten, sixty = np.mean([dispersions(rows.arrive_s, 3436.0) for rows in code], axis=0)
    assert one == pytest.approx(9.5, rel=0.15)
    assert ten == pytest.approx(54, rel=0.15)
    assert sixty == pytest.approx(119, rel=0.15)
    waits_s = [fcfs_waits_s(rows, servers=3).mean() for rows in code]
    assert 32 <= np.median(waits_s) <= 143  # published p10-p90 over seeds; mean 52


def test_azure_code_like_has_the_published_lengths(code):
    prompt_tok = np.concatenate([rows.prompt_tok for rows in code])
    output_tok = np.concatenate([rows.output_tok for rows in code])
    assert prompt_tok.mean() == pytest.approx(2048, rel=0.03)
    assert np.percentile(prompt_tok, [50, 90, 99]) == pytest.approx([1469, 5188, 7436], rel=0.03)
    assert output_tok.mean() == pytest.approx(28, rel=0.05)
    assert np.percentile(output_tok, [50, 90, 99]) == pytest.approx([13, 55, 251], rel=0.08)


@needs_data
def test_mooncake_conv_like_is_like_its_trace():
    trace = public_trace("mooncake_conversation.jsonl.gz", "mooncake")
    gaps_s = np.diff(trace.arrive_s)
    for seed in range(4):
        part = ClassTraffic(BuiltinArrivals("mooncake-conv-like"), next_prompt="trace")
        drawn = world({"a": part}, Demand(until_s=3537.0), seed, replication=0)
        at_s = drawn.arrive_s.copy()
        for row in np.flatnonzero(np.isnan(at_s)):  # the trace's gaps between turns have the answers in them
            at_s[row] = at_s[row - 1] + drawn.wait_s[row]
        seen = at_s < 3537.0
        ours_s = np.diff(np.sort(at_s[seen]))
        assert distance(ours_s / ours_s.mean(), gaps_s / gaps_s.mean()) < 0.02
        assert distance(drawn.prompt_tok[seen], trace.prompt_tok) < 0.035  # published: 0.015 to 0.031
        assert distance(drawn.output_tok[seen], trace.output_tok) < 0.018  # 0.008, and what 11,000 draws add
        assert len(drawn) / np.count_nonzero(drawn.turn == 0) == pytest.approx(1.493, rel=0.03)
        assert np.median(drawn.wait_s[drawn.turn > 0]) == pytest.approx(132, rel=0.05)


@needs_data
def test_agentic_coding_like_is_like_its_sessions():
    path = Path(DATA) / "traces" / "agentic_coding_sessions.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        sessions = [[call for call in json.loads(line)["requests"] if call["type"] != "subagent"] for line in lines]
    prompt_tok = [call["in"] for calls in sessions for call in calls]
    output_tok = [call["out"] for calls in sessions for call in calls]
    waits_s = [call["think_time"] for calls in sessions for call in calls[1:] if "think_time" in call]
    found = []
    for seed in SEEDS:
        rows = BuiltinArrivals("agentic-coding-like").draw(Demand(until_s=49_400.0), streams(seed))
        last = rows.next_row < 0
        found.append(
            [
                distance(rows.prompt_tok, prompt_tok),
                distance(rows.prompt_tok[last], [calls[-1]["in"] for calls in sessions]),
                distance(rows.turn[last] + 1, [len(calls) for calls in sessions]),
                distance(rows.output_tok, output_tok),
                distance(rows.wait_s[rows.turn > 0], waits_s),
            ]
        )
    prompt, final, turns, output, wait = np.mean(found, axis=0)
    assert prompt < 0.11  # published: 0.08
    assert final < 0.16  # published: 0.10
    assert turns < 0.06  # published: 0.05
    assert output < 0.015
    assert wait < 0.05
