"""Simple routers on a measured table: the areas that were found without this code."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted import items_of
from scipy.spatial import ConvexHull

from simulator.learning.clusters import KMeans
from simulator.learning.core import Estimator, Floats, Lesson
from simulator.learning.means import TaskMean
from simulator.learning.neighbours import Knn
from simulator.learning.text import Text

DATA = os.environ.get("MULTILLM_DATA")
FILE = "quality/routerbench_0shot_slice.csv.gz"


def area(cost: Floats, quality: Floats, dearest: float) -> float:
    """Under the upper hull of points, from the cheapest, flat beyond the best, in shares of the dearest cost."""
    first, best = cost.argmin(), quality.argmax()
    xs, ys = np.append(cost, [cost[first], dearest]), np.append(quality, [-1.0, quality[best]])
    hull = ConvexHull(np.stack([xs, ys], axis=1)).vertices
    top = hull[ys[hull] >= 0]
    top = top[np.argsort(xs[top])]
    return float(np.trapezoid(np.maximum.accumulate(ys[top]), xs[top]) / dearest)


def routed(expected: Floats, mean_cost: Floats, score: Floats, cost: Floats) -> tuple[Floats, Floats]:
    """Mean cost and score of argmax expected - lambda cost, for many lambdas."""
    points = []
    for price in (0.0, *np.logspace(-1, 5, 200)):
        chosen = (expected - price * mean_cost).argmax(axis=1)
        rows = np.arange(len(score))
        points.append((cost[rows, chosen].mean(), score[rows, chosen].mean()))
    costs, scores = np.array(points).T
    return costs, scores


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="MULTILLM_DATA is not set")
@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (None, 0.8056),  # the zero router: single models, mixed
        (Knn(50, features=Text()), 0.8277),
        (KMeans(20, features=Text()), 0.8312),
        (TaskMean(), 0.8343),
    ],
    ids=["zero", "knn", "kmeans", "task"],
)
def test_the_area_of_simple_routers_on_the_routerbench_slice(estimator: Estimator | None, expected: float) -> None:
    # Expected: 60/40, five seeds, by other code; its TF-IDF and SVD, so its neighbours and clusters, differ a bit.
    assert DATA is not None
    table = pd.read_csv(Path(DATA) / FILE)
    models = [name for name in table.columns if f"{name}|total_cost" in table.columns]
    items = items_of(table["prompt"].astype(str).tolist(), tasks=table["eval_name"].tolist())
    score = table[models].to_numpy(float)
    cost = table[[f"{model}|total_cost" for model in models]].to_numpy(float)
    areas = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(items))
        train, test = np.split(order, [int(0.6 * len(items))])
        points = cost[test].mean(axis=0), score[test].mean(axis=0)
        dearest = float(points[0].max())
        if estimator is not None:
            told = estimator.fit(Lesson(items.take(train), score[train], seed))(items.take(test))
            points = routed(told, cost[train].mean(axis=0), score[test], cost[test])
        areas.append(area(*points, dearest))
    assert np.mean(areas) == pytest.approx(expected, abs=0.004)
