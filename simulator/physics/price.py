"""Dollars of calls at hosted APIs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.physics.values import Hosted

Floats = NDArray[np.float64]


def call_usd(hosted: Hosted, prompt_tok: Floats, output_tok: Floats) -> Floats:
    """Dollars of calls at a hosted API, (n,): prompt and output tokens at their prices, and the price of a call."""
    tokens_usd = hosted.price_in_usd_per_tok * prompt_tok + hosted.price_out_usd_per_tok * output_tok
    return tokens_usd + hosted.price_usd_per_call
