"""Which items may be learned from and which judge: splits by hash of the prompt, for tables that bring none."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from simulator.spec.base import Share, Spec


class HashSplit(Spec):
    """How a table without a split of its own is parted."""

    train_frac: Share = 0.5
    """Share of each task's distinct prompts that goes to train; the rest is test."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the hash."""


def normalised(prompt: str) -> str:
    """The prompt as far as it matters: duplicates differ in case, white space or the form of their Unicode at most."""
    return " ".join(unicodedata.normalize("NFKC", prompt).casefold().split())


def hash_split(prompts: Sequence[str], tasks: Sequence[str], split: HashSplit) -> list[str]:
    """`train` or `test` for each item, stratified by task; items with the same normalised prompt always fall together.

    The prompts of a task are ranked by a seeded hash, and the first `train_frac` of them are train. A prompt that
    several tasks share belongs to the task that has it first.
    """
    of_task: dict[str, dict[str, bytes]] = defaultdict(dict)
    keys = [normalised(prompt) for prompt in prompts]
    home: dict[str, str] = {}
    for key, task in zip(keys, tasks, strict=True):
        home.setdefault(key, task)
    for key, task in home.items():
        of_task[task][key] = hashlib.blake2b(f"{split.seed}\n{key}".encode(), digest_size=8).digest()

    train: set[str] = set()
    for ranks in of_task.values():
        ranked = sorted(ranks, key=ranks.__getitem__)
        train.update(ranked[: round(split.train_frac * len(ranked))])
    return ["train" if key in train else "test" for key in keys]
