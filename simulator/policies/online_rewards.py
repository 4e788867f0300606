"""What a learner makes of what it hears: one number for an answer, from its score, its joules, dollars and seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.policies.core import Feedback
from simulator.policies.setting import Setting, Train

Reward = Callable[[Feedback], float]
Per = Literal["per-token", "per-query"]
Bounds = Mapping[str, tuple[float, float]]
ALL = ""  # the bounds over all tasks


@dataclass(frozen=True)
class EnergyReward:
    """(1 - lam) score + lam (1 - e), e the joules between the least and the most of the query's task, kept to [0, 1].

    `bounds` are least and most by task, and over all of them under "". Source: GreenServ, arXiv 2601.17551.
    """

    lam: float
    per: Per
    bounds: Bounds
    task: list[str]
    prompt_tok: list[int]

    def __call__(self, feedback: Feedback) -> float:
        """The reward of one answer."""
        energy = feedback.energy_j
        if self.per == "per-token":
            energy /= self.prompt_tok[feedback.query] + feedback.output_tok
        least, most = self.bounds.get(self.task[feedback.query], self.bounds[ALL])
        share = (energy - least) / (most - least) if most > least else 0.0
        if math.isnan(share):  # nobody knows the joules of a hosted pool
            share = 1.0
        return (1.0 - self.lam) * feedback.score + self.lam * (1.0 - min(max(share, 0.0), 1.0))


def energy_reward(setting: Setting, lam: float, per: Per, bounds: Bounds) -> EnergyReward:
    """The reward with the bounds given, or with those of the train split. ValueError where there is neither."""
    if not bounds:
        if setting.train is None:
            raise ValueError("no train split to take the bounds of energy from: give 'bounds'")
        bounds = energy_bounds(setting.train, per)
    everywhere = (min(least for least, _ in bounds.values()), max(most for _, most in bounds.values()))
    tasks = setting.asked.tasks
    names = [tasks[task] if task >= 0 else ALL for task in setting.asked.task.tolist()]
    return EnergyReward(lam, per, {**bounds, ALL: everywhere}, names, setting.asked.prompt_tok.tolist())


def energy_bounds(train: Train, per: Per) -> dict[str, tuple[float, float]]:
    """Least and most joules of a call, or of a token of it, by task, over all pools."""
    energy = train.energy_j
    if per == "per-token":
        energy = energy / (train.prompt_tok[:, None] + train.output_tok)
    if np.isnan(energy).all():
        raise ValueError("nobody has said what energy a call takes at any pool")
    found = {}
    for number, task in enumerate(train.tasks):
        rows = energy[train.task == number]
        if not np.isnan(rows).all():
            found[task] = (float(np.nanmin(rows)), float(np.nanmax(rows)))
    return found


@dataclass(frozen=True)
class PricedReward:
    """score - price c - slowness log10(1 + seconds): c in dollars as a share of a mean call at the dearest pool."""

    price: float
    dearest_usd: float
    slowness: float = 0.0

    def __call__(self, feedback: Feedback) -> float:
        """The reward of one answer."""
        cost = feedback.usd / self.dearest_usd if self.dearest_usd > 0.0 else 0.0
        return feedback.score - self.price * cost - self.slowness * math.log10(1.0 + feedback.e2e_s)


def priced_reward(setting: Setting, price: float, slowness: float = 0.0) -> PricedReward:
    """The reward in this fleet's dollars."""
    return PricedReward(price, max(setting.usd_per_call.values()), slowness)
