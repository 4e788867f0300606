"""Predictions of an estimator: for items it has not seen, and for those that it learned from."""

from __future__ import annotations

import zlib

import numpy as np

from simulator.learning.core import Estimator, Floats, Items, Lesson, Predict

FOLDS = 5


def predictions(estimator: Estimator, lesson: Lesson, items: Items) -> Floats:
    """What the estimator says of `items`, (items, models). An item of the lesson is told of without having seen it.

    Items of the lesson are told of by cross-fitting: five times, a fifth of the lesson is left out, by hash of the
    item's name, and told of from the rest. Encoders learn once, from all: they see prompts and no outcomes.
    """
    place = {name: i for i, name in enumerate(lesson.items.names)}
    known = np.array([place.get(name, -1) for name in items.names], dtype=np.intp)
    told = np.full((len(items), lesson.target.shape[1]), np.nan)
    new = np.flatnonzero(known < 0)
    if len(new):
        told[new] = _learned(estimator, lesson)(items.take(new))
    if len(new) < len(items):
        seen = np.flatnonzero(known >= 0)
        told[seen] = _cross_fitted(estimator, lesson)[known[seen]]
    return np.round(told, 9)  # beyond which sums may differ by machine


def _cross_fitted(estimator: Estimator, lesson: Lesson) -> Floats:
    fold = np.array([zlib.crc32(f"{lesson.seed}/{name}".encode()) % FOLDS for name in lesson.items.names])
    told = np.full(lesson.target.shape, np.nan)
    for left_out in np.unique(fold):
        rest, these = np.flatnonzero(fold != left_out), np.flatnonzero(fold == left_out)
        rest = rest if len(rest) else these  # a lesson of one fold
        told[these] = _learned(estimator, lesson.take(rest))(lesson.items.take(these))
    return told


def _learned(estimator: Estimator, lesson: Lesson) -> Predict:
    """What the estimator learns of the models that were measured; NaN for others."""
    measured = np.flatnonzero(~np.isnan(lesson.target).all(axis=0))
    models = lesson.target.shape[1]
    if len(measured) == models:
        return estimator.fit(lesson)
    predict = estimator.fit(lesson.of(measured)) if len(measured) else None

    def padded(items: Items) -> Floats:
        told = np.full((len(items), models), np.nan)
        if predict is not None:
            told[:, measured] = predict(items)
        return told

    return padded
