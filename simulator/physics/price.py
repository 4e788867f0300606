"""Dollars of calls at hosted APIs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.physics.values import Hosted

Floats = NDArray[np.float64]


def call_usd(hosted: Hosted, prompt_tok: Floats, output_tok: Floats, cached_frac: Floats | float = 0.0) -> Floats:
    """Dollars of calls at a hosted API, (n,): prompt and output tokens at their prices, and the price of a call.

    `cached_frac` of the prompt tokens are at the price of cached ones, where the API has one. Left out: what writing
    the cache costs, and higher prices of long contexts (errs to low prices).
    """
    in_usd = hosted.price_in_usd_per_tok
    if hosted.price_cached_in_usd_per_tok is not None:
        saved_usd = (in_usd - hosted.price_cached_in_usd_per_tok) * cached_frac
        return (in_usd - saved_usd) * prompt_tok + hosted.price_out_usd_per_tok * output_tok + hosted.price_usd_per_call
    return in_usd * prompt_tok + hosted.price_out_usd_per_tok * output_tok + hosted.price_usd_per_call
