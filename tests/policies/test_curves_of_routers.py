"""Curves over numbers whose scores nobody knows: a price, say."""

from __future__ import annotations

from pathlib import Path

import pytest
from policy_world import scenario, write_yaml

from simulator.replaying.calibrate import calibrate
from simulator.replaying.loaded import loaded_curve
from simulator.replaying.sweep import curve
from simulator.replaying.vary import Over, Question


@pytest.fixture
def question(folder: Path) -> Question:
    path = folder / "carrot.yaml"
    policy = {"use": "carrot", "mu": 0.3, "quality": "task-mean"}
    write_yaml(path, scenario(policy) | {"name": "carrot"})
    return Question(str(path))


def test_a_price_is_varied_between_quality_and_cost(question: Question):
    found = curve(question, Over("policy.mu"), resamples=20)
    points = found.points
    assert (points["value"].iloc[0], points["value"].iloc[-1]) == (0.0, 1.0)
    assert points["cost_usd"].is_monotonic_decreasing
    assert points["cost_usd"].nunique() >= 3
    assert points["cost_usd"].iloc[-1] == pytest.approx(found.singles.set_index("pool")["cost_usd"]["small"])


def test_the_same_values_are_run_under_load(question: Question):
    idle = curve(question, Over("policy.mu"), resamples=20)
    run = loaded_curve(question, Over("policy.mu"), resamples=20, jobs=1)
    assert run.points["value"].tolist() == idle.points["value"].tolist()
    assert run.points["accuracy"].tolist() == pytest.approx(idle.points["accuracy"].tolist())


def test_a_budget_is_kept_by_a_price_that_is_found(question: Question):
    usd = curve(question, Over("policy.mu"), resamples=20).points["cost_usd"]
    budget = (usd.min() + usd.max()) / 2
    found = calibrate(question, "cost_usd", budget, Over("policy.mu"))
    assert found.train["cost_usd"].value is not None
    assert found.train["cost_usd"].value <= budget
