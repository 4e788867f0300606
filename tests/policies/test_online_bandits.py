"""Learners that route: by hand, against closed forms, and in planted worlds where the best arm is known."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from hands import Pool, Told, asked_pool, fleet, heard, query, setting
from hypothesis import given
from hypothesis import strategies as st
from policy_world import POOLS, made

from simulator.policies.core import Drop
from simulator.policies.online_arms import LinearArms, Rule
from simulator.policies.online_rewards import EnergyReward, PricedReward
from simulator.policies.setting import Floats, prepared

VIEW = fleet(*(Pool(pool) for pool in POOLS))
REWARD = np.array([[0.9, 0.3, 0.2], [0.2, 0.8, 0.4], [0.3, 0.1, 0.7]])  # (tasks, pools): one best pool a task
QUERIES = 1500


def told(queries: int = QUERIES) -> Told:
    return Told(np.random.default_rng(1).integers(0, 3, queries), cost=np.ones((queries, 3)))


def played(policy: dict[str, Any], keep: float = 1.0, delay: int = 0, noise: float = 0.0) -> Floats:
    """Regret of each query in turn: the best arm's chance of being right less the chosen one's."""
    asked, chance = told(), np.random.default_rng(7)
    learner: Any = prepared(made(policy), setting(POOLS, asked))
    late: deque[Any] = deque()
    regret = []
    for row, task in enumerate(asked.task.tolist()):
        arm = POOLS.index(asked_pool(learner.decide(query(row), VIEW)))
        right = float(chance.random() < REWARD[task, arm])
        if chance.random() < keep:
            late.append(heard(row, POOLS[arm], 1.0 - right if chance.random() < noise else right, energy_j=0.0))
        if len(late) > delay:
            learner.learn(late.popleft())
        regret.append(REWARD[task].max() - REWARD[task, arm])
    return np.array(regret)


RANDOM_REGRET = float((REWARD.max(axis=1, keepdims=True) - REWARD).mean())
BOUNDS = {"a": [0.0, 1.0]}
LEARNERS = [
    {"use": "greenserv", "lam": 0.0, "bounds": BOUNDS, "alpha": 0.5},
    {"use": "greenserv", "lam": 0.0, "bounds": BOUNDS, "strategy": "eps-greedy"},
    {"use": "greenserv", "lam": 0.0, "bounds": BOUNDS, "strategy": "thompson"},
    {"use": "metallm", "price": 0.0},
]
IDS = ["linucb", "eps-greedy", "thompson", "metallm"]


@given(seed=st.integers(0, 1000), ridge=st.floats(0.01, 10.0), count=st.integers(1, 30))
def test_an_arm_is_the_ridge_regression_of_its_rewards(seed: int, ridge: float, count: int) -> None:
    chance = np.random.default_rng(seed)
    x, reward = chance.normal(size=(count, 4)), chance.random(count)
    arms = LinearArms(2, 4, ridge)
    for row, value in zip(x, reward, strict=True):
        arms.take(1, row, value)
    stacked = np.vstack([x, np.sqrt(ridge) * np.eye(4)])  # ridge as least squares with four more rows
    theta = np.linalg.lstsq(stacked, np.concatenate([reward, np.zeros(4)]), rcond=None)[0]
    at = chance.normal(size=4)
    width = np.linalg.norm(np.linalg.solve(np.linalg.cholesky(stacked.T @ stacked), at))
    np.testing.assert_allclose(arms.means(at), [0.0, theta @ at], atol=1e-8)
    np.testing.assert_allclose(arms.widths(at), [np.linalg.norm(at) / np.sqrt(ridge), width], rtol=1e-7)


def test_linucb_by_hand() -> None:
    arms = LinearArms(2, 1, ridge=1.0)
    arms.take(0, np.ones(1), 0.9)  # A = 2, b = .9: mean .45, width .7071; the other: mean 0, width 1
    one = np.ones(1)
    for alpha, best in ((1.0, 0), (2.0, 1)):  # .45 + .7071 > 1; .45 + 1.4142 < 2
        index = Rule("linucb", alpha).index(arms, one, lambda *key: 0.5, 0, 0)
        np.testing.assert_allclose(index, [0.45 + alpha * 0.5**0.5, alpha])
        assert int(index.argmax()) == best


def test_thompson_draws_around_the_mean_as_wide_as_its_doubt() -> None:
    arms = LinearArms(1, 1, ridge=1.0)
    arms.take(0, np.ones(1), 0.9)
    chance = np.random.default_rng(0)
    rule = Rule("thompson", sigma=0.3)
    drawn = [rule.index(arms, np.ones(1), lambda *key: chance.random(), 0, 0)[0] for _ in range(4000)]
    sigma = 0.3 * 0.5**0.5
    assert abs(np.mean(drawn) - 0.45) < 4 * sigma / 4000**0.5
    assert np.std(drawn) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("policy", LEARNERS, ids=IDS)
def test_the_planted_best_arm_is_found_and_regret_falls(policy: dict[str, Any]) -> None:
    regret = played(policy)
    first, last = regret[: QUERIES // 3].mean(), regret[-QUERIES // 3 :].mean()
    assert last < 0.1 * RANDOM_REGRET
    assert last < first or first < 0.02
    assert regret.mean() < 0.4 * RANDOM_REGRET


@pytest.mark.parametrize("policy", LEARNERS, ids=IDS)
def test_late_partial_and_wrong_feedback_still_teaches(policy: dict[str, Any]) -> None:
    regret = played(policy, keep=0.5, delay=50, noise=0.1)
    assert regret[-QUERIES // 3 :].mean() < 0.25 * RANDOM_REGRET


def test_without_a_context_one_pool_is_used_for_all() -> None:
    regret = played({**LEARNERS[0], "context": None})
    best_alone = float((REWARD.max(axis=1) - REWARD[:, REWARD.mean(axis=0).argmax()]).mean())
    assert regret[-QUERIES // 3 :].mean() > 0.7 * best_alone


def test_a_pool_that_left_is_not_asked_and_a_new_one_is_tried_at_once() -> None:
    asked = told(400)
    policy = {**LEARNERS[0], "until_s": {"small": 200.0}, "from_s": {"large": 200.0}}
    learner: Any = prepared(made(policy), setting(POOLS, asked))
    chosen = []
    for row in range(400):
        pool = asked_pool(learner.decide(query(row), fleet(now_s=float(row))))
        learner.learn(heard(row, pool, 0.5))
        chosen.append(pool)
    assert "large" not in chosen[:200]
    assert "small" not in chosen[200:]
    assert "large" in chosen[200:210]


def test_no_pool_there_is_a_dropped_query() -> None:
    policy = {**LEARNERS[0], "until_s": dict.fromkeys(POOLS, 1.0)}
    learner = prepared(made(policy), setting(POOLS, told(1)))
    assert learner.decide(query(), fleet(now_s=2.0)) == Drop("no pool")


def test_slow_pools_are_left_out_as_far_as_has_been_heard() -> None:
    learner: Any = prepared(made({**LEARNERS[0], "limit_s": 2.0}), setting(POOLS, told(3)))
    learner.learn(heard(0, "small", 1.0, e2e_s=3.0))
    learner.learn(heard(0, "middle", 0.0, e2e_s=1.0))
    learner.learn(heard(0, "large", 0.0, e2e_s=2.5))
    assert asked_pool(learner.decide(query(0), VIEW)) == "middle"
    learner.learn(heard(0, "middle", 0.0, e2e_s=8.0))  # a mean of 4.5 s: none is quick, large is quickest
    assert asked_pool(learner.decide(query(1), VIEW)) == "large"


def test_the_reward_of_energy_by_hand() -> None:
    bounds = {"a": (0.1, 0.5), "": (0.0, 1.0)}
    reward = EnergyReward(0.25, "per-token", bounds, ["a", "b"], [10, 10])
    assert reward(heard(0, "small", 1.0, energy_j=6.0, output_tok=10)) == pytest.approx(0.75 + 0.25 * 0.5)  # 0.3 J/tok
    assert reward(heard(0, "small", 0.0, energy_j=99.0, output_tok=10)) == 0.0  # kept to the most
    assert reward(heard(1, "small", 0.0, energy_j=6.0, output_tok=10)) == pytest.approx(0.25 * 0.7)  # bounds of all
    whole = EnergyReward(0.5, "per-query", {"": (2.0, 10.0)}, [""], [10])
    assert whole(heard(0, "small", 1.0, energy_j=4.0)) == pytest.approx(0.5 + 0.5 * 0.75)


def test_the_reward_of_price_by_hand() -> None:
    assert PricedReward(0.3, 4.0)(heard(0, "small", 1.0, usd=2.0)) == pytest.approx(1.0 - 0.3 * 0.5)
    assert PricedReward(0.0, 4.0, 0.5)(heard(0, "small", 1.0, e2e_s=99.0)) == pytest.approx(1.0 - 0.5 * 2.0)


def test_q_learning_and_the_automaton_by_hand() -> None:
    plain = {"use": "pickllm", "rate": 0.5, "epsilon": 0.0, "price": 0.0, "slowness": 0.0}
    learner: Any = prepared(made(plain), setting(POOLS, told(9)))
    for score in (1.0, 0.0):  # 0 -> .5 -> .25
        learner.learn(heard(0, "middle", score))
    np.testing.assert_allclose(learner.values, [0.0, 0.25, 0.0])
    assert asked_pool(learner.decide(query(5), VIEW)) == "middle"
    automaton: Any = prepared(made({**plain, "learner": "automaton"}), setting(POOLS, told(9)))
    automaton.learn(heard(0, "large", 1.0))  # thirds, halved, and a half to the one that won
    np.testing.assert_allclose(automaton.shares, [1 / 6, 1 / 6, 2 / 3])
    automaton.learn(heard(0, "small", 0.0))  # no reward, no move
    np.testing.assert_allclose(automaton.shares, [1 / 6, 1 / 6, 2 / 3])


@pytest.mark.parametrize("learner", ["q-learning", "automaton"])
def test_pickllm_ends_at_the_best_single_pool(learner: str) -> None:
    asked, chance, chosen = told(), np.random.default_rng(3), []
    policy = {"use": "pickllm", "learner": learner, "rate": 0.02, "price": 0.0, "slowness": 0.0}
    picks: Any = prepared(made(policy), setting(POOLS, asked))
    for row in range(QUERIES):
        pool = asked_pool(picks.decide(query(row), VIEW))
        picks.learn(heard(row, pool, float(chance.random() < {"small": 0.2, "middle": 0.9, "large": 0.3}[pool])))
        chosen.append(pool)
    assert chosen[-300:].count("middle") > 250


def test_a_question_asked_again_after_a_lesson_has_the_same_answer() -> None:
    learner: Any = prepared(made(LEARNERS[0]), setting(POOLS, told(2)))
    first = learner.decide(query(0), VIEW)
    for pool in POOLS:
        learner.learn(heard(0, pool, float(pool == "large")))
    assert learner.decide(query(0), VIEW) == first
