"""Public tables that published numbers rest on: found through MULTILLM_DATA."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

DATA = os.environ.get("MULTILLM_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="MULTILLM_DATA is not set: no public tables here")

Floats = NDArray[np.float64]
WEAK, STRONG = "mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"


def table(name: str) -> pd.DataFrame:
    assert DATA is not None
    return pd.read_csv(Path(DATA) / "quality" / f"{name}.csv.gz")


def routellm(name: str) -> tuple[Floats, Floats]:
    """Scores of Mixtral and GPT-4 on the questions that the paper keeps; of MT-Bench means over both turns."""
    kept = table(f"routellm_{name}").query("contaminated == 0")
    if name == "mt_bench":
        kept = kept.groupby("question_id")[[WEAK, STRONG]].mean()
    return kept[WEAK].to_numpy(float), kept[STRONG].to_numpy(float)


def llama(dataset: str, model: str) -> pd.DataFrame:
    """Outcomes of a model of the Llama chain (`8b`) on a test split, by query."""
    rows = table("rational_cascades_llama5").query("dataset == @dataset and split == 'test'")
    return rows[rows["model"].str.endswith(f"-{model}")].set_index("query").sort_index()


def routerbench() -> tuple[Floats, Floats]:
    """Scores and dollars, (questions, models)."""
    rows = table("routerbench_0shot_slice")
    costs = [column for column in rows if column.endswith("|total_cost")]
    scores = [column.removesuffix("|total_cost") for column in costs]
    return rows[scores].to_numpy(float), rows[costs].to_numpy(float)
