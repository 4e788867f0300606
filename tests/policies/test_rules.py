"""Rules: which one fits a query, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from policy_world import made, scenario, simulated, write_yaml
from told_world import Told, View, matrix, query, setting

from simulator import load
from simulator.policies.always import Always
from simulator.policies.core import Ask, Decision, Feedback, FleetView, Learner, Query, Wait
from simulator.policies.rules import Rule, Rules, When
from simulator.policies.setting import prepared
from simulator.spec.errors import SpecError

TEXTS = ("Print the loop.", "a LOOP: why?", "loops and loopholes", "find the off by one, please")
EXPECTED = matrix(*[[0.5, 0.5, 0.5]] * 4)
KNOWN = replace(
    setting(EXPECTED, np.tile(matrix([1, 4, 10]), (4, 1))),
    asked=Told(EXPECTED, EXPECTED, texts=TEXTS),
)


def first_that_fits(rules: list[dict[str, Any]], asked: Query) -> str:
    policy = prepared(made({"use": "rules", "rules": rules, "otherwise": "small"}), KNOWN)
    decision = policy.decide(asked, View())
    assert isinstance(decision, Ask)
    return decision.calls[0].pool


@pytest.mark.parametrize(
    ("when", "fits", "misses"),
    [
        ({"task": "code"}, query(task="code"), query(task="sums")),
        ({"task": ["code", "sums"]}, query(task="sums"), query(task=None)),
        ({"min_prompt_tok": 8}, query(prompt_tok=8), query(prompt_tok=7)),
        ({"max_prompt_tok": 7}, query(prompt_tok=7), query(prompt_tok=8)),
        ({"workload": "chat"}, query(), query(name="jobs")),
        ({"origin": ["home", "here"]}, query(), query(origin="office")),
        ({"sensitivity": "secret"}, query(sensitivity="secret"), query()),
        ({"modality": "image"}, query(modality="image"), query()),
        ({"min_priority": 2}, query(priority=2), query(priority=1)),
        ({"keyword": "loop"}, query(1), query(2)),  # whole words, whatever their case
        ({"keyword": ["off by one", "why?"]}, query(3), query(0)),
        ({"keyword": "loop", "min_prompt_tok": 8}, query(0, prompt_tok=9), query(0, prompt_tok=7)),
        ({}, query(), None),
    ],
    ids=lambda value: repr(value) if isinstance(value, dict) else "query",
)
def test_all_that_a_rule_says_must_be_shown(when: dict[str, Any], fits: Query, misses: Query | None) -> None:
    rule = {"when": when, "then": "large"}
    assert first_that_fits([rule], fits) == "large"
    assert misses is None or first_that_fits([rule], misses) == "small"


def test_the_first_rule_that_fits_is_followed() -> None:
    rules = [
        {"when": {"max_prompt_tok": 9}, "then": "middle"},
        {"when": {}, "then": {"use": "always", "pool": "large"}},
    ]
    assert first_that_fits(rules, query(prompt_tok=9)) == "middle"
    assert first_that_fits(rules, query(prompt_tok=10)) == "large"


@dataclass
class Hears:
    """Asks a pool, and keeps what it is told."""

    pool: str
    heard: list[int] = field(default_factory=list)

    def decide(self, query: Query, view: FleetView) -> Decision:
        return Wait(1.0)

    def learn(self, feedback: Feedback) -> None:
        self.heard.append(feedback.query)


def test_a_policy_of_a_rule_hears_of_its_own_queries_only() -> None:
    learner, deaf = Hears("large"), Always("small")
    policy = prepared(Rules((Rule(When(task="code"), learner),), deaf), KNOWN)
    assert isinstance(policy, Learner)
    for number, task in enumerate(("code", "sums", "code")):
        policy.decide(query(number, task=task), View())
        policy.learn(Feedback(number, "large", 1.0, 10, 0.0, 0.0, 1.0, 2.0))
    assert learner.heard == [0, 2]
    assert not isinstance(prepared(Rules((), deaf), KNOWN), Learner)


def test_rules_of_a_run_look_at_the_text_of_its_prompts(folder: Path) -> None:
    rules = [{"when": {"keyword": ["bug", "loop", "print", "class"]}, "then": "middle"}]
    tables = simulated(scenario({"use": "rules", "rules": rules, "otherwise": "small"}, name="words"), folder).tables
    asked = tables.calls.merge(tables.queries[["query", "task"]], on="query").groupby("task")["pool"].agg(set)
    assert asked.to_dict() == {"code": {"middle"}, "sums": {"small"}, "words": {"small"}}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"when": {"tusk": "code"}, "then": "large"}, "unknown key"),
        ({"when": {}, "then": "huge"}, "no 'huge'"),
        ({"when": {}, "then": {"use": "always", "pool": "huge"}}, "no 'huge' in fleet"),
        ({"when": {}}, "then"),
    ],
)
def test_mistakes_in_a_rule_are_told_at_their_line(rule: dict[str, Any], text: str, folder: Path) -> None:
    path = folder / "wrong.yaml"
    write_yaml(path, scenario({"use": "rules", "rules": [rule], "otherwise": "small"}))
    with pytest.raises(SpecError, match=text) as error:
        load(path)
    assert "wrong.yaml:1:" in str(error.value)
    assert "policy.rules" in str(error.value)


def test_rules_are_written_as_they_were_read(folder: Path) -> None:
    path = folder / "written.yaml"
    rules = [{"when": {"task": ["code"]}, "then": "middle"}]
    write_yaml(path, scenario({"use": "rules", "rules": rules, "otherwise": "small"}))
    part = load(path).spec.policy
    again = made(part.written())
    assert isinstance(again, Rules)
    assert again.otherwise == Always("small")
    assert again.rules[0].when.task == ("code",)
    assert again == part.make()
