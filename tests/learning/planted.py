"""Queries of known kinds, and models of known skill at them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.learning.core import Estimator, Floats, Items, Lesson
from simulator.learning.predict import predictions

WORDS = [
    line.split()
    for line in (
        "add sum count total number digit minus times",
        "noun verb rhyme letter poem word line verse",
        "loop print class bug code stack type test",
    )
]
MODELS = ("a", "b", "c")
SKILL = np.array([[0.9, 0.3, 0.2], [0.2, 0.9, 0.5], [0.4, 0.1, 0.9]])  # (kinds, models): each best at its own kind


def items_of(
    prompts: Sequence[str] | None = None,
    embedding: Floats | None = None,
    tasks: Sequence[str] | None = None,
    prompt_tok: Sequence[float] | None = None,
    **recorded: Sequence[float],
) -> Items:
    """Items with what is given, named by number."""
    told = next(x for x in (prompts, embedding, tasks, prompt_tok, *recorded.values()) if x is not None)
    n = len(told)
    names = tuple(dict.fromkeys(tasks or ["all"]))
    return Items(
        tuple(f"q{i}" for i in range(n)),
        names,
        np.array([names.index(task) for task in tasks or ["all"] * n], dtype=np.int32),
        np.array(prompt_tok if prompt_tok is not None else [np.nan] * n, dtype=float),
        None if prompts is None else tuple(prompts),
        None if embedding is None else np.asarray(embedding, dtype=float),
        {name: np.array(scores, dtype=float) for name, scores in recorded.items()},
    )


def exam(n: int, seed: int = 0) -> tuple[Items, Floats, np.ndarray]:
    """Prompts of three kinds in words of their own, the scores of three models, and the kinds; no task label."""
    chance = np.random.default_rng(seed)
    kind = chance.integers(0, 3, n)
    prompts = [" ".join(chance.choice(WORDS[k], 4)) + f" the of {chance.integers(1000)}" for k in kind]
    scores = (chance.random((n, 3)) < SKILL[kind]).astype(float)
    return items_of(prompts), scores, kind


def plane(n: int, seed: int = 0) -> Items:
    """Items that have an embedding of two numbers, in all directions."""
    angle = np.random.default_rng(seed).uniform(-np.pi, np.pi, n)
    return items_of(embedding=np.stack([np.cos(angle), np.sin(angle)], axis=1))


def split(items: Items, target: Floats, train: int, seed: int = 1) -> tuple[Lesson, Items, Floats]:
    """The first `train` items as a lesson, and the rest."""
    rest = np.arange(train, len(items))
    models = tuple(MODELS[: target.shape[1]])
    return Lesson(items.take(np.arange(train)), target[:train], seed, models), items.take(rest), target[train:]


def told_apart(estimator: Estimator, seed: int = 0) -> float:
    """The share of unseen queries for which the estimator names the model that is best at their kind."""
    items, scores, kind = exam(600, seed)
    lesson, unseen, _ = split(items, scores, 400)
    told = predictions(estimator, lesson, unseen)
    return float(np.mean(told.argmax(axis=1) == SKILL[kind[400:]].argmax(axis=1)))
