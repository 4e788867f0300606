import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_run import calls_of, mm1, queries_of, run_of
from scipy import stats

from simulator.metrics.facts import ClassFacts, PoolFacts, Window
from simulator.metrics.intervals import student_half
from simulator.metrics.registry import METRICS, PER_QUERY
from simulator.metrics.summarise import summarise
from simulator.records.summary import Summary
from simulator.spec.metric_names import METRIC_NAMES, WITH_PERCENTILES
from simulator.spec.scenario import SloSpec


def steady(n, **columns):
    """n queries, one a second, each 0.25 s in the queue and 1 s in service."""
    return queries_of(np.arange(float(n)), np.full(n, 0.25), np.ones(n), **columns)


def with_fates(fates, **columns):
    """One query a second; times are known of finished ones only."""
    queries = steady(len(fates), fate=fates, **columns)
    queries.loc[queries["fate"] != "finished", ["e2e_s", "ttft_s", "tpot_s", "queue_s"]] = np.nan
    return queries


def test_every_metric_that_may_be_limited_is_there():
    assert set(METRIC_NAMES) <= set(METRICS)
    assert set(WITH_PERCENTILES) == set(PER_QUERY)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=50))
def test_percentiles_are_linear_between_neighbours(times_s):
    queries = queries_of(np.arange(float(len(times_s))), np.array(times_s), np.ones(len(times_s)))
    metrics = summarise(*run_of(queries)).metrics
    ordered = sorted(times_s)
    for percent in (50, 90, 95, 99):
        place = (len(ordered) - 1) * percent / 100
        below, above = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
        expected = below + (above - below) * (place - int(place))
        assert metrics[f"queue_s.p{percent}"].mean == pytest.approx(expected)
    assert metrics["queue_s.mean"].mean == pytest.approx(sum(times_s) / len(times_s))


def test_times_have_student_intervals_over_replications():
    runs = [mm1(0.5, 400, seed) for seed in range(4)]
    kept = summarise(*run_of(runs)).metrics["e2e_s.p95"]
    values = [np.percentile(queries["e2e_s"], 95) for queries in runs]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (kept.mean, kept.ci_low, kept.ci_high) == pytest.approx((np.mean(values), low, high))
    assert kept.each == pytest.approx(values)


def test_one_replication_has_no_interval_and_says_so():
    kept = summarise(*run_of(mm1(0.5, 100, seed=0))).metrics["e2e_s.mean"]
    assert kept.mean is not None
    assert (kept.ci_low, kept.ci_high) == (None, None)
    assert "one replication" in kept.reason
    assert np.isnan(student_half([1.0]))


ITEMS = {"classes": {"chat": ClassFacts(table="mmlu", quality_evidence="measured")}}


def test_accuracy_has_the_binomial_interval_of_its_items():
    rng = np.random.default_rng(5)
    n = 4000
    right = rng.random(n) < 0.7
    kept = summarise(*run_of(steady(n, item=np.arange(n), score=right.astype(float)), **ITEMS)).metrics["accuracy"]
    error = np.sqrt(right.mean() * (1 - right.mean()) / n)
    assert kept.mean == pytest.approx(right.mean())
    assert kept.ci_high - kept.ci_low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_asking_an_item_again_teaches_nothing():
    right = (np.random.default_rng(5).random(500) < 0.7).astype(float)
    once = summarise(*run_of(steady(500, item=np.arange(500), score=right), **ITEMS)).metrics["accuracy"]
    again = steady(2000, item=np.tile(np.arange(500), 4), score=np.tile(right, 4))
    for several in ([again], [again, again, again]):
        kept = summarise(*run_of(several, **ITEMS)).metrics["accuracy"]
        assert (kept.mean, kept.ci_low, kept.ci_high) == pytest.approx((once.mean, once.ci_low, once.ci_high))


def test_classes_that_share_a_table_share_its_items_and_others_do_not():
    n = 1000
    right = np.tile((np.random.default_rng(1).random(n // 2) < 0.5).astype(float), 2)
    queries = steady(n, cls=np.repeat(["a", "b"], n // 2), item=np.tile(np.arange(n // 2), 2), score=right)
    width = {}
    for table in ("mmlu", "gsm8k"):
        classes = {"a": ClassFacts(table="mmlu"), "b": ClassFacts(table=table)}
        kept = summarise(*run_of(queries, classes=classes)).metrics["accuracy"]
        width[table] = kept.ci_high - kept.ci_low
    assert width["mmlu"] == pytest.approx(np.sqrt(2) * width["gsm8k"], rel=0.1)


def test_failures_are_wrong_and_stay_in_the_denominator():
    fates = ["finished"] * 6 + ["dropped"] * 2 + ["abstained"] + ["unfinished"]
    score = [1.0] * 3 + [0.0] * 3 + [1.0] * 4  # of what failed, the score does not count
    metrics = summarise(*run_of(with_fates(fates, item=np.arange(10), score=score), **ITEMS)).metrics
    found = {key: metrics[key].mean for key in ("accuracy", "accuracy_of_answered", "coverage")}
    assert found == pytest.approx({"accuracy": 0.3, "accuracy_of_answered": 0.5, "coverage": 0.6})
    assert (metrics["dropped_frac"].mean, metrics["unfinished_frac"].mean) == pytest.approx((0.2, 0.1))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["finished", "abstained", "dropped", "unfinished"]), min_size=1, max_size=30))
def test_every_query_has_one_fate(fates):
    summary = summarise(*run_of(with_fates(fates)))
    assert sum(summary.fates.values()) == summary.queries == len(fates)
    metrics = summary.metrics
    shares = [metrics[key].mean for key in ("coverage", "dropped_frac", "unfinished_frac")]
    assert sum(shares) + fates.count("abstained") / len(fates) == pytest.approx(1.0)


JOULES = [
    {"energy_j": 60.0, "phase": "decode", "state": "busy", "time_s": 3.0, "evidence": "fitted"},
    {"energy_j": 10.0, "phase": "idle", "time_s": 1.0, "evidence": "measured"},
    {"energy_j": 30.0, "kind": "link", "pool": None, "phase": "transfer", "evidence": "assumed"},
    {"energy_j": 999.0, "window": False},
]


def test_joules_of_the_window_are_divided_by_all_queries_all_tokens_and_right_answers():
    fates = ["finished"] * 8 + ["dropped"] * 2
    queries = with_fates(fates, item=np.arange(10), score=[1.0] * 4 + [0.0] * 6)
    summary = summarise(*run_of(queries, *JOULES, **ITEMS))
    keys = ("energy_j_per_query", "energy_j_per_output_tok", "energy_j_per_correct")
    assert [summary.metrics[key].mean for key in keys] == pytest.approx([100 / 10, 100 / 80, 100 / 4])
    parts = {(part.where, part.phase): part.frac for part in summary.energy}
    assert parts == pytest.approx({("gpu", "decode"): 0.6, ("link", "transfer"): 0.3, ("gpu", "idle"): 0.1})
    assert sum(part.energy_j_per_query for part in summary.energy) == pytest.approx(10.0)
    (line,) = summary.pools
    assert (line.busy_frac, line.answered_frac, line.calls_per_query) == pytest.approx((0.75, 1.0, 1.0))


def test_the_weakest_evidence_is_told_with_its_share():
    metrics = summarise(*run_of(steady(10, item=np.arange(10), score=1.0), *JOULES, **ITEMS)).metrics
    assert metrics["energy_j_per_query"].evidence == "assumed 30 %"
    assert metrics["energy_j_per_correct"].evidence == "assumed 30 %"
    assert metrics["e2e_s.mean"].evidence == "fitted"
    assert metrics["accuracy"].evidence == "measured"


def test_time_rests_on_the_pools_that_took_it():
    queries = steady(100, pool=["gpu"] * 75 + ["phone"] * 25)
    pools = {"gpu": PoolFacts("m", "d", "measured", 1), "phone": PoolFacts("m", "d", "datasheet", 1)}
    assert summarise(*run_of(queries, pools=pools)).metrics["ttft_s.p50"].evidence == "datasheet 25 %"


def test_dollars_are_of_hosted_calls_by_query_and_of_own_machines_by_time():
    rows = [
        {"cost_usd": 3.0},
        {"cost_usd": 5.0, "window": False},
        {"kind": "hosted", "pool": "api", "cost_usd": 2.0},  # the same dollars as the queries'
    ]
    metrics = summarise(*run_of(steady(10, cost_usd=0.2), *rows)).metrics
    assert metrics["cost_usd_per_query"].mean == pytest.approx(0.3 + 0.2)


def test_cost_varies_with_items_and_with_runs():
    rng = np.random.default_rng(2)
    n = 2000
    cost = rng.exponential(0.1, n)
    own = [{"replication": r, "cost_usd": usd} for r, usd in enumerate((10.0, 20.0, 30.0))]
    queries = steady(n, item=np.arange(n), score=1.0, cost_usd=cost)
    kept = summarise(*run_of([queries] * 3, *own, **ITEMS)).metrics["cost_usd_per_query"]
    over_items = 1.96 * cost.std() / np.sqrt(n)
    over_runs = stats.t.ppf(0.975, 2) * stats.sem(np.array([10.0, 20.0, 30.0]) / n)
    assert kept.ci_high - kept.mean == pytest.approx(np.hypot(over_items, over_runs), rel=0.1)


def test_what_is_undefined_is_said_and_is_never_zero():
    summary = summarise(*run_of(with_fates(["dropped"] * 5, item=np.arange(5)), *JOULES, **ITEMS))
    reasons = {key: kept.reason for key, kept in summary.metrics.items() if kept.mean is None}
    assert reasons["e2e_s.p95"] == "no query was answered"
    assert reasons["energy_j_per_correct"] == "no answer was right"
    assert reasons["energy_j_per_output_tok"] == "no token was given"
    assert reasons["goodput_per_s"].startswith("no limit on")
    assert all(reasons.values())
    assert summary.metrics["accuracy"].mean == 0.0
    told = summarise(*run_of(steady(5))).metrics
    assert told["accuracy"].reason == told["energy_j_per_correct"].reason == "no query has an item"
    json.dumps(summary.to_dict(), allow_nan=False)


def test_undefined_in_one_replication_is_undefined():
    kept = summarise(*run_of([steady(5), with_fates(["dropped"] * 5)])).metrics["e2e_s.mean"]
    assert (kept.mean, kept.reason) == (None, "no query was answered in 1 of 2 replications")
    assert kept.each == (pytest.approx(1.25), None)


def test_good_queries_hold_every_limit_of_theirs_and_of_all():
    queries = with_fates(["finished"] * 8 + ["dropped"] * 2, cls=["chat"] * 5 + ["code"] * 5)
    queries["e2e_s"] = [1.0, 2.0, 3.0, 4.0, np.nan, 1.0, 2.0, 3.0, np.nan, np.nan]
    queries.loc[4, "fate"] = "dropped"
    queries["tpot_s"] = np.nan  # answers of one token hold any pace
    classes = {"chat": ClassFacts((SloSpec(metric="e2e_s", max=2.5, percentile=90),)), "code": ClassFacts()}
    slos = (SloSpec(metric="e2e_s", max=3.5), SloSpec(metric="tpot_s", max=0.1), SloSpec(metric="coverage", min=0.5))
    summary = summarise(*run_of(queries, classes=classes, slos=slos))
    assert summary.metrics["slo_met_frac"].mean == pytest.approx(5 / 10)  # chat 1, 2 s; code 1, 2, 3 s
    assert summary.classes["chat"]["slo_met_frac"].mean == pytest.approx(2 / 5)
    assert summary.metrics["goodput_per_s"].mean == pytest.approx(5 / summary.span_s[0])
    judged = {(held.metric, held.cls): (held.value, held.met) for held in summary.slos}
    assert judged["e2e_s", None] == (pytest.approx(16 / 7), True)
    assert judged["tpot_s", None] == (None, False)  # no value holds no limit
    assert judged["coverage", None] == (pytest.approx(0.7), True)
    assert judged["e2e_s", "chat"] == (pytest.approx(np.percentile([1, 2, 3, 4], 90)), False)


def test_only_queries_that_arrive_in_the_window_count():
    queries = steady(100, e2e_s=np.arange(100.0))
    metrics = summarise(*run_of(queries, windows=(Window(60.0, 100.0),))).metrics
    assert metrics["e2e_s.mean"].mean == pytest.approx(np.mean(np.arange(60, 100)))
    assert metrics["queries_per_s"].mean == pytest.approx(1.0)
    assert metrics["output_tok_per_s"].mean == pytest.approx(10.0)


def test_what_limits_is_the_largest_share_of_the_time():
    summary = summarise(*run_of(queries_of(np.arange(50.0), np.full(50, 3.0), np.ones(50))))
    shares = {(share.stage, share.pool): share.frac for share in summary.limit_shares}
    assert shares == pytest.approx({("queue", "gpu"): 0.75, ("prefill", "gpu"): 0.125, ("decode", "gpu"): 0.125})
    assert summary.limit.startswith("queue at gpu: 75 %")


def test_earlier_answers_are_on_the_path_and_late_ones_are_not():
    queries = steady(1, pool="big", calls=np.int16(3), escalated=True, e2e_s=10.0)
    calls = pd.concat([calls_of(queries)] * 3, ignore_index=True).assign(
        call=range(3),
        pool=["small", "late", "big"],
        asked_s=[1.0, 1.0, 4.0],  # a second in the router, 3 s at the small one
        delivered_s=[4.0, 9.0, 10.0],
        queue_s=0.0,
        prefill_s=[1.0, 4.0, 2.0],
        decode_s=[2.0, 4.0, 4.0],
        accepted=[False, False, True],
    )
    summary = summarise(*run_of(queries, calls=calls))
    shares = {(share.stage, share.pool): share.frac for share in summary.limit_shares}
    assert shares == pytest.approx(
        {
            ("decode", "big"): 0.4,
            ("prefill", "big"): 0.2,
            ("decode", "small"): 0.2,
            ("prefill", "small"): 0.1,
            ("router", None): 0.1,
        }
    )
    assert "40 % passes before the accepted call" in summary.limit
    assert summary.metrics["escalated_frac"].mean == 1.0
    assert summary.metrics["calls_per_query"].mean == 3.0


def test_a_summary_survives_json():
    slos = (SloSpec(metric="e2e_s", max=3.5, percentile=95, gate=True),)
    summary = summarise(*run_of([mm1(0.5, 200, seed) for seed in range(3)], *JOULES, slos=slos, left_out=("faults",)))
    assert Summary.from_dict(json.loads(json.dumps(summary.to_dict()))) == summary


def test_a_run_without_queries_has_a_summary():
    summary = summarise(*run_of(steady(3).iloc[:0]))
    assert summary.metrics["energy_j_per_query"].reason == "no query arrived in the window"
    json.dumps(summary.to_dict(), allow_nan=False)
