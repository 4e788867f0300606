"""What policies say of their decisions: the numbers are those that they saw, on the side that they decided for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_world import EXAMPLES, POOLS, made

from simulator.policies.cascade import Cascade
from simulator.policies.check import setting
from simulator.policies.core import Answer, Ask, ClassFacts, Drop, Explains, Failed, Finish, Query, why
from simulator.policies.ensembles import Hedge
from simulator.policies.setting import prepared
from simulator.policies.stages import Bands, Verdict
from simulator.policies.threshold import Threshold

SCORES = st.floats(allow_nan=True, width=16)
VIEW: Any = None  # of policies that look at nothing


def asked(prompt_tok: int = 10, *outcomes: Answer | Failed) -> Query:
    query = Query(3, ClassFacts("chat", "home"), None, prompt_tok, 0.0)
    query.outcomes, query.asked = outcomes, tuple(one.pool for one in outcomes)
    return query


def told(policy: Any, query: Query) -> tuple[Any, str]:
    decision = policy.decide(query, VIEW)
    return decision, why(policy, query, VIEW, decision)


@given(SCORES, st.floats(-1e3, 1e3, width=16))
def test_a_cascade_says_on_which_side_of_its_threshold_a_score_lies(score: float, accept: float) -> None:
    cascade = Cascade(("edge", "cloud"), accept)
    decision, said = told(cascade, asked(10, Answer("edge", "answer", score, 5, 1.0)))
    assert said.startswith(f"confidence {score:.4g} is ")
    assert (f"at least accept {accept:.4g}" in said) == isinstance(decision, Finish)
    assert isinstance(decision, Finish) or "below accept" in said or "no number" in said


def test_a_pool_that_fails_is_named() -> None:
    decision, said = told(Cascade(("edge", "cloud"), 0.5), asked(10, Failed("edge", "answer", "full", 1.0)))
    assert isinstance(decision, Ask)
    assert said == "no answer came of edge"


@given(SCORES, st.lists(st.floats(-1e3, 1e3, width=16), min_size=3, max_size=3).map(sorted))
def test_words_of_a_band_are_its_verdict(value: float, bounds: list[float]) -> None:
    keep_below, abstain_below, accept = bounds
    rule = Bands(accept, keep_below, abstain_below)
    said, verdict = rule.said(value), rule(value)
    assert ("at least accept" in said or "keep_below" in said) == (verdict is Verdict.ACCEPT)
    assert ("abstain_below" in said) == (verdict is Verdict.ABSTAIN)


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_threshold_says_what_it_compared(prompt_tok: int, threshold: int) -> None:
    policy = Threshold("edge", "cloud", threshold)
    decision, said = told(policy, asked(prompt_tok))
    assert f", {prompt_tok:.4g}, " in said
    assert ("at least" in said) == (decision.calls[0].pool == "cloud")


def test_a_hedge_says_whether_its_first_call_was_slow_or_failed() -> None:
    hedge, slow = Hedge("edge", "cloud", 0.5), asked()
    slow.asked = ("edge",)
    assert told(hedge, slow)[1] == "edge has not answered within 0.5 s"
    assert told(hedge, asked(10, Failed("edge", "answer", "full", 1.0)))[1] == "edge has failed"
    decision, said = told(hedge, asked(10, Answer("edge", "answer", 0.1, 5, 1.0)))
    assert (isinstance(decision, Finish), said) == (True, "the first answer that came")


def test_what_cannot_tell_says_nothing() -> None:
    class Silent:
        def decide(self, query: Query, view: Any) -> Drop:
            return Drop("no")

    assert why(Silent(), asked(), VIEW, Drop("no")) == ""


BOUNDS = [example for name in ("hybrid-llm", "routellm-mf", "routellm-sw") for example in EXAMPLES.get(name, ())]


@pytest.mark.parametrize("example", BOUNDS, ids=lambda example: example["use"])
def test_a_router_of_two_names_the_score_beside_the_bound(example: dict[str, Any]) -> None:
    policy = prepared(made(example), setting(POOLS))
    assert isinstance(policy, Explains)
    weak, strong = ((example.get(a) or example[b]) for a, b in (("weak", "small"), ("strong", "large")))
    for number in range(50):
        query = Query(number, ClassFacts("chat", "home"), None, 10, 0.0)
        decision, said = told(policy, query)
        score, bound = map(float, re.fullmatch(rf"a score of (\S+); {strong}'s bound is (\S+)", said).groups())  # type: ignore[union-attr]
        if score != bound:
            assert decision.calls[0].pool == (strong if score > bound else weak)
