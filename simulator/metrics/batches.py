"""The 95 % interval of a mean or a percentile from one long replication: batch means."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from simulator.metrics.intervals import LEVEL

Floats = NDArray[np.float64]

BATCHES = (20, 10)  # the first that will do: more batches know their spread better, longer ones are less alike
INDEPENDENT = 5.0  # observations' worth of a batch, at least: with fewer, intervals hold the truth too seldom
FEWEST = 50  # queries of a batch: with fewer their memory is not known
SURE = 5.0  # lengths of memory over which correlations are summed


def batch_half(values: Floats, percentile: float | None = None) -> tuple[float, int] | None:
    """Half-width of the interval of the mean, or of a percentile, of a series in its order, and the number of batches.

    Student t over the batches' estimates around that of the whole series (sectioning, which is less biased in tails
    than the batches' mean). None where a batch holds too few independent observations, of a percentile too few beyond
    it: waits resemble their neighbours', and long ones come together. Source: Asmussen, Glynn 2007, "Stochastic
    Simulation", III.5 and IV.5; Schmeiser 1982, "Batch size effects", on how many batches.
    """
    if len(values) < BATCHES[-1]:
        return None
    whole = float(values.mean() if percentile is None else np.percentile(values, percentile))
    beyond = 1.0 if percentile is None else min(percentile, 100 - percentile) / 100
    seen = values if percentile is None else (values > whole).astype(np.float64)
    independent = beyond * len(values) / memory(seen)
    for count in BATCHES:
        if independent < INDEPENDENT * count or len(values) < FEWEST * count:
            continue
        length = len(values) // count
        batches = values[len(values) - count * length :].reshape(count, length)
        each = batches.mean(axis=1) if percentile is None else np.percentile(batches, percentile, axis=1)
        spread = sqrt(float(((each - whole) ** 2).sum()) / (count - 1))
        return float(stdtrit(count - 1, (1 + LEVEL) / 2)) * spread / sqrt(count), count
    return None


def memory(series: Floats) -> float:
    """How many neighbours in a series are worth one independent value: 1 + twice the sum of its correlations, >= 1.

    Correlations are summed as far as `SURE` times the result. Source: Sokal 1997, "Monte Carlo methods in statistical
    mechanics", section 3 (integrated autocorrelation time, automatic windowing).
    """
    n = len(series)
    spectrum = np.fft.rfft(series - series.mean(), 2 * n)
    products = np.fft.irfft(spectrum * np.conj(spectrum))[:n]
    if products[0] <= 0:
        return 1.0
    summed = 2 * np.cumsum(products / products[0]) - 1
    enough = np.arange(n) >= SURE * summed
    return max(1.0, float(summed[int(np.argmax(enough))]))


def within(value: float, values: Floats, percentile: float | None) -> tuple[float | None, float | None, str]:
    """The interval around `value`, and that it is of batch means; or why there is none."""
    found = batch_half(values, percentile)
    if found is None:
        return None, None, "no interval from one replication: too short to be cut into batches"
    half, count = found
    return value - half, value + half, f"interval of batch means: one replication in {count} batches"
