"""GreenServ's strategies on its own logged rewards: the regrets of its paper, in size and in order."""

from __future__ import annotations

import csv
import gzip
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from simulator.policies.online_arms import LinearArms, Rule
from simulator.policies.online_bandits import RIDGE
from simulator.policies.setting import Floats, Ints

PUBLISHED = {"random": 607.3, "eps-greedy": 457.7, "linucb": 458.6}  # X1 and X2: final regret, lambda 0.5, 5 runs


def logged() -> tuple[Ints, Floats, Floats]:
    """Task of each query (queries,), its best reward, and rewards (queries, models); NaN where none was logged."""
    path = Path(os.environ.get("MULTILLM_DATA", "")) / "quality" / "greenserv_rewards.csv.gz"
    if not path.is_file():
        pytest.skip("MULTILLM_DATA does not say where the measured tables are")
    with gzip.open(path, "rt") as file:
        told = list(csv.DictReader(file))
    queries, tasks, models = (sorted({row[name] for row in told}) for name in ("query_id", "dataset", "model"))
    place = {query: i for i, query in enumerate(queries)}
    task, best = np.zeros(len(queries), dtype=np.int64), np.zeros(len(queries))
    reward = np.full((len(queries), len(models)), np.nan)
    for row in told:
        i = place[row["query_id"]]
        task[i], best[i] = tasks.index(row["dataset"]), float(row["best_reward_lambda05"])
        reward[i, models.index(row["model"])] = float(row["reward_lambda05"])
    return task, best, reward


def filled(task: Ints, best: Floats, reward: Floats, chance: np.random.Generator) -> Floats:
    """Rewards that were not logged are drawn from the model's on the task; none is more than the query's best."""
    whole = reward.copy()
    known: dict[tuple[int, int], Floats] = defaultdict(lambda: np.zeros(0))
    for i, j in zip(*np.nonzero(np.isnan(reward)), strict=True):
        key = (int(task[i]), int(j))
        if key not in known:
            column = reward[task == key[0], j]
            known[key] = column[~np.isnan(column)]
        whole[i, j] = min(chance.choice(known[key]), best[i])
    return whole


def regret(rule: Rule, x: Floats, best: Floats, reward: Floats, chance: np.random.Generator) -> float:
    """Of one run over all queries."""
    arms, lost = LinearArms(reward.shape[1], x.shape[1], RIDGE[rule.strategy]), 0.0
    for turn, row in enumerate(chance.permutation(len(x))):
        arm = int(rule.index(arms, x[row], lambda *key: chance.random(), row, turn).argmax())
        arms.take(arm, x[row], reward[row, arm])
        lost += best[row] - reward[row, arm]
    return lost


@pytest.mark.slow
def test_regrets_on_logged_rewards_are_the_papers_in_size_and_order() -> None:
    task, best, reward = logged()
    ones, by_task = np.ones((len(task), 1)), np.eye(5)[task]
    lost: dict[str, list[float]] = defaultdict(list)
    for seed in range(5):
        chance = np.random.default_rng(seed)
        whole = filled(task, best, reward, chance)
        lost["random"].append(float((best - whole.mean(axis=1)).sum()))
        lost["eps-greedy"].append(regret(Rule("eps-greedy", decay=0.98), ones, best, whole, chance))
        lost["linucb"].append(regret(Rule("linucb"), np.hstack([ones, by_task]), best, whole, chance))
    mean = {name: float(np.mean(values)) for name, values in lost.items()}
    assert mean["random"] == pytest.approx(PUBLISHED["random"], rel=0.05)
    for name in ("eps-greedy", "linucb"):
        assert mean[name] == pytest.approx(PUBLISHED[name], rel=0.15)
        assert mean[name] < 0.85 * mean["random"]
