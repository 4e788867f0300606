"""A router of one's own: what it said of each query stands in the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.learning.core import EstimatorPart, Floats, Items, Lesson, Predict, Unlearnable
from simulator.learning.means import TaskMean


@dataclass(frozen=True)
class RecordedScores:
    """Recorded scores as what is expected of models: `scores` has the column of each, by the table's names.

    `others` tells of the rest, of scores that are missing, and of lengths.
    """

    scores: Mapping[str, str]
    """The table's recorded column of each model, by the table's names."""
    others: EstimatorPart = TaskMean()
    """Expects what is not recorded."""

    def fit(self, lesson: Lesson) -> Predict:
        """Where the columns are."""
        others = self.others.fit(lesson)
        if not lesson.is_of_scores:
            return others
        columns = {lesson.column(model): name for model, name in self.scores.items()}
        for name in columns.values():
            if name not in lesson.items.recorded:
                there = ", ".join(lesson.items.recorded) or "nothing"
                raise Unlearnable(f"the table records no {name!r}, but {there}")

        def predict(items: Items) -> Floats:
            told = others(items).copy()
            for column, name in columns.items():
                recorded = items.recorded[name]
                told[:, column] = np.where(np.isnan(recorded), told[:, column], recorded)
            return told

        return predict
