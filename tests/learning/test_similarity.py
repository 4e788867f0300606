"""Neighbours, clusters and ratings: what models made of queries like this one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import MODELS, items_of, plane, split, told_apart
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from simulator.learning.clusters import KMeans, LearnedMap
from simulator.learning.core import Estimator, Floats, Lesson
from simulator.learning.factors import chance_to_beat_another
from simulator.learning.features import Embedding
from simulator.learning.means import Mean
from simulator.learning.neighbours import Knn
from simulator.learning.predict import predictions
from simulator.learning.ratings import BradleyTerrySimilarity, Elo, bradley_terry, elo, wins


@pytest.mark.parametrize("weights", ["equal", "distance"])
def test_neighbours_are_those_that_brute_force_finds(weights: str) -> None:
    chance = np.random.default_rng(2)
    items, target = plane(60), chance.random((60, 3))
    target[chance.random(target.shape) < 0.3] = np.nan
    target[:50][np.isnan(target[:50]).all(axis=1)] = 0.5
    lesson, unseen, _ = split(items, target, 50)
    told = Knn(7, weights, Embedding()).fit(lesson)(unseen)  # type: ignore[arg-type]
    assert lesson.items.embedding is not None
    assert unseen.embedding is not None
    for query, row in zip(unseen.embedding, told, strict=True):
        distance = [float(np.hypot(*(query - point))) for point in lesson.items.embedding]
        near = sorted(range(50), key=distance.__getitem__)[:7]
        for model in range(3):
            known = [i for i in near if not np.isnan(lesson.target[i, model])]
            weight = [1 / distance[i] if weights == "distance" else 1.0 for i in known]
            expected = np.average(lesson.target[known, model], weights=weight)
            assert row[model] == pytest.approx(expected, abs=1e-6)


def test_a_random_label_cannot_be_told_by_its_neighbour() -> None:
    items, label = plane(2000), np.random.default_rng(3).integers(0, 2, (2000, 1)).astype(float)
    lesson = Lesson(items, label, 1)
    right = (predictions(Knn(1, features=Embedding()), lesson, items) == label).mean()
    assert abs(right - 0.5) < 4 * 0.5 / 2000**0.5
    seen = Knn(1, features=Embedding()).fit(lesson)(items)
    assert (seen == label).all()


def test_one_cluster_is_the_zero_router() -> None:
    lesson, unseen, _ = split(plane(80), np.random.default_rng(4).random((80, 2)), 60)
    one = KMeans(k=1, features=Embedding()).fit(lesson)(unseen)
    np.testing.assert_allclose(one, Mean().fit(lesson)(unseen), atol=1e-12)


def test_means_of_clusters_are_drawn_to_the_mean_of_all() -> None:
    far = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    lesson = Lesson(items_of(embedding=far), np.array([[1.0], [0.0], [1.0], [0.0]]), 0)
    east, north = items_of(embedding=far[:1]), items_of(embedding=far[3:])
    for prior in (0.0, 2.0):
        predict = KMeans(2, prior, features=Embedding()).fit(lesson)
        assert predict(east)[0, 0] == pytest.approx((2 + prior * 0.5) / (3 + prior))
        assert predict(north)[0, 0] == pytest.approx((0 + prior * 0.5) / (1 + prior))


def test_a_model_that_joins_is_known_by_its_validation_items_only() -> None:
    items, target = plane(500), np.random.default_rng(5).integers(0, 2, (500, 1)).astype(float)
    told = KMeans(1, 0.0, validation_items=40, features=Embedding()).fit(Lesson(items, target, 0))(items)[0, 0]
    assert (told * 40) == pytest.approx(round(told * 40))
    assert told != pytest.approx(target.mean())


def test_a_learned_map_finds_what_clusters_part_badly() -> None:
    # One model is right in the east, the other in the west, and three clusters of a circle part that ill.
    items = plane(2000)
    assert items.embedding is not None
    chance = np.where(items.embedding[:, [0]] > 0, [[0.9, 0.2]], [[0.2, 0.9]])
    scores = (np.random.default_rng(6).random(chance.shape) < chance).astype(float)
    lesson, unseen, _ = split(items, scores, 1500)

    def error(estimator: Estimator) -> float:
        return float(np.square(estimator.fit(lesson)(unseen) - chance[1500:]).mean())

    learned, clusters = (cls(3, features=Embedding()) for cls in (LearnedMap, KMeans))
    assert error(learned) < 0.6 * error(clusters)


@pytest.mark.parametrize(
    "estimator", [Knn(20), KMeans(3), LearnedMap(3), BradleyTerrySimilarity(), Elo(p=0.0)], ids=repr
)
def test_the_best_model_of_each_kind_is_found(estimator: Estimator) -> None:
    assert told_apart(estimator) > 0.8


battle_counts = st.lists(st.floats(0.1, 20.0), min_size=12, max_size=12)


@settings(max_examples=20, deadline=None)
@given(battle_counts)
def test_strengths_are_those_of_most_likelihood(counts: list[float]) -> None:
    battles = np.zeros((4, 4))
    battles[~np.eye(4, dtype=bool)] = counts

    def loss(strength: Floats) -> float:
        return -float(np.sum(battles * log_expit(strength[:, None] - strength[None, :])))

    found = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(bradley_terry(battles[None])[0], found - found.mean(), atol=1e-4)


def test_of_two_models_the_chance_is_the_weighted_share_of_wins() -> None:
    points = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    target = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # lost, won, drawn by the first
    lesson = Lesson(items_of(embedding=points), target, 0, MODELS[:2])
    told = BradleyTerrySimilarity(Embedding()).fit(lesson)(items_of(embedding=np.array([[1.0, 0.0]])))
    weight = [10 * 10**s for s in (1.0, 0.0, 0.6)]
    first = (weight[1] + weight[2] / 2 + 5) / (sum(weight) + 10)
    np.testing.assert_allclose(told, [[first, 1 - first]])


def test_ratings_are_elos_by_hand() -> None:
    target = np.array([[[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]])
    rating = [0.0, 0.0]
    for score in (1.0, 0.0, 0.5):
        expected = 1 / (1 + 10 ** ((rating[1] - rating[0]) / 400))
        moved = 32 * (score - expected)
        rating = [rating[0] + moved, rating[1] - moved]
    np.testing.assert_allclose(elo(target, 32)[0], rating)


def test_eagle_weighs_global_and_local_ratings() -> None:
    # The first wins everywhere but at the one item nearest to the query.
    points = np.array([[1.0, 0.0]] + [[0.0, 1.0]] * 9)
    target = np.array([[0.0, 1.0]] + [[1.0, 0.0]] * 9)
    lesson, query = Lesson(items_of(embedding=points), target, 0), items_of(embedding=points[:1])
    local = elo(target[None, :1], 32)[0]
    overall = elo(target[np.random.default_rng(0).permutation(10)][None], 32)[0]
    for p in (0.0, 0.3, 1.0):
        told = Elo(p, neighbours=1, features=Embedding()).fit(lesson)(query)[0, 0]
        ahead = p * (overall[0] - overall[1]) + (1 - p) * (local[0] - local[1])
        assert told == pytest.approx(1 / (1 + 10 ** (-ahead / 400)))


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6))
def test_chances_to_beat_another_are_means_over_the_others(strength: list[float]) -> None:
    told = chance_to_beat_another(np.array([strength]))[0]
    for i, own in enumerate(strength):
        others = [expit(own - other) for j, other in enumerate(strength) if j != i]
        assert told[i] == pytest.approx(np.mean(others))
    assert told.mean() == pytest.approx(0.5)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, float("nan")]), min_size=2, max_size=5))
def test_of_two_models_that_both_did_it_one_win_is_shared(scores: list[float]) -> None:
    won = wins(np.array([scores]))[0]
    for a, b in combinations(range(len(scores)), 2):
        both = not np.isnan(scores[a]) and not np.isnan(scores[b])
        assert won[a, b] + won[b, a] == (1.0 if both else 0.0)
        assert won[a, b] == (0.0 if not both or scores[a] < scores[b] else 1.0 if scores[a] > scores[b] else 0.5)
