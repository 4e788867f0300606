"""Cascades replayed on a quality table, without arrivals and queues: what the engine must equal at zero load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.workload.quality import Floats, QualityTable


class Replay(NamedTuple):
    """What a cascade did with each item; every array is (items,)."""

    stage: NDArray[np.intp]
    """Index in the chain of the model that answered."""
    calls: NDArray[np.intp]
    score: Floats
    cost_usd: Floats
    """Of all calls made; NaN where the table has no price."""
    latency_s: Floats
    """Of all calls made, one after the other; NaN where the table has no latency."""


def replay_cascade(table: QualityTable, chain: Sequence[str], accept: Sequence[float]) -> Replay:
    """Ask the models of `chain` in order until a confidence is `accept` of its stage or more; the last always answers.

    `accept` has one threshold for each model but the last. Escalation is strict (confidence < threshold): ties share a
    fate, no finite threshold accepts -inf, and each accepts +inf. Raises ValueError where a threshold has no confidence
    to meet.
    """
    if len(accept) != len(chain) - 1:
        raise ValueError(f"{len(chain)} models need {len(chain) - 1} thresholds, not {len(accept)}")
    blind = [model for model in chain[:-1] if not table.has_confidence(model)]
    if blind:
        raise ValueError(f"{table.name}: no confidence of {blind[0]!r} on every item")

    columns = [table.column(model) for model in chain]
    escalated = table.confidence[:, columns[:-1]] < np.asarray(accept, dtype=float)
    asked = np.cumprod(np.column_stack([np.ones(len(table), dtype=bool), escalated]), axis=1).astype(bool)
    calls = asked.sum(axis=1)
    rows = np.arange(len(table))
    return Replay(
        stage=calls - 1,
        calls=calls,
        score=table.score[:, columns][rows, calls - 1],
        cost_usd=np.where(asked, table.cost_usd[:, columns], 0.0).sum(axis=1),
        latency_s=np.where(asked, table.latency_s[:, columns], 0.0).sum(axis=1),
    )
