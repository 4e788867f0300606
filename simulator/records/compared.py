"""What differs between runs, as `multillm compare` tells it and its report draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """`b` - `a` of one metric with its 95 % interval; `clear` if that leaves out 0. None, and why, where undefined."""

    metric: str
    unit: str
    better: str
    a: float | None
    b: float | None
    diff: float | None
    ci_low: float | None
    ci_high: float | None
    clear: bool
    reason: str = ""

    @property
    def verdict(self) -> str:
        """What the difference means, in words."""
        if self.ci_low is None:
            return f"not known: {self.reason}"
        if not self.clear or self.diff is None:
            return "no clear difference"
        return "clear: better" if (self.diff < 0) == (self.better == "lower") else "clear: worse"


@dataclass(frozen=True)
class Compared:
    """A run beside the reference, which is `a` of its differences; `paired` if both met the same queries."""

    name: str
    paired: bool
    differences: Sequence[Difference]

    @property
    def how(self) -> str:
        """How the two were compared, in words."""
        return "the same queries, pair by pair" if self.paired else "other queries, so independent and less sure"
