"""Regressions, networks, factors and gaps: what is learned from scores by their features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import MODELS, items_of, plane, split, told_apart
from scipy.optimize import check_grad, minimize
from scipy.special import expit, log_expit

from simulator.learning.core import Estimator, Floats, Lesson, Unlearnable
from simulator.learning.factors import Loss, MatrixFactorisation, score_loss, win_loss
from simulator.learning.features import Embedding
from simulator.learning.gap import GapClassifier, gap_labels, mean_difference
from simulator.learning.means import Mean, TaskMean
from simulator.learning.recorded import RecordedScores
from simulator.learning.regression import Linear, Mlp, Svm, logistic


@pytest.mark.parametrize(
    "estimator",
    [Linear(), Svm(), Mlp(), MatrixFactorisation(), MatrixFactorisation(of="wins")],
    ids=repr,
)
def test_the_best_model_of_each_kind_is_found(estimator: Estimator) -> None:
    assert told_apart(estimator) > 0.85


def test_a_logistic_regression_is_the_one_of_most_likelihood() -> None:
    chance = np.random.default_rng(1)
    x, share = chance.normal(size=(80, 2)), chance.random(80)

    def loss(w: Floats) -> float:
        logit = x @ w[:2] + w[2]
        return -float(np.sum(share * log_expit(logit) + (1 - share) * log_expit(-logit))) + float(w[:2] @ w[:2]) / 2

    w = minimize(loss, np.zeros(3), options={"gtol": 1e-8}).x
    np.testing.assert_allclose(logistic(x, share, 1.0)(x), expit(x @ w[:2] + w[2]), atol=2e-3)
    whole = (share > 0.5).astype(float)
    twice = logistic(np.concatenate([x, x]), np.concatenate([whole, whole]), 0.5)(x)
    np.testing.assert_allclose(twice, logistic(x, whole, 1.0)(x), atol=2e-3)


@pytest.mark.parametrize("estimator", [Linear(100.0, Embedding()), Svm(100.0, Embedding()), Mlp(features=Embedding())])
def test_lengths_that_grow_with_a_feature_are_told(estimator: Estimator) -> None:
    items = plane(900)
    assert items.embedding is not None
    length = 100 + items.embedding @ np.array([[30.0, 0.0], [-10.0, 50.0]])
    noisy = length + np.random.default_rng(2).normal(0, 5, length.shape)
    lesson, unseen, _ = split(items, noisy, 700)
    told = estimator.fit(lesson)(unseen)
    assert np.abs(told - length[700:]).mean() < 3
    assert told.min() >= noisy.min()
    assert told.max() <= noisy.max()


def test_a_model_that_is_always_right_is_told_to_be() -> None:
    items, score = plane(100), np.random.default_rng(3).integers(0, 2, (100, 2)).astype(float)
    score[:, 1] = 1.0
    lesson, unseen, _ = split(items, score, 80)
    for estimator in (Linear(), Svm(), Mlp()):
        np.testing.assert_allclose(estimator.fit(lesson)(unseen)[:, 1], 1.0, atol=0.01)


@pytest.mark.parametrize("loss_of", [score_loss, win_loss])
def test_slopes_are_those_of_the_losses(loss_of: object) -> None:
    chance = np.random.default_rng(4)
    target = chance.choice([0.0, 0.5, 1.0, np.nan], (6, 3))
    loss: Loss = loss_of(target)  # type: ignore[operator]
    at = chance.normal(size=18)
    error = check_grad(lambda d: loss(d.reshape(6, 3))[0], lambda d: loss(d.reshape(6, 3))[1].ravel(), at)
    assert error < 1e-6


def test_factors_beat_the_mean_where_skills_are_of_low_rank() -> None:
    chance = np.random.default_rng(5)
    point, taste = chance.normal(size=(1500, 3)), chance.normal(size=(3, 8))
    point /= np.linalg.norm(point, axis=1, keepdims=True)
    expected = expit(3 * point @ taste)
    scores = (chance.random(expected.shape) < expected).astype(float)
    lesson, unseen, _ = split(items_of(embedding=point), scores, 1000)

    def error(estimator: Estimator) -> float:
        return float(np.square(estimator.fit(lesson)(unseen) - expected[1000:]).mean())

    assert error(MatrixFactorisation(3, features=Embedding())) < 0.1 * error(Mean())


def test_the_chance_to_win_is_that_of_the_pairs_that_differ() -> None:
    # No feature tells items apart: 60 wins of the first, 20 of the second, 20 draws, which say nothing.
    target = np.array([[1.0, 0.0]] * 60 + [[0.0, 1.0]] * 20 + [[1.0, 1.0]] * 20)
    items = items_of(embedding=np.ones((100, 1)))
    told = MatrixFactorisation(2, "wins", 1e-6, Embedding()).fit(Lesson(items, target, 0))(items)
    np.testing.assert_allclose(told[0], [0.75, 0.25], atol=2e-3)


SMALL = np.array([[0.2, 0.6], [0.9, 0.1], [0.5, 0.5]])
LARGE = np.array([[0.4, 0.5], [0.9, 0.9], [0.8, 0.9]])


def test_labels_are_hybrid_llms_by_hand() -> None:
    np.testing.assert_array_equal(gap_labels(SMALL[:, :1], LARGE[:, :1], "det"), [0, 1, 0])
    # small >= large in pairs: (.2, .6) x (.4, .5): 2 of 4; (.9, .1) x (.9, .9): 2 of 4; none
    np.testing.assert_array_equal(gap_labels(SMALL, LARGE, "prob"), [0.5, 0.5, 0.0])
    spread = {}
    for t in (0.0, 0.1, 0.2, 0.3, 0.4, 0.8):
        y = [np.mean([s >= h - t - 1e-12 for s in SMALL[i] for h in LARGE[i]]) for i in range(3)]
        spread[t] = np.mean([abs(a - b) for a in y for b in y]), y
    best = max(spread.values(), key=lambda pair: pair[0])
    assert mean_difference(gap_labels(SMALL, LARGE, "trans")) == pytest.approx(best[0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_mean_difference_is_that_of_all_pairs(y: list[float]) -> None:
    assert mean_difference(np.array(y)) == pytest.approx(np.mean([abs(a - b) for a in y for b in y]), abs=1e-12)


def test_of_one_right_or_wrong_answer_all_labels_are_alike() -> None:
    chance = np.random.default_rng(6)
    small, large = chance.integers(0, 2, (2, 50, 1)).astype(float)
    expected = (small >= large).astype(float)[:, 0]
    for label in ("det", "prob", "trans"):
        np.testing.assert_array_equal(gap_labels(small, large, label), expected)  # type: ignore[arg-type]


def test_a_small_model_is_good_enough_as_often_as_it_was() -> None:
    target = np.array([[0.0, 1.0]] * 30 + [[1.0, 1.0]] * 70 + [[1.0, 0.0]] * 10)
    items = items_of(embedding=np.ones((110, 1)))
    told = GapClassifier(features=Embedding()).fit(Lesson(items, target, 0, MODELS[:2]))(items)
    np.testing.assert_allclose(told[0], [80 / 110, 1.0], atol=1e-3)
    reverse = GapClassifier(against="a", features=Embedding()).fit(Lesson(items, target, 0, MODELS[:2]))(items)
    np.testing.assert_allclose(reverse[0], [1.0, 100 / 110], atol=1e-3)


def test_samples_make_the_labels_of_prob() -> None:
    items = items_of(embedding=np.ones((4, 1)))
    target = np.array([[1.0, 1.0]] * 4)
    samples = np.array([[[1.0, 0.0], [1.0, np.nan]]] * 4)  # small is as good in one of its two
    lesson = Lesson(items, target, 0, MODELS[:2], samples)
    told = GapClassifier("prob", "b", features=Embedding()).fit(lesson)(items)
    np.testing.assert_allclose(told[0], [0.5, 1.0], atol=1e-6)
    assert GapClassifier("det", "b", features=Embedding()).fit(lesson)(items)[0, 0] == 1.0


def test_a_recorded_score_is_what_is_expected_of_its_model() -> None:
    items = items_of(tasks=["x", "y"], mine=[0.3, np.nan])
    lesson = Lesson(items, np.array([[1.0, 0.0], [0.0, 1.0]]), 0, MODELS[:2])
    told = RecordedScores({"b": "mine"}).fit(lesson)(items)
    np.testing.assert_array_equal(told, [[1.0, 0.3], [0.0, 1.0]])
    lengths = Lesson(items, np.array([[7.0, 9.0], [8.0, 4.0]]), 0, MODELS[:2])
    np.testing.assert_array_equal(RecordedScores({"b": "mine"}).fit(lengths)(items), TaskMean().fit(lengths)(items))
    for scores, says in (({"b": "yours"}, "records no 'yours', but mine"), ({"z": "mine"}, "models are a, b: no 'z'")):
        with pytest.raises(Unlearnable, match=says):
            RecordedScores(scores).fit(lesson)
