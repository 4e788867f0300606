"""N3: routing, a cascade, or both, at one accuracy and over the arrival rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from simulator.replays.core import Replay, Row, answer
from simulator.replays.loaded import STABLE, Loaded, loaded

SCENARIO = "replays/n3-route-or-cascade"
CLASSES = ("medmcqa", "mmlu", "triviaqa", "truthfulqa")  # by what the large model is better at each
RATES = (1.0, 4.0, 6.0, 8.0, 12.0)  # of all classes together
TARGET = 0.72
SEEDS = 2
QUANTITIES = {"J a query": 0, "P95 [s]": 1, "USD for 1,000 queries": 3}
"""And their digits."""
ACCEPT = (-0.45, -0.35, -0.25, -0.15)
"""Thresholds: between them is what is as right as `TARGET`."""


def rows() -> Iterator[Row]:
    """Rate by rate; then who takes least where."""
    best: dict[str, list[str]] = {name: [] for name in QUANTITIES}
    for rate in RATES:
        alone = at(rate, "{use: always, pool: large}")
        found = {family: family_at(rate, settings) for family, settings in FAMILIES.items()}
        late = "" if alone.verdict == STABLE else f", {alone.verdict}"
        for column, (name, digits) in enumerate(QUANTITIES.items()):
            told = ", ".join(f"{family} {one[column]:.{digits}f}" for family, one in found.items())
            best[name].append(min(found, key=lambda family: found[family][column]))
            large = f"{quantities(alone)[column]:.{digits}f}{late}"
            right = f"{alone.accuracy.mean():.2f} right"
            yield answer(
                f"{rate:g}/s: {name} at accuracy {TARGET}", f"{told}; all to the large model, {right}: {large}"
            )
    for name, winners in best.items():
        told = ", ".join(f"{rate:g}/s {winner}" for rate, winner in zip(RATES, winners, strict=True))
        yield answer(f"least {name} at equal accuracy", told)


def at(rate: float, policy: str) -> Loaded:
    """A run of this policy at this rate of all classes together."""
    rates = [f"workload.{cls}.arrivals.rate_per_s={rate / len(CLASSES)}" for cls in CLASSES]
    return loaded(SCENARIO, f"policy={policy}", f"run.replications={SEEDS}", *rates)


def cascade(accept: float) -> str:
    """Small first."""
    return f"{{use: cascade, order: [small, large], accept: {accept}}}"


def routed(large: int) -> str:
    """So many classes go to the large model, those first where it gains most."""
    rules = ", ".join(f"{{when: {{workload: {cls}}}, then: large}}" for cls in CLASSES[:large])
    return f"{{use: rules, rules: [{rules}], otherwise: small}}"


def both(accept: float) -> str:
    """What gains most goes to the large model, what gains least to the small one; a cascade in between."""
    rules = f"{{when: {{workload: {CLASSES[0]}}}, then: large}}, {{when: {{workload: {CLASSES[-1]}}}, then: small}}"
    return f"{{use: rules, rules: [{rules}], otherwise: {cascade(accept)}}}"


FAMILIES: Mapping[str, Sequence[str]] = {
    "routing": [routed(large) for large in (1, 2, 3)],
    "cascade": [cascade(accept) for accept in ACCEPT],
    "both": [both(accept) for accept in ACCEPT],
}
"""Settings by rising accuracy."""


def family_at(rate: float, settings: Sequence[str]) -> list[float]:
    """`QUANTITIES` at `TARGET`, on the line between the two settings around it."""
    told = [at(rate, setting) for setting in settings]
    accuracy = [float(one.accuracy.mean()) for one in told]
    assert accuracy[0] <= TARGET <= accuracy[-1], accuracy
    columns = np.array([quantities(one) for one in told]).T
    return [float(np.interp(TARGET, accuracy, column)) for column in columns]


def quantities(one: Loaded) -> tuple[float, float, float]:
    """`QUANTITIES` of a run, of all the fleet."""
    joules = float((one.j_per_correct * one.accuracy).mean())
    return joules, float(one.p95_s.mean()), 1000 * float(one.usd_per_query.mean())


REPLAY = Replay(
    title="routing, a cascade or both, at equal accuracy, in joules, P95 and dollars over the arrival rate",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
)
