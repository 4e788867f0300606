"""Laws of queries, calls and time, whatever the scenario: each reads a run and raises if it is broken."""

from __future__ import annotations

import numpy as np
from system_told import SLACK_S, STAGES, Told, close

# Queries and calls


def every_query_ends_once(told: Told) -> None:
    world, queries = told.world, told.queries
    assert queries.index.is_unique
    assert set(queries.index) <= set(range(len(world)))
    for row in set(range(len(world))) - set(queries.index):
        before = np.flatnonzero(world.next_row == row)
        if told.horizon_s is not None:
            assert len(before) or world.arrive_s[row] >= told.horizon_s, row
            continue
        (asked,) = before.tolist()  # it would have followed another, which was itself not asked, or failed
        assert asked not in queries.index or queries.fate[asked] != "finished", row
        cls = told.scenario["workload"][world.classes[world.cls[row]]]
        assert cls["arrivals"]["use"] == "sessions", "users go on after a failure"
    if told.horizon_s is None:
        assert not queries["fate"].isin(["unfinished"]).any()
    assert (queries["reason"].notna() == queries["fate"].isin(["dropped", "abstained"])).all()


def every_call_has_one_row_and_one_fate(told: Told) -> None:
    calls, queries = told.calls, told.queries
    assert calls.index.is_unique
    assert set(calls.index) == set(range(len(calls)))
    made = calls.groupby("query").size().reindex(queries.index, fill_value=0)
    np.testing.assert_array_equal(made, queries["calls"])
    assert (calls["reason"].notna() == (calls["fate"] == "failed")).all()
    if told.horizon_s is None:
        assert not (calls["fate"] == "unfinished").any()


def finished_queries_have_one_accepted_answer(told: Told) -> None:
    accepted = told.calls[told.calls["accepted"].to_numpy(bool)]
    assert (accepted["fate"] == "answered").all()
    assert (accepted["kind"] != "verify").all()
    finished = told.queries[(told.queries["fate"] == "finished").to_numpy()]
    assert sorted(accepted["query"]) == sorted(finished.index)
    by_query = accepted.set_index("query").loc[finished.index]
    for name in ("output_tok", "score", "confidence"):
        np.testing.assert_array_equal(by_query[name], finished[name])
    assert (by_query["pool"].astype(str) == finished["pool"].astype(str)).all()


def causes_come_before_effects(told: Told) -> None:
    calls, queries = told.calls, told.queries
    for stage in STAGES:
        assert not (calls[stage] < -SLACK_S).any(), stage
    answered = calls[(calls["fate"] == "answered").to_numpy()]
    assert answered[[*STAGES, "delivered_s"]].notna().all(axis=None)
    close(answered["asked_s"] + answered[list(STAGES)].sum(axis=1), answered["delivered_s"], abs=SLACK_S)
    assert (calls["asked_s"].to_numpy() >= queries["arrived_s"].loc[calls["query"]].to_numpy()).all()
    until_s = calls["asked_s"].copy()
    for stage in STAGES:
        until_s = until_s + calls[stage]
        assert not (until_s > told.end_s + SLACK_S).any(), stage
    finished = queries[(queries["fate"] == "finished").to_numpy()]
    accepted = calls[calls["accepted"].to_numpy(bool)].set_index("query").loc[finished.index]
    done_s = finished["arrived_s"] + finished["e2e_s"]
    assert (done_s >= accepted["delivered_s"] - SLACK_S).all()
    assert (finished["ttft_s"] <= finished["e2e_s"] + SLACK_S).all()
    assert (finished["ttft_s"] >= 0).all()
    assert (done_s <= told.end_s + SLACK_S).all()
    if told.horizon_s is not None:
        assert told.end_s == told.horizon_s


def nobody_waits_longer_than_they_would(told: Told) -> None:
    calls, queries = told.calls, told.queries
    for name, cls in told.scenario["workload"].items():
        mine = queries[(queries["cls"] == name).to_numpy()]
        of_mine = calls[calls["query"].isin(mine.index) & (calls["fate"] == "answered")]
        for patience, took in (
            (cls.get("call_timeout_s"), of_mine["delivered_s"] - of_mine["asked_s"]),
            (cls.get("timeout_s") if told.router_place == "home" else None, mine["e2e_s"]),
        ):
            assert patience is None or not (took > patience + SLACK_S).any()


# Time


def every_second_of_a_machine_is_in_one_row(told: Told) -> None:
    for host in told.hosts:
        close(told.rows("host", name=host)["time_s"].sum(), told.end_s)
    assert set(told.rows("host")["name"]) == set(told.hosts)
    for pool in told.own:
        for i in range(told.replicas(pool)):
            close(told.rows("replica", name=f"{pool}-{i}")["time_s"].sum(), told.end_s)
    assert not (told.ledger["time_s"] < -SLACK_S).any()


def numbers_in_system_are_rates_times_stays(told: Told) -> None:
    """Little's law for each pool, the number in system integrated event by event, and per replica at work."""
    for pool in told.scenario["fleet"]:
        calls = told.calls_of(pool)
        calls = calls[(calls["fate"] == "answered").to_numpy()]
        if not len(calls):
            continue
        came_s = (calls["asked_s"] + calls["uplink_s"]).to_numpy()
        stay_s = calls[["queue_s", "prefill_s", "decode_s"]].sum(axis=1).to_numpy()
        times_s = np.concatenate([came_s, came_s + stay_s])
        steps = np.concatenate([np.ones(len(calls)), -np.ones(len(calls))])
        order = np.argsort(times_s, kind="stable")
        number = np.cumsum(steps[order])[:-1]
        mean_number = float(number @ np.diff(times_s[order])) / told.end_s
        close(mean_number, len(calls) / told.end_s * stay_s.mean(), abs=1e-7)


def decoding_seconds_of_calls_are_those_of_spans(told: Told) -> None:
    """Little's law inside the batch, between two logs: the calls' own, and the spans of the replicas."""
    for pool in told.own:
        calls, bins = told.calls_of(pool), told.timeline[(told.timeline["pool"] == pool).to_numpy()]
        busy_s = told.rows("replica", pool=pool, state="busy")["time_s"].sum()
        close((bins["busy_frac"] * bins["width_s"]).sum() * told.replicas(pool), busy_s, abs=1e-7)
        if (calls["preemptions"] == 0).all():
            since_first_s = told.end_s - calls[["asked_s", *STAGES[:3]]].sum(axis=1, skipna=False)  # of those cut short
            decoding_s = calls["decode_s"].fillna(since_first_s).sum()
            close((bins["decode_seqs"] * bins["width_s"]).sum(), decoding_s, abs=1e-7)
        assert (bins["waiting"] >= -1e-9).all()


def the_timeline_counts_every_call(told: Told) -> None:
    for pool in told.scenario["fleet"]:
        calls, bins = told.calls_of(pool), told.timeline[(told.timeline["pool"] == pool).to_numpy()]
        assert bins["arrivals"].sum() == len(calls)
        assert bins["finished"].sum() == (calls["fate"] == "answered").sum()
        waited_s, known_s = (bins["waiting"] * bins["width_s"]).sum(), calls["queue_s"].sum()
        gave_up = calls["queue_s"].isna() & calls["uplink_s"].notna() & (calls["reason"] != "full")
        if not gave_up.any():
            close(waited_s, known_s, abs=1e-7)
        most_s = (told.end_s - calls["asked_s"][gave_up.to_numpy(bool)]).sum()
        assert known_s - 1e-7 <= waited_s <= known_s + most_s + 1e-7


LAWS_OF_CALLS = (
    every_query_ends_once,
    every_call_has_one_row_and_one_fate,
    finished_queries_have_one_accepted_answer,
    causes_come_before_effects,
    nobody_waits_longer_than_they_would,
    every_second_of_a_machine_is_in_one_row,
    numbers_in_system_are_rates_times_stays,
    decoding_seconds_of_calls_are_those_of_spans,
    the_timeline_counts_every_call,
)
