"""Two models and one score: thresholds, exact shares, and the labels that scores are learned of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_world import made
from told_world import asked, matrix, setting

from simulator.policies.pair import are_strong, bradley_terry, cut_at_share
from simulator.policies.routing_pair import (
    Ease,
    HybridLlm,
    RouteLlmClassifier,
    RouteLlmMf,
    RouteLlmSw,
    Scores,
    Wins,
)

SCORES = st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), min_size=1, max_size=40).map(np.array)
COST = matrix([1.0, 10.0])


@given(SCORES, st.floats(0.0, 1.0))
def test_a_share_is_met_exactly_however_many_scores_tie(scores: np.ndarray, share: float) -> None:
    cut = cut_at_share(scores, share)
    assert 0.0 <= cut.tied <= 1.0
    strong = (scores > cut.score).sum() + cut.tied * (scores == cut.score).sum()
    assert strong == pytest.approx(share * len(scores), abs=1e-9)


@given(st.integers(1, 40), st.data())
def test_without_ties_the_cut_is_the_quantile(size: int, data: st.DataObject) -> None:
    strong = data.draw(st.integers(0, size))
    scores = np.random.default_rng(size).permutation(size) / size
    cut = cut_at_share(scores, strong / size)
    known = setting(matrix(*[[0.0, 1.0]] * size), np.tile(COST, (size, 1)))
    assert set(np.flatnonzero(are_strong(scores, cut, known))) == set(np.argsort(scores)[size - strong :])


def test_ties_are_drawn_by_a_coin_for_each_query() -> None:
    size = 2000
    cut = cut_at_share(np.full(size, 0.5), 0.3)
    known = setting(np.full((size, 2), 0.5), np.tile(COST, (size, 1)))
    assert are_strong(np.full(size, 0.5), cut, known).mean() == pytest.approx(0.3, abs=0.01)


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_bradley_terry_is_the_logistic_of_the_difference_in_strength(weak: float, strong: float) -> None:
    sigma = lambda d: np.array([1.0 / (1.0 + np.exp(-d))])  # noqa: E731
    assert bradley_terry(sigma(strong), sigma(weak)) == pytest.approx(sigma(strong - weak), abs=1e-6)


def answers(*scores: tuple[float, float]) -> np.ndarray:
    return matrix(*scores)[:, :, None]


def test_labels_of_a_pair_by_hand() -> None:
    right = answers((1, 1), (0, 1), (1, 0), (0, 0))  # the small one fails alone on the second
    for label in ("det", "prob", "trans"):
        assert Ease(0, 1, label).of(right)[:, 0].tolist() == [1, 0, 1, 1]
    sampled = np.array([[[1.0, 0.0], [1.0, 0.0]]])  # of four pairs, the small one's answer is worse in one
    assert Ease(0, 1, "prob").of(sampled).tolist() == [[0.75]]
    assert Ease(0, 1, "det").of(sampled).tolist() == [[1.0]]
    graded = answers((0.8, 0.9), (0.2, 0.9), (0.1, 0.9), (0.6, 0.9))  # gaps -.1, -.7, -.8, -.3: half are -.3 or more
    assert Ease(0, 1, "trans").of(graded)[:, 0].tolist() == [1, 0, 0, 1]
    assert Wins(0, 1).of(right)[:, 0].tolist() == [0.5, 1.0, 0.0, 0.5]
    assert Scores(0, 1).of(right).tolist() == right[:, :, 0].tolist()


def test_hybrid_llm_asks_the_small_model_where_its_answer_is_likely_good_enough() -> None:
    # what is told here are the labels themselves: 1 where the small one's answer is as good
    known = setting(matrix([0.9, 0.5], [0.5, 1.0], [0.9, 0.9]), np.tile(COST, (3, 1)))
    assert asked(HybridLlm("small", "large", threshold=1.0), known) == ["small", "large", "small"]
    assert asked(HybridLlm("small", "large", threshold=1.1), known) == ["large"] * 3
    assert asked(HybridLlm("small", "large", threshold=0.0), known) == ["small"] * 3
    assert asked(HybridLlm("small", "large", strong_share=1 / 3), known) == ["small", "large", "small"]


def test_routellm_asks_the_strong_model_where_it_likely_wins() -> None:
    known = setting(matrix([0.5, 0.5], [0.5, 0.8], [0.2, 0.8]), np.tile(COST, (3, 1)))
    # odds 1:1, 4:1, 16:1
    assert asked(RouteLlmMf("small", "large", threshold=0.8), known) == ["small", "large", "large"]
    assert asked(RouteLlmMf("small", "large", threshold=0.9), known) == ["small", "small", "large"]
    assert asked(RouteLlmMf("small", "large", strong_share=2 / 3), known) == ["small", "large", "large"]
    # chances of the strong one to beat the weak one: .5, .8, .8
    assert asked(RouteLlmSw("small", "large", threshold=0.8), known) == ["small", "large", "large"]
    assert asked(RouteLlmSw("small", "large", threshold=0.81), known) == ["small"] * 3
    right = setting(matrix([1, 1], [0, 1], [1, 0]), np.tile(COST, (3, 1)))
    assert asked(RouteLlmClassifier("small", "large", threshold=0.6), right) == ["small", "large", "small"]
    assert asked(RouteLlmClassifier("small", "large", threshold=0.5), right) == ["large", "large", "small"]
    for rule in (RouteLlmSw, RouteLlmMf, RouteLlmClassifier):
        assert asked(rule("small", "large", strong_share=0.0), known) == ["small"] * 3
        assert asked(rule("small", "large", strong_share=1.0), known) == ["large"] * 3


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "give one of 'threshold' and 'strong_share'"),
        ({"threshold": 0.5, "strong_share": 0.5}, "give one of"),
        ({"strong_share": 1.5}, "must lie in"),
    ],
)
def test_a_pair_needs_one_threshold_or_share(more: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        made({"use": "routellm-mf", "weak": "small", "strong": "large", **more})
