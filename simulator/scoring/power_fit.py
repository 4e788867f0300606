"""What devices draw at work, fitted to measured watts of serving: a floor, bytes moved, and products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from simulator.physics import work
from simulator.physics.step import Spans
from simulator.scoring.asked import peak_of
from simulator.scoring.points import Point

Floats = NDArray[np.float64]


class Power(NamedTuple):
    """Fractions of the TDP, as the keys of engine profiles say them."""

    active_power_frac: float
    memory_power_frac: float
    compute_power_frac: float


MIDDLE = Power(0.2, 0.5, 0.7)
_TRUST = np.array([0.5, 0.2, 0.2])  # how little the middle holds, in units of a point's scatter


def use(point: Point, pass_s: float) -> tuple[float, float]:
    """Fractions of bandwidth and of peak that a point's devices use, if its passes take so long."""
    tokens_more = point.seqs * point.prompt_tok / max(point.output_tok, 1.0)
    context = point.seqs * (point.prompt_tok + point.output_tok / 2)
    one = np.array([1.0])
    spans = Spans(
        one * pass_s, one, one * point.seqs, one * context, one * tokens_more, 0.0 * one,
        one * tokens_more * point.prompt_tok / 2,
    )  # fmt: skip
    seconds = pass_s * point.split.devices
    peak, _ = peak_of(point)
    bandwidth = point.device.bandwidth_gb_per_s * 1e9
    moved = float(work.moved_bytes(point.model, point.weights, spans, point.split.tensor)[0])
    done = float(work.flop(point.model, spans)[0])
    return min(moved / (seconds * bandwidth), 1.0), min(done / (seconds * peak), 1.0)


def fit_power(points: Sequence[Point], pass_s: Sequence[float]) -> Power:
    """The fractions from measured watts of points whose passes take so long, by least squares drawn to `MIDDLE`.

    Points at the cap count as they are: the sum is never above 1.
    """
    uses = np.array([_terms(point, seconds) for point, seconds in zip(points, pass_s, strict=True)])
    watts = np.array([point.measured / (point.split.devices * point.device.tdp_w) for point in points])
    rows = np.vstack([uses / watts[:, None], np.diag(_TRUST)])
    wanted = np.concatenate([np.ones(len(points)), _TRUST * np.array(MIDDLE)])
    return Power(*lsq_linear(rows, wanted, bounds=(0.0, 1.0)).x.tolist())


def watts(power: Power, point: Point, pass_s: float) -> float:
    """Watts of all devices of a point at these fractions."""
    return point.split.devices * point.device.tdp_w * min(float(np.dot(power, _terms(point, pass_s))), 1.0)


def _terms(point: Point, pass_s: float) -> tuple[float, float, float]:
    """What the three fractions are multiplied with: `physics.power.busy_w` takes the square roots of use."""
    memory, compute = use(point, pass_s)
    return 1.0, memory**0.5, compute**0.5
