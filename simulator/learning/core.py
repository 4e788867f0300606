"""What an estimator is given, and what it gives: the one question of all learned routers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
Encode = Callable[[Items], Floats]


class Unlearnable(ValueError):  # noqa: N818
    """The table lacks what an encoder or an estimator looks at; the text says what, in one line."""


@runtime_checkable
class Encoder(Protocol):
    """Makes numbers of a query that a router can reckon with. A frozen dataclass; its `repr` names what it does."""

    def encoding(self, items: Items, seed: int) -> Encode:
        """A function from items to features (items, d), made of train items: words and clusters, no outcomes.

        Unlearnable where the items have nothing of the kind.
        """
        ...


class Encodings:
    """What encoders make of the same items: each learns once, whatever is learned from its features."""

    def __init__(self, items: Items, seed: int) -> None:
        self.items = items
        self.seed = seed
        self._kept: dict[str, tuple[Encode, Floats]] = {}

    def of(self, encoder: Encoder) -> tuple[Encode, Floats]:
        """The encoder's function, and the features that it gives the items."""
        key = repr(encoder)
        if key not in self._kept:
            encode = encoder.encoding(self.items, self.seed)
            self._kept[key] = encode, encode(self.items)
        return self._kept[key]


@dataclass(frozen=True)
class Lesson:
    """What may be learned from: train items, and of each what is to be told of an item like it.

    `target` is (items, models): scores in [0, 1], say, or tokens; NaN where it was not measured. `seed` is all chance.
    `models` names the columns. `samples` (items, models, samples) are further scores of the same kind, if there are.
    """

    items: Items
    target: Floats
    seed: int
    models: tuple[str, ...] = ()
    samples: Floats | None = None
    encodings: Encodings | None = field(default=None, repr=False, compare=False)
    rows: NDArray[np.intp] | None = field(default=None, repr=False, compare=False)
    """Which items of `encodings` these are; None: those, in that order."""

    def __post_init__(self) -> None:
        if self.encodings is None:
            object.__setattr__(self, "encodings", Encodings(self.items, self.seed))

    @property
    def is_of_scores(self) -> bool:
        """Whether all that is told lies in [0, 1]: not so of lengths."""
        return not bool(((self.target < 0) | (self.target > 1)).any())

    @property
    def compares(self) -> bool:
        """Whether it says which of several models did better."""
        return self.is_of_scores and self.target.shape[1] > 1

    def take(self, rows: NDArray[np.intp]) -> Lesson:
        """These items only. Encoders still learn from all: of those left out they see the prompt, never an outcome."""
        there = rows if self.rows is None else self.rows[rows]
        samples = None if self.samples is None else self.samples[rows]
        return replace(self, items=self.items.take(rows), target=self.target[rows], samples=samples, rows=there)

    def of(self, columns: NDArray[np.intp]) -> Lesson:
        """These models only."""
        samples = None if self.samples is None else self.samples[:, columns]
        models = tuple(self.models[i] for i in columns) if self.models else ()
        return replace(self, target=self.target[:, columns], models=models, samples=samples)

    def encode(self, encoder: Encoder) -> Encode:
        """The encoder's function from items to features."""
        assert self.encodings is not None
        return self.encodings.of(encoder)[0]

    def features(self, encoder: Encoder) -> Floats:
        """Features of the items of the lesson."""
        assert self.encodings is not None
        features = self.encodings.of(encoder)[1]
        return features if self.rows is None else features[self.rows]

    def column(self, model: str) -> int:
        """Index of a model. Unlearnable where there is none of that name."""
        if model not in self.models:
            raise Unlearnable(f"the table's models are {', '.join(self.models)}: no {model!r}")
        return self.models.index(model)


@runtime_checkable
class Estimator(Protocol):
    """Learns what is to be expected of each model on a query. A frozen dataclass; its `repr` names what it learns."""

    def fit(self, lesson: Lesson) -> Predict:
        """What has been learned: a function from items to (items, models)."""
        ...


EstimatorPart = Annotated[Estimator, PartOf("estimators", ("fit",))]
"""An estimator as a field of a policy: `quality: {use: knn, k: 50}` in a file."""
EncoderPart = Annotated[Encoder, PartOf("encoders", ("encoding",))]
"""An encoder as a field of a policy or an estimator."""
