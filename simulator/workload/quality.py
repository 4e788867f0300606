"""Quality tables as the engine reads them: items x models, rows taken whole. `read_quality` reads profiles to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEASURES = ("score", "confidence", "output_tok", "prompt_tok", "latency_s", "cost_usd")


@dataclass(frozen=True)
class QualityTable:
    """Measured (or drawn) outcomes of every model on every item. Matrices are (items, models), NaN where not measured.

    `score` is 0/1 for right or wrong, or a score in [0, 1]; `confidence` may be -inf (never accept) or +inf (always);
    `output_tok`, `prompt_tok`, `latency_s`, `cost_usd` are those of the call as recorded. `task` (items,) indexes
    `tasks`; `group` (items, models) marks equal answers to an item, -1 unknown (None: all unknown). `evidence` is
    measured | fitted | assumed. `has_test` says that the source keeps test items apart from train items: without it,
    no trained policy can be judged on this table.
    """

    name: str
    models: tuple[str, ...]
    items: tuple[str, ...]
    tasks: tuple[str, ...]
    task: NDArray[np.int32]
    score: Floats
    confidence: Floats
    output_tok: Floats
    prompt_tok: Floats
    latency_s: Floats
    cost_usd: Floats
    evidence: str
    source: str
    dropped_items: int = 0
    group: NDArray[np.int32] | None = None
    has_test: bool = False

    def __len__(self) -> int:
        return len(self.items)

    def column(self, model: str) -> int:
        """Index of `model` in the second axis of every matrix. Raises ValueError where the table lacks it."""
        return self.models.index(model)

    def has(self, measure: str, model: str) -> bool:
        """Whether `measure` (one of `MEASURES`) of `model` is known for every item."""
        matrix: Floats = getattr(self, measure)
        return not bool(np.isnan(matrix[:, self.column(model)]).any())

    def has_confidence(self, model: str) -> bool:
        """Whether a policy may compare the confidence of `model` with a threshold, whatever the item."""
        return self.has("confidence", model)

    def take(self, rows: NDArray[np.intp]) -> QualityTable:
        """The table of these items, in this order, rows whole."""
        measures = {name: getattr(self, name)[rows] for name in MEASURES}
        group = None if self.group is None else self.group[rows]
        items = tuple(self.items[i] for i in rows)
        return replace(self, items=items, task=self.task[rows], group=group, **measures)

    def of(self, models: Sequence[str]) -> QualityTable:
        """The table of these models, in this order."""
        columns = [self.column(model) for model in models]
        measures = {name: getattr(self, name)[:, columns] for name in MEASURES}
        group = None if self.group is None else self.group[:, columns]
        return replace(self, models=tuple(models), group=group, **measures)
