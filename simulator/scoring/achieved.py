"""What engines achieve, fitted to measured points at three levels: an engine, a family of devices, a device.

A number of a device is its engine's, times a deviation of the family, times one of the device, each drawn to 1: where
there is little to go by, a device is as its family, a family as the engine. That is what makes unseen ones predictable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from simulator.scoring.asked import Asked, asked
from simulator.scoring.points import Point

Floats = NDArray[np.float64]
Level = tuple[str, str]
"""("engine", its name), ("family", ...) or ("device", ...)."""


class Prior(NamedTuple):
    """What is held of a number before any point: its middle, and the spreads of its logarithm at the three levels."""

    middle: float
    engine: float
    family: float
    device: float
    most: float = np.inf


PRIORS: Mapping[str, Prior] = {
    "bandwidth_frac": Prior(0.75, 0.3, 0.25, 0.12, 0.9),
    "kv_bandwidth_frac": Prior(0.6, 0.5, 0.3, 0.15, 1.0),
    "prefill_frac": Prior(0.5, 0.25, 0.2, 0.1, 1.2),
    "prefill_int8_frac": Prior(0.25, 0.7, 0.25, 0.12, 1.2),
    "prefill_fp8_frac": Prior(0.4, 0.3, 0.2, 0.1, 0.8),
    "prefill_fp4_frac": Prior(0.25, 0.4, 0.2, 0.1, 0.8),
    "split_frac": Prior(0.93, 0.1, 0.05, 0.05, 1.0),
    "expert_frac": Prior(0.6, 0.3, 0.2, 0.1, 1.0),
    "attention_frac": Prior(0.25, 0.7, 0.3, 0.2, 1.0),
    "interconnect_frac": Prior(0.7, 0.3, 0.2, 0.1, 1.0),
    "request_overhead_us": Prior(20_000.0, 1.5, 0.7, 0.3),
    "layer_overhead_us": Prior(50.0, 1.0, 0.7, 0.6),
    "chunk_layer_overhead_us": Prior(20.0, 1.2, 0.5, 0.3),
    "moe_layer_overhead_us": Prior(20.0, 1.0, 0.5, 0.3),
    "seq_overhead_us": Prior(20.0, 1.2, 0.5, 0.3),
    "allreduce_us": Prior(8.0, 1.0, 0.3, 0.2),
}
_ALL_PRODUCTS = "all_products"
_PRIORS = {**PRIORS, _ALL_PRODUCTS: Prior(1.0, 1e-3, 0.3, 0.25)}
"""The same and what a family or a device deviates by in all its products, whatever numbers they are in."""
KEYS = tuple(_PRIORS)
_AT = {key: i for i, key in enumerate(KEYS)}
_COMPUTE = {"fp16": "prefill_frac", "int8": "prefill_int8_frac", "fp8": "prefill_fp8_frac", "fp4": "prefill_fp4_frac"}
_ERROR = 0.1  # relative: what the points are taken to scatter by


@dataclass(frozen=True)
class Achieved:
    """Numbers of an engine by level, and how many points stand behind each of them there."""

    levels: Mapping[Level, Mapping[str, float]]
    support: Mapping[Level, Mapping[str, float]]

    def of(self, point: Point) -> tuple[Floats, str]:
        """The numbers that hold for a point, in the order of `KEYS`, and the level they are of."""
        for level in levels_of(point):
            if level in self.levels:
                return np.array([self.levels[level].get(key, 1.0) for key in KEYS]), level[0]
        return np.array([prior.middle for prior in _PRIORS.values()]), "prior"


def levels_of(point: Point) -> tuple[Level, Level, Level]:
    """The levels of a point, the most particular first."""
    return ("device", point.device.name), ("family", point.device.family), ("engine", point.engine)


def fit(points: Sequence[Point]) -> Achieved:
    """Fit the numbers of one engine by least squares of the logarithm, outliers damped (soft L1)."""
    usable = [(point, each) for point in points if (each := asked(point)) is not None]
    kept = [point for point, _ in usable]
    layout = _Layout.of(kept)
    terms = _table(usable)
    measured = np.log([point.measured for point in kept])
    weight = _weights(kept) / _ERROR
    middle, pull = layout.middle, 1.0 / layout.spread
    # What no point asks for stays where it is; leaving it out makes the problem a third as large.
    free = layout.spread_out(np.abs(_slopes(terms, layout.logs(middle)))).sum(axis=0) > 0

    def whole(theta: Floats) -> Floats:
        full = middle.copy()
        full[free] = theta
        return full

    def residuals(theta: Floats) -> Floats:
        off = (np.log(seconds(terms, layout.logs(whole(theta)))) - measured) * weight
        return np.concatenate([off, (theta - middle[free]) * pull[free]])

    def jacobian(theta: Floats) -> Floats:
        slopes = _slopes(terms, layout.logs(whole(theta))) * weight[:, None]
        return np.vstack([layout.spread_out(slopes)[:, free], np.diag(pull[free])])

    found = whole(least_squares(residuals, middle[free], jac=jacobian, loss="soft_l1", ftol=1e-4, max_nfev=40).x)
    support = _support(layout, terms, found)
    return Achieved(layout.levels(found), support)


def predict(achieved: Achieved, points: Sequence[Point]) -> Floats:
    """Seconds of points, (n,); NaN where a device lacks what the point needs."""
    out = np.full(len(points), np.nan)
    for i, point in enumerate(points):
        terms = asked(point)
        if terms is not None:
            numbers, _ = achieved.of(point)
            out[i] = seconds(_table([(point, terms)]), np.log(numbers)[None, :])[0]
    return out


@dataclass(frozen=True)
class _Terms:
    asked: Floats  # (n, 16) in the order of Asked
    compute: NDArray[np.intp]  # (n,) which of KEYS is the fraction of its peak
    most: Floats  # (n, len(KEYS)) logarithms


def _table(rows: Sequence[tuple[Point, Asked]]) -> _Terms:
    return _Terms(
        np.array([row[:-1] for _, row in rows], dtype=np.float64),
        np.array([_AT[_COMPUTE[row.compute]] for _, row in rows], dtype=np.intp),
        np.array([_most(point) for point, _ in rows]),
    )


def _most(point: Point) -> Floats:
    """Logarithms of what each number can be at most.

    Products in 16 bits reach 0.74 to 0.81 of the peak of data-centre GPUs (kernel tables of aiconfigurator). GeForce
    cards do better than the peak told of them, which is of sums in 32 bits.
    """
    most = _MOST.copy()
    if point.device.kind == "datacenter":
        most[_AT["prefill_frac"]] = np.log(_KERNELS)
    return most


def _parts(terms: _Terms, logs: Floats) -> dict[str, Floats]:
    """The terms of the time, (n,) each, at these numbers; of compute and memory the smaller is 0."""
    columns = dict(zip(Asked._fields, terms.asked.T, strict=False))
    numbers = np.exp(np.minimum(logs, terms.most))
    at = {key: numbers[:, i] for key, i in _AT.items()}
    frac = np.take_along_axis(numbers, terms.compute[:, None], axis=1)[:, 0] * at[_ALL_PRODUCTS]
    frac = frac * at["split_frac"] ** columns["doublings"]
    product, expert = columns["product_s"] / frac, columns["expert_s"] / (frac * at["expert_frac"])
    moved = columns["bytes_s"] / at["bandwidth_frac"]
    computes = product + expert >= moved
    return {
        "request": columns["requests"] * at["request_overhead_us"] * 1e-6,
        "layer": columns["layers"] * at["layer_overhead_us"] * 1e-6,
        "chunk_layer": columns["chunk_layers"] * at["chunk_layer_overhead_us"] * 1e-6,
        "moe_layer": columns["moe_layers"] * at["moe_layer_overhead_us"] * 1e-6,
        "seq": columns["seqs"] * at["seq_overhead_us"] * 1e-6,
        "message": columns["messages"] * at["allreduce_us"] * 1e-6,
        "message_bytes": columns["message_s"] / at["interconnect_frac"],
        "product": product * computes + columns["more_product_s"] / frac,
        "expert": expert * computes + columns["more_expert_s"] / (frac * at["expert_frac"]),
        "bytes": moved * ~computes,
        "kv": columns["kv_s"] / at["kv_bandwidth_frac"],
        "attention": columns["attention_s"] / at["attention_frac"],
    }


_KERNELS = 0.75
_MOST = np.log([prior.most for prior in _PRIORS.values()])


def seconds(terms: _Terms, logs: Floats) -> Floats:
    """Time of points at these logarithms of the numbers, (n, len(KEYS)) or (1, len(KEYS))."""
    each = _parts(terms, np.broadcast_to(logs, (len(terms.asked), len(KEYS))))
    return np.asarray(np.sum(list(each.values()), axis=0))


def _slopes(terms: _Terms, logs: Floats) -> Floats:
    """Derivative of the logarithm of the time by that of each number, (n, len(KEYS)); none where it is at its most."""
    return np.where(logs > terms.most, 0.0, _shares(terms, logs))


def _shares(terms: _Terms, logs: Floats) -> Floats:
    """What part of the time each number makes, (n, len(KEYS)): below 0 where more of it takes less time."""
    part = _parts(terms, logs)
    total = np.sum(list(part.values()), axis=0)
    slopes = np.zeros((len(total), len(KEYS)))
    for key, names, sign in (
        ("request_overhead_us", ("request",), 1.0),
        ("layer_overhead_us", ("layer",), 1.0),
        ("chunk_layer_overhead_us", ("chunk_layer",), 1.0),
        ("moe_layer_overhead_us", ("moe_layer",), 1.0),
        ("seq_overhead_us", ("seq",), 1.0),
        ("allreduce_us", ("message",), 1.0),
        ("interconnect_frac", ("message_bytes",), -1.0),
        ("expert_frac", ("expert",), -1.0),
        ("bandwidth_frac", ("bytes",), -1.0),
        ("kv_bandwidth_frac", ("kv",), -1.0),
        ("attention_frac", ("attention",), -1.0),
    ):
        slopes[:, _AT[key]] = sign * sum(part[name] for name in names) / total
    product = -(part["product"] + part["expert"]) / total
    np.put_along_axis(slopes, terms.compute[:, None], product[:, None], axis=1)
    slopes[:, _AT[_ALL_PRODUCTS]] = product
    slopes[:, _AT["split_frac"]] = product * terms.asked[:, Asked._fields.index("doublings")]
    return slopes


@dataclass(frozen=True)
class _Layout:
    """Where each number of each level stands in the vector that is fitted, and which three hold for each point."""

    names: tuple[Level, ...]
    rows: NDArray[np.intp]  # (n, 3) of `names`: device, family, engine
    above: Mapping[Level, tuple[Level, ...]]
    most: Mapping[Level, Floats]

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Layout:
        levels = [levels_of(point) for point in points]
        names = tuple(dict.fromkeys(level for three in levels for level in three))
        at = {name: i for i, name in enumerate(names)}
        above = {three[i]: three[i:] for three in levels for i in range(3)}
        most = {level: _most(point) for point, three in zip(points, levels, strict=True) for level in three}
        return cls(names, np.array([[at[level] for level in three] for three in levels]), above, most)

    @property
    def middle(self) -> Floats:
        engine = np.log([prior.middle for prior in _PRIORS.values()])
        return np.concatenate([engine if name[0] == "engine" else np.zeros(len(KEYS)) for name in self.names])

    @property
    def spread(self) -> Floats:
        return np.array([getattr(prior, name[0]) for name in self.names for prior in _PRIORS.values()])

    def logs(self, theta: Floats) -> Floats:
        """Logarithms of the numbers of each point, (n, len(KEYS))."""
        summed: Floats = theta.reshape(len(self.names), len(KEYS))[self.rows].sum(axis=1)
        return summed

    def spread_out(self, slopes: Floats) -> Floats:
        """Slopes by point and number as a matrix over the whole vector."""
        wide = np.zeros((len(slopes), len(self.names), len(KEYS)))
        for column in range(3):
            wide[np.arange(len(slopes)), self.rows[:, column]] += slopes
        return wide.reshape(len(slopes), -1)

    def levels(self, theta: Floats) -> dict[Level, dict[str, float]]:
        """The numbers of each level as they are, not as deviations."""
        each = dict(zip(self.names, theta.reshape(len(self.names), len(KEYS)), strict=True))
        summed = {name: np.sum([each[level] for level in self.above[name]], axis=0) for name in self.names}
        out = {}
        for name, logs in summed.items():
            logs[[_AT[key] for key in _COMPUTE.values()]] += logs[_AT[_ALL_PRODUCTS]]
            out[name] = dict(zip(PRIORS, np.exp(np.minimum(logs, self.most[name])).tolist(), strict=False))
        return out


def _weights(points: Sequence[Point]) -> Floats:
    """Each curve counts as much as the square root of its rows would."""
    keys = [point.key() for point in points]
    count = {key: keys.count(key) for key in set(keys)}
    return np.array([count[key] ** -0.5 * min(count[key], 4) ** 0.25 for key in keys])


def _support(layout: _Layout, terms: _Terms, theta: Floats) -> dict[Level, dict[str, float]]:
    """For how many points' worth of time each number of each level stands: the sum of its shares of their time."""
    shares = np.abs(_shares(terms, layout.logs(theta)))
    out: dict[Level, dict[str, float]] = {}
    for i, name in enumerate(layout.names):
        mine = (layout.rows == i).any(axis=1)
        out[name] = dict(zip(KEYS, shares[mine].sum(axis=0).tolist(), strict=True))
    return out
