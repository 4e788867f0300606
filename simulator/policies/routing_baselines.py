"""Baselines that name no pool: the smallest model for all, the largest, the best one, and the hull of them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.policies.choice import Choice, Currency, call_price, measured_cost, routed
from simulator.policies.core import Policy
from simulator.policies.setting import Floats, Needs, Setting
from simulator.policies.upgrades import upgrades
from simulator.spec.base import NonNegative

Size = Literal["params", "usd", "energy", "time"]


@dataclass(frozen=True)
class AlwaysSmall:
    """The smallest model for every query: by parameters where all are known, else by dollars of a mean call.

    `by` sets one of params, usd, energy, time. Equals: the first of the fleet.
    """

    by: Size | None = None
    """What size is: parameters, or dollars, joules or seconds of a mean call."""

    def prepare(self, setting: Setting) -> Policy:
        """Asks that pool."""
        return _one(setting, int(np.argmin(_sizes(setting, self.by))))


@dataclass(frozen=True)
class AlwaysLarge:
    """The largest model for every query: by parameters where all are known, else by dollars of a mean call.

    `by` sets one of params, usd, energy, time. Equals: the first of the fleet.
    """

    by: Size | None = None
    """What size is: parameters, or dollars, joules or seconds of a mean call."""

    def prepare(self, setting: Setting) -> Policy:
        """Asks that pool."""
        return _one(setting, int(np.argmax(_sizes(setting, self.by))))


@dataclass(frozen=True)
class BestSingle:
    """The model of the highest mean score on the train split for every query; among equals the cheaper one there."""

    @property
    def needs(self) -> Needs:
        """What was measured."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """Asks that pool."""
        assert setting.train is not None
        score = setting.train.score.mean(axis=0)
        usd = np.nan_to_num(setting.train.usd.mean(axis=0))
        return _one(setting, int(np.where(np.isclose(score, score.max(), rtol=0.0, atol=1e-12), usd, np.inf).argmin()))


@dataclass(frozen=True)
class ZeroRouter:
    """A coin between two models, for a mean cost of `budget` a query: what is had without looking at the query.

    The two are neighbours on the non-decreasing convex hull of all models by mean cost and mean score on the train
    split. Below the hull the cheapest model is asked, above it the best. Source: RouterBench, arXiv 2403.12031.
    """

    budget: NonNegative
    """Dollars a query; joules or seconds with that `currency`."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was measured."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The coins of one replication."""
        assert setting.train is not None
        cost = measured_cost(setting.train, self.currency, setting.pools).mean(axis=0)
        hull = upgrades(setting.train.score.mean(axis=0)[None], cost[None])
        pools = [int(hull.start[0]), *hull.pool.tolist()]
        below = hull.within(self.budget)
        if below == len(hull.pool) or self.budget <= cost[pools[0]]:
            return _one(setting, pools[below])
        cheap, dear = pools[below], pools[below + 1]
        share = (self.budget - cost[cheap]) / (cost[dear] - cost[cheap])
        drawn: Floats = np.array(
            [setting.uniform("policy", query, 0) for query in range(len(setting.asked.prompt_tok))]
        )
        return routed(setting, np.where(drawn < share, dear, cheap))


def _sizes(setting: Setting, by: Size | None) -> Floats:
    """How large each pool's model is. ValueError where that is asked for and not known."""
    params: Floats = np.array([setting.params[pool] for pool in setting.pools])
    if by is None:
        by = "usd" if np.isnan(params).any() else "params"
    if by != "params":
        return np.array([call_price(setting, by)[pool] for pool in setting.pools])
    if np.isnan(params).any():
        unknown = [repr(pool) for pool, count in zip(setting.pools, params, strict=True) if np.isnan(count)]
        raise ValueError(f"nobody has said how large the model of {', '.join(unknown)} is")
    return params


def _one(setting: Setting, pool: int) -> Policy:
    choice: Choice = np.full(len(setting.asked.prompt_tok), pool, dtype=np.intp)
    return routed(setting, choice)
