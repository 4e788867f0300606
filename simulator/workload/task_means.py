"""Outcomes under the means of every model at every task: where only these are published, marked assumed."""

from __future__ import annotations

import zlib
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simulator.spec.base import Count, NonNegative, Positive, Share, Spec
from simulator.spec.profiles import Profile
from simulator.workload.quality import Floats, QualityTable

SPLITS = ("train", "test")


class MeanAnswer(Spec):
    """Of a model at a task."""

    right: Share
    """Share of right answers."""
    output_tok: Count
    """Tokens of an answer."""
    energy_j: NonNegative | None = None
    """Joules of an answer; unknown where it is not given."""


class TaskOfMeans(Spec):
    """A task, and how each model does at it."""

    prompt_tok: Count
    """Tokens of a prompt."""
    models: Annotated[dict[str, MeanAnswer], Field(min_length=1)]
    """Means of each model at it."""


class TaskMeansProfile(Profile):
    """As many right answers of each model at each task as said, on items whose difficulty all models share."""

    kind: Literal["task-means"]
    """Outcomes drawn of means by task."""
    tasks: Annotated[dict[str, TaskOfMeans], Field(min_length=1)]
    """Tasks by name."""
    items: Count = 500
    """Of each task, in each split."""
    spread: Positive = 2.0
    """How much items differ in difficulty, which all models share: larger makes models right and wrong together."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draws."""


def draw_task_means(profile: TaskMeansProfile) -> tuple[QualityTable, list[str]]:
    """A table of `items` train and as many test items a task, task by task, and the split of every item.

    A model is right on those of a task's items where -spread * difficulty + noise is greatest, as many as its share
    says, with standard normal difficulty and logistic noise. So its accuracy in each split is what the profile says, to
    an item. Lengths and joules are the same for all items of a task; there is no confidence, price or latency.
    """
    rng = np.random.default_rng([profile.seed, zlib.crc32(profile.name.encode())])
    models = tuple(dict.fromkeys(model for task in profile.tasks.values() for model in task.models))
    n = len(SPLITS) * len(profile.tasks) * profile.items
    names = [(split, task) for split in SPLITS for task in profile.tasks for _ in range(profile.items)]
    score, prompt_tok, output_tok, energy_j = (np.full((n, len(models)), np.nan) for _ in range(4))
    parts = [
        (task, np.arange(start, start + profile.items))
        for start, task in zip(range(0, n, profile.items), [*profile.tasks.values()] * len(SPLITS), strict=True)
    ]
    for task, rows in parts:
        difficulty = rng.standard_normal(len(rows))
        luck = rng.logistic(size=(len(rows), len(models)))
        prompt_tok[rows] = task.prompt_tok
        for model, mean in task.models.items():
            column = models.index(model)
            score[rows, column] = _best(luck[:, column] - profile.spread * difficulty, mean.right)
            output_tok[rows, column] = mean.output_tok
            energy_j[rows, column] = np.nan if mean.energy_j is None else mean.energy_j
    table = QualityTable(
        name=profile.name,
        models=models,
        items=tuple(f"{split}/{task}/{i % profile.items}" for i, (split, task) in enumerate(names)),
        tasks=tuple(profile.tasks),
        task=np.array([list(profile.tasks).index(task) for _, task in names], dtype=np.int32),
        score=score,
        confidence=np.full(score.shape, np.nan),
        output_tok=output_tok,
        prompt_tok=prompt_tok,
        latency_s=np.full(score.shape, np.nan),
        cost_usd=np.full(score.shape, np.nan),
        evidence="assumed",
        source="; ".join(source.ref for source in profile.sources),
        has_test=True,
        energy_j_per_tok=energy_j / output_tok,
    )
    return table, [split for split, _ in names]


def _best(easy: Floats, share: float) -> Floats:
    """1 for so large a share of the items, the easiest; 0 for the others."""
    right = np.zeros(len(easy))
    right[np.argsort(-easy, kind="stable")[: round(share * len(easy))]] = 1.0
    return right
