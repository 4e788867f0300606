"""The simplest that can be known of a model: how good it is on the whole, or on a task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.learning.core import Floats, Items, Lesson, Predict


@dataclass(frozen=True)
class Mean:
    """Each model's mean over the train items, whatever the query: what a zero router knows (arXiv 2403.12031)."""

    def fit(self, lesson: Lesson) -> Predict:
        """Means of the columns."""
        mean = known_mean(lesson.target)
        return lambda items: np.tile(mean, (len(items), 1))


@dataclass(frozen=True)
class TaskMean:
    """Each model's mean over the train items of the query's task; over all of them for a task that is not among them.

    Most of what simple routers find is the task (LLMRouterBench; RouterBench slice: task label above kNN and k-means).
    """

    def fit(self, lesson: Lesson) -> Predict:
        """Means of the columns by task."""
        overall = known_mean(lesson.target)
        means: dict[str, Floats] = {}
        for number, task in enumerate(lesson.items.tasks):
            rows = lesson.target[lesson.items.task == number]
            if len(rows):
                mean = known_mean(rows)
                means[task] = np.where(np.isnan(mean), overall, mean)

        def predict(items: Items) -> Floats:
            by_task: Floats = np.array([means.get(task, overall) for task in items.tasks])
            return by_task[items.task]

        return predict


def known_mean(target: Floats) -> Floats:
    """Means of the columns over what was measured; NaN where nothing was."""
    known = ~np.isnan(target)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, target, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
