"""What comes back to a policy that learns: of which queries, when, and what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from system_world import USD_CALL, USD_IN, USD_OUT, Scenario, chat, items, outcomes, own, scenario, simulated

from simulator.policies.core import Ask, Call, Decision, FleetView, Policy, Query, failed_or, tell
from simulator.policies.core import Feedback as Heard
from simulator.policies.setting import Needs, Setting
from simulator.records.result import Result
from simulator.spec.errors import SpecError


@dataclass
class Hears:
    """Asks `pool`, and notes what comes back."""

    pool: str
    heard: ClassVar[list[tuple[float, Heard]]] = []
    now_s: float = field(default=0.0, init=False)

    def decide(self, query: Query, view: FleetView) -> Decision:
        self.now_s = view.now_s
        return failed_or(query, Ask((Call(self.pool, final=True),)))

    def learn(self, feedback: Heard) -> None:
        self.heard.append((self.now_s, feedback))


@dataclass(frozen=True)
class Holds:
    """Decides as a learner that it makes, and passes on what comes back."""

    pool: str

    def prepare(self, setting: Setting) -> HoldsOne:
        return HoldsOne(Hears(self.pool))


@dataclass(frozen=True)
class HoldsOne:
    held: Policy

    def decide(self, query: Query, view: FleetView) -> Decision:
        return self.held.decide(query, view)

    def learn(self, feedback: Heard) -> None:
        tell((self.held, object()), feedback)  # type: ignore[arg-type]


@dataclass
class NeedsIt(Hears):
    @property
    def needs(self) -> Needs:
        return Needs(feedback=True)


@pytest.fixture(autouse=True)
def heard() -> list[tuple[float, Heard]]:
    Hears.heard.clear()
    return Hears.heard


def told(folder: Path, use: str = "Hears", pool: str = "edge", queries: int = 60, **more: Any) -> Result:
    fleet = {"edge": own(), "api": {"hosted": "api"}}
    question = scenario(
        {"use": f"test_feedback:{use}", "pool": pool},
        fleet,
        workload={"chat": chat(items=items("table"))},
        run={"queries": queries, "replications": 1, "warmup_s": 0.0},
    )
    return simulated({**question, **more}, folder)


def by_query(heard: list[tuple[float, Heard]]) -> list[Heard]:
    return sorted((feedback for _, feedback in heard), key=lambda feedback: feedback.query)


@pytest.mark.parametrize("use", ["Hears", "Holds"])
def test_every_answers_true_score_comes_back_at_once(use: str, folder: Path, heard: list[tuple[float, Heard]]):
    queries = told(folder, use).tables.queries.sort_values("query")
    came = by_query(heard)
    rows = outcomes(seed=1)
    assert [feedback.query for feedback in came] == list(range(60))
    assert [feedback.score for feedback in came] == [rows[item]["score-small"] for item in queries["item"]]
    assert [feedback.output_tok for feedback in came] == [rows[item]["out-small"] for item in queries["item"]]
    assert [feedback.e2e_s for feedback in came] == queries["e2e_s"].tolist()
    np.testing.assert_allclose([f.at_s for f in came], queries["arrived_s"] + queries["e2e_s"], rtol=1e-12)
    assert {feedback.pool for feedback in came} == {"edge"}


def test_an_answer_alone_has_its_own_bill(folder: Path, heard: list[tuple[float, Heard]]):
    """Of queries far apart it is their work, and the rest and the rent of their service; an API has a price list."""
    far = {"arrivals": {"use": "constant", "rate_per_s": 0.01}, "items": items("table")}
    tables = told(folder, queries=5, workload={"chat": chat(**far)}).tables
    hosts = tables.ledger[(tables.ledger["kind"] == "host") & (tables.ledger["pool"] == "edge")]
    rest_w, rest_usd = (hosts[name].sum() / hosts["time_s"].sum() for name in ("it_energy_j", "cost_usd"))
    calls = tables.calls.sort_values("query")
    served_s = (calls["prefill_s"] + calls["decode_s"]).to_numpy()
    work_j = tables.ledger.loc[tables.ledger["kind"] == "replica", "it_energy_j"].sum()
    came = by_query(heard)
    assert sum(feedback.energy_j for feedback in came) == pytest.approx(work_j + rest_w * served_s.sum())
    np.testing.assert_allclose([feedback.usd for feedback in came], rest_usd * served_s)
    heard.clear()
    told(folder, pool="api", queries=5, workload={"chat": chat(**far)})
    for feedback in by_query(heard):
        paid_usd = feedback.usd - USD_OUT * feedback.output_tok - USD_CALL
        assert paid_usd / USD_IN == pytest.approx(round(paid_usd / USD_IN))
        assert feedback.energy_j == pytest.approx(3.0 * feedback.output_tok)


def test_a_grown_prompt_is_priced_as_it_was(folder: Path, heard: list[tuple[float, Heard]]):
    arrivals = {"use": "sessions", "rate_per_s": 0.5, "turns_mean": 3, "wait": {"median_s": 1.0, "sigma": 0.5}}
    lengths = {"use": "fixed", "prompt_tok": 10, "output_tok": 5}
    asks = chat(items=items("workload"), arrivals=arrivals, lengths=lengths)
    queries = told(folder, pool="api", queries=30, workload={"chat": asks}).tables.queries
    prompts = queries.set_index("query")["prompt_tok"]
    assert prompts.max() > 10
    for feedback in by_query(heard):
        expected = USD_IN * prompts[feedback.query] + USD_OUT * 5 + USD_CALL
        assert feedback.usd == pytest.approx(expected)


def test_late_feedback_comes_late_and_prolongs_nothing(folder: Path, heard: list[tuple[float, Heard]]):
    at_once = told(folder).tables
    first = by_query(heard)
    heard.clear()
    late = told(folder, feedback={"delay_s": 5.0}).tables
    assert late.queries["e2e_s"].tolist() == at_once.queries["e2e_s"].tolist()
    assert late.ledger["time_s"].tolist() == at_once.ledger["time_s"].tolist()
    assert [f.at_s for f in by_query(heard)] == pytest.approx([f.at_s + 5.0 for f in first])
    assert all(now_s <= feedback.at_s for now_s, feedback in heard)
    middle = [(now_s, feedback.at_s) for now_s, feedback in heard if now_s < at_once.queries["arrived_s"].max()]
    assert all(at_s - now_s < 5.0 for now_s, at_s in middle)  # decisions go on meanwhile


def test_a_run_that_is_cut_off_hears_no_more(folder: Path, heard: list[tuple[float, Heard]]):
    told(folder, run={"duration_s": 20.0, "replications": 1}, feedback={"delay_s": 5.0})
    assert heard
    assert max(feedback.at_s for _, feedback in heard) < 20.0


def test_a_share_comes_back_and_some_of_it_is_wrong(folder: Path, heard: list[tuple[float, Heard]]):
    told(folder, queries=2000)
    true = {feedback.query: feedback.score for _, feedback in heard}
    heard.clear()
    told(folder, queries=2000, feedback={"frac": 0.3, "noise": 0.2})
    assert len(heard) == pytest.approx(600, abs=4 * (2000 * 0.3 * 0.7) ** 0.5)
    flipped = sum(feedback.score != true[feedback.query] for _, feedback in heard)
    assert all(feedback.score in (true[feedback.query], 1 - true[feedback.query]) for _, feedback in heard)
    assert flipped == pytest.approx(0.2 * len(heard), abs=4 * (len(heard) * 0.2 * 0.8) ** 0.5)


def test_what_comes_back_of_a_query_is_the_same_whoever_answered(folder: Path, heard: list[tuple[float, Heard]]):
    told(folder, feedback={"frac": 0.5})
    of_edge = {feedback.query for _, feedback in heard}
    heard.clear()
    told(folder, pool="api", feedback={"frac": 0.5})
    assert {feedback.query for _, feedback in heard} == of_edge


def test_without_a_table_a_learner_hears_what_calls_took_and_no_score(folder: Path, heard: list[tuple[float, Heard]]):
    asks = chat()
    del asks["items"]
    result = told(folder, workload={"chat": asks})
    queries = result.tables.queries.set_index("query")
    assert len(heard) == (queries["fate"] == "finished").sum() > 0
    for _, feedback in heard:
        assert math.isnan(feedback.score)
        assert feedback.e2e_s == pytest.approx(queries["e2e_s"][feedback.query])


def test_nothing_comes_back_without_an_answer(folder: Path, heard: list[tuple[float, Heard]]):
    told(folder, workload={"chat": chat(items=items("table"), timeout_s=1e-3)})
    assert not heard


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"feedback": {"frac": 0.0}}, "feedback.frac: policy 'test_feedback:NeedsIt' learns from what comes back, and"),
        (
            {"workload": {"chat": {key: value for key, value in chat().items() if key != "items"}}},
            "policy: 'test_feedback:NeedsIt' learns from scores, and no class has 'items'",
        ),
    ],
)
def test_a_learner_that_would_hear_nothing_is_told_of(more: Scenario, says: str, folder: Path):
    with pytest.raises(SpecError) as caught:
        told(folder, "NeedsIt", **more)
    assert says in str(caught.value)
