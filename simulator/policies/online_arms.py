"""Contextual bandits: a linear model of the reward for each pool, learned from what comes back, and rules to choose by.

Every learner that routes before the answer is built of these: features of the query, a reward, a rule, and the pools
that are up at the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.learning.core import Encoder
from simulator.policies.setting import Floats, Setting

Bools = NDArray[np.bool_]
Uniform = Callable[[str, int, int], float]
Strategy = Literal["linucb", "eps-greedy", "thompson"]


class LinearArms:
    """A ridge regression for each arm: A = ridge I + sum x x', theta = A^-1 sum r x.

    Recursive least squares: A^-1 is kept up by Sherman and Morrison's formula, theta by the error of what it expected,
    so that an answer costs d^2, not d^3.
    """

    def __init__(self, arms: int, width: int, ridge: float) -> None:
        self.inverse = np.tile(np.eye(width) / ridge, (arms, 1, 1))
        self.theta = np.zeros((arms, width))

    def means(self, x: Floats) -> Floats:
        """theta . x of each arm: the reward expected."""
        return self.theta @ x

    def widths(self, x: Floats) -> Floats:
        """sqrt(x' A^-1 x) of each arm: how little is known of it at x."""
        spread: Floats = np.sqrt(np.maximum((self.inverse @ x) @ x, 0.0))
        return spread

    def take(self, arm: int, x: Floats, reward: float) -> None:
        """Learn that `arm` gave `reward` at x."""
        from scipy.linalg.blas import dger  # not where a scenario is only checked

        inverse, theta = self.inverse[arm], self.theta[arm]
        turned = inverse @ x
        scale = 1.0 / (1.0 + float(x.dot(turned)))
        theta += (reward - float(theta.dot(x))) * scale * turned
        dger(-scale, turned, turned, a=inverse.T, overwrite_a=True)  # in place, in one pass over the matrix


@dataclass(frozen=True, slots=True)
class Rule:
    """How a bandit chooses: the arm of the highest index.

    `linucb`: theta.x + alpha sqrt(x' A^-1 x). `thompson`: theta.x + sigma sqrt(x' A^-1 x) z with z standard normal,
    which is theta ~ N(A^-1 b, sigma^2 A^-1) seen along x. `eps-greedy`: theta.x, but with probability max(least,
    epsilon decay^t) after t decisions an arm at random.
    """

    strategy: Strategy
    alpha: float = 0.1
    sigma: float = 0.25
    epsilon: float = 1.0
    decay: float = 0.985
    least: float = 0.01

    def index(self, arms: LinearArms, x: Floats, uniform: Uniform, query: int, decided: int) -> Floats:
        """The index of every arm for `query`, after `decided` decisions."""
        if self.strategy == "linucb":
            return arms.means(x) + self.alpha * arms.widths(x)
        if self.strategy == "thompson":
            return arms.means(x) + self.sigma * arms.widths(x) * _normals(uniform, query, len(arms.theta))
        if uniform("explore", query, 0) < max(self.least, self.epsilon * self.decay**decided):
            return np.array([uniform("arm", query, arm) for arm in range(len(arms.theta))])
        return arms.means(x)


def _normals(uniform: Uniform, query: int, arms: int) -> Floats:
    """Standard normal numbers, one for each arm."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(max(uniform("arm", query, arm), 1e-12)) for arm in range(arms)])


def features(setting: Setting, context: Encoder | None) -> Floats:
    """Features of every query with a 1 before them; that 1 alone where there is no `context`."""
    ones = np.ones((len(setting.asked.prompt_tok), 1))
    return ones if context is None else np.hstack([ones, setting.asked.features(context)])


@dataclass(frozen=True, slots=True)
class Presence:
    """When each arm is to be had: `from_s` and `until_s`, (arms,)."""

    from_s: Floats
    until_s: Floats

    @classmethod
    def of(cls, pools: tuple[str, ...], from_s: Mapping[str, float], until_s: Mapping[str, float]) -> Presence | None:
        """The times of `pools`; None where all are always there."""
        if not from_s and not until_s:
            return None
        return cls(
            np.array([from_s.get(pool, 0.0) for pool in pools]),
            np.array([until_s.get(pool, np.inf) for pool in pools]),
        )

    def at(self, now_s: float) -> Bools:
        """Which arms are there."""
        there: Bools = (self.from_s <= now_s) & (now_s < self.until_s)
        return there
