"""What a router sees of a query without reading it: task, length, recorded scores, embedding, and several together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.learning.core import Encode, EncoderPart, Floats, Items, Unlearnable
from simulator.learning.text import Text


@dataclass(frozen=True)
class Task:
    """One column for each task of the train items, 1 where the query has it; all 0 for a task not among them.

    What simple routers gain most from (LLMRouterBench, arXiv 2601.07206).
    """

    def encoding(self, items: Items, seed: int) -> Encode:
        """The tasks that there are."""
        known = items.tasks

        def encode(items: Items) -> Floats:
            columns: Floats = np.array([[float(task == name) for name in known] for task in items.tasks])
            return columns[items.task]

        return encode


@dataclass(frozen=True)
class Length:
    """The logarithm of the prompt's tokens, in standard deviations from the mean of the train items."""

    def encoding(self, items: Items, seed: int) -> Encode:
        """Mean and deviation."""

        def logs(items: Items) -> Floats:
            if np.isnan(items.prompt_tok).any():
                raise Unlearnable("the table does not say how long prompts are")
            return np.log(np.maximum(items.prompt_tok, 1.0))[:, None]

        return standardised(logs(items), logs)


@dataclass(frozen=True)
class Recorded:
    """Scores that the table records of each item, in standard deviations from their means; all where `names` is empty.

    A router of one's own, say, whose scores stand in the table.
    """

    names: tuple[str, ...] = ()
    """The table's recorded columns."""

    def encoding(self, items: Items, seed: int) -> Encode:
        """Means and deviations."""
        names = self.names or tuple(items.recorded)
        if not names:
            raise Unlearnable("the table records no scores of its items")
        for name in names:
            if name not in items.recorded:
                raise Unlearnable(f"the table records no {name!r}, but {', '.join(items.recorded) or 'nothing'}")

        def columns(items: Items) -> Floats:
            return np.stack([items.recorded[name] for name in names], axis=1)

        return standardised(columns(items), columns)


@dataclass(frozen=True)
class Embedding:
    """The embedding that the table has of each prompt, scaled to length 1: what deployed routers use."""

    def encoding(self, items: Items, seed: int) -> Encode:
        """Nothing is learned."""

        def encode(items: Items) -> Floats:
            if items.embedding is None:
                raise Unlearnable("the table has no embedding columns")
            return unit(items.embedding)

        encode(items)
        return encode


@dataclass(frozen=True)
class Joined:
    """The features of several encoders side by side."""

    parts: tuple[EncoderPart, ...]
    """The encoders."""

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("joins nothing: 'parts' is empty")

    def encoding(self, items: Items, seed: int) -> Encode:
        """What each part learns."""
        parts = [part.encoding(items, seed) for part in self.parts]
        return lambda items: np.concatenate([encode(items) for encode in parts], axis=1)


@dataclass(frozen=True)
class Usual:
    """What the table has of its items: the embedding, else the prompt's text, and the task where there are several.

    Unlearnable where it has none of them.
    """

    def encoding(self, items: Items, seed: int) -> Encode:
        """What the parts learn."""
        parts: list[EncoderPart] = []
        if items.embedding is not None:
            parts.append(Embedding())
        elif items.prompts is not None:
            parts.append(Text())
        if len(items.tasks) > 1:
            parts.append(Task())
        if not parts:
            raise Unlearnable("the table has no prompts, embedding or tasks to tell its items by")
        return Joined(tuple(parts)).encoding(items, seed)


def unit(rows: Floats) -> Floats:
    """Rows scaled to length 1; a row of zeros stays."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1.0)


def standardised(train: Floats, columns: Encode) -> Encode:
    """`columns` in standard deviations from the train items' means, 0 where nothing was measured."""
    mean, deviation = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    return lambda items: np.nan_to_num((columns(items) - mean) / deviation)
