"""What holds for every estimator of the library, whatever it learns."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from planted import exam, items_of, split
from pydantic import TypeAdapter

from simulator.learning.core import Estimator, EstimatorPart, Floats, Lesson
from simulator.learning.predict import predictions
from simulator.spec.parts import ENCODERS, ESTIMATORS

GIVEN: dict[str, dict[str, Any]] = {
    "recorded": {"use": "recorded", "scores": {"a": "mine"}},
    "cluster": {"use": "cluster", "of": "text"},
    "joined": {"use": "joined", "parts": ["text", {"use": "length"}]},
}


def made(use: str) -> Estimator:
    part = TypeAdapter(EstimatorPart).validate_python(GIVEN.get(use, use))
    return part.make()  # type: ignore[attr-defined, no-any-return]


def lesson_of(scores: Floats, n: int = 120) -> Lesson:
    items, _, _ = exam(n)
    chance = np.random.default_rng(1)
    assert items.prompts is not None
    told = items_of(
        items.prompts,
        prompt_tok=chance.integers(5, 50, n).tolist(),
        mine=chance.random(n).tolist(),
    )
    return Lesson(told, scores, 1, tuple("abcd"[: scores.shape[1]]))


@pytest.mark.parametrize("use", ESTIMATORS)
@pytest.mark.parametrize("models", [1, 2, 4])
def test_scores_are_told_within_their_bounds_whatever_is_missing(use: str, models: int) -> None:
    chance = np.random.default_rng(models)
    scores = chance.choice([0.0, 0.4, 1.0, np.nan], (120, models), p=[0.4, 0.1, 0.4, 0.1])
    lesson = lesson_of(scores)
    for items in (lesson.items, exam(30, seed=5)[0]):
        items = items if items is lesson.items else lesson_of(scores[:30], 30).items
        told = predictions(made(use), lesson, items)
        assert told.shape == (len(items), models)
        assert (told >= 0).all()
        assert (told <= 1).all()


@pytest.mark.parametrize("use", ESTIMATORS)
def test_lengths_are_told_within_what_was_measured(use: str) -> None:
    lengths = np.random.default_rng(2).integers(2, 300, (120, 2)).astype(float)
    lesson = lesson_of(lengths)
    told = predictions(made(use), lesson, lesson.items)
    assert (told >= lengths.min(axis=0) - 1e-9).all()
    assert (told <= lengths.max(axis=0) + 1e-9).all()
    assert abs(told.mean() / lengths.mean() - 1) < 0.15


@pytest.mark.parametrize("use", ESTIMATORS)
def test_a_model_that_was_not_measured_is_told_by_nan_and_changes_nothing(use: str) -> None:
    lengths = np.random.default_rng(2).integers(2, 300, (120, 2)).astype(float)
    unknown = np.full((120, 1), np.nan)
    whole, part = lesson_of(np.concatenate([lengths[:, :1], unknown, lengths[:, 1:]], axis=1)), lesson_of(lengths)
    told = predictions(made(use), whole, whole.items)
    assert np.isnan(told[:, 1]).all()
    np.testing.assert_array_equal(told[:, [0, 2]], predictions(made(use), part, part.items))
    assert np.isnan(predictions(made(use), lesson_of(unknown), part.items)).all()


@pytest.mark.parametrize("use", sorted(set(ESTIMATORS) - {"mf", "mlp", "svm", "recorded"}))
def test_models_are_told_of_alike_in_any_order(use: str) -> None:
    items, scores, _ = exam(200)
    lesson, unseen, _ = split(items, scores, 150)
    order = [2, 0, 1]
    turned = Lesson(lesson.items, lesson.target[:, order], lesson.seed, tuple(lesson.models[i] for i in order))
    told = predictions(made(use), lesson, unseen)[:, order]
    np.testing.assert_allclose(predictions(made(use), turned, unseen), told, atol=1e-4)


@pytest.mark.parametrize("encoder", sorted(set(ENCODERS) - {"embedding"}))
def test_every_encoder_is_one_for_every_estimator(encoder: str) -> None:
    use = {"use": "knn", "k": 5, "features": GIVEN.get(encoder, encoder)}
    if encoder == "recorded":
        use["features"] = {"use": "recorded", "names": ["mine"]}
    part = TypeAdapter(EstimatorPart).validate_python(use)
    lesson = lesson_of(np.random.default_rng(3).random((120, 2)))
    assert np.isfinite(predictions(part.make(), lesson, lesson.items)).all()  # type: ignore[attr-defined]


SAY = """
import sys
sys.path.insert(0, {here!r})
from test_every_estimator import checksums
print(checksums())
"""


def checksums() -> list[int]:
    scores = np.random.default_rng(4).integers(0, 2, (120, 3)).astype(float)
    lesson = lesson_of(scores)
    return [zlib.crc32(predictions(made(use), lesson, lesson.items).tobytes()) for use in ESTIMATORS]


def test_every_bit_is_the_same_in_another_process_with_one_thread() -> None:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    code = SAY.format(here=os.path.dirname(__file__))
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True, text=True).stdout
    assert said.strip() == str(checksums())
