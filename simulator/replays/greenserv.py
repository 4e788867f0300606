"""GreenServ: what a bandit saves that learns which of sixteen models to ask, beside models that are always asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simulator.metrics.efficiency import regret
from simulator.metrics.value import Floats
from simulator.policies.core import Feedback
from simulator.policies.online_rewards import ALL, EnergyReward
from simulator.replaying import Replayed
from simulator.replays.core import Replay, Row, answer, exact, relation, shape
from simulator.replays.idle import Idle, column

SCENARIO = "replays/greenserv"
PAPER = "arXiv 2601.17551, figure 2b, and the summaries X1 to X3 of TZData1/llm-inference-router@8e055dd"
LAM = 0.5
SEEDS = 5
J_PER_WH = 3600.0
NEAR = 0.15  # of a size that should come out


class Published(NamedTuple):
    """Of a strategy at lambda 0.5: accuracy, watt-hours of 2,500 queries, final regret."""

    accuracy: str
    energy_wh: str
    regret: str


STATIC: Mapping[str, tuple[str, str]] = {
    "qwen-0_5b": ("0.322", "52.5"),
    "llama-1b": ("0.371", "56.9"),
    "qwen-1_5b": ("0.500", "91.0"),
    "llama-3b": ("0.486", "113.9"),
    "phi-4-mini": ("0.584", "117.5"),
    "qwen-3b": ("0.551", "152.2"),
    "mistral-7b": ("0.533", "178.0"),
    "gemma-1b": ("0.395", "198.3"),
    "gemma-4b": ("0.548", "213.2"),
    "qwen-7b": ("0.543", "216.2"),
    "llama-8b": ("0.602", "223.0"),
    "phi-4": ("0.341", "293.7"),
    "qwen-14b": ("0.650", "325.4"),
    "gemma-12b": ("0.681", "383.4"),
    "yi-34b": ("0.384", "440.5"),
    "gemma-27b": ("0.685", "731.4"),
}
"""Accuracy and watt-hours of one model for all queries: what the table is drawn under."""
STRATEGIES: Mapping[str, Published] = {
    "LinUCB": Published("0.624", "173", "417"),
    "eps-greedy, context": Published("0.612", "151", "421"),
    "Thompson, context": Published("0.606", "178", "437"),
    "eps-greedy, no context": Published("0.625", "270", "458"),
    "random": Published("0.511", "237.8", "607"),
    "smallest": Published("0.322", "52.5", "693"),
    "accuracy": Published("0.685", "731.4", "851"),
    "largest": Published("0.384", "440.5", "1071"),
}
"""By regret. The paper finds no significant difference between the first three."""
SWEEP: Mapping[float, tuple[str, str]] = {
    0.0: ("0.660", "244"),
    0.2: ("0.645", "230"),
    0.4: ("0.628", "176"),
    0.5: ("0.621", "149"),
    0.6: ("0.603", "136"),
    0.8: ("0.536", "103"),
    1.0: ("0.375", "67"),
}
"""Accuracy and watt-hours of LinUCB by lambda."""
CHANGE = 1000  # the query at which llama-3.1-8b goes and gemma-3-12b comes
SHARES: Mapping[tuple[int, int], str] = {(0, 25): "0.68", (25, 50): "0.46", (50, 100): "0.44", (100, 500): "0.34"}
"""Of the new model among the queries so many after the change."""


def rows() -> Iterator[Row]:
    """Single models, strategies, lambda, the context, and a model that comes."""
    idle = Idle(SCENARIO)
    for pool, (accuracy, energy_wh) in STATIC.items():
        queries = idle.single(pool)
        yield exact(f"{pool}: accuracy", accuracy, float(column(queries, "score").mean()), PAPER)
        yield exact(f"{pool}: energy [Wh]", energy_wh, _energy_wh(queries), PAPER)
    yield from _strategies(idle)
    yield from _sweep(idle)
    yield from _change(idle)


def bandit(strategy: str, context: str | None, lam: float = LAM) -> Mapping[str, object]:
    """The scenario's policy with another strategy, context (None: none) or lambda."""
    return {"strategy": strategy, "context": context, "lam": lam}


POLICIES: Mapping[str, Mapping[str, object]] = {
    "LinUCB": bandit("linucb", "task"),
    "eps-greedy, context": bandit("eps-greedy", "task"),
    "Thompson, context": bandit("thompson", "task"),
    "eps-greedy, no context": bandit("eps-greedy", None),
    "random": {"use": "random", "share": dict.fromkeys(STATIC, 1.0)},
    "smallest": {"use": "always", "pool": "qwen-0_5b"},
    "accuracy": {"use": "always", "pool": "gemma-27b"},
    "largest": {"use": "always", "pool": "yi-34b"},
}


class Found(NamedTuple):
    """Means over seeds."""

    accuracy: float
    energy_wh: float
    regret: float


def found(idle: Idle, policy: Mapping[str, object], seeds: int = SEEDS) -> Found:
    """What a policy comes to."""
    reward = rewards(idle)
    told = [idle.instead(whole(idle, policy), seed) for seed in range(seeds)]
    return Found(*np.mean([_found(idle, one, reward) for one in told], axis=0).tolist())


def rewards(idle: Idle, lam: float = LAM) -> Floats:
    """What every model would have been rewarded for every item, (items, pools): for regret, which no policy knows."""
    cls = idle.system.classes[0]
    table = cls.table
    assert table is not None
    assert table.energy_j_per_tok is not None
    bounds = {**_policy(idle)["bounds"], ALL: (0.0, 1.0)}
    tasks = [table.tasks[task] for task in table.task.tolist()]
    made = np.empty((len(table), len(cls.columns)))
    for pool, model in enumerate(cls.columns):
        prompt_tok = table.prompt_tok[:, model].astype(int).tolist()
        reward = EnergyReward(lam, "per-token", bounds, tasks, prompt_tok)
        told = zip(
            table.score[:, model].tolist(),
            table.output_tok[:, model].astype(int).tolist(),
            table.energy_j_per_tok[:, model].tolist(),
            strict=True,
        )
        made[:, pool] = [
            reward(Feedback(item, "", score, tok, 0.0, tok * j_per_tok, 0.0, 0.0))
            for item, (score, tok, j_per_tok) in enumerate(told)
        ]
    return made


def _found(idle: Idle, replayed: Replayed, reward: Floats) -> Found:
    queries = replayed.queries
    item = queries["item"].to_numpy(np.int64)
    number = {pool: i for i, pool in enumerate(idle.pools)}
    chosen = reward[item, queries["pool"].map(number).to_numpy(np.int64)]
    lost = regret(chosen, reward[item].max(axis=1))
    return Found(float(column(queries, "score").mean()), _energy_wh(queries), float(lost[-1]))


def _strategies(idle: Idle) -> Iterator[Row]:
    got = {
        name: found(idle, policy, 1 if name in ("smallest", "accuracy", "largest") else SEEDS)
        for name, policy in POLICIES.items()
    }
    for name, printed in STRATEGIES.items():
        for what, figure, value in zip(("accuracy", "energy [Wh]", "regret"), printed, got[name], strict=True):
            yield shape(f"{name}: {what}", figure, value, PAPER, within=NEAR * float(figure))
    order = list(STRATEGIES)
    learned = [got[name].regret for name in order[:3]]
    lost = [max(learned), *(got[name].regret for name in order[3:])]
    told = " < ".join(f"{name} {got[name].regret:.0f}" for name in sorted(order, key=lambda name: got[name].regret))
    yield relation(
        "regret by strategy",
        "LinUCB, eps-greedy and Thompson with context < eps-greedy without < random < smallest < accuracy < largest",
        told,
        lost == sorted(lost),
        PAPER,
    )
    more = 100 * (got["LinUCB"].accuracy / got["random"].accuracy - 1)
    less = 100 * (got["LinUCB"].energy_wh / got["random"].energy_wh - 1)
    yield shape("LinUCB over random: accuracy [%]", "22.2", more, PAPER, within=5)
    yield shape("LinUCB over random: energy [%]", "-31", less, PAPER, within=10)
    yield from _ablation(idle, got)


def _ablation(idle: Idle, got: Mapping[str, Found]) -> Iterator[Row]:
    """Of the features that are here: the task, or nothing."""
    blind, seeing = got["eps-greedy, no context"].regret, got["eps-greedy, context"].regret
    yield relation(
        "the context lowers regret (eps-greedy)", "458 > 421", f"{blind:.0f} > {seeing:.0f}", blind > seeing, PAPER
    )
    task = found(idle, {**bandit("linucb", "task"), "alpha": 0.1}).regret
    yield shape("ablation, LinUCB on the task alone at alpha 0.1: regret", "459", task, PAPER, within=NEAR * 459)
    yield relation(
        "ablation: the task alone at alpha 0.1 gains little over no context",
        "459 and 458",
        f"{task:.0f} and {blind:.0f}",
        abs(task / blind - 1) < 0.05,
        PAPER,
        how="shape",
    )
    told = f"{got['LinUCB'].regret:.0f}"
    yield answer("ablation: the task alone with as large a bonus as all features get: regret", told)


def _sweep(idle: Idle) -> Iterator[Row]:
    got = {lam: found(idle, bandit("linucb", "task", lam)) for lam in SWEEP}
    for lam, printed in SWEEP.items():
        for what, figure, value in zip(("accuracy", "energy [Wh]"), printed, got[lam][:2], strict=True):
            yield shape(f"LinUCB at lambda {lam}: {what}", figure, value, PAPER, within=2 * NEAR * float(figure))
    steps = np.array([got[lam] for lam in SWEEP if lam != LAM])  # of 0.2: half of it is less than seeds differ by
    falls = bool((np.diff(steps[:, :2], axis=0) < 0).all())
    told = (
        f"{got[0.0].accuracy:.3f} to {got[1.0].accuracy:.3f}, {got[0.0].energy_wh:.0f} to {got[1.0].energy_wh:.0f} Wh"
    )
    yield relation(
        "accuracy and energy fall as lambda rises", ".660 to .375, 244 to 67 Wh", told, falls, PAPER, how="shape"
    )


def _change(idle: Idle) -> Iterator[Row]:
    """The scenario's queries come every 100 s, so that a query's number is a time."""
    at_s = 100.0 * CHANGE
    change = {"from_s": {"gemma-12b": at_s}, "until_s": {"llama-8b": at_s}}
    told = [idle.instead(whole(idle, {**bandit("linucb", "task"), **change}), seed).queries for seed in range(SEEDS)]
    for (first, last), figure in SHARES.items():
        share = np.mean([(one["pool"][CHANGE + first : CHANGE + last] == "gemma-12b").mean() for one in told])
        yield shape(f"share of the new model, {first} to {last} after", figure, float(share), PAPER, within=0.15)
    old = max(float((one["pool"][CHANGE:] == "llama-8b").mean()) for one in told)
    yield exact("share of the removed model after the change", "0", old, PAPER)


def whole(idle: Idle, policy: Mapping[str, object]) -> Mapping[str, object]:
    """The scenario's policy with these keys, unless they are another policy."""
    return policy if "use" in policy else {**_policy(idle), **policy}


def _policy(idle: Idle) -> dict[str, Any]:
    return idle.question.load().spec.policy.written()


def _energy_wh(queries: pd.DataFrame) -> float:
    return float(column(queries, "energy_j").sum()) / J_PER_WH


REPLAY = Replay(
    title="sixteen models under a bandit that trades accuracy for joules, on a table drawn under the published means",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
)
