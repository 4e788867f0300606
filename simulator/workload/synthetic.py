"""Superposed arrivals: classes whose shares drift, people and programs. What the built-in open loops are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.spec.base import Count, NonNegative, Positive, Spec
from simulator.workload.arrivals import Rates, operational, taken
from simulator.workload.lengths import whole
from simulator.workload.streams import below
from simulator.workload.traffic import Arrivals, Demand, Floats, Streams, Traffic


class Component(Spec):
    """A class of a mixture: its own rate in each window, and prompts and answers that are lognormal together."""

    rate_per_s: tuple[NonNegative, ...]
    log_prompt_tok: float
    """Mean of the natural logarithm."""
    log_output_tok: float
    log_cov: tuple[float, float, float]
    """Variance of the first, covariance, variance of the second."""


class Mixture(Spec):
    """Superposed classes whose shares drift: rate and lengths are dependent, as in production.

    Each class is a gamma renewal process in its own operational time. Lengths drawn apart from time would make queues
    many times too long or too short.
    """

    window_s: Positive
    cv: Positive
    prompt_max_tok: Count
    output_max_tok: Count
    components: tuple[Component, ...]
    repeat: bool = True
    """Begin again after the last window; else the arrivals end there."""

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows in order of time, with lengths."""
        parts = [_Part(component, self) for component in self.components]
        rate_per_s = sum(float(np.mean(component.rate_per_s)) for component in self.components)
        span_s = self.window_s * len(self.components[0].rate_per_s)
        return superposed(parts, demand, streams, rate_per_s, None if self.repeat else span_s)


@dataclass(frozen=True, slots=True)
class _Part:
    """One component with what all have in common."""

    component: Component
    mixture: Mixture

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        mixture, component = self.mixture, self.component
        rows = Rates(mixture.window_s, component.rate_per_s, mixture.cv, mixture.repeat).draw(demand, streams)
        z = streams("lengths").standard_normal((len(rows), 2))
        var_prompt, cov, var_output = component.log_cov
        log_prompt = component.log_prompt_tok + np.sqrt(var_prompt) * z[:, 0]
        own = np.sqrt(var_output - cov**2 / var_prompt)
        log_output = component.log_output_tok + cov / np.sqrt(var_prompt) * z[:, 0] + own * z[:, 1]
        prompt_tok = whole(np.exp(log_prompt), mixture.prompt_max_tok)
        return replace(rows, prompt_tok=prompt_tok, output_tok=whole(np.exp(log_output), mixture.output_max_tok))


@dataclass(frozen=True, slots=True)
class Swings:
    """A rate drawn anew for each window (lognormal), with gamma gaps in operational time."""

    window_s: Positive
    median_per_s: Positive
    sigma: NonNegative
    cv: Positive

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows in order of time."""

        def times_s(n: int) -> Floats:
            reached, windows = operational(n, self.cv, streams), 16
            while (counts := self._counts(windows, streams))[-1] <= reached[-1]:
                windows *= 2
            return np.asarray(np.interp(reached, counts, self.window_s * np.arange(windows + 1)))

        return Traffic(taken(times_s, demand, self.median_per_s * float(np.exp(self.sigma**2 / 2))))

    def _counts(self, windows: int, streams: Streams) -> Floats:
        rates = self.median_per_s * np.exp(self.sigma * streams("rates").standard_normal(windows))
        return np.concatenate([[0.0], np.cumsum(self.window_s * rates)])


class Week(Spec):
    """People at work by the hour of a week that begins on Monday, and programs whose hourly rate swings."""

    people_per_h: Annotated[tuple[NonNegative, ...], Field(min_length=24, max_length=24)]
    """Calls in each hour of a weekday."""
    weekend_frac: NonNegative
    """Calls on a day of the weekend, as a fraction of a weekday's."""
    programs_median_per_h: Positive
    programs_sigma: NonNegative
    programs_cv: Positive

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows in order of time."""
        day = [rate / 3600 for rate in self.people_per_h]
        people = Rates(3600.0, (*day * 5, *[rate * self.weekend_frac for rate in day * 2]))
        programs = Swings(3600.0, self.programs_median_per_h / 3600, self.programs_sigma, self.programs_cv)
        return superposed([people, programs], demand, streams, float(np.mean(people.rate_per_s)))


def superposed(
    parts: Sequence[Arrivals], demand: Demand, streams: Streams, rate_per_s: float, ends_s: float | None = None
) -> Traffic:
    """Rows of all parts in order of time; `rate_per_s` guesses their common rate, `ends_s` is where all of them end."""
    until_s = demand.until_s if demand.queries is None else 1.1 * demand.queries / rate_per_s + 60
    assert until_s is not None, demand
    while True:
        drawn = [part.draw(Demand(until_s=until_s), below(streams, str(i))) for i, part in enumerate(parts)]
        enough = demand.queries is None or sum(map(len, drawn)) >= demand.queries
        if enough or (ends_s is not None and until_s >= ends_s):
            break
        until_s *= 2
    arrive_s = np.concatenate([rows.arrive_s for rows in drawn])
    order = np.argsort(arrive_s, kind="stable")[: demand.queries]
    prompt_tok = [rows.prompt_tok for rows in drawn if rows.prompt_tok is not None]
    output_tok = [rows.output_tok for rows in drawn if rows.output_tok is not None]
    return Traffic(
        arrive_s[order],
        np.concatenate(prompt_tok)[order] if prompt_tok else None,
        np.concatenate(output_tok)[order] if output_tok else None,
        finite=ends_s is not None,
    )
