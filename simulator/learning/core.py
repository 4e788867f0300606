"""What an estimator is given, and what it gives: the one question of all learned routers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from simulator.spec.parts import PartOf
from simulator.workload.quality import QualityTable

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Items:
    """Items of a quality table as a router sees them before any answer: nothing of what models made of them.

    `task` (items,) indexes `tasks`; `prompt_tok` (items,) is NaN where the table does not say; `prompts`, `embedding`
    (items, d) and `recorded` scores by name, (items,), where the table has them.
    """

    names: tuple[str, ...]
    tasks: tuple[str, ...]
    task: NDArray[np.int32]
    prompt_tok: Floats
    prompts: tuple[str, ...] | None
    embedding: Floats | None
    recorded: Mapping[str, Floats]

    @classmethod
    def of(cls, table: QualityTable) -> Items:
        """The items of `table`."""
        known = ~np.isnan(table.prompt_tok)
        total = np.where(known, table.prompt_tok, 0.0).sum(axis=1)
        prompt_tok = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)
        recorded = table.recorded
        return cls(table.items, table.tasks, table.task, prompt_tok, table.prompts, table.embedding, recorded)

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: NDArray[np.intp]) -> Items:
        """These items, in this order."""
        return Items(
            tuple(self.names[i] for i in rows),
            self.tasks,
            self.task[rows],
            self.prompt_tok[rows],
            None if self.prompts is None else tuple(self.prompts[i] for i in rows),
            None if self.embedding is None else self.embedding[rows],
            {name: scores[rows] for name, scores in self.recorded.items()},
        )


Predict = Callable[[Items], Floats]


@dataclass(frozen=True)
class Lesson:
    """What may be learned from: train items, and of each what is to be told of an item like it.

    `target` is (items, models): scores in [0, 1], say, or tokens; NaN where it was not measured. `seed` is all chance.
    """

    items: Items
    target: Floats
    seed: int


@runtime_checkable
class Estimator(Protocol):
    """Learns what is to be expected of each model on a query. A frozen dataclass; its `repr` names what it learns."""

    def fit(self, lesson: Lesson) -> Predict:
        """What has been learned: a function from items to (items, models)."""
        ...


Encode = Callable[[Items], Floats]


@runtime_checkable
class Encoder(Protocol):
    """Makes numbers of a query that a router can reckon with. A frozen dataclass; its `repr` names what it does."""

    def learn(self, items: Items, seed: int) -> Encode:
        """A function from items to features (items, d), made of train items: words and clusters, no outcomes."""
        ...


EstimatorPart = Annotated[Estimator, PartOf("estimators", ("fit",))]
"""An estimator as a field of a policy: `quality: {use: knn, k: 50}` in a file."""
EncoderPart = Annotated[Encoder, PartOf("encoders", ("learn",))]
"""An encoder as a field of a policy or an estimator."""
