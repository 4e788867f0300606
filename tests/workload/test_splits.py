"""Splits by hash of the prompt."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.workload.splits import HashSplit, hash_split, normalised

PROMPTS = [f"question {i}" for i in range(1000)]
TASKS = ["rare" if i % 10 == 0 else "common" for i in range(1000)]


@pytest.mark.parametrize("train_frac", [0.0, 0.3, 0.5, 1.0])
def test_every_task_gives_its_share(train_frac):
    splits = hash_split(PROMPTS, TASKS, HashSplit(train_frac=train_frac))
    train = Counter(task for task, split in zip(TASKS, splits, strict=True) if split == "train")
    assert train["rare"] == round(100 * train_frac)
    assert train["common"] == round(900 * train_frac)


@given(
    st.lists(
        st.tuples(st.sampled_from(["What is 2+2?", "who", "WHO ", " what  is\n2+2?", "ｗｈｏ"]), st.sampled_from("ab"))
    )
)
def test_duplicates_fall_together(pairs):
    prompts, tasks = [p for p, _ in pairs], [t for _, t in pairs]
    splits = hash_split(prompts, tasks, HashSplit())
    assert len(set(zip(map(normalised, prompts), splits, strict=True))) == len(set(map(normalised, prompts)))


def test_the_order_of_items_has_no_part_in_it():
    forward = dict(zip(PROMPTS, hash_split(PROMPTS, TASKS, HashSplit()), strict=True))
    backward = dict(zip(PROMPTS[::-1], hash_split(PROMPTS[::-1], TASKS[::-1], HashSplit()), strict=True))
    assert forward == backward


def test_another_seed_is_another_split():
    one, other = (hash_split(PROMPTS, TASKS, HashSplit(seed=seed)) for seed in (0, 1))
    agree = sum(a == b for a, b in zip(one, other, strict=True))
    assert 400 < agree < 600  # independent halves agree on half: 500 +- 4 standard errors of 16


def test_a_half_is_as_likely_to_hold_any_item():
    early = sum(
        split == "train"
        for seed in range(20)
        for split in hash_split(PROMPTS, TASKS, HashSplit(seed=seed))[:100]
    )  # fmt: skip
    assert abs(early - 1000) < 4 * 500**0.5
