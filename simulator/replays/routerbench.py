"""RouterBench: single models, the hull between them, the oracle, and routers that learn from the questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from simulator.metrics import frontiers
from simulator.metrics.value import Floats, Value, value_of
from simulator.replays.core import Replay, Row, exact, relation, shape
from simulator.replays.idle import Idle, by_item, column, routed

SCENARIO = "replays/routerbench"
SOURCE = "RouterBench slice of RouterDC@0e63989, by another program (metrics: arXiv 2403.12031)"
SINGLES: Mapping[str, tuple[str, str]] = {
    "mistral": ("0.5844", "0.000081"),
    "mixtral": ("0.7413", "0.000248"),
    "yi-34b": ("0.7730", "0.000329"),
    "gpt-4": ("0.8794", "0.005015"),
}
"""Score and dollars a query of those on the hull, by rising cost, as printed."""
ORACLE = ("0.9756", "0.000208")
AIQ = {"zero router": "0.8063", "oracle": "0.9586"}
AREA = {"zero router": "0.8056", "kNN-50": "0.8277", "k-means-20": "0.8312", "task": "0.8343", "oracle": "0.9597"}
"""On 40 % of the questions, by what the other 60 % tell: means of five splits, as printed."""
OTHER_SPLIT = 0.01  # what areas may differ by on other questions
ROUTERS: Mapping[str, Mapping[str, str]] = {
    "kNN-50": {"use": "knn-router", "quality": "{use: knn, k: 50, features: text}"},
    "k-means-20": {"use": "uniroute", "quality": "{use: kmeans, k: 20, features: text}"},
    "task": {"use": "uniroute", "quality": "task-mean"},
    "oracle": {"use": "oracle"},
}
PRICES = (0.0, *np.geomspace(0.003, 10, 25).tolist())
ORACLE_PRICES = (0.0, *np.geomspace(0.005, 5000, 60).tolist())


class Alone(NamedTuple):
    """What every model scores and costs on every item, (pools, items)."""

    score: Floats
    usd: Floats

    @classmethod
    def of(cls, idle: Idle) -> Alone:
        """Every item once to every pool."""
        singles = [idle.single(pool) for pool in idle.pools]
        return cls(*(np.stack([by_item(each, name) for each in singles]) for name in ("score", "cost_usd")))

    @property
    def dearest(self) -> float:
        """Mean dollars of the dearest model: where areas end."""
        return float(self.usd.mean(axis=1).max())


def rows() -> Iterator[Row]:
    """All questions, then those that routers did not learn from."""
    yield from _whole(Idle(SCENARIO, "workload.questions.items.split=all"))
    yield from _learned(Idle(SCENARIO))


def _whole(idle: Idle) -> Iterator[Row]:
    alone = Alone.of(idle)
    score, usd = alone.score.mean(axis=1), alone.usd.mean(axis=1)
    for pool, printed in SINGLES.items():
        i = idle.pools.index(pool)
        yield exact(f"{pool}: score", printed[0], float(score[i]), SOURCE)
        yield exact(f"{pool}: USD a query", printed[1], float(usd[i]), SOURCE)
    best = idle.under({"use": "best-single"}).queries["pool"].unique().tolist()
    yield relation("best single model", "gpt-4", ", ".join(best), best == ["gpt-4"], SOURCE, "exact")
    corners = [idle.pools[int(np.abs(usd - cost).argmin())] for cost in frontiers.hull(usd, score)[0].tolist()]
    yield relation("on the hull", ", ".join(SINGLES), ", ".join(corners), corners == list(SINGLES), SOURCE, "exact")
    yield exact("AIQ of the hull (zero router)", AIQ["zero router"], frontiers.aiq(usd, score), SOURCE)
    told = idle.under({"use": "oracle"}).queries
    yield exact("oracle: score", ORACLE[0], float(column(told, "score").mean()), SOURCE)
    yield exact("oracle: USD a query", ORACLE[1], float(column(told, "cost_usd").mean()), SOURCE)
    cost, quality = points(idle, ROUTERS["oracle"], alone, ORACLE_PRICES)
    yield exact("AIQ of the oracle", AIQ["oracle"], frontiers.aiq(cost, quality, alone.dearest), SOURCE)


def _learned(idle: Idle) -> Iterator[Row]:
    """Areas, their order, and what the quality of the best model costs."""
    alone = Alone.of(idle)
    area = {"zero router": frontiers.aiq(alone.usd.mean(axis=1), alone.score.mean(axis=1))}
    neutral: dict[str, Value] = {}
    best = int(alone.score.mean(axis=1).argmax())
    for name, policy in ROUTERS.items():
        cost, quality = points(idle, policy, alone, ORACLE_PRICES if name == "oracle" else PRICES)
        area[name] = frontiers.aiq(cost, quality, alone.dearest)
        neutral[name] = value_of(frontiers.qnc, cost, quality, alone.score.mean(axis=1)[best], alone.usd[best].mean())
    for name, printed in AREA.items():
        yield shape(f"area under the hull: {name}", printed, area[name], SOURCE, OTHER_SPLIT)
    by_area = sorted(area, key=area.__getitem__)
    yield relation("areas in order", " < ".join(AREA), " < ".join(by_area), by_area == list(AREA), SOURCE)
    for name in ("kNN-50", "k-means-20", "task"):
        found = neutral[name].value
        told = "never" if found is None else f"{found:.3f}"
        holds = found is None or found > 0.99
        yield relation(f"QNC: {name}", "1.0, or never", told, holds, SOURCE, "shape")


def points(idle: Idle, policy: Mapping[str, str], alone: Alone, prices: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Mean dollars and score of a router at each price of cost, (prices,) each."""
    found = []
    for price in prices:
        item, pool = routed(idle.with_policy({**policy, "price": price}))
        found.append((float(alone.usd[pool, item].mean()), float(alone.score[pool, item].mean())))
    cost, quality = np.array(found).T
    return cost, quality


REPLAY = Replay(
    title="single models, hull, oracle and learned routers on a slice of RouterBench (11 models, recorded prices)",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=("routerbench-0shot",),
)
