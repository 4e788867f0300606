"""Traces tell what the tables tell: read back strictly, and added up another way."""

from __future__ import annotations

from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from system_scenarios import scenarios
from system_world import Scenario, built, chat, own, scenario
from trace_reader import Read, Slice, integral, overlaps, read

from analysis.trace import perfetto
from simulator import run
from simulator.records.errors import ResultError
from simulator.records.excerpt import Excerpt
from simulator.records.result import Result
from simulator.running.excerpt import Happened, excerpt

CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
ALWAYS = {"use": "always", "pool": "a"}
CASCADE = {"use": "cascade", "order": ["a", "b"], "accept": 0.6}
STAGES = ("uplink", "queue", "prefill", "decode", "downlink")


def traced(
    question: Scenario, folder: Path, from_s: float | None = None, most: int = 10**6
) -> tuple[Result, Excerpt, Read]:
    excerpts: list[Excerpt] = []

    def watch(happened: Happened) -> None:
        excerpts.append(excerpt(happened, from_s, most))

    result = run(built(question, folder), watch=watch)
    (one,) = excerpts
    return result, one, read(perfetto(one))


def seconds(slices: list[Slice]) -> float:
    return sum(one.end - one.start for one in slices) / 1e6


def process(trace: Read, pool: str) -> str:
    (found,) = {name for name, _ in trace.counters if name.startswith(f"pool {pool}: ")}
    return found


def slack_s(count: int) -> float:
    """Each end of a slice is rounded to a microsecond."""
    return 1e-6 * (count + 1)


@settings(max_examples=30, deadline=None, suppress_health_check=CHECKS)
@given(question=scenarios())
def test_the_trace_of_a_whole_run_adds_up_to_its_tables(question: Scenario, folder: Path):
    result, one, trace = traced(question, folder, from_s=0.0)
    assert not overlaps(trace.slices)
    replicas_add_up_to_the_ledger(result, trace)
    stations_and_links_add_up_to_the_ledger(result, trace)
    calls_are_those_of_the_table(result, trace)
    gauges_add_up_to_the_timeline(result, one, trace)
    flows_lead_from_queries_over_their_calls(result, trace)


def shown_calls(result: Result) -> pd.DataFrame:
    """All but those that still wait when time is up."""
    calls = result.tables.calls
    return calls[~((calls["fate"] == "unfinished") & calls["queue_s"].isna()).to_numpy(bool)]


def replicas_add_up_to_the_ledger(result: Result, trace: Read) -> None:
    ledger = result.tables.ledger
    for name, rows in ledger[(ledger["kind"] == "replica").to_numpy(bool)].groupby("name", observed=True):
        mine = [one for one in trace.slices if one.thread == name]
        for state in ("busy", "loading", "off"):
            told = [one for one in mine if one.cat == state]
            of_state = rows[(rows["state"] == state).to_numpy(bool)]
            assert seconds(told) == pytest.approx(of_state["time_s"].sum(), abs=slack_s(len(mine)))
            joules = sum(one.args["energy_j"] for one in told)
            assert joules == pytest.approx(of_state["it_energy_j"].sum(), rel=1e-5, abs=1e-3 * (1 + len(mine)))


def stations_and_links_add_up_to_the_ledger(result: Result, trace: Read) -> None:
    ledger = result.tables.ledger
    for name, rows in ledger[(ledger["kind"] == "station").to_numpy(bool)].groupby("name", observed=True):
        mine = [one for one in trace.slices if one.process == f"station {name}"]
        known_s = rows["time_s"].sum()
        assert seconds(mine) == pytest.approx(known_s, abs=slack_s(len(mine)))
    for way in ("up", "down"):
        rows = ledger[(ledger["name"] == f"line-{way}").to_numpy(bool)]
        mine = [one for one in trace.spans if one.process.startswith("link line: ") and one.name == way]
        assert sum(one.args["bytes"] for one in mine) == pytest.approx(rows["bytes"].sum(), rel=1e-9, abs=1e-3)
        assert seconds(mine) <= rows["time_s"].sum() + slack_s(len(mine))


def calls_are_those_of_the_table(result: Result, trace: Read) -> None:
    calls = shown_calls(result).set_index("call")
    drawn = {int(one.id): one for one in trace.spans if one.cat == "call" and one.depth == 0}
    assert sorted(drawn) == sorted(calls.index)
    stages = [one for one in trace.spans if one.cat == "call" and one.depth == 1]
    assert all(drawn[int(one.id)].start <= one.start <= one.end <= drawn[int(one.id)].end for one in stages)
    stations = {one.process for one in trace.spans if one.process.startswith("station ")}
    for stage in STAGES:
        known_s = calls[f"{stage}_s"].fillna(0.0)
        lasted_s = dict.fromkeys(calls.index, 0.0)
        for one in (one for one in stages if one.name == stage):
            lasted_s[int(one.id)] += (one.end - one.start) / 1e6
        for call, outer in drawn.items():
            if outer.process not in stations and not np.isnan(calls[f"{stage}_s"][call]):
                assert lasted_s[call] == pytest.approx(known_s[call], abs=2e-6)
    for call, outer in drawn.items():
        row = calls.loc[call]
        assert outer.name == row["kind"]
        assert (outer.args["query"], outer.args["fate"]) == (row["query"], row["fate"])
        assert outer.args.get("score", inf) == pytest.approx(row["score"] if row["score"] == row["score"] else inf)


def gauges_add_up_to_the_timeline(result: Result, one: Excerpt, trace: Read) -> None:
    timeline = result.tables.timeline
    until = round(one.end_s * 1e6)
    for pool, rows in timeline.groupby("pool", observed=True):
        name = process(trace, str(pool))
        waited = integral(trace.counters[name, "waiting calls"], until)
        assert waited == pytest.approx((rows["waiting"] * rows["width_s"]).sum(), rel=1e-5, abs=1e-3)
        assert all(value >= 0 for _, value in trace.counters[name, "waiting calls"])
        if pool in one.replicas:
            decoded = integral(trace.counters[name, "decoding sequences"], until)
            assert decoded == pytest.approx((rows["decode_seqs"] * rows["width_s"]).sum(), rel=1e-5, abs=1e-3)
            drawn_j = integral(trace.counters[name, "power W"], until)
            assert drawn_j == pytest.approx(rows["energy_j"].sum(), rel=1e-4, abs=0.5)


def flows_lead_from_queries_over_their_calls(result: Result, trace: Read) -> None:
    calls = shown_calls(result)
    heads = {one.flow for one in trace.spans if one.cat == "query"} - {""}
    assert len(heads) == calls["query"].nunique()
    for query, of_query in calls.groupby("query"):
        (head,) = [one for one in trace.spans if one.cat == "query" and one.id == str(query)]
        tail = [one for one in trace.spans if one.flow == head.flow and one.cat == "call"]
        tail.sort(key=lambda one: (one.start, int(one.id)))
        assert [int(one.id) for one in tail] == sorted(of_query["call"])
        assert head.ways == (False, True)
        assert [one.ways for one in tail] == [(True, True)] * (len(tail) - 1) + [(True, False)]


def test_a_stretch_after_the_warm_up_has_the_seconds_of_the_measured_window(folder: Path):
    busy = scenario(
        CASCADE, {"a": own(replicas=2), "b": own("large")}, run={"queries": 80, "warmup_s": 9.0, "replications": 1}
    )
    result, one, trace = traced(busy, folder)
    ledger = result.tables.ledger
    inside = ledger[(ledger["window"] & (ledger["state"] == "busy") & (ledger["replication"] == 0)).to_numpy(bool)]
    for name, rows in inside[(inside["kind"] == "replica").to_numpy(bool)].groupby("name", observed=True):
        mine = [each for each in trace.slices if each.thread == name]
        assert seconds(mine) == pytest.approx(rows["time_s"].sum(), abs=slack_s(len(mine)))
    assert (one.start_s, trace.about["from_s"]) == (9.0, 9.0)
    assert all(each.start >= 9_000_000 for each in (*trace.slices, *trace.spans))


def test_a_stretch_ends_before_more_calls_begin_than_asked(folder: Path):
    """By the tables; whoever waits all the time is counted and not shown."""
    workload, ran = {"chat": chat(30.0)}, {"queries": 200, "warmup_s": 4.0, "replications": 1}
    result, one, trace = traced(scenario(ALWAYS, {"a": own()}, workload=workload, run=ran), folder, most=30)
    calls = result.tables.calls
    submitted_s = calls["asked_s"] + calls["uplink_s"]
    started_s = submitted_s + calls["queue_s"]
    done_s = started_s + calls["prefill_s"] + calls["decode_s"]

    def at_work(until_s: float) -> set[int]:
        return set(calls["call"][(started_s < until_s - 1e-9) & (done_s > 4.0)])

    shown = {int(each.id) for each in trace.spans if each.cat == "call"}
    assert shown == at_work(one.end_s)
    at_first = len(at_work(4.0))
    assert 0 < at_first < len(shown) <= at_first + 30
    assert len(at_work(one.end_s + 1e-6)) > at_first + 30
    waits = (submitted_s < 4.0) & (started_s > one.end_s)
    assert waits.any()
    assert not shown & set(calls["call"][waits])
    waiting = trace.counters[process(trace, "a"), "waiting calls"][0][1]
    assert waiting == ((submitted_s <= 4.0) & (started_s > 4.0)).sum()


def test_a_stretch_of_a_batch_of_queries_shows_but_those_that_a_replica_takes(folder: Path):
    at_once = {"chat": chat() | {"arrivals": {"use": "all-at-once", "queries": 80}}}
    ran = {"queries": 80, "warmup_s": 0.0, "replications": 1}
    _, _, trace = traced(scenario(ALWAYS, {"a": own()}, workload=at_once, run=ran), folder, most=20)
    shown = [each for each in trace.spans if each.cat == "call" and each.depth == 0]
    assert 4 <= len(shown) <= 4 + 20
    assert {each.start for each in shown} == {0}


def test_a_stretch_begins_where_it_is_said(folder: Path):
    plain = scenario(ALWAYS, {"a": own()})
    _, one, _ = traced(plain, folder, from_s=7.5)
    assert one.start_s == 7.5
    with pytest.raises(ResultError, match=r"from 1e\+06 s on: the run was over after \d"):
        traced(plain, folder, from_s=1e6)


def test_watching_a_run_changes_nothing_in_it(folder: Path):
    plain = scenario(CASCADE, {"a": own(), "b": own("large")})
    watched, one, _ = traced(plain, folder)
    alone = run(built(plain, folder))
    for name in ("queries", "calls", "ledger", "timeline"):
        assert getattr(watched.tables, name).equals(getattr(alone.tables, name)), name
    assert perfetto(one) == perfetto(traced(plain, folder)[1])


def test_prompts_and_decodes_of_a_replica_are_those_of_its_calls(folder: Path):
    result, _one, trace = traced(scenario(ALWAYS, {"a": own(kv_tok=800)}), folder, from_s=0.0)
    calls = result.tables.calls
    assert (calls["preemptions"] == 0).all()
    assert sum(each.args["prefill_tok"] for each in trace.slices) == calls["prompt_tok"].sum()
    decoded = sum(each.args["passes"] * each.args["decode_seqs"] for each in trace.slices)
    assert decoded == (calls["output_tok"] - 1).sum()  # the prompt's last pass gives the first token
    used = [value for _, value in trace.counters[process(trace, "a"), "KV cache tok"]]
    assert 0 < max(used) <= 800
    assert used[-1] == 0
