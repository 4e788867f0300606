"""Policies that hold policies, and policies that ask many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from leading import FAILS, POOLS, lead, query, said, train
from policy_world import made, scenario, simulated

from simulator.policies import check
from simulator.policies.core import Answer, Feedback, Learner
from simulator.policies.setting import needs_of, prepared
from simulator.policies.turns import Turn
from simulator.spec.errors import SpecError

SMALL, LARGE = {"use": "always", "pool": "small"}, {"use": "always", "pool": "large"}
FALLBACK = {"use": "fallback", "first": SMALL, "then": [{"use": "always", "pool": "middle"}, LARGE]}
CASCADE = {"use": "cascade", "order": ["small", "middle"], "accept": 0.5}
PIPELINE = {
    "use": "escalate",
    "first": CASCADE,
    "verifier": "judge",
    "votes": 2,
    "accept": 1.0,
    "refine": "middle",
    "refine_from": 0.5,
    "abstain_below": 0.25,
    "then": LARGE,
}


@pytest.mark.parametrize(
    ("policy", "told", "steps"),
    [
        (FALLBACK, {"small": [1]}, ["small!"]),
        (FALLBACK, {"small": [FAILS], "middle": [FAILS], "large": [1]}, ["small!", "middle!", "large!"]),
        (FALLBACK, {"small": [FAILS], "middle": [FAILS], "large": [FAILS]}, ["small!", "middle!", "large!", "timeout"]),
        (
            {"use": "fallback", "first": {"use": "confidence-token", "small": "small"}, "then": [LARGE]},
            {"small": [0.1]},
            ["small", "abstain"],  # no failure
        ),
        (
            {"use": "retry", "first": SMALL, "tries": 3, "pause_s": 2.0},
            {"small": [FAILS, FAILS, 1]},
            ["small!", 2.0, "small!", 2.0, "small!"],
        ),
        ({"use": "retry", "first": SMALL, "tries": 2}, {"small": [FAILS, FAILS]}, ["small!", "small!", "timeout"]),
        (
            {"use": "retry", "first": CASCADE, "tries": 2},
            {"small": [FAILS, 0.1], "middle": [FAILS, 0.3]},
            ["small", "middle!", "small", "middle!"],
        ),
        (PIPELINE, {"small": [0.6], "judge": [1, 1]}, ["small", "judge?x2", ("small", 0.6)]),
        (PIPELINE, {"small": [0.6], "judge": [0, 0]}, ["small", "judge?x2", "abstain"]),
        (
            PIPELINE,
            {"small": [0.1], "middle": [0.3, 0.4], "judge": [1, 0, 1, 1]},
            ["small", "middle", "judge?x2", "middle+", "judge?x2", ("middle", 0.4)],
        ),
        (
            PIPELINE,
            {"small": [0.6], "middle": [0.4], "judge": [1, 0, 1, 0], "large": [1]},
            ["small", "judge?x2", "middle+", "judge?x2", "large!"],
        ),
        (
            PIPELINE,
            {"small": [0.6], "middle": [FAILS], "judge": [1, 0], "large": [FAILS]},
            ["small", "judge?x2", "middle+", "large!", ("small", 0.6)],
        ),
        (
            PIPELINE,
            {"small": [FAILS], "middle": [FAILS], "large": [1]},
            ["small", "middle", "large!"],
        ),
        (
            {"use": "escalate", "first": SMALL, "accept": 0.5, "refine": "large"},
            {"small": [0.4], "large": [0.2]},
            ["small", "large+", ("large", 0.2)],
        ),
        (
            {"use": "escalate", "first": SMALL, "accept": 0.5, "abstain_below": 0.5},
            {"small": [0.4]},
            ["small", "abstain"],
        ),
    ],
)
def test_held_policies_take_turns(policy: Any, told: Any, steps: list[Any]) -> None:
    assert lead(made(policy), told) == steps


@pytest.mark.parametrize(
    ("policy", "told", "steps"),
    [
        (
            {"use": "vote", "among": list(POOLS)},
            {"small": [said(0.2, 4)], "middle": [said(0.9, 5)], "large": [said(0.3, 4)]},
            [*POOLS, ("large", 0.3)],
        ),
        (
            {"use": "vote", "among": list(POOLS)},
            {"small": [FAILS], "middle": [said(0.9, 5)], "large": [said(0.3, 4)]},
            [*POOLS, ("middle", 0.9)],
        ),
        (
            {"use": "best-of-n", "pool": "small", "n": 3, "by": "score"},
            {"small": [0.1, 0.7, 0.3]},
            ["smallx3", ("small", 0.7)],
        ),
        (
            {"use": "best-of-n", "pool": "small", "n": 3, "by": "votes"},
            {"small": [said(0.1, 3), said(0.7, 2), said(0.3, 3)]},
            ["smallx3", ("small", 0.3)],
        ),
        (
            {"use": "blender", "among": ["small", "middle"], "rank": "score"},
            {"small": [0.8], "middle": [0.6]},
            ["small", "middle", ("small", 0.8)],
        ),
        (
            {"use": "blender", "among": ["small", "middle"], "fuse": "large", "rank": "score"},
            {"small": [0.8], "middle": [0.6], "large": [FAILS]},
            ["small", "middle", "large+!", ("small", 0.8)],
        ),
        (
            {"use": "hedge", "first": "small", "second": "large", "after_s": 1.0},
            {"small": [FAILS], "large": [0.4]},
            ["small!", "large!"],
        ),
    ],
)
def test_ensembles_give_one_answer_of_many(policy: Any, told: Any, steps: list[Any]) -> None:
    assert lead(made(policy), told) == steps


def test_a_blender_ranks_by_how_often_such_confidences_are_right() -> None:
    boasts = [[score, modest] for score in (0.0, 1.0) for modest in (0.0, 1.0)] * 20
    score = np.array([[b, m, 1] for b, m in boasts])
    confidence = np.array([[0.9, 0.2 + 0.2 * m, 0.5] for _, m in boasts])  # small's 0.9 is right half of the time
    policy = made({"use": "blender", "among": ["small", "middle"]})
    assert lead(policy, {"small": [0.9], "middle": [0.4]}, train(score, confidence))[-1] == ("middle", 0.4)
    assert lead(policy, {"small": [0.9], "middle": [0.2]}, train(score, confidence))[-1] == ("small", 0.9)


SAME = {
    "a pipeline of two": (
        {"use": "escalate", "first": SMALL, "accept": 0.55, "then": LARGE},
        {"use": "cascade", "order": ["small", "large"], "accept": 0.55},
    ),
    "a pipeline in a pipeline": (
        {
            "use": "escalate",
            "first": {"use": "escalate", "first": SMALL, "accept": 0.6, "then": {"use": "always", "pool": "middle"}},
            "accept": 0.6,
            "then": LARGE,
        },
        {"use": "cascade", "order": list(POOLS), "accept": 0.6},
    ),
    "with a verifier": (
        {"use": "escalate", "first": SMALL, "verifier": "judge", "accept": 0.55, "then": LARGE},
        {"use": "cascade", "order": ["small", "large"], "accept": 0.55, "verifier": "judge"},
    ),
    "by uncertainty": (
        {"use": "uncertainty", "order": list(POOLS), "accept": 0.6},
        {"use": "cascade", "order": list(POOLS), "accept": 0.6},
    ),
    "one check": (
        {"use": "self-verify", "order": list(POOLS), "verifier": "judge", "accept": 0.6},
        {"use": "automix", "small": "small", "large": "large", "verifier": "judge", "k": 1, "accept": 0.6},
    ),
    "a router that never fails": ({"use": "fallback", "first": {"use": "carrot"}, "then": [LARGE]}, {"use": "carrot"}),
    "an ensemble of one": ({"use": "vote", "among": ["small"]}, SMALL),
    "a hedge for ever": ({"use": "hedge", "first": "small", "second": "large", "after_s": 1e9}, SMALL),
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("own_fleet", [False, True])
def test_the_same_rule_said_in_another_way_is_the_same_run(name: str, own_fleet: bool, folder: Path) -> None:
    one, two = SAME[name]
    if name == "one check":
        one = {**one, "order": ["small", "large"]}
    runs = [simulated(scenario(policy, own_fleet=own_fleet, name="same"), folder).tables for policy in (one, two)]
    shown = ["ttft_s"] if name == "an ensemble of one" else []  # an answer to be judged is not shown as it comes
    for table in ("queries", "calls"):
        first, second = (getattr(tables, table) for tables in runs)
        first, second = (frame.drop(columns=[*shown, "first_s"], errors="ignore") for frame in (first, second))
        pd.testing.assert_frame_equal(first, second)


def test_a_pipeline_calibrates_the_pools_that_have_a_confidence() -> None:
    score = np.array([[0, 1, 1], [1, 1, 1]] * 30)
    confidence = np.array([[0.2, np.nan, np.nan], [0.8, np.nan, np.nan]] * 30)
    policy = {"use": "escalate", "first": SMALL, "signal": "calibrated", "accept": 0.5, "then": LARGE}
    assert lead(made(policy), {"small": [0.8]}, train(score, confidence))[-1] == ("small", 0.8)
    assert lead(made(policy), {"small": [0.2], "large": [1]}, train(score, confidence))[-1] == "large!"
    with pytest.raises(ValueError, match="no confidence of any pool"):
        lead(made(policy), {}, train(score, confidence * np.nan))


def test_a_late_answer_to_an_earlier_turn_is_not_the_next_ones() -> None:
    asked, turn = query(), Turn()
    small, middle, again, large = (
        Answer(pool, "answer", 0.5, 5, 1.0) for pool in ("small", "middle", "middle", "large")
    )
    asked.asked, asked.outcomes = ("small", "middle"), (small,)
    assert turn.part(asked) is asked
    turn.passes(asked, 1, 0.0)
    assert (turn.part(asked).asked, turn.part(asked).outcomes) == ((), ())
    asked.asked += ("large", "middle")
    for outcome, seen in ((middle, ()), (large, (large,)), (again, (large, again))):
        asked.outcomes += (outcome,)
        assert turn.part(asked).outcomes == seen
    assert turn.part(asked).asked == ("large", "middle")


def test_a_hedge_takes_the_first_answer_and_cancels_the_other(folder: Path) -> None:
    policy = {"use": "hedge", "first": "large", "second": "small", "after_s": 0.2}
    tables = simulated(scenario(policy, name="hedge"), folder).tables
    both = tables.calls.groupby("query").filter(lambda calls: len(calls) == 2)
    assert len(both)
    for _, calls in both.groupby("query"):
        assert calls["asked_s"].max() - calls["asked_s"].min() == pytest.approx(0.2)
        assert sorted(calls["fate"]) == ["answered", "cancelled"]
    alone = simulated(scenario(LARGE, name="alone"), folder).tables
    assert (tables.queries["e2e_s"] <= alone.queries["e2e_s"] + 1e-9).mean() > 0.9


PATIENCE_S = 1.3  # of answers that take 0.3 s and 0.03 s a token


def test_a_call_that_times_out_falls_back(folder: Path) -> None:
    slow = {"arrivals": {"use": "poisson", "rate_per_s": 4.0}, "items": {"table": "exam"}, "call_timeout_s": PATIENCE_S}
    policy = {"use": "fallback", "first": LARGE, "then": [SMALL]}
    tables = simulated(scenario(policy, name="late", workload={"exam": slow}), folder).tables
    calls = tables.calls.set_index(["query", "pool"])
    late = calls.index[calls["reason"] == "timeout"]
    assert 0 < len(late) < len(tables.queries)
    for number, pool in late:
        assert pool == "large"
        asked_s = calls.loc[(number, "small"), "asked_s"]
        assert asked_s == pytest.approx(calls.loc[(number, "large"), "asked_s"] + PATIENCE_S)
    assert (tables.queries["fate"] == "finished").all()
    assert set(tables.queries.loc[tables.queries["pool"] == "small", "query"]) == {number for number, _ in late}


def test_a_try_again_comes_after_its_pause(folder: Path) -> None:
    slow = {"arrivals": {"use": "poisson", "rate_per_s": 4.0}, "items": {"table": "exam"}, "call_timeout_s": PATIENCE_S}
    policy = {"use": "retry", "first": LARGE, "tries": 2, "pause_s": 0.7}
    tables = simulated(scenario(policy, name="again", workload={"exam": slow}), folder).tables
    twice = tables.calls.groupby("query")["asked_s"].agg(["size", lambda asked_s: asked_s.max() - asked_s.min()])
    twice = twice[twice["size"] == 2]
    assert len(twice)
    assert twice.iloc[:, 1].to_numpy() == pytest.approx(PATIENCE_S + 0.7)


def test_a_threshold_of_a_policy_that_remembers_cannot_move(folder: Path) -> None:
    moves = [{"signal": "ttft-s", "of": "large", "weight": -0.1}]
    policy = {"use": "moving-threshold", "base": PIPELINE, "moves": moves, "least": 0.3}
    with pytest.raises(SpecError, match="the base policy remembers queries, and cannot change in between"):
        simulated(scenario(policy, name="moving"), folder)
    held = {**PIPELINE, "first": {**policy, "base": CASCADE}}
    assert len(simulated(scenario(held, name="held"), folder).tables.queries)


def test_what_a_held_policy_needs_is_needed() -> None:
    needs = needs_of(made({"use": "retry", "first": {**PIPELINE, "first": {"use": "carrot"}}}))
    assert needs.train
    votes = {"use": "best-of-n", "pool": "small", "n": 4, "by": "votes"}
    needs = needs_of(made({"use": "fallback", "first": CASCADE, "then": [votes]}))
    assert (needs.scores_of, needs.groups_of, dict(needs.samples_of)) == (("small",), ("small",), {"small": 4})


class Pupil:
    """Learns."""

    def __init__(self) -> None:
        self.heard: list[Feedback] = []

    def decide(self, query: Any, view: Any) -> Any:
        return made(SMALL).decide(query, view)  # type: ignore[union-attr]

    def learn(self, feedback: Feedback) -> None:
        self.heard.append(feedback)


def test_feedback_reaches_the_policies_that_learn_and_only_those() -> None:
    from simulator.policies.compose import Fallback

    pupil, told = Pupil(), Feedback(1, "small", 1.0, 5, 0.0, 0.0, 1.0, 2.0)
    ready = prepared(Fallback(made(LARGE), (Fallback(pupil, (made(LARGE),)),)), check.setting(POOLS))
    assert isinstance(ready, Learner)
    ready.learn(told)
    assert pupil.heard == [told]
    assert not isinstance(prepared(made(FALLBACK), check.setting(POOLS)), Learner)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"use": "escalate", "first": SMALL, "accept": 0.5}, "say what becomes of an answer"),
        ({"use": "escalate", "first": SMALL, "accept": 0.5, "then": LARGE, "refine_from": 0.2}, "'refine_from' needs"),
        ({"use": "escalate", "first": SMALL, "accept": 0.5, "abstain_below": 0.6}, "'abstain_below' must not be above"),
        ({"use": "fallback", "first": SMALL, "then": []}, "'then' needs at least one"),
        ({"use": "consistency", "small": ["small"], "large": "large", "k": 1}, "one answer agrees with itself"),
        ({"use": "vote", "among": ["small", "small"]}, "each once"),
        ({"use": "automix", "small": "small", "large": "large", "verifier": "judge", "right": 0.8}, "belong together"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(policy: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        made(policy)
