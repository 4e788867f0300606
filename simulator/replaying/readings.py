"""What is read off a curve: each reading is a function of the means over some items, so that any has an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.metrics import curves, efficiency, frontiers
from simulator.metrics.value import Floats, Undefined

if TYPE_CHECKING:
    from simulator.replaying.ends import Ends

SLICES = 11  # points of a curve, even in strong share, that its hypervolume is of


@dataclass(frozen=True, eq=False)
class Drawn:
    """`MEANS` of the points, (k,), and of single pools, (pools,), over some items.

    `on_item` (pools, items) is each pool's accuracy on each item, `times` (items,) how often each is asked.
    """

    ends: Ends
    points: Mapping[str, Floats]
    singles: Mapping[str, Floats]
    on_item: Floats
    times: Floats

    @property
    def share(self) -> Floats:
        """Of the points."""
        return self.points["strong_share"]

    @property
    def quality(self) -> Floats:
        """Of the points."""
        return self.points["accuracy"]

    @property
    def cost(self) -> Floats:
        """Of the points."""
        return self.points[self.ends.currency]

    def single(self, pool: str) -> tuple[float, float]:
        """Accuracy and cost of everything to one pool."""
        i = self.ends.pools.index(pool)
        return float(self.singles["accuracy"][i]), float(self.singles[self.ends.currency][i])

    @property
    def gap(self) -> tuple[float, float]:
        """Accuracy of the weak and of the strong pool."""
        return self.single(self.ends.weak)[0], self.single(self.ends.strong)[0]

    @property
    def alone_cost(self) -> Floats:
        """Of single pools."""
        return self.singles[self.ends.currency]


def _spans(drawn: Drawn) -> None:
    """Raise Undefined where areas over shares would not be over all of them."""
    if drawn.share.min() > 0.02 or drawn.share.max() < 0.98:
        raise Undefined(f"the points have strong shares from {drawn.share.min():.3g} to {drawn.share.max():.3g} only")


def _audc(drawn: Drawn) -> float:
    _spans(drawn)
    return curves.audc(drawn.share, drawn.quality)


def _oracle(drawn: Drawn) -> float:
    ends = drawn.ends
    weak, strong = (drawn.on_item[ends.pools.index(pool)] for pool in (ends.weak, ends.strong))
    return curves.audc(*curves.oracle(weak, strong, drawn.times))


def _apgr(drawn: Drawn) -> float:
    _spans(drawn)
    return curves.apgr(drawn.share, drawn.quality, *drawn.gap)


def _cpt(level: float) -> Callable[[Drawn], float]:
    return lambda drawn: curves.cpt(level, drawn.share, drawn.quality, *drawn.gap)


def _aiq(drawn: Drawn) -> float:
    return frontiers.aiq(drawn.cost, drawn.quality, float(drawn.alone_cost.max()))


def _zero_router(drawn: Drawn) -> float:
    return frontiers.aiq(drawn.alone_cost, drawn.singles["accuracy"])


def _area(drawn: Drawn) -> float:
    return frontiers.area(drawn.cost, drawn.quality, float(drawn.alone_cost.max()))


def _cost_auc(drawn: Drawn) -> float:
    cheapest, dearest = float(drawn.alone_cost.min()), float(drawn.alone_cost.max())
    return frontiers.cascade_routing_auc(drawn.cost, drawn.quality, cheapest, dearest)


def _qnc(drawn: Drawn) -> float:
    return frontiers.qnc(drawn.cost, drawn.quality, *drawn.single(drawn.ends.strong))


def _ibc_lift(drawn: Drawn) -> float:
    """The best of the points."""
    small, large = drawn.single(drawn.ends.weak), drawn.single(drawn.ends.strong)
    found = [
        efficiency.ibc_lift(quality, cost, *small, *large)
        for quality, cost in zip(drawn.quality, drawn.cost, strict=True)
        if cost > small[1]
    ]
    if not found:
        raise Undefined("no point costs more than the weak pool")
    return max(found)


def _saved(drawn: Drawn) -> float:
    return 1.0 - _qnc(drawn)


def _hypervolume(drawn: Drawn) -> float:
    """Of errors, dollars, joules and seconds: the reference is all wrong, and what asking every pool takes, 1 each."""
    columns = [1 - drawn.quality]
    for name in ("cost_usd", "energy_j", "e2e_s"):
        most = float(drawn.singles[name].sum())
        if np.isnan(most):
            raise Undefined(f"{name} of a pool is unknown")
        if most > 0:
            columns.append(drawn.points[name] / most)
    marks = np.linspace(drawn.share.min(), drawn.share.max(), SLICES)
    chosen = np.unique(np.abs(drawn.share[:, None] - marks).argmin(axis=0))
    return frontiers.hypervolume(np.stack(columns, axis=1)[chosen], np.ones(len(columns)))


READINGS: Mapping[str, Callable[[Drawn], float]] = {
    "audc": _audc,
    "audc_random": lambda drawn: curves.random_chord(*drawn.gap),
    "audc_oracle": _oracle,
    "apgr": _apgr,
    "cpt50": _cpt(0.5),
    "cpt80": _cpt(0.8),
    "aiq": _aiq,
    "aiq_zero_router": _zero_router,
    "area": _area,
    "cost_auc": _cost_auc,
    "qnc": _qnc,
    "saved_frac": _saved,
    "ibc_lift_pct": _ibc_lift,
    "hypervolume": _hypervolume,
}
TITLES = {
    "audc": "area under the deferral curve",
    "audc_random": "the same of a coin (chord)",
    "audc_oracle": "the same of the oracle",
    "apgr": "APGR, mean gap recovered (coin: 0.5)",
    "cpt50": "CPT(50 %), strong share for half of the gap",
    "cpt80": "CPT(80 %)",
    "aiq": "AIQ (hull, up to the dearest pool)",
    "aiq_zero_router": "AIQ of single pools (zero router)",
    "area": "area (UniRoute)",
    "cost_auc": "area between cheapest and dearest pool",
    "qnc": "QNC, cost at the strong pool's accuracy",
    "saved_frac": "saved at the strong pool's accuracy",
    "ibc_lift_pct": "best IBC lift [%]",
    "hypervolume": "hypervolume of errors, $, J, s (up to all pools')",
}
