"""Quality tables as the engine reads them: items x models, rows taken whole. `read_quality` reads profiles to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEASURES = ("score", "confidence", "output_tok", "prompt_tok", "latency_s", "cost_usd")


@dataclass(frozen=True)
class Samples:
    """Several answers of each model to each item, (items, models, samples); NaN and -1 where a model has fewer."""

    score: Floats
    group: NDArray[np.int32]
    output_tok: Floats

    def at(self, items: NDArray[np.intp] | slice, models: Sequence[int] | slice) -> Samples:
        """Those of these items and models, in this order."""
        return Samples(self.score[items][:, models], self.group[items][:, models], self.output_tok[items][:, models])


@dataclass(frozen=True)
class QualityTable:
    """Measured (or drawn) outcomes of every model on every item. Matrices are (items, models), NaN where not measured.

    `score` is 0/1 for right or wrong, or a score in [0, 1]; `confidence` may be -inf (never accept) or +inf (always);
    `output_tok`, `prompt_tok`, `latency_s`, `cost_usd` are those of the call as recorded. `task` (items,) indexes
    `tasks`; `group` (items, models) marks equal answers to an item, -1 unknown (None: all unknown). `evidence` is
    measured | fitted | assumed. Of items, where the table has them: the text in `prompts`, `embedding` (items, d), and
    `recorded` scores by name (items,), those of a router, say. `signals` are further confidences by name (items,
    models), higher is surer; `samples` several answers of a model to an item. `has_test` says that the source keeps
    test items apart from train items: without it, no trained policy can be judged on this table.
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
    prompts: tuple[str, ...] | None = None
    embedding: Floats | None = None
    recorded: Mapping[str, Floats] = field(default_factory=dict)
    signals: Mapping[str, Floats] = field(default_factory=dict)
    samples: Samples | None = None

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
        return replace(
            self,
            items=tuple(self.items[i] for i in rows),
            task=self.task[rows],
            group=group,
            prompts=None if self.prompts is None else tuple(self.prompts[i] for i in rows),
            embedding=None if self.embedding is None else self.embedding[rows],
            recorded={name: scores[rows] for name, scores in self.recorded.items()},
            signals={name: matrix[rows] for name, matrix in self.signals.items()},
            samples=None if self.samples is None else self.samples.at(rows, slice(None)),
            **measures,
        )

    def of(self, models: Sequence[str]) -> QualityTable:
        """The table of these models, in this order."""
        columns = [self.column(model) for model in models]
        measures = {name: getattr(self, name)[:, columns] for name in MEASURES}
        group = None if self.group is None else self.group[:, columns]
        return replace(
            self,
            models=tuple(models),
            group=group,
            signals={name: matrix[:, columns] for name, matrix in self.signals.items()},
            samples=None if self.samples is None else self.samples.at(slice(None), columns),
            **measures,
        )
