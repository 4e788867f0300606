"""Outcomes drawn from abilities and difficulties: the last resort where nothing was measured, marked assumed."""

from __future__ import annotations

import zlib
from statistics import NormalDist
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simulator.spec.base import Count, NonNegative, Positive
from simulator.spec.profiles import Profile
from simulator.workload.quality import Floats, QualityTable

SPLITS = ("train", "test")
Accuracy = Annotated[float, Field(gt=0, lt=1)]


class LatentProfile(Profile):
    """One ability a model and one difficulty an item: P(right) = logistic(spread * (ability - difficulty))."""

    kind: Literal["latent"]
    """Outcomes drawn of mean accuracies."""
    models: Annotated[dict[str, Accuracy], Field(min_length=1)]
    """Mean accuracy of each model; its ability follows from it."""
    items: Count = 2000
    """Of each split."""
    spread: Positive = 2.0
    """How much items differ in difficulty, which all models share: larger makes models right and wrong together."""
    noise: NonNegative = 1.0
    """Standard deviation of the confidence around the logit of P(right): larger makes confidence say less."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draws."""


def draw_latent(profile: LatentProfile) -> tuple[QualityTable, list[str]]:
    """A table of `items` train and as many test items, and the split of every item; no lengths, prices or latencies.

    Difficulties are standard normal. Confidence is logistic(logit of P(right) + noise), in (0, 1): it knows how hard
    the item is for the model, not what came out.
    """
    n = len(SPLITS) * profile.items
    rng = np.random.default_rng([profile.seed, zlib.crc32(profile.name.encode())])
    ease = np.array([ease_of(accuracy, profile.spread) for accuracy in profile.models.values()])
    logit = ease - profile.spread * rng.standard_normal((n, 1))
    unknown = np.full(logit.shape, np.nan)
    table = QualityTable(
        name=profile.name,
        models=tuple(profile.models),
        items=tuple(f"{split}/{i}" for split in SPLITS for i in range(profile.items)),
        tasks=("all",),
        task=np.zeros(n, dtype=np.int32),
        score=(rng.random(logit.shape) < _logistic(logit)).astype(np.float64),
        confidence=_logistic(logit + profile.noise * rng.standard_normal(logit.shape)),
        output_tok=unknown,
        prompt_tok=unknown,
        latency_s=unknown,
        cost_usd=unknown,
        evidence="assumed",
        source="; ".join(source.ref for source in profile.sources),
        has_test=True,
    )
    return table, [split for split in SPLITS for _ in range(profile.items)]


def ease_of(accuracy: float, spread: float) -> float:
    """spread * ability: the logit on a mean item that makes the mean of P(right) over all difficulties `accuracy`."""
    difficulty = np.array([NormalDist().inv_cdf((i + 0.5) / 2000) for i in range(2000)])
    low, high = -40.0 - 4 * spread, 40.0 + 4 * spread
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _logistic(middle - spread * difficulty).mean() < accuracy else (low, middle)
    return (low + high) / 2


def _logistic(logit: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(logit, -700.0, 700.0)))
