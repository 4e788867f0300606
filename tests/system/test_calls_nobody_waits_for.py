"""Hedges, time-outs and the end of time: what was used is billed to its last pass, and everything has its row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from system_world import (
    ACTIVE,
    BUSY_W,
    HEAD,
    HEAD_DIM,
    HEADS,
    LAYERS,
    USD_CALL,
    USD_IN,
    USD_OUT,
    Scenario,
    Simulate,
    items,
    linear,
    outcomes,
    own,
    scenario,
    write_table,
)

PROMPT, OUTPUT, AFTER_S = 64, 100, 0.5
RTT_S = 0.25
WAN = {"wan": {"between": ["here", "dc"], "rtt_ms": 1e3 * RTT_S, "up_mbit_per_s": 4096, "down_mbit_per_s": 4096}}
BYTES_PER_S = 4096 * 125_000
SMALL = ACTIVE["small"]


def passes_s(output_tok: int, slower: float = 1.0) -> list[float]:
    """How long each pass of a lone call takes: the prompt's, then one a token."""
    steps = linear(slower)
    prefill_s = steps["pass_s"] + PROMPT * steps["chunk_tok_s"]
    decode_s = steps["pass_s"] + steps["decode_seq_s"]
    return [prefill_s] + [decode_s + steps["context_tok_s"] * (PROMPT + 1 + j) for j in range(output_tok - 1)]


def passes_by(time_s: float, slower: float = 1.0) -> int:
    """Passes that have ended when the pass under way at `time_s` ends."""
    spent_s, count = 0.0, 0
    for pass_s in passes_s(OUTPUT, slower):
        if spent_s >= time_s:
            break
        spent_s, count = spent_s + pass_s, count + 1
    return count


def one_query(policy: Scenario, fleet: Scenario, **more: Any) -> Scenario:
    """A single query of known lengths, at time 0."""
    lengths = {"use": "fixed", "prompt_tok": PROMPT, "output_tok": OUTPUT}
    cls = {"arrivals": {"use": "constant", "rate_per_s": 1.0}, "lengths": lengths}
    run = {"queries": 1, "replications": 1, "warmup_s": 0.0}
    return scenario(policy, fleet, workload={"chat": {**cls, **more.pop("cls", {})}}, run=run, links=WAN, **more)


def hedge(first: str, second: str, after_s: float = AFTER_S) -> Scenario:
    return {"use": "system_policies:Hedge", "first": first, "second": second, "after_s": after_s}


def busy(ledger: pd.DataFrame, pool: str) -> pd.Series:
    """What a pool's replicas did at work, summed over its phases."""
    rows = ledger[((ledger["pool"] == pool) & (ledger["kind"] == "replica") & (ledger["state"] == "busy")).to_numpy()]
    return rows[["time_s", "it_energy_j", "flop"]].sum()


def flop(generated_tok: int) -> float:
    decoded = generated_tok - 1
    pairs = PROMPT**2 / 2 + sum(PROMPT + 1 + j for j in range(decoded))
    return 2 * SMALL * (PROMPT + decoded) + 2 * HEAD * decoded + 4 * LAYERS * HEADS * HEAD_DIM * pairs


@pytest.mark.parametrize(("place", "way_s"), [("here", 0.0), ("dc", RTT_S / 2)])
def test_the_loser_of_a_hedge_is_billed_up_to_its_cancel(place: str, way_s: float, simulate: Simulate):
    fleet = {"first": own(), "second": own(place=place)}
    tables = simulate(one_query(hedge("first", "second"), fleet)).tables
    won, lost = (tables.calls[(tables.calls["pool"] == pool).to_numpy()].iloc[0] for pool in ("first", "second"))
    answered_s = sum(passes_s(OUTPUT))
    assert (won.fate, won.asked_s, won.output_tok, won.accepted) == ("answered", 0.0, OUTPUT, True)
    assert won.delivered_s == pytest.approx(answered_s, abs=1e-12)
    assert (lost.fate, lost.asked_s, lost.accepted) == ("cancelled", AFTER_S, False)
    assert pd.isna(lost.reason)
    assert pd.isna(lost.delivered_s)

    started_s = AFTER_S + way_s + (4 * PROMPT / BYTES_PER_S if way_s else 0.0)
    passes = passes_by(answered_s + way_s - started_s)  # the cancel travels one way, and takes effect at the pass's end
    assert 1 < passes < OUTPUT
    assert lost.output_tok == passes
    assert lost.prefill_s + lost.decode_s == pytest.approx(sum(passes_s(passes)), abs=1e-12)
    used = busy(tables.ledger, "second")
    assert used.time_s == pytest.approx(sum(passes_s(passes)), abs=1e-12)
    assert used.it_energy_j == pytest.approx(BUSY_W * used.time_s)
    assert used.flop == pytest.approx(flop(passes))

    query = tables.queries.iloc[0]
    assert (query.fate, query.pool, query.calls, query.escalated) == ("finished", "first", 2, False)
    assert query.e2e_s == pytest.approx(answered_s, abs=1e-12)


def test_a_hedge_may_win(simulate: Simulate):
    fleet = {"first": own(steps=linear(8)), "second": own()}
    tables = simulate(one_query(hedge("first", "second"), fleet)).tables
    answered_s = AFTER_S + sum(passes_s(OUTPUT))
    passes = passes_by(answered_s, slower=8)
    assert 1 < passes < OUTPUT
    lost = tables.calls[(tables.calls["pool"] == "first").to_numpy()].iloc[0]
    assert (lost.fate, lost.output_tok) == ("cancelled", passes)
    assert busy(tables.ledger, "first").time_s == pytest.approx(sum(passes_s(passes, slower=8)), abs=1e-12)
    query = tables.queries.iloc[0]
    assert (query.pool, query.escalated) == ("second", False)
    assert query.e2e_s == pytest.approx(answered_s, abs=1e-12)


def test_an_early_answer_needs_no_hedge(simulate: Simulate):
    tables = simulate(one_query(hedge("first", "second", after_s=60.0), {"first": own(), "second": own()})).tables
    assert list(tables.calls["pool"]) == ["first"]
    assert busy(tables.ledger, "second").time_s == 0
    assert tables.timeline["start_s"].max() < 60  # a timer that is void is not waited for


def test_a_hosted_loser_is_billed_whole(simulate: Simulate):
    tables = simulate(one_query(hedge("api", "box"), {"api": {"hosted": "slow-api"}, "box": own()})).tables
    lost = tables.calls[(tables.calls["pool"] == "api").to_numpy()].iloc[0]
    usd = USD_CALL + USD_IN * PROMPT + USD_OUT * OUTPUT
    assert (lost.fate, lost.output_tok) == ("cancelled", OUTPUT)
    assert tables.queries["cost_usd"].tolist() == pytest.approx([usd])
    assert tables.ledger.loc[(tables.ledger["kind"] == "hosted").to_numpy(), "cost_usd"].sum() == pytest.approx(usd)


def test_a_call_cancelled_in_the_queue_has_used_nothing(simulate: Simulate):
    """Two hedged queries at once: both first calls share a batch of one, so that the second of them waits."""
    question = one_query(hedge("first", "second", after_s=0.0), {"first": own(max_seqs=1), "second": own(replicas=2)})
    question["workload"]["chat"]["arrivals"] = {"use": "all-at-once", "queries": 2}
    tables = simulate({**question, "run": {"queries": 2, "replications": 1, "warmup_s": 0.0}}).tables
    calls = tables.calls[(tables.calls["pool"] == "first").to_numpy()].set_index("query")
    assert calls["fate"].to_dict() == {0: "answered", 1: "cancelled"}
    assert pd.isna(calls["queue_s"][1])
    assert calls["output_tok"][1] == 0
    assert busy(tables.ledger, "first").time_s == pytest.approx(sum(passes_s(OUTPUT)))
    waited_s = (tables.timeline["waiting"] * tables.timeline["width_s"]).sum()
    assert waited_s == pytest.approx(sum(passes_s(OUTPUT)))  # until the second pool has answered


def test_a_call_cancelled_as_it_begins_to_decode_draws_nothing_more(folder: Path, simulate: Simulate):
    """Two prefill side by side; one answers in a token, just as the other begins to decode."""
    write_table(folder / "profiles", "terse", [{**row, "out-small": 1, "out-large": 9} for row in outcomes(seed=1)])
    fleet = {"talker": own("large"), "terse": own("small")}
    policy = {"use": "system_policies:Vote", "among": ["talker", "terse"], "enough": 1}
    question = one_query(policy, fleet, cls={"items": items("table", table="terse")})
    del question["workload"]["chat"]["lengths"]
    tables = simulate(question).tables
    talker, terse = (tables.calls[(tables.calls["pool"] == pool).to_numpy()].iloc[0] for pool in fleet)
    assert (terse.fate, talker.fate, talker.output_tok) == ("answered", "cancelled", 1)
    assert talker.prefill_s == terse.prefill_s
    assert busy(tables.ledger, "talker").time_s == pytest.approx(talker.prefill_s, abs=1e-12)


@pytest.mark.parametrize("place", ["here", "dc"])
def test_a_call_that_times_out_fails_and_is_billed_so_far(place: str, simulate: Simulate):
    patience_s = 1.0
    policy = {"use": "always", "pool": "only"}
    tables = simulate(one_query(policy, {"only": own(place=place)}, cls={"call_timeout_s": patience_s})).tables
    call, query = tables.calls.iloc[0], tables.queries.iloc[0]
    assert (call.fate, call.reason) == ("failed", "timeout")
    assert (query.fate, query.reason) == ("dropped", "timeout")
    assert pd.isna(query.e2e_s)
    up_s = 4 * PROMPT / BYTES_PER_S + RTT_S / 2 if place == "dc" else 0.0
    passes = passes_by(patience_s - up_s + (RTT_S / 2 if place == "dc" else 0.0))
    assert call.output_tok == passes
    assert busy(tables.ledger, "only").time_s == pytest.approx(sum(passes_s(passes)), abs=1e-12)


def test_an_answer_on_its_way_when_patience_ends_has_failed_all_the_same(simulate: Simulate):
    late_s = 4 * PROMPT / BYTES_PER_S + RTT_S / 2 + sum(passes_s(OUTPUT)) + RTT_S / 4  # half way back
    policy = {"use": "always", "pool": "only"}
    tables = simulate(one_query(policy, {"only": own(place="dc")}, cls={"call_timeout_s": late_s})).tables
    call = tables.calls.iloc[0]
    assert (call.fate, call.reason, call.output_tok) == ("failed", "timeout", OUTPUT)
    assert tables.queries["fate"].tolist() == ["dropped"]


@pytest.mark.parametrize("at_s", [0.25, 1.0])
def test_when_time_is_up_every_call_is_told_as_far_as_it_got(at_s: float, simulate: Simulate):
    question = one_query({"use": "always", "pool": "only"}, {"only": own()})
    question["workload"]["chat"]["arrivals"] = {"use": "constant", "rate_per_s": 0.001}
    tables = simulate({**question, "run": {"duration_s": at_s, "replications": 1, "warmup_s": 0.0}}).tables
    call = tables.calls.iloc[0]
    whole = passes_by(at_s) - 1
    assert (call.fate, call.output_tok) == ("unfinished", whole)
    assert tables.queries["fate"].tolist() == ["unfinished"]
    used = busy(tables.ledger, "only")
    assert used.time_s == pytest.approx(at_s, abs=1e-12)
    assert flop(whole) < used.flop < flop(whole + 1)


def test_a_cancelled_call_that_is_not_gone_when_time_is_up_has_its_row(simulate: Simulate):
    policy = {"use": "always", "pool": "api"}
    question = one_query(policy, {"api": {"hosted": "slow-api"}}, cls={"timeout_s": 0.5})
    tables = simulate({**question, "run": {"duration_s": 0.75, "replications": 1, "warmup_s": 0.0}}).tables
    assert tables.calls["fate"].tolist() == ["cancelled"]
    assert tables.queries["fate"].tolist() == ["dropped"]
    assert (tables.calls[["asked_s", "uplink_s", "queue_s", "prefill_s"]].sum(axis=1) <= 0.75).all()


def test_a_moment_at_the_edge_of_the_window_is_counted_once(simulate: Simulate):
    """Arrivals each second, and a warm-up that ends with one of them."""
    question = one_query({"use": "always", "pool": "far"}, {"far": {"hosted": "api", "place": "dc"}})
    run = {"queries": 6, "replications": 1, "warmup_s": 3.0}
    tables = simulate({**question, "run": run}).tables
    up = tables.ledger[((tables.ledger["kind"] == "link") & (tables.ledger["name"] == "wan-up")).to_numpy()]
    assert dict(zip(up["window"], up["bytes"], strict=True)) == {True: 3 * 4.0 * PROMPT, False: 3 * 4.0 * PROMPT}
    paid = tables.ledger[(tables.ledger["kind"] == "hosted").to_numpy()]
    assert paid["cost_usd"].tolist() == pytest.approx([3 * (USD_CALL + USD_IN * PROMPT + USD_OUT * OUTPUT)] * 2)
