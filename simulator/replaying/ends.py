"""Between what a policy chooses: the weak and the strong pool, the currency of costs, and the score of efficiency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import ValidationError

from simulator.metrics.efficiency import Efficiency, Responsive
from simulator.metrics.value import Floats
from simulator.spec.base import Positive, Share, Spec
from simulator.spec.errors import SpecError, near
from simulator.spec.reader import dotted, parse_value

Currency = Literal["cost_usd", "energy_j", "e2e_s"]


class Ies(Spec):
    """What the Inference Efficiency Score leaves open; the default weighs the dollars and the joules that are known."""

    alpha: Share = 0.5
    responsive: Literal["inverse", "linear", "deadline"] = "inverse"
    of_s: Positive | None = None
    """Seconds that responsiveness is relative to; the strong pool's mean where it is not given."""
    weights: dict[Literal["cost_usd", "energy_j", "time_s", "flop", "memory_byte_s"], Share] | None = None

    def relative_to(self, strong: Mapping[str, float]) -> Efficiency:
        """The score, relative to the means of everything to the strong pool. SpecError where these are unknown."""
        references = {**strong, "time_s": strong["e2e_s"]}
        known = [name for name in ("cost_usd", "energy_j") if references[name] > 0] or ["time_s"]
        usual: dict[str, float] = dict.fromkeys(known, 1 / len(known))
        weights: dict[str, float] = (
            usual if self.weights is None else {str(name): weight for name, weight in self.weights.items()}
        )
        responsive = Responsive(self.responsive, self.of_s or strong["e2e_s"])
        try:
            return Efficiency(self.alpha, weights, {name: references[name] for name in weights}, responsive)
        except ValueError as error:
            raise SpecError(f"--ies: {error}") from None


def read_ies(text: str) -> Ies:
    """What a map in YAML says. SpecError, in one line, where it is none or says what there is not."""
    value = parse_value(text, f"--ies {text}")
    if not isinstance(value, dict):
        raise SpecError(f"--ies {text}: write it as a map, {{alpha: 0.5}}, say")
    try:
        return Ies.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise SpecError(f"--ies {text}: {dotted(first['loc'])}: {first['msg'].lower()}") from None


@dataclass(frozen=True)
class Ends:
    """The pools between which a policy chooses: weak is the cheapest, strong the most accurate, unless named."""

    pools: tuple[str, ...]
    weak: str
    strong: str
    currency: Currency
    efficiency: Efficiency
    """How queries are scored by IES; its references are of everything to the strong pool."""

    @classmethod
    def of(
        cls,
        pools: Sequence[str],
        alone: Mapping[str, Floats],
        weak: str | None = None,
        strong: str | None = None,
        currency: Currency | None = None,
        ies: Ies | None = None,
    ) -> Ends:
        """From the `MEANS` of everything to one pool, (pools,) each. SpecError where a name or all quality is unknown.

        The currency is dollars, or joules where nothing costs a dollar, unless named.
        """
        for option, name in (("--weak", weak), ("--strong", strong)):
            if name is not None and name not in pools:
                raise SpecError(f"{option} {name}: {near(name, pools, ' in fleet')}")
        if np.isnan(alone["accuracy"]).all():
            raise SpecError("a curve needs quality: no class of the workload has 'items'")
        chosen: Currency = currency or ("cost_usd" if np.nanmax(alone["cost_usd"]) > 0 else "energy_j")
        cost = alone[chosen]
        if np.isnan(cost).any():
            unknown = pools[int(np.flatnonzero(np.isnan(cost))[0])]
            raise SpecError(f"--cost {chosen}: nobody knows that of {unknown!r}")
        cheapest = pools[int(np.argmin(cost))]
        best = pools[int(np.lexsort((cost, -alone["accuracy"]))[0])]
        strong = strong or best
        of_strong = {name: float(column[list(pools).index(strong)]) for name, column in alone.items()}
        return cls(tuple(pools), weak or cheapest, strong, chosen, (ies or Ies()).relative_to(of_strong))
