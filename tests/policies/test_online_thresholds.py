"""Hierarchical inference with learned thresholds, and the student: by hand, by brute force, and on measured answers."""

from __future__ import annotations

import csv
import gzip
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hands import Pool, Told, answered, asked_pool, finished, fleet, heard, query, setting
from hypothesis import given
from hypothesis import strategies as st
from policy_world import POOLS, made

from simulator.policies.core import Answer, Ask, Failed, Finish
from simulator.policies.online_hil import Thresholds
from simulator.policies.setting import Floats, prepared

VIEW = fleet(*(Pool(pool) for pool in POOLS))
HIL = {"use": "hil-f", "small": "small", "large": "large", "beta": 0.3}


def learner(policy: dict[str, Any], queries: int) -> Any:
    return prepared(made(policy), setting(POOLS, Told(np.zeros(queries, dtype=np.int64))))


def lived(policy: Any, row: int, p: float, right: bool) -> bool:
    """A query's life where the large model is always right; whether it was offloaded."""
    asked = query(row)
    assert asked_pool(policy.decide(asked, VIEW)) == "small"
    answered(asked, "small", p, group=int(right))
    decision = policy.decide(asked, VIEW)
    if isinstance(decision, Ask):
        assert finished(policy.decide(answered(asked, "large", 1.0, group=1), VIEW)) == "large"
        return True
    policy.learn(heard(row, "small", float(right)))
    return False


def mean_loss(use: str, p: Floats, right: Floats, beta: float, order: Floats) -> float:
    """Of queries in this order: `beta` if offloaded, else 1 where the small answer is wrong."""
    policy = learner({**HIL, "use": use, "beta": beta}, len(p))
    lost = [beta if lived(policy, row, p[i], bool(right[i])) else 1.0 - right[i] for row, i in enumerate(order)]
    return float(np.mean(lost))


steps = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]), st.floats(0, 1), st.floats(0, 1)))


@given(steps=steps, p=st.floats(0.0, 1.0))
def test_weights_are_those_of_all_thresholds_one_by_one(steps: list[tuple[float, float, float]], p: float) -> None:
    kept = Thresholds(eta=0.7)
    for at, accepting, offloading in steps:
        kept.lose(at, accepting, offloading)
    edges = np.unique([0.0, 1.0, p, *(at for at, _, _ in steps)])
    middle = (edges[1:] + edges[:-1]) / 2
    loss = sum((np.where(middle <= at, no, yes) for at, no, yes in steps), np.zeros(len(middle)))
    weight = np.exp(-0.7 * loss) * np.diff(edges)
    assert kept.share_above(p) == pytest.approx(weight[middle > p].sum() / weight.sum(), abs=1e-9)


def test_very_many_losses_on_one_side_leave_numbers_that_can_be_reckoned_with() -> None:
    kept = Thresholds(eta=1.0)
    for _ in range(3000):
        kept.lose(0.5, 0.0, 1.0)
    assert kept.share_above(0.5) == pytest.approx(0.0, abs=1e-9)
    for _ in range(6000):
        kept.lose(0.5, 1.0, 0.0)
    assert kept.share_above(0.5) == pytest.approx(1.0, abs=1e-9)


def test_a_first_threshold_is_uniform() -> None:
    assert Thresholds(eta=1.0).share_above(0.3) == pytest.approx(0.7)


def test_what_is_not_heard_of_is_not_learned_from() -> None:
    policy = learner(HIL, 10)
    asked = answered(query(0), "small", 0.99, group=-1)
    for row in range(10):
        asked = answered(query(row), "small", 0.6, group=-1)
        if isinstance(policy.decide(asked, VIEW), Ask):
            policy.decide(answered(asked, "large", 1.0, group=-1), VIEW)
    assert policy.thresholds.pieces == 1


@pytest.mark.parametrize("use", ["hil-f", "hil-n"])
def test_a_threshold_that_is_learned_comes_near_the_best_fixed_one(use: str) -> None:
    chance = np.random.default_rng(2)
    p = chance.random(2000)
    right = (chance.random(2000) < p).astype(float)  # calibrated: best to offload below 1 - beta
    best = min(float(np.where(p < theta, 0.3, 1 - right).mean()) for theta in np.linspace(0, 1, 101))
    order = np.arange(2000)
    lost = mean_loss(use, p, right, 0.3, order)
    assert lost - best < {"hil-f": 0.02, "hil-n": 0.08}[use]
    assert lost < min(0.3, 1 - right.mean())  # better than always or never


def data() -> Path:
    path = Path(os.environ.get("MULTILLM_DATA", "")) / "quality" / "rational_cascades_llama5.csv.gz"
    if not path.is_file():
        pytest.skip("MULTILLM_DATA does not say where the measured tables are")
    return path


@pytest.mark.parametrize(("beta", "published"), [(0.1, 0.0951), (0.3, 0.2256), (0.5, 0.3274)])
def test_hil_f_on_mmlu_loses_what_is_published(beta: float, published: float) -> None:
    with gzip.open(data(), "rt") as file:
        told = [
            (math.exp(float(row["conf_logprob"])), float(row["correct"]))
            for row in csv.DictReader(file)
            if (row["dataset"], row["split"], row["model"]) == ("mmlu", "test", "llama3.1-8b")
        ]
    p, right = np.array(told).T
    assert len(p) == 1531
    chance = np.random.default_rng(0)
    lost = [mean_loss("hil-f", p, right, beta, chance.permutation(len(p))) for _ in range(5)]
    error = np.std(lost, ddof=1) / 5**0.5
    assert abs(np.mean(lost) - published) < 4 * (error * 2**0.5)  # theirs is of five seeds, too


DISTIL = {"use": "cache-distil", "students": {"small": 0, "middle": 3}, "teacher": "large", "accept": 0.5, "warmup": 2}


def distilled(policy: Any, row: int, p: float, agree: bool) -> list[str]:
    """The pools that a query is asked of."""
    asked = query(row)
    student = asked_pool(policy.decide(asked, VIEW))
    answered(asked, student, p, group=int(agree))
    if isinstance(policy.decide(asked, VIEW), Finish):
        return [student]
    assert finished(policy.decide(answered(asked, "large", 1.0, group=1), VIEW)) == "large"
    return [student, "large"]


def test_the_next_student_comes_with_its_labels() -> None:
    policy = learner({**DISTIL, "accept": 2.0}, 9)
    assert [distilled(policy, row, 0.9, True)[0] for row in range(5)] == ["small"] * 3 + ["middle"] * 2


def test_the_gate_is_a_ridge_regression_of_agreement() -> None:
    policy = learner({**DISTIL, "students": {"small": 0}, "accept": 0.3}, 99)
    seen = [(0.9, True), (0.2, False)]
    for row, (p, agree) in enumerate(seen):
        assert distilled(policy, row, p, agree) == ["small", "large"]  # labels first
    x = np.array([[1.0, p] for p, _ in seen])
    theta = np.linalg.solve(np.eye(2) + x.T @ x, x.T @ np.array([1.0, 0.0]))
    p = (0.3 - theta[0]) / theta[1]  # where the gate says just enough
    assert distilled(policy, 2, p + 1e-6, True) == ["small"]
    assert distilled(policy, 3, p - 1e-6, True) == ["small", "large"]


def test_a_student_that_is_never_like_its_teacher_is_not_believed() -> None:
    policy, chance = learner({**DISTIL, "students": {"small": 0}, "accept": 0.5}, 300), np.random.default_rng(0)
    believed = [len(distilled(policy, row, float(chance.random()), False)) == 1 for row in range(300)]
    assert not any(believed)
    policy = learner({**DISTIL, "students": {"small": 0}, "accept": 0.5}, 300)
    believed = [len(distilled(policy, row, float(chance.random()), True)) == 1 for row in range(300)]
    assert np.mean(believed[20:]) > 0.9


def test_a_taken_answer_that_comes_back_wrong_closes_the_gate() -> None:
    policy = learner({**DISTIL, "students": {"small": 0}}, 300)
    for row in range(10):
        distilled(policy, row, 0.9, True)
    for row in range(10, 60):
        asked = answered(query(row), "small", 0.9, group=0)
        policy.decide(query(row), VIEW)
        if isinstance(policy.decide(asked, VIEW), Finish):
            policy.learn(heard(row, "small", 0.0))
    assert distilled(policy, 99, 0.9, True) == ["small", "large"]


def test_where_the_large_model_fails_the_small_answer_is_given() -> None:
    policy = learner({**HIL, "beta": 0.0}, 1)
    asked = answered(query(0), "small", 0.0)
    assert asked_pool(policy.decide(asked, VIEW)) == "large"
    asked.asked += ("large",)
    asked.outcomes += (Failed("large", "answer", "timeout", 2.0),)
    decision = policy.decide(asked, VIEW)
    assert isinstance(decision, Finish)
    assert isinstance(decision.answer, Answer)
    assert decision.answer.pool == "small"
