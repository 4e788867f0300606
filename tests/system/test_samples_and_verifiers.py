"""Samples of one prompt, drafts that are refined, verifiers that are calls: by hand, in whole runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from system_policies import BestOf
from system_world import J_PER_TOK, USD_CALL, USD_IN, USD_OUT, Scenario, Simulate, chat, items, linear, own, scenario

from simulator import load
from simulator.engine.asks import PolicyError
from simulator.engine.build import classes
from simulator.policies.core import Answer, Decision, FleetView, Query
from simulator.spec.errors import SpecError
from simulator.workload.quality import QualityTable, Samples

PROMPT, OUTPUT = 48, 6
API = {"hosted": "api"}
CASCADE = {"use": "cascade", "order": ["small", "large"], "accept": 0.5, "verifier": "judge"}
JUDGE = {"pool": "large", "prompt_tok": 9, "output_tok": 2}


def best_of(pool: str, samples: int, **more: Any) -> Scenario:
    return {"use": "system_policies:BestOf", "pool": pool, "samples": samples, **more}


def alone(policy: Scenario, fleet: Scenario, **more: Any) -> Scenario:
    """A single query of known lengths."""
    lengths = {"use": "fixed", "prompt_tok": PROMPT, "output_tok": OUTPUT}
    cls = {"arrivals": {"use": "constant", "rate_per_s": 1.0}, "lengths": lengths, "items": items()}
    run = {"queries": 1, "replications": 1, "warmup_s": 0.0}
    return scenario(policy, fleet, workload={"chat": cls | more.pop("cls", {})}, run=run, **more)


def table_of(calls: pd.DataFrame) -> pd.DataFrame:
    return calls.sort_values("call").reset_index(drop=True)


# Samples


def test_three_samples_prefill_their_prompt_once_and_decode_together(simulate: Simulate):
    calls = table_of(simulate(alone(best_of("small", 3), {"small": own()})).tables.calls)
    steps = linear()
    ends_s = [steps["pass_s"] + steps["chunk_tok_s"] * PROMPT]
    for i in range(
        1, OUTPUT + 1
    ):  # the first is one token ahead of the others, which prefill one token when it decodes
        first, others = i < OUTPUT, 2 if i > 1 else 0
        context = first * (PROMPT + i) + others * (PROMPT + i - 1)
        pass_s = steps["pass_s"] + steps["decode_seq_s"] * (first + others) + steps["context_tok_s"] * context
        ends_s.append(ends_s[-1] + pass_s + steps["chunk_tok_s"] * (2 if i == 1 else 0))
    assert calls["prompt_tok"].tolist() == [PROMPT, 1, 1]
    assert calls["sample"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(calls["queue_s"], [0.0, ends_s[0], ends_s[0]], atol=1e-12)
    np.testing.assert_allclose(calls["prefill_s"], [ends_s[0], ends_s[1] - ends_s[0], ends_s[1] - ends_s[0]])
    np.testing.assert_allclose(calls["delivered_s"], [ends_s[OUTPUT - 1], ends_s[OUTPUT], ends_s[OUTPUT]])


def test_samples_are_where_their_prompt_is(simulate: Simulate):
    fleet = {"small": own(replicas=3, dispatch="shared", max_seqs=2)}
    calls = simulate(scenario(best_of("small", 4), fleet)).tables.calls
    assert (calls["fate"] == "answered").all()
    assert calls["replica"].nunique() == 3
    again = calls[(calls["preemptions"] == 0).to_numpy()].groupby("query")["replica"].nunique()
    assert (again == 1).all()


def test_what_becomes_of_the_first_becomes_of_all(simulate: Simulate):
    full = {"small": own(kv_tok=64, block_tok=16)}
    calls = simulate(alone(best_of("small", 3), full, cls={"lengths": lengths(64, 2)})).tables.calls
    assert calls["reason"].tolist() == ["too-long"] * 3
    late = alone(best_of("small", 3), {"small": own()}, cls={"call_timeout_s": 2.0**-6})  # before its first pass ends
    calls = simulate(late).tables.calls
    assert calls["reason"].tolist() == ["timeout"] * 3
    assert calls["output_tok"].max() <= 1


def lengths(prompt_tok: int, output_tok: int) -> Scenario:
    return {"use": "fixed", "prompt_tok": prompt_tok, "output_tok": output_tok}


def test_a_hosted_api_bills_a_prompt_once(simulate: Simulate):
    tables = simulate(alone(best_of("api", 3), {"api": API})).tables
    calls = table_of(tables.calls)
    output = USD_OUT * OUTPUT
    np.testing.assert_allclose(calls["cost_usd"], [USD_CALL + USD_IN * PROMPT + output, output, output])
    first_s = calls["queue_s"] + calls["prefill_s"]
    assert first_s.nunique() == 1
    assert calls["decode_s"].nunique() == 3
    np.testing.assert_allclose(tables.ledger.loc[tables.ledger["kind"] == "hosted", "energy_j"].sum(), 18 * J_PER_TOK)


@dataclass(frozen=True)
class Heard:
    """Best of so many samples; and what it was told."""

    samples: int
    told: ClassVar[list[tuple[Any, ...]]] = []
    policy: BestOf = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", BestOf("small", self.samples))

    def decide(self, query: Query, view: FleetView) -> Decision:
        if len(query.outcomes) == self.samples:
            self.told.append(query.outcomes)
        return self.policy.decide(query, view)


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Three answers of the small model to each item, of the large one none."""
    chance = np.random.default_rng(4)
    known = np.array([True, False])
    shape = (24, 2, 3)
    samples = Samples(
        np.where(known[:, None], (chance.random(shape) < 0.5).astype(float), np.nan),
        np.where(known[:, None], chance.integers(0, 4, shape), -1).astype(np.int32),
        np.where(known[:, None], chance.integers(1, 9, shape).astype(float), np.nan),
    )
    read = classes.read_quality

    def with_samples(*args: Any) -> QualityTable:
        table = read(*args)
        return replace(table, samples=samples, group=np.full((24, 2), 7, np.int32))

    monkeypatch.setattr(classes, "read_quality", with_samples)
    return samples


def sampling(policy: Scenario) -> Scenario:
    fleet = {"small": own(), "large": own("large")}
    return scenario(
        policy, fleet, workload={"chat": chat(items=items("table"))}, run={"queries": 24, "replications": 1}
    )


def test_each_sample_is_as_recorded(sampled: Samples, simulate: Simulate):
    Heard.told.clear()
    result = simulate(sampling({"use": "test_samples_and_verifiers:Heard", "samples": 3}))
    calls = result.tables.calls
    item = result.tables.queries.set_index("query")["item"].loc[calls["query"]].to_numpy()
    assert sorted(calls["sample"].unique()) == [0, 1, 2]
    np.testing.assert_array_equal(calls["score"], sampled.score[item, 0, calls["sample"]])
    np.testing.assert_array_equal(calls["output_tok"], sampled.output_tok[item, 0, calls["sample"]])
    said = sorted(tuple(sorted((o.output_tok, o.group) for o in outcomes)) for outcomes in Heard.told)
    recorded = zip(sampled.output_tok[:, 0].tolist(), sampled.group[:, 0].tolist(), strict=True)
    assert said == sorted(tuple(sorted(zip(tok, group, strict=True))) for tok, group in recorded)


def test_models_without_samples_repeat_the_recorded_answer(sampled: Samples, simulate: Simulate):
    result = simulate(sampling(best_of("large", 5)))
    assert (result.tables.calls.groupby("query")["score"].nunique() == 1).all()
    assert (result.tables.calls.groupby("query")["output_tok"].nunique() == 1).all()


def test_more_samples_than_are_recorded_are_not_to_be_had(sampled: Samples, simulate: Simulate):
    with pytest.raises(PolicyError, match="asks for 4 samples of query 0 at one pool; 3 are recorded") as caught:
        simulate(sampling(best_of("small", 4)))
    assert "\n" not in str(caught.value)


# One replica


def test_a_call_can_name_its_replica(simulate: Simulate):
    named = {"use": "system_policies:Named", "pool": "small", "replica": 1}
    fleet = {"small": own(replicas=3)}
    assert (simulate(scenario(named, fleet)).tables.calls["replica"] == 1).all()
    with pytest.raises(PolicyError, match="asks replica 3 of 'small', which has 3, counted from 0"):
        simulate(scenario({**named, "replica": 3}, fleet))
    with pytest.raises(PolicyError, match="whose replicas pull calls from one queue"):
        simulate(scenario(named, {"small": own(replicas=3, dispatch="shared")}))


# Drafts


def test_a_refinement_reads_the_draft_too(simulate: Simulate):
    policy = {"use": "system_policies:Refine", "pool": "small", "editor": "large"}
    result = simulate(scenario(policy, {"small": own(), "large": own("large")}))
    calls, queries = result.tables.calls, result.tables.queries.set_index("query")
    draft = calls[(calls["kind"] == "answer").to_numpy()].set_index("query")
    refined = calls[calls["accepted"].to_numpy(bool)].set_index("query")
    assert (refined["kind"] == "refine").all()
    first = calls[(calls["kind"] == "refine").to_numpy()].groupby("query")["prompt_tok"].max()
    pd.testing.assert_series_equal(first, draft["prompt_tok"].add(draft["output_tok"])[first.index], check_names=False)
    assert (refined["sample"] == -1).all()
    assert not queries["escalated"].any()
    assert queries["score"].notna().all()


# Judges


def judged(judge: Scenario, **more: Any) -> Scenario:
    fleet = {"small": own(), "large": own("large", max_seqs=8)}
    return scenario(CASCADE, fleet, verifiers={"judge": judge}, **more)


def test_a_judge_that_never_errs_accepts_what_is_right(simulate: Simulate):
    result = simulate(judged({**JUDGE, "right": 1.0, "wrong": 0.0}))
    calls, queries = result.tables.calls, result.tables.queries.set_index("query")
    small = calls[(calls["pool"] == "small").to_numpy()].set_index("query")
    assert (small["accepted"] == (small["score"] == 1)).all()
    looks = calls[(calls["kind"] == "verify").to_numpy()].set_index("query")
    assert (looks["pool"] == "large").all()
    assert len(looks) == len(queries)
    read = small["prompt_tok"] + small["output_tok"] + 9
    pd.testing.assert_series_equal(looks["prompt_tok"].sort_index(), read.sort_index(), check_names=False)
    assert (looks["output_tok"] == 2).all()
    assert looks["score"].isna().all()
    assert (looks["energy_j"] > 0).all()
    waits = looks["asked_s"].sort_index() - small["delivered_s"].sort_index()
    np.testing.assert_allclose(waits, 0.0, atol=1e-12)


def test_a_judge_errs_as_often_as_it_is_said_to(simulate: Simulate):
    right, wrong = 0.85, 0.3
    run = {"queries": 2000, "replications": 1}
    judge = {**JUDGE, "right": right, "wrong": wrong}
    calls = simulate(judged(judge, run=run, workload={"chat": chat(0.5)})).tables.calls
    small = calls[(calls["pool"] == "small").to_numpy()]
    for score, share in ((1, right), (0, wrong)):
        accepted = small.loc[small["score"] == score, "accepted"]
        assert abs(accepted.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(accepted))


def test_without_shares_a_judge_reads_the_confidence_as_a_station_does(simulate: Simulate):
    called, stood = simulate(judged(JUDGE)).tables.queries, simulate(judged({"time_s": 0.25})).tables.queries
    pd.testing.assert_series_equal(called["pool"].astype(str), stood["pool"].astype(str))


def test_a_hosted_judge_is_paid(simulate: Simulate):
    question = judged({"pool": "api", "prompt_tok": 9, "output_tok": 2})
    tables = simulate({**question, "fleet": {**question["fleet"], "api": API}}).tables
    looks = tables.calls[(tables.calls["kind"] == "verify").to_numpy()]
    np.testing.assert_allclose(looks["cost_usd"], USD_CALL + USD_IN * looks["prompt_tok"] + 2 * USD_OUT)


def test_the_vote_is_what_the_policy_is_told(simulate: Simulate):
    Told.told.clear()
    verifiers = {"judge": {**JUDGE, "right": 1.0, "wrong": 0.0}}
    policy = {"use": "test_samples_and_verifiers:Told"}
    calls = simulate(scenario(policy, {"small": own(), "large": own("large")}, verifiers=verifiers)).tables.calls
    right = calls[(calls["kind"] == "answer").to_numpy()].set_index("query")["score"].sort_index()
    assert {(o.pool, o.kind, o.output_tok) for _, o in Told.told} == {("judge", "verify", 2)}
    assert [o.score for _, o in sorted(Told.told, key=lambda pair: pair[0])] == right.tolist()


@dataclass(frozen=True)
class Told:
    """A cascade that accepts everything; and what its verifier said."""

    told: ClassVar[list[tuple[int, Answer]]] = []

    def decide(self, query: Query, view: FleetView) -> Decision:
        from simulator.policies.cascade import Cascade

        decision = Cascade(("small", "large"), -1.0, "judge").decide(query, view)
        if query.outcomes and isinstance(query.outcomes[-1], Answer) and query.outcomes[-1].kind == "verify":
            self.told.append((query.id, query.outcomes[-1]))
        return decision


@pytest.mark.parametrize(
    ("judge", "says"),
    [
        ({"pool": "larg"}, "verifiers.judge.pool: no 'larg' in fleet; did you mean 'large'?"),
        ({"pool": "large", "time_s": 1.0}, "verifiers.judge: give 'pool' or 'time_s', not both"),
        ({"pool": "large", "right": 0.9}, "verifiers.judge: give both 'right' and 'wrong', or neither"),
        (
            {"pool": "large", "right": 1.5, "wrong": 0},
            "verifiers.judge.right: must be less than or equal to 1, not 1.5",
        ),
        ({"servers": 2}, "verifiers.judge: missing key 'time_s'"),
        ({"pool": "old"}, "verifiers.judge.pool: 'old' has a recorded latency, of answers only"),
    ],
)
def test_a_judge_that_is_none_is_refused_in_one_line(judge: Scenario, says: str, simulate: Simulate):
    question = judged(judge)
    old = {"hosted": "api", "latency": "recorded"}
    with pytest.raises(SpecError) as caught:
        simulate({**question, "fleet": {**question["fleet"], "old": old}})
    (line,) = str(caught.value).splitlines()
    assert says in line


def test_votes_need_items(simulate: Simulate):
    plain = {key: value for key, value in chat().items() if key != "items"}
    policy = {"use": "always", "pool": "small"}
    verifiers = {"judge": {"pool": "small", "right": 0.9, "wrong": 0.1}}
    with pytest.raises(SpecError, match="nobody knows whether its answers are right"):
        simulate(scenario(policy, {"small": own()}, workload={"chat": plain}, verifiers=verifiers))


def test_a_judge_is_written_as_it_was_read(folder: Path):
    from system_world import write_yaml

    path = folder / "judged.yaml"
    write_yaml(path, judged({**JUDGE, "right": 0.5, "wrong": 0.25}))
    spec = load(path).spec
    assert spec.verifiers["judge"].model_dump() == {**JUDGE, "right": 0.5, "wrong": 0.25}
