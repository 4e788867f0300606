"""Draws from uniforms: numbers in [0, 1) that somebody else has drawn."""

from __future__ import annotations

from math import exp, log
from statistics import NormalDist

_INVERSE = NormalDist().inv_cdf
_LEAST = 2.0**-54  # half of the smallest uniform above 0, whose normal is -8.2 and not minus infinity


def normal(u: float) -> float:
    """The standard normal that a uniform stands for."""
    return _INVERSE(max(u, _LEAST))


def lognormal(median: float, sigma: float, u: float) -> float:
    """The lognormal of this median and sigma (of the natural logarithm) that a uniform stands for."""
    return median * exp(sigma * normal(u))


def exponential(mean: float, u: float) -> float:
    """The exponential of this mean that a uniform stands for."""
    return -mean * log(1.0 - u)
