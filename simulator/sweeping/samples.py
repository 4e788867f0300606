"""Points spread evenly over several ranges at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import qmc

from simulator.spec.sweep import RangeSpec, SampleSpec


def sampled(spec: SampleSpec) -> Iterator[dict[str, Any]]:
    """Values of the sampled keys, point by point; those of `sobol` do not depend on how many more there are."""
    dimensions = len(spec.over)
    if spec.use == "sobol":
        engine = qmc.Sobol(dimensions, rng=np.random.default_rng(spec.seed))
        unit = engine.random_base2(max(spec.points - 1, 0).bit_length())[: spec.points]
    else:
        unit = qmc.LatinHypercube(dimensions, rng=np.random.default_rng(spec.seed)).random(spec.points)
    for row in unit:
        yield {key: _value(over, share) for share, (key, over) in zip(row.tolist(), spec.over.items(), strict=True)}


def _value(over: RangeSpec, share: float) -> int | float:
    """The value at a share, from 0 to below 1, of a range."""
    high = over.high + over.whole  # each whole number has a part of the range, the last one too
    log = over.scale == "log"
    value = over.low * (high / over.low) ** share if log else over.low + share * (high - over.low)
    return min(int(value // 1), int(over.high)) if over.whole else min(value, over.high)
