"""When replications are enough: a metric's 95 % interval is as narrow as was asked for, or there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from simulator.metrics.intervals import interval, resample
from simulator.metrics.keys import of_key
from simulator.metrics.sample import Sample, statistic
from simulator.spec.errors import SpecError

MOST = 50
FEWEST = 2  # there is no interval over one


@dataclass(frozen=True)
class Until:
    """Replications are added until half the width of the interval of `metric` is at most `rel_half` of its mean.

    `metric` is a key of the summary (`ttft_s.p95`); `most` replications are not exceeded.
    """

    metric: str
    rel_half: float
    most: int = MOST

    def __post_init__(self) -> None:
        of_key(self.metric)
        if not 0 < self.rel_half < 1:
            raise SpecError(f"--until-ci {self.rel_half:g}: write a fraction between 0 and 1, 0.02 for 2 %")
        if self.most < FEWEST:
            raise SpecError(f"--max-reps {self.most}: an interval needs {FEWEST} replications or more")

    def reached(self, samples: Sequence[Sample], seed: int) -> float | None:
        """The relative half-width over these replications; None where there is no interval, or no mean but 0."""
        metric, _ = of_key(self.metric)
        values = self._values(samples)
        if any(map(isnan, values)):
            return None
        low, high, _ = interval(metric, values, None if metric.spread == "runs" else resample(samples, seed))
        mean = abs(float(np.mean(values)))
        if low is None or high is None or (mean == 0 and high > low):
            return None
        return (high - low) / 2 / mean if high > low else 0.0

    def is_enough(self, samples: Sequence[Sample], seed: int) -> bool:
        """Whether to stop. SpecError where the metric is undefined in all replications: more would not help."""
        if len(samples) < FEWEST:
            return False
        if all(map(isnan, self._values(samples))):
            raise SpecError(f"--until-ci: {self.metric} is undefined in this scenario: it has no interval")
        got = self.reached(samples, seed)
        return len(samples) >= self.most or (got is not None and got <= self.rel_half)

    def _values(self, samples: Sequence[Sample]) -> list[float]:
        metric, percentile = of_key(self.metric)
        return [statistic(metric, one, percentile) for one in samples]
