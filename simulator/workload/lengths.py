"""How long prompts and answers are, drawn apart from time. Token counts are whole and at least 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.spec.base import Count, NonNegative, Positive, Spec
from simulator.workload.traffic import Floats, Ints, Streams

Percentiles = tuple[Annotated[float, Field(ge=0, le=100)], ...]
Correlation = Annotated[float, Field(ge=-1, le=1)]


class Tokens(Spec):
    """A lognormal number of tokens; fixed where `sigma` (of the natural logarithm) is 0."""

    median_tok: Positive
    """Half are shorter."""
    sigma: NonNegative = 0.0
    """Of the natural logarithm."""
    max_tok: Count | None = None
    """More are cut to this."""

    def of(self, normals: Floats) -> Ints:
        """Token counts of standard normal numbers."""
        return whole(self.median_tok * np.exp(self.sigma * normals), self.max_tok)


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same lengths."""

    prompt_tok: Count
    """Of every prompt."""
    output_tok: Count
    """Of every answer."""

    def draw(self, n: int, streams: Streams) -> tuple[Ints, Ints]:
        """Prompt and output tokens, each (n,)."""
        return np.full(n, self.prompt_tok, np.int64), np.full(n, self.output_tok, np.int64)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Lognormal prompts and, independent of them, answers. Quantile tables fit measured lengths better."""

    prompt: Tokens
    """Tokens of prompts."""
    output: Tokens
    """Tokens of answers."""

    def draw(self, n: int, streams: Streams) -> tuple[Ints, Ints]:
        """Prompt and output tokens, each (n,)."""
        prompt_tok = self.prompt.of(streams("prompt").standard_normal(n))
        return prompt_tok, self.output.of(streams("output").standard_normal(n))


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Lengths as measured: the value at each percentile, linear between, joined by a Gaussian copula."""

    percentiles: Percentiles
    """Rising, from 0 to 100."""
    prompt_tok: tuple[NonNegative, ...]
    """Of prompts, at each percentile."""
    output_tok: tuple[NonNegative, ...]
    """Of answers, at each percentile."""
    copula_rho: Correlation = 0.0
    """Correlation of the normal numbers behind prompt and answer."""

    def __post_init__(self) -> None:
        for values in (self.prompt_tok, self.output_tok):
            check_table(self.percentiles, values)

    def draw(self, n: int, streams: Streams) -> tuple[Ints, Ints]:
        """Prompt and output tokens, each (n,)."""
        if self.copula_rho == 0:
            first, second = streams("prompt").random(n), streams("output").random(n)
        else:
            z, own = streams("prompt").standard_normal(n), streams("output").standard_normal(n)
            first, second = ranks(z), ranks(self.copula_rho * z + math.sqrt(1 - self.copula_rho**2) * own)
        prompt_tok = whole(quantile(self.percentiles, self.prompt_tok, first))
        return prompt_tok, whole(quantile(self.percentiles, self.output_tok, second))


def whole(values: Floats, most: int | None = None) -> Ints:
    """Whole token counts, at least 1 and at most `most`."""
    return np.rint(np.clip(values, 1, most)).astype(np.int64)


def quantile(percentiles: tuple[float, ...], values: tuple[float, ...], ranks: Floats) -> Floats:
    """Values at `ranks` in [0, 1] of a table of percentiles, linear between."""
    return np.interp(100 * ranks, percentiles, values)


def ranks(normals: Floats) -> Floats:
    """Ranks in [0, 1] of standard normal numbers."""
    return np.asarray(0.5 + 0.5 * _erf(normals / math.sqrt(2)), dtype=np.float64)


def check_table(percentiles: tuple[float, ...], values: tuple[float, ...]) -> None:
    """Raise ValueError where these are not the quantiles of a distribution."""
    if len(percentiles) != len(values):
        raise ValueError(f"{len(values)} values for {len(percentiles)} percentiles")
    if len(percentiles) < 2 or percentiles[0] != 0 or percentiles[-1] != 100:
        raise ValueError("percentiles must begin with 0 and end with 100")
    for name, column in (("percentiles", percentiles), ("values", values)):
        if any(b < a for a, b in pairwise(column)):
            raise ValueError(f"{name} must not decrease")


# scipy has it as an array function, but `validate` reads this module and must not pay for importing scipy.
_erf = np.frompyfunc(math.erf, 1, 1)
