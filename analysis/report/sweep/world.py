"""Worlds of a sweep: points that differ in the policy only, so that one chord, one hull and one oracle are theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.report.sweep import area
from analysis.report.sweep.lines import MOST, of_policy, split
from analysis.report.sweep.swept import Swept
from analysis.report.sweep.truth import VARIES, WHOLE, Floats, Truth, pair, truth

SAME = "in all points as many queries are answered by each pool: nothing that varies defers more or fewer of them."
DOTS = 101  # of an oracle whose scores are not just 0 and 1


class End(NamedTuple):
    """One end of the chord: its share and accuracy, of each replication too, and whether it is that of one pool."""

    share: float
    accuracy: float
    each: Floats
    is_pool: bool


@dataclass(frozen=True)
class World:
    """Points by row, with `strong_share` and `policy`; accuracies of their replications; who is right on what.

    `known` is None where the points differ in more than the policy.
    """

    name: str
    rows: pd.DataFrame
    each: dict[int, Floats]
    known: Truth | None
    weak: str
    strong: str

    @cached_property
    def ends(self) -> tuple[End, End]:
        """Everything to the weak and to the strong pool where that is known; else the points that come nearest."""
        by_share = self.rows.sort_values("strong_share")
        return self._end(self.weak, 0.0, by_share.iloc[0]), self._end(self.strong, 1.0, by_share.iloc[-1])

    @property
    def has_pools(self) -> bool:
        """Whether both ends are those of one pool, so that there is a gap."""
        return all(end.is_pool for end in self.ends)

    @cached_property
    def oracle(self) -> tuple[Floats, Floats] | None:
        """Shares and accuracies of the best there can be; None unless both pools were asked everything."""
        if self.known is None or self.known.known(self.weak, self.strong) < WHOLE:
            return None
        share, quality = area.oracle(*self.known.both(self.weak, self.strong))
        few = np.linspace(0, 1, DOTS)
        return (share, quality) if len(share) <= DOTS else (few, np.interp(few, share, quality))

    def called(self, name: str) -> str:
        """A name that says of which world it is, where there are several."""
        return f"{name}, {self.name}" if self.name else name

    def lines(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """The points of each policy, by rising share."""
        for policy, part in self.rows.groupby("policy", sort=False):
            yield self.called(str(policy)), part.sort_values("strong_share", kind="stable")

    def curve(self, points: pd.DataFrame) -> tuple[Floats, Floats]:
        """Shares and accuracies of these points and of the ends that are pools."""
        return self._with_ends(points, points["accuracy"].to_numpy(np.float64), [end.accuracy for end in self.ends])

    def gap_recovered(self, points: pd.DataFrame) -> tuple[float, float]:
        """APGR of these points and half of its 95 % interval over the replications that all have; NaN: undefined."""
        if not self.has_pools:
            return float("nan"), float("nan")
        weak, strong = self.ends
        of_points = zip(*(self.each[number] for number in points["point"]), strict=False)
        each = [
            area.apgr(*self._with_ends(points, np.array(right), ends), *ends)
            for right, ends in zip(of_points, zip(weak.each, strong.each, strict=False), strict=False)
        ]
        return area.apgr(*self.curve(points), weak.accuracy, strong.accuracy), area.half_width(np.array(each))

    def _with_ends(
        self, points: pd.DataFrame, right: Floats, ends: tuple[float, ...] | list[float]
    ) -> tuple[Floats, Floats]:
        there = [(end.share, accuracy) for end, accuracy in zip(self.ends, ends, strict=True) if end.is_pool]
        whole = np.array([*zip(points["strong_share"], right, strict=True), *there], np.float64)
        return whole[:, 0], whole[:, 1]

    def _end(self, pool: str, share: float, nearest: pd.Series) -> End:
        accuracy = None if self.known is None else self.known.accuracy(pool)
        if self.known is not None and accuracy is not None:
            return End(share, accuracy, self.known.accuracies(pool), True)
        own = float(nearest["strong_share"])
        return End(own, float(nearest["accuracy"]), self.each[int(nearest["point"])], abs(own - share) <= VARIES)


def worlds(swept: Swept) -> tuple[list[World], int]:
    """Worlds whose points differ in their share, few enough to draw, and how many more combinations there are."""
    own = of_policy(swept)
    parts = split(swept, [key for key in swept.varied if key not in own], swept.rows)
    is_mixed = all(len(part) < 2 for part in parts.values())
    found: list[World] = []
    strongest, more = None, 0
    for name, rows in (split(swept, (), swept.rows) if is_mixed else parts).items():
        rows = rows[rows["accuracy"].notna()]
        if len(rows) < 2 or len(found) == MOST:
            more += len(rows) >= 2
            continue
        shares = _shares(swept, rows)
        known = truth([swept.results[number] for number in dict.fromkeys(shares.idxmax())])
        strongest = strongest or pair(shares, known)
        if strongest is None or strongest[1] not in shares or np.ptp(shares[strongest[1]]) <= VARIES:
            continue
        rows = rows.assign(
            strong_share=shares[strongest[1]].to_numpy(np.float64),
            policy=[_policy(swept, number) for number in rows["point"]],
        )
        each = {
            number: np.array(swept.results[number].summary.metrics["accuracy"].each, np.float64)
            for number in rows["point"]
        }
        found.append(World(name, rows, each, None if is_mixed else known, *strongest))
    return found, more


def _shares(swept: Swept, rows: pd.DataFrame) -> pd.DataFrame:
    """The share of finished queries that each pool answers: a row a point, a column a pool."""
    told = {
        number: {line.pool: line.answered_frac for line in swept.results[number].summary.pools}
        for number in rows["point"]
    }
    return pd.DataFrame.from_dict(told, orient="index").astype(np.float64).fillna(0.0)


def _policy(swept: Swept, number: int) -> str:
    policy = swept.results[number].scenario.get("policy")
    return str(policy.get("use", "policy")) if isinstance(policy, dict) else "policy"
