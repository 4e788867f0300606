"""Grams of CO2-equivalent of joules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def co2_g(energy_j: Floats, g_per_j: Floats | float, pue: float = 1.0) -> Floats:
    """Grams of CO2-equivalent of joules that machines draw, (n,): with what the building adds, without manufacture."""
    return energy_j * pue * g_per_j
