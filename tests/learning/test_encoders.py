from __future__ import annotations

import numpy as np
import pytest
from planted import exam, items_of

from simulator.learning.clusters import Cluster
from simulator.learning.core import Encoder, Unlearnable
from simulator.learning.features import Embedding, Joined, Length, Recorded, Task, Usual
from simulator.learning.text import Complexity, Text, reading_ease

PROMPTS = ["red fox", "red red dog", "blue dog", "green bird sings", "blue blue blue bird"]


def tf_idf(prompts: list[str]) -> np.ndarray:
    """(1 + ln tf)(1 + ln((1 + n) / (1 + df))), rows of length 1."""
    words = sorted({word for prompt in prompts for word in prompt.split()})
    counts = np.array([[prompt.split().count(word) for word in words] for prompt in prompts], dtype=float)
    weight = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0.0)
    weight *= 1 + np.log((1 + len(prompts)) / (1 + (counts > 0).sum(axis=0)))
    return weight / np.linalg.norm(weight, axis=1, keepdims=True)


def test_with_all_directions_kept_texts_are_as_similar_as_their_tf_idf() -> None:
    items = items_of(PROMPTS)
    features = Text(dims=50).encoding(items, seed=0)(items)
    expected = tf_idf(PROMPTS)
    np.testing.assert_allclose(features @ features.T, expected @ expected.T, atol=1e-9)


def test_a_prompt_of_unknown_words_has_no_direction() -> None:
    encode = Text(dims=3).encoding(items_of(PROMPTS), seed=0)
    assert (encode(items_of(["xyzzy plugh"])) == 0).all()


@pytest.mark.parametrize(
    ("text", "ease"),
    [
        ("The cat sat.", 206.835 - 1.015 * 3 - 84.6 * 3 / 3),
        ("Reading is easy. It helps!", 206.835 - 1.015 * 5 / 2 - 84.6 * 7 / 5),  # rea-ding is ea-sy it helps
        ("Pi is 3.14 or so", 206.835 - 1.015 * 4 - 84.6 * 4 / 4),
        ("123 + 456", 100.0),
    ],
)
def test_reading_ease_is_fleschs(text: str, ease: float) -> None:
    assert reading_ease(text) == pytest.approx(ease)


def test_complexity_bins_are_parted_at_20_and_30() -> None:
    easy = "The cat sat."  # 100 - 119.19
    middle = "Reading poems aloud is fun today."  # 6 words, vowels ea-i oe a-ou i u o-ay: 26.2
    hard = "Epidemiological generalisability necessitates multidimensional operationalisation."
    assert 100 - reading_ease(middle) == pytest.approx(100 - (206.835 - 1.015 * 6 - 84.6 * 9 / 6))
    encode = Complexity().encoding(items_of([easy]), 0)
    np.testing.assert_array_equal(encode(items_of([easy, middle, hard])), np.eye(3))


def test_clusters_are_the_kinds_of_prompts() -> None:
    items, _, kind = exam(300)
    columns = Cluster(3, Text()).encoding(items, 0)(items)
    assert (columns.sum(axis=1) == 1).all()
    for k in range(3):
        assert columns[kind == k].mean(axis=0).max() > 0.95


def test_there_are_no_more_clusters_than_different_items() -> None:
    items = items_of(embedding=np.eye(2)[[0, 1, 0, 1]])
    assert Cluster(5, Embedding()).encoding(items, 0)(items).shape == (4, 2)


def test_lengths_and_recorded_scores_are_in_deviations_of_the_train_items() -> None:
    train, other = items_of(prompt_tok=[10, 1000], mine=[1.0, 3.0]), items_of(prompt_tok=[100], mine=[5.0])
    np.testing.assert_allclose(Length().encoding(train, 0)(train), [[-1], [1]])
    np.testing.assert_allclose(Length().encoding(train, 0)(other), [[0]], atol=1e-12)
    np.testing.assert_allclose(Recorded(("mine",)).encoding(train, 0)(other), [[3]])


def test_tasks_that_nobody_trained_on_have_no_column() -> None:
    train, other = items_of(tasks=["sums", "code"]), items_of(tasks=["code", "poems"])
    np.testing.assert_array_equal(Task().encoding(train, 0)(other), [[0, 1], [0, 0]])


def test_the_usual_features_are_what_the_table_has() -> None:
    tasks = ["sums", "words", "words", "code", "code"]
    embedding = np.arange(1.0, 11.0).reshape(5, 2)
    everything = items_of(PROMPTS, embedding, tasks)
    for items, expected in (
        (everything, Joined((Embedding(), Task()))),
        (items_of(PROMPTS, tasks=tasks), Joined((Text(), Task()))),
        (items_of(PROMPTS), Text()),
        (items_of(tasks=tasks), Task()),
    ):
        np.testing.assert_array_equal(Usual().encoding(items, 3)(items), expected.encoding(items, 3)(items))


@pytest.mark.parametrize(
    ("encoder", "says"),
    [
        (Usual(), "no prompts, embedding or tasks"),
        (Text(), "no prompts"),
        (Complexity(), "no prompts"),
        (Embedding(), "no embedding"),
        (Length(), "how long prompts are"),
        (Recorded(("mine",)), "records no 'mine', but other"),
    ],
)
def test_what_the_table_lacks_is_said_in_one_line(encoder: Encoder, says: str) -> None:
    items = items_of(tasks=["all", "all"], other=[1.0, 2.0])
    with pytest.raises(Unlearnable, match=says):
        encoder.encoding(items, 0)


def test_prompts_without_words_are_refused() -> None:
    with pytest.raises(Unlearnable, match="have no words"):
        Text().encoding(items_of(["", "?"]), 0)
