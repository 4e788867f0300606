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
    """Several answers of a model to an item, (items, models, K); sample 0 is the one in the table's plain matrices.

    NaN, and -1 in `group`, where a model has none or fewer. Equal groups are equal answers, over samples and models.
    Without `confidence`, that of the plain matrix stands for all samples, which it cannot tell apart.
    """

    score: Floats
    group: NDArray[np.int32]
    output_tok: Floats
    confidence: Floats | None = None

    def take(self, rows: NDArray[np.intp]) -> Samples:
        """Those of these items, in this order."""
        sure = None if self.confidence is None else self.confidence[rows]
        return Samples(self.score[rows], self.group[rows], self.output_tok[rows], sure)

    def of(self, columns: Sequence[int]) -> Samples:
        """Those of these columns of the models' axis, in this order."""
        sure = None if self.confidence is None else self.confidence[:, columns]
        return Samples(self.score[:, columns], self.group[:, columns], self.output_tok[:, columns], sure)


@dataclass(frozen=True)
class QualityTable:
    """Measured (or drawn) outcomes of every model on every item. Matrices are (items, models), NaN where not measured.

    `score` is 0/1 for right or wrong, or a score in [0, 1]; `confidence` may be -inf (never accept) or +inf (always);
    `output_tok`, `prompt_tok`, `latency_s`, `cost_usd` are those of the call as recorded. `task` (items,) indexes
    `tasks`; `group` (items, models) marks equal answers to an item, -1 unknown (None: all unknown). `evidence` is
    measured | fitted | assumed. `has_test` says that the source keeps test items apart from train items: without it,
    no trained policy can be judged on this table.

    What few tables have: `prompts`, the text of every item; `embedding` (items, d); `recorded`, numbers of items by
    name, as a router's score (items,); `signals`, further confidences by name, higher is surer; `samples`;
    `energy_j_per_tok`, joules per generated token.
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
    energy_j_per_tok: Floats | None = None

    def __len__(self) -> int:
        return len(self.items)

    def column(self, model: str) -> int:
        """Index of `model` in the second axis of every matrix. Raises ValueError where the table lacks it."""
        return self.models.index(model)

    def has(self, measure: str, model: str) -> bool:
        """Whether `measure` (one of `MEASURES`, or `energy_j_per_tok`) of `model` is known for every item."""
        matrix: Floats | None = getattr(self, measure)
        return matrix is not None and not bool(np.isnan(matrix[:, self.column(model)]).any())

    def has_confidence(self, model: str) -> bool:
        """Whether a policy may compare the confidence of `model` with a threshold, whatever the item."""
        return self.has("confidence", model)

    def sample_count(self, model: str) -> int:
        """How many samples `model` has of every item: the least over the items. 0 without `samples`."""
        if self.samples is None or not len(self):
            return 0
        missing = np.isnan(self.samples.score[:, self.column(model)])
        return int(np.where(missing.any(axis=1), missing.argmax(axis=1), missing.shape[1]).min())

    def with_confidence(self, name: str) -> QualityTable:
        """The table whose `confidence` is the signal `name`; 'confidence' is the table's own. KeyError without it.

        Other signals are read of an item's first answer only.
        """
        if name == "confidence":
            return self
        samples = None if self.samples is None else replace(self.samples, confidence=None)
        return replace(self, confidence=self.signals[name], samples=samples)

    def take(self, rows: NDArray[np.intp]) -> QualityTable:
        """The table of these items, in this order, rows whole."""
        return replace(
            self,
            items=tuple(self.items[i] for i in rows),
            task=self.task[rows],
            **{name: getattr(self, name)[rows] for name in MEASURES},
            group=None if self.group is None else self.group[rows],
            prompts=None if self.prompts is None else tuple(self.prompts[i] for i in rows),
            embedding=None if self.embedding is None else self.embedding[rows],
            recorded={name: values[rows] for name, values in self.recorded.items()},
            signals={name: matrix[rows] for name, matrix in self.signals.items()},
            samples=None if self.samples is None else self.samples.take(rows),
            energy_j_per_tok=None if self.energy_j_per_tok is None else self.energy_j_per_tok[rows],
        )

    def of(self, models: Sequence[str]) -> QualityTable:
        """The table of these models, in this order."""
        columns = [self.column(model) for model in models]
        energy = self.energy_j_per_tok
        return replace(
            self,
            models=tuple(models),
            **{name: getattr(self, name)[:, columns] for name in MEASURES},
            group=None if self.group is None else self.group[:, columns],
            signals={name: matrix[:, columns] for name, matrix in self.signals.items()},
            samples=None if self.samples is None else self.samples.of(columns),
            energy_j_per_tok=None if energy is None else energy[:, columns],
        )
