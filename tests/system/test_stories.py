"""The stories that a run tells of some queries: which ones, what was decided and why, what other pools would give."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from system_world import (
    MODELS,
    Scenario,
    Simulate,
    built,
    chat,
    items,
    own,
    scenario,
    shuffled_scores,
)

from simulator import run
from simulator.records.result import Result, read_result
from simulator.records.stories import Stories
from simulator.replaying import replay
from simulator.running.stories import in_turn

FLEET = {
    "small": own(place="home", replicas=2),
    "large": own("large", place="site"),
    "api": {"hosted": "api", "place": "site"},
}
PLACES = {"links": {"wire": {"between": ["home", "site"], "profile": "wire"}}}
READER = {"pool": "large", "prompt_tok": 7, "output_tok": 3, "right": 0.8, "wrong": 0.3}
VERIFIERS = {"judge": {"time_s": 0.05}, "reader": READER}
USERS = {"arrivals": {"use": "users", "users": 5, "think_s": 1.0}}
FAR = {"arrivals": {"use": "constant", "rate_per_s": 0.001}}
POLICIES: dict[str, Scenario] = {
    "one pool": {"use": "always", "pool": "large"},
    "hosted": {"use": "threshold", "weak": "small", "strong": "api", "threshold": 40},
    "cascade": {"use": "cascade", "order": ["small", "large", "api"], "accept": 0.6},
    "station": {"use": "cascade", "order": ["small", "large"], "accept": 0.6, "verifier": "judge"},
    "judge": {"use": "cascade", "order": ["small", "api"], "accept": 0.6, "verifier": "reader"},
    "hedge": {"use": "hedge", "first": "large", "second": "api", "after_s": 0.25},
    "best of n": {"use": "system_policies:BestOf", "pool": "api", "samples": 3},
    "votes": {"use": "system_policies:Vote", "among": ["small", "large", "api"], "enough": 1},
    "refined": {"use": "system_policies:Refine", "pool": "small", "editor": "api"},
    "timers": {"use": "system_policies:Patient", "pool": "small", "pause_s": 0.5},
}
CLASSES: dict[str, Scenario] = {
    "open": chat(origin="home"),
    "users": chat(origin="home", **USERS),
    "patience": chat(4.0, origin="home", timeout_s=1.0, call_timeout_s=0.4),
}


def question(policy: Scenario, cls: Scenario, **more: Any) -> Scenario:
    return scenario(policy, FLEET, workload={"chat": cls}, verifiers=VERIFIERS, **PLACES, **more)


def told(result: Result) -> Stories:
    assert result.stories is not None
    return result.stories


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)
def test_decisions_are_those_that_made_the_calls_and_ended_the_queries(
    policy: Scenario, cls: Scenario, simulate: Simulate
) -> None:
    result = simulate(question(policy, cls))
    queries, calls = result.tables.queries.set_index("query"), result.tables.calls
    assert told(result).shown
    for one in told(result).shown:
        query, mine = queries.loc[one.query], calls[calls["query"] == one.query]
        asked = Counter(
            (each.at_s, "large" if pool == "reader" else pool)
            for each in one.decisions
            if each.kind == "ask"
            for pool in each.pools
        )
        assert asked == Counter(zip(mine["asked_s"], mine["pool"], strict=True))
        assert [each.at_s for each in one.decisions] == sorted(each.at_s for each in one.decisions)
        assert one.decisions[0].at_s == query["arrived_s"]
        ends = [each for each in one.decisions if each.kind in ("finish", "drop")]
        assert ends in ([], [one.decisions[-1]])
        for end in ends:
            assert (query["fate"] == "finished") == (end.kind == "finish")
            assert end.kind == "drop" or (end.pools == (query["pool"],) and end.at_s <= query.arrived_s + query.e2e_s)
            assert end.kind == "finish" or end.did.endswith(query["reason"])


@pytest.mark.parametrize("pool", FLEET)
@pytest.mark.parametrize("lengths", ["workload", "table"])
def test_alternatives_are_what_becomes_of_queries_that_never_meet(pool: str, lengths: str, folder: Path) -> None:
    cls = chat(origin="home", **{**FAR, "items": items(lengths)})
    always = question({"use": "always", "pool": pool}, cls, name=f"far-{pool}-{lengths}")
    happened = run(built(always, folder)).tables.queries.set_index("query")
    alone = replay(built(always, folder)).queries.set_index("query")
    other = run(built(question(POLICIES["votes"], cls, name=f"votes-{pool}-{lengths}"), folder))
    assert len(told(other).shown) == 60
    for one in told(other).shown:
        query, asked = happened.loc[one.query], {each.pool: each for each in one.alternatives}
        assert list(asked) == list(FLEET)
        each = asked[pool]
        assert (each.output_tok, each.score, each.model) == (
            query["output_tok"],
            query["score"],
            MODELS[list(FLEET).index(pool)],
        )
        assert each.e2e_s == pytest.approx(query["e2e_s"], rel=1e-9)
        for name in ("cost_usd", "energy_j", "confidence"):
            assert getattr(each, name) == pytest.approx(alone.loc[one.query, name], rel=1e-9), name


def test_a_prompt_that_fits_no_cache_has_no_answer_there(simulate: Simulate) -> None:
    fleet = {**FLEET, "small": own(place="home", kv_tok=16, block_tok=16)}
    result = simulate(scenario(POLICIES["one pool"], fleet, workload={"chat": chat(origin="home")}, **PLACES))
    others = [each for one in told(result).shown for each in one.alternatives if each.pool == "small"]
    for each in others:
        assert (each.failure == "too-long") == (each.prompt_tok + each.output_tok - 1 > 16)
        assert (each.e2e_s != each.e2e_s) == (each.score != each.score) == bool(each.failure)
    assert {each.failure for each in others} == {"", "too-long"}


def kinds(result: Result, start_s: float = 0.0) -> pd.Series:
    """What each query of the first replication is called, from its row and its calls."""
    queries, calls = (table[table["replication"] == 0] for table in (result.tables.queries, result.tables.calls))
    answers = calls[(calls["kind"] == "answer") & (calls["fate"] == "answered")].sort_values("delivered_s")
    first = answers.groupby("query")["score"].first()

    def kind(row: pd.Series) -> str:
        if row["fate"] != "finished":
            return f"{row['fate']}: {row['reason']}"
        if row["escalated"]:
            return "escalated, needless" if first[row["query"]] else "escalated, needed"
        return f"not escalated, {'right' if row['score'] else 'wrong'}"

    return queries[queries["arrived_s"] >= start_s].set_index("query", drop=False).apply(kind, axis=1)


def test_every_kind_is_there_and_the_slowest_are(simulate: Simulate) -> None:
    cls = chat(4.0, origin="home", timeout_s=1.5)
    result = simulate(question(POLICIES["cascade"], cls, run={"queries": 400, "replications": 2, "warmup_s": 20.0}))
    all_kinds, sample = kinds(result, 20.0), told(result)
    assert sample.followed == 400
    assert len(sample.shown) == 60
    assert {one.query: one.kind for one in sample.shown}.items() <= all_kinds.to_dict().items()
    shown, there = Counter(one.kind for one in sample.shown if not one.is_slow), Counter(all_kinds)
    assert len(there) == 5
    least = min(count for kind, count in shown.items() if count < there[kind] - 6)
    assert all(count >= min(least, there[kind] - 6) for kind, count in shown.items())
    first = result.tables.queries[result.tables.queries["replication"] == 0]
    slowest = first[first["arrived_s"] >= 20.0].nlargest(6, "e2e_s")["query"]
    assert {one.query for one in sample.shown if one.is_slow} == set(slowest)


def test_more_replications_change_no_story(simulate: Simulate) -> None:
    one, three = (
        told(
            simulate(
                question(POLICIES["cascade"], CLASSES["open"], run={"queries": 60, "replications": n, "warmup_s": 0})
            )
        )
        for n in (1, 3)
    )
    assert one == three


def test_other_scores_change_no_decision_and_no_reason(folder: Path, simulate: Simulate) -> None:
    found = []
    for table in ("pair", shuffled_scores(folder, "shuffled-stories")):
        cls = chat(origin="home", items=items("table", table=table))
        found.append({one.query: one for one in told(simulate(question(POLICIES["cascade"], cls))).shown})
    true, other = found
    assert true.keys() == other.keys()
    assert all(true[query].decisions == other[query].decisions for query in true)
    assert any(true[query].alternatives != other[query].alternatives for query in true)


def test_reasons_hold_what_the_calls_table_says_that_the_policy_saw(simulate: Simulate) -> None:
    result = simulate(question(POLICIES["cascade"], CLASSES["open"]))
    calls = result.tables.calls.set_index(["query", "pool"])
    seen = 0
    for one in told(result).shown:
        for before, after in zip(one.decisions, one.decisions[1:], strict=False):
            sure = calls.loc[(one.query, before.pools[0]), "confidence"]
            assert after.seen == f"{before.pools[0]} answered, confidence {sure:.4g}"
            assert after.why == f"confidence {sure:.4g} is {'at least' if sure >= 0.6 else 'below'} accept 0.6"
            assert (after.kind == "finish") == (sure >= 0.6)
            seen += 1
    assert seen > 20


def test_a_folder_keeps_them_and_an_older_one_is_read_without(simulate: Simulate, tmp_path: Path) -> None:
    result = simulate(question(POLICIES["cascade"], CLASSES["patience"]))
    folder, again = result.save(tmp_path / "one"), replace(result, manifest={**result.manifest, "host": "x"})
    assert read_result(folder).stories == result.stories or "nan" in repr(result.stories)
    assert (again.save(tmp_path / "two") / "stories.json").read_bytes() == (folder / "stories.json").read_bytes()
    assert repr(read_result(folder).stories) == repr(result.stories)
    (folder / "stories.json").unlink()
    assert read_result(folder).stories is None


def test_a_run_in_which_nobody_asks_has_no_story(simulate: Simulate) -> None:
    nobody = question(POLICIES["one pool"], CLASSES["open"], run={"queries": 5, "replications": 1, "warmup_s": 1e6})
    assert told(simulate(nobody)).shown == ()


@given(st.lists(st.sampled_from("abcde"), max_size=40), st.integers(0, 30), st.data())
def test_no_group_is_taken_from_again_before_all_that_have_one_gave(
    groups: list[str], most: int, data: st.DataObject
) -> None:
    without = data.draw(st.sets(st.integers(0, max(len(groups) - 1, 0))))
    taken = in_turn([(group, group) for group in groups], without, most)
    left = defaultdict(list)
    for at, group in enumerate(groups):
        if at not in without:
            left[group].append(at)
    assert len(taken) == min(most, sum(map(len, left.values()))) == len(set(taken))
    got = {group: [at for at in taken if groups[at] == group] for group in left}
    for group, places in got.items():
        assert places == left[group][: len(places)]
        assert all(len(places) <= len(other) + 1 or len(other) == len(left[name]) for name, other in got.items())
