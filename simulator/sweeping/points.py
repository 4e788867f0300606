"""From what a sweep varies to its points, in an order that nothing else depends on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from simulator.spec.merge import Override
from simulator.spec.sweep import SweepSpec

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
    sampled = _sampled(spec)
    for parts in itertools.product(listed, zipped, sampled, grid):
        yield {key: value for part in parts for key, value in part.items()}


def _sampled(spec: SweepSpec) -> list[Values]:
    if spec.sample is None:
        return [{}]
    from simulator.sweeping.samples import sampled  # SciPy takes longer than a check of the file

    return list(sampled(spec.sample))


def overrides(point: Mapping[str, Any], places: Mapping[str, str], origin: str) -> list[Override]:
    """The point's values as `--set` would have them; errors name the key's place, or else `origin`."""
    return [
        Override(places.get(key, origin), key, json.dumps(value, ensure_ascii=False)) for key, value in point.items()
    ]
