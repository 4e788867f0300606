"""One number for quality and what it takes: IBC, IES, joules for a right answer, arena score, regret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose, log2
from typing import Literal

import numpy as np

from simulator.metrics.value import Floats, Undefined, Value, over_items, weighted_mean


def ibc(quality: float, cost: float, small_quality: float, small_cost: float) -> float:
    """Incremental benefit per cost over the small model: (P - P_small) / (C - C_small). Source: AutoMix, 2310.12963."""
    if cost == small_cost:
        raise Undefined("it costs as much as the small model")
    return (quality - small_quality) / (cost - small_cost)


def ibc_lift(
    quality: float, cost: float, small_quality: float, small_cost: float, large_quality: float, large_cost: float
) -> float:
    """Percent by which the IBC lies above that of the large model: 0 is a coin. Source: AutoMix, 2310.12963."""
    base = ibc(large_quality, large_cost, small_quality, small_cost)
    if not base > 0:
        raise Undefined("the large model brings nothing for its cost")
    return 100 * (ibc(quality, cost, small_quality, small_cost) - base) / base


def energy_j_per_correct(energy_j: float, correct: float) -> float:
    """Joules for each right answer, from the means of all queries; the right ones pay for the wrong ones."""
    if not correct > 0:
        raise Undefined("no answer was right")
    return energy_j / correct


ARENA_USD_PER_1K = (0.0044, 200.0)
ARENA_BETA = 0.1


def arena_score(accuracy: float, usd_per_query: float) -> float:
    """RouterArena's score: the F mean of accuracy and of cheapness, (1 + b) A C / (b A + C), b = 0.1.

    C = (log2 c_max - log2 c) / (log2 c_max - log2 c_min) with c in USD for 1,000 queries, from 0.0044 to 200.
    """
    low, high = ARENA_USD_PER_1K
    if not usd_per_query > 0:
        raise Undefined("it costs nothing")
    cheap = (log2(high) - log2(usd_per_query * 1000)) / (log2(high) - log2(low))
    cheap = min(max(cheap, 0.0), 1.0)
    bottom = ARENA_BETA * accuracy + cheap
    return (1 + ARENA_BETA) * accuracy * cheap / bottom if bottom > 0 else 0.0


def regret(chosen: Floats, best: Floats | float) -> Floats:
    """Cumulated regret after each decision, (n,): what the comparator's rewards exceed those of what was chosen by.

    `best` are the rewards of the comparator: the best arm of each query (n,), or the mean of the best fixed one.
    """
    cumulated: Floats = np.cumsum(np.broadcast_to(best, chosen.shape) - chosen)
    return cumulated


def regret_per_query(chosen: Floats, best: Floats, seed: int = 0) -> Value:
    """Mean regret against a comparator's (n,) rewards on the same queries, with its interval over them."""
    lost = np.broadcast_to(best, chosen.shape) - chosen
    return over_items({"": float}, lambda weights: weighted_mean(lost, weights), np.arange(len(lost)), seed)[""]


@dataclass(frozen=True)
class Responsive:
    """Responsiveness R in [0, 1] of a latency L: 1 / (1 + L/of_s), max(0, 1 - L/of_s), or 1 up to of_s and then 0."""

    form: Literal["inverse", "linear", "deadline"] = "inverse"
    of_s: float = 1.0

    def __call__(self, latency_s: Floats) -> Floats:
        """R of each latency, (n,)."""
        frac = latency_s / self.of_s
        match self.form:
            case "inverse":
                return 1.0 / (1.0 + frac)
            case "linear":
                return np.maximum(0.0, 1.0 - frac)
            case "deadline":
                return (frac <= 1.0).astype(np.float64)

    def __str__(self) -> str:
        of = f"{self.of_s:g} s"
        return {"inverse": f"1/(1 + L/{of})", "linear": f"max(0, 1 - L/{of})", "deadline": f"1 if L <= {of}"}[self.form]


@dataclass(frozen=True)
class Efficiency:
    """The Inference Efficiency Score, IES = [alpha Q + (1 - alpha) R] / C, of arXiv 2506.06579.

    C = sum of w_i c_i / reference_i over components such as `flop`, `memory_byte_s`, `energy_j`, `time_s`, `cost_usd`;
    weights add up to 1. The survey leaves the form of R, the weights and the references open, so they are told with
    the score (`str`). c_i of a cascade are those of all its calls, verifications and its router.
    """

    alpha: float
    weights: Mapping[str, float]
    references: Mapping[str, float]
    responsive: Responsive = Responsive()

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha lies between 0 and 1, not {self.alpha:g}")
        if not isclose(sum(self.weights.values()), 1.0, abs_tol=1e-9) or min(self.weights.values()) < 0:
            raise ValueError("weights are not negative and add up to 1")
        if missing := [name for name in self.weights if not self.references.get(name, 0.0) > 0]:
            raise ValueError(f"no reference above 0 for {', '.join(missing)}")

    @property
    def warning(self) -> str:
        """Not empty where latency counts twice, in R and in C."""
        twice = self.alpha < 1 and self.weights.get("time_s", 0.0) > 0
        return "latency counts twice: in R and, as time_s, in C" if twice else ""

    def worth(self, quality: Floats, latency_s: Floats) -> Floats:
        """alpha Q + (1 - alpha) R of each query, (n,); an answer that never came (NaN) is not responsive."""
        return self.alpha * quality + (1 - self.alpha) * np.nan_to_num(self.responsive(latency_s))

    def cost(self, costs: Mapping[str, Floats]) -> Floats:
        """C of each query, (n,); NaN where a component that counts is unknown."""
        used = [weight / self.references[name] * costs[name] for name, weight in self.weights.items() if weight]
        cost: Floats = np.sum(used, axis=0)
        return cost

    def score(
        self, quality: Floats, latency_s: Floats, costs: Mapping[str, Floats], item: Floats | None = None, seed: int = 0
    ) -> dict[str, Value]:
        """`mean_of_ratios` over queries and `ratio_of_means`, which differ; columns are (n,), a query each."""
        worth, cost = self.worth(quality, latency_s), self.cost(costs)
        if np.isnan(cost).any() or not (cost > 0).all():
            reason = "a component of the cost is unknown" if np.isnan(cost).any() else "a query costs nothing"
            return dict.fromkeys(("mean_of_ratios", "ratio_of_means"), Value(None, reason=reason))

        def of(weights: Floats) -> tuple[float, float]:
            ratios = weighted_mean(worth / cost, weights)
            return ratios, weighted_mean(worth, weights) / weighted_mean(cost, weights)

        rows = np.arange(len(worth)) if item is None else item
        metrics = {"mean_of_ratios": lambda both: both[0], "ratio_of_means": lambda both: both[1]}
        return over_items(metrics, of, rows, seed)

    def __str__(self) -> str:
        parts = " + ".join(
            f"{weight:g} {name}/{self.references[name]:g}" for name, weight in self.weights.items() if weight
        )
        return f"[{self.alpha:g} Q + {1 - self.alpha:g} R] / C, R = {self.responsive}, C = {parts}"
