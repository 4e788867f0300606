"""Predictions beside measurements: one row for each measured number, quantity and way of fitting."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from simulator.records.errors import ResultError
from simulator.records.files import write_text

SCORES = {
    "source": "repository or paper of the table",
    "table": "stem of the table's file",
    "row": "what finds the row in its table",
    "device": "what it was measured on",
    "engine": "the software that ran the model",
    "model": "the language model",
    "quantity": "what is compared; its suffix is its unit, in base units (decode_s, power_w, energy_j_per_tok)",
    "kind": "dense | moe; empty where that does not matter",
    "group": "what is judged together (batch 1, serving, kernels)",
    "setting": "which rows the constants were fitted on: one of SETTINGS",
    "measured": "the number of the source, above 0",
    "predicted": "ours, above 0",
    "extrapolated": "which layer of constants was fallen back on; empty where none",
    "cause": "likely cause of a large error; empty where none is known",
}
BARS = {
    "group": "as in the scores",
    "quantity": "as in the scores",
    "kind": "dense | moe; empty: all rows",
    "setting": "as in the scores",
    "limit_frac": "the median absolute error allowed, as a fraction",
}
SETTINGS = {
    "in-sample": "the constants were fitted on all rows, the row itself too",
    "row left out": "fitted without the row",
    "model left out": "fitted without any row of its model",
    "device left out": "fitted without any row of its device",
}
KINDS = ("dense", "moe", "")
NUMBERS = ("measured", "predicted")


def write_scores(scores: pd.DataFrame, path: Path) -> None:
    """Write `scores` to `path` as CSV, whole or not at all: columns `SCORES`, others are left out.

    Raises ResultError where a value is none that `read_scores` would take, or if the disk refuses.
    """
    write_text(path, _checked(scores, path).to_csv(index=False, lineterminator="\n"))


def read_scores(path: Path) -> pd.DataFrame:
    """The table that `write_scores` wrote: text columns (empty, never NaN) and two columns of floats.

    Raises ResultError where the file cannot be read, a column is missing, or a value is impossible.
    """
    try:
        scores = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except OSError as error:
        raise ResultError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # no columns, torn quotes, other bytes than UTF-8
        raise ResultError(f"{path}: not a table of scores: {str(error).splitlines()[0]}") from error
    return _checked(scores, path)


def _checked(scores: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The columns `SCORES` of `scores`, every value possible."""
    missing = [column for column in SCORES if column not in scores.columns]
    if missing:
        raise ResultError(f"{path}: no column {', '.join(missing)}; a table of scores has {', '.join(SCORES)}")
    scores = scores[list(SCORES)].reset_index(drop=True)
    text = [column for column in SCORES if column not in NUMBERS]
    scores = scores.astype(dict.fromkeys(text, str) | dict.fromkeys(NUMBERS, object))
    for column, allowed in (("setting", tuple(SETTINGS)), ("kind", KINDS)):
        for at, value in scores.loc[~scores[column].isin(allowed), column].head(1).items():
            named = ", ".join(word or "empty" for word in allowed)
            raise ResultError(f"{path}: row {_number(at)}: {column}: {value!r} is none of {named}")
    for column in NUMBERS:
        scores[column] = [_positive(value, f"{path}: row {at}: {column}") for at, value in enumerate(scores[column], 1)]
    return scores.astype(dict.fromkeys(NUMBERS, "float64"))


def _number(at: object) -> int:
    """The row's number, from 1, at position `at`."""
    return int(str(at)) + 1


def _positive(value: object, where: str) -> float:
    """`value` as a float above 0."""
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ResultError(f"{where}: {value!r} is not a number above 0")
    return number
