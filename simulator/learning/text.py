"""What a router reads in a prompt: its words, and how hard they are to read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.learning.core import Encode, Floats, Items, Unlearnable
from simulator.learning.steady import steady


@dataclass(frozen=True)
class Text:
    """TF-IDF of the prompt's words, 1 + log(count) each, projected to `dims` by truncated SVD, scaled to length 1.

    Words and directions are those of the train items (latent semantic analysis); at most 20,000 words are told apart.
    Stands in for the sentence embedding of published routers, which a table brings as `embedding` columns.
    """

    dims: Annotated[int, Field(ge=1)] = 100
    """Columns."""

    def encoding(self, items: Items, seed: int) -> Encode:
        """Words, weights and directions."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(sublinear_tf=True, max_features=20_000)
        prompts = prompts_of(items)
        try:
            counts = words.fit_transform(prompts)
        except ValueError:
            raise Unlearnable("the table's prompts have no words") from None
        dims = min(self.dims, *counts.shape)
        directions = TruncatedSVD(dims, random_state=seed % 2**32)
        with steady():
            directions.fit(counts)

        def encode(items: Items) -> Floats:
            features: Floats = directions.transform(words.transform(prompts_of(items)))
            norm = np.linalg.norm(features, axis=1, keepdims=True)
            return features / np.where(norm > 0, norm, 1.0)

        return encode


@dataclass(frozen=True)
class Complexity:
    """How hard the prompt is to read: one column for each bin of 100 - Flesch reading ease, parted at `bins`.

    GreenServ's third context feature, with its thresholds (arXiv 2601.17551).
    """

    bins: tuple[float, ...] = (20.0, 30.0)
    """Edges between bins."""

    def encoding(self, items: Items, seed: int) -> Encode:
        """Nothing is learned."""
        prompts_of(items)

        def encode(items: Items) -> Floats:
            hardness = 100 - np.array([reading_ease(prompt) for prompt in prompts_of(items)])
            bins: Floats = np.eye(len(self.bins) + 1)[np.digitize(hardness, sorted(self.bins))]
            return bins

        return encode


def reading_ease(text: str) -> float:
    """Flesch reading ease, 206.835 - 1.015 words per sentence - 84.6 syllables per word; 100 without a word.

    Sentences end with . ! or ? before a space; syllables are groups of vowels, one at least. Source: Flesch 1948,
    doi:10.1037/h0057532.
    """
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text)
    if not words:
        return 100.0
    sentences = sum(bool(part) for part in re.split(r"[.!?]+(?:\s+|$)", text.strip()))
    syllables = sum(max(len(re.findall(r"[aeiouy]+", word.lower())), 1) for word in words)
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)


def prompts_of(items: Items) -> Sequence[str]:
    """The prompts. Unlearnable where the table has none."""
    if items.prompts is None:
        raise Unlearnable("the table has no prompts to read")
    return items.prompts
