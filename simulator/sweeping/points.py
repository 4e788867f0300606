"""From what a sweep varies to its points, in an order that nothing else depends on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.stats import qmc

from simulator.spec.merge import Override
from simulator.spec.sweep import SampleSpec, SweepSpec

Values = dict[str, Any]  # of dotted keys


def count(spec: SweepSpec) -> int:
    """How many points there are, without making them."""
    grid = 1
    for values in spec.grid.values():
        grid *= len(values)
    zipped = len(next(iter(spec.zip.values()), (0,)))
    return grid * zipped * max(len(spec.list), 1) * (spec.sample.points if spec.sample else 1)


def points(spec: SweepSpec) -> Iterator[Values]:
    """Values of the varied keys at every point: the last key of the grid varies fastest."""
    listed = spec.list or ({},)
    zipped = [dict(zip(spec.zip, row, strict=True)) for row in zip(*spec.zip.values(), strict=True)] or [{}]
    grid = [dict(zip(spec.grid, row, strict=True)) for row in itertools.product(*spec.grid.values())]
    sampled = list(_sampled(spec.sample)) if spec.sample else [{}]
    for parts in itertools.product(listed, zipped, sampled, grid):
        yield {key: value for part in parts for key, value in part.items()}


def _sampled(spec: SampleSpec) -> Iterator[Values]:
    """Points of a low-discrepancy sequence over the ranges; the first ones do not depend on how many there are."""
    dimensions = len(spec.over)
    if spec.use == "sobol":
        engine = qmc.Sobol(dimensions, rng=np.random.default_rng(spec.seed))
        unit = engine.random_base2(max(spec.points - 1, 0).bit_length())[: spec.points]
    else:
        unit = qmc.LatinHypercube(dimensions, rng=np.random.default_rng(spec.seed)).random(spec.points)
    for row in unit:
        point: Values = {}
        for share, (key, over) in zip(row.tolist(), spec.over.items(), strict=True):
            if over.whole:
                point[key] = int(np.floor(over.low + share * (over.high - over.low + 1)))
            elif over.scale == "log":
                point[key] = float(over.low * (over.high / over.low) ** share)
            else:
                point[key] = over.low + share * (over.high - over.low)
        yield point


def overrides(point: Mapping[str, Any], origin: str) -> list[Override]:
    """The point's values as `--set` would have them; errors name `origin` and the key."""
    return [Override(f"{origin}: {key}", key, json.dumps(value)) for key, value in point.items()]
