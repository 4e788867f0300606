"""A linear step model from measurements: relative least squares with nothing negative.

The schedule of requests that start together does not depend on how long passes take, so each measured quantity is
linear in the coefficients of `physics.linear.Linear`, and the fit is exact where passes are as the model says. Beside
them one constant is fitted: what a request costs outside its passes (HTTP, tokenizer), which the client's TTFT holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from simulator.scoring.measurements import QUANTITIES, Measurement
from simulator.spec.errors import SpecError

Floats = NDArray[np.float64]

TIMES = ("pass_s", "decode_seq_s", "context_tok_s", "chunk_tok_s", "pair_s", "batch_s")
JOULES = ("pass_j", "decode_seq_j", "context_tok_j", "chunk_tok_j")
REQUEST = "request_s"
_OPTIONAL = (
    "pair_s",
    "batch_s",
    REQUEST,
    "context_tok_s",
    "context_tok_j",
    "decode_seq_j",
)  # left out first where too little is known
_SAME = 1e-4  # columns of the design that differ by less (of their size) are one


class QuantityError(NamedTuple):
    """Errors of one quantity, as fractions of what was measured; `left_out_*`: of a fit without the row."""

    quantity: str
    n: int
    median: float
    p90: float
    bias: float
    left_out_median: float
    left_out_p90: float


@dataclass(frozen=True)
class LinearFit:
    """Coefficients of `Linear`, what a request costs outside its passes, and how far off they are."""

    coefficients: Mapping[str, float]
    request_s: float
    errors: tuple[QuantityError, ...]
    rows: int
    unknown: tuple[str, ...]
    """Terms that the table cannot tell apart from others; they count as 0."""


def fit_linear(rows: Sequence[Measurement], batched_tok: int = 2048) -> LinearFit:
    """The best coefficients. SpecError where the rows are too few, or too much alike.

    `batched_tok` is what the server puts into one pass at most.
    """
    points = [point for i, row in enumerate(rows) for point in _points(i, row, batched_tok)]
    seconds = [point for point in points if point.quantity != "energy_j"]
    joules = [point for point in points if point.quantity == "energy_j"]
    coefficients, errors, unknown = _fitted(seconds, (*TIMES, REQUEST), ("pass_s", "decode_seq_s", "chunk_tok_s"))
    if joules:
        drawn, energy_errors, energy_unknown = _fitted(joules, JOULES, ("pass_j", "chunk_tok_j"))
        coefficients, errors, unknown = coefficients | drawn, errors + energy_errors, unknown + energy_unknown
    request_s = coefficients.pop(REQUEST)
    return LinearFit(coefficients, request_s, errors, len(rows), unknown)


def passes(row: Measurement, batched_tok: int) -> tuple[Floats, Floats, Floats]:
    """Passes of requests that start together, (n, 6): the quantities that `TIMES` are the prices of.

    With the pass in which each request gets its first and its last token, each (concurrency,).
    """
    n, prompt = row.concurrency, row.prompt_tok
    prefilled, told = np.zeros(n, int), np.zeros(n, int)
    first, last = np.zeros(n, int), np.zeros(n, int)
    ran: list[tuple[float, ...]] = []
    while (told < row.output_tok).any():
        decoding = (prefilled == prompt) & (told < row.output_tok)
        room = max(batched_tok - int(decoding.sum()), 0)
        filled = np.minimum(np.cumsum(prompt - prefilled), room)
        take = np.diff(filled, prepend=0)
        pairs = float((take * (prefilled + take / 2)).sum())
        ran.append(_pass(int(decoding.sum()), float((prompt + told)[decoding].sum()), int(take.sum()), pairs))
        prefilled += take
        done = (take > 0) & (prefilled == prompt)
        first[done] = len(ran) - 1
        told += decoding | done
        last[told == row.output_tok] = np.where(last == 0, len(ran) - 1, last)[told == row.output_tok]
    return np.array(ran), first, last


def _pass(seqs: int, context_tok: float, chunk_tok: int, pairs: float) -> tuple[float, ...]:
    return 1.0, seqs, context_tok, chunk_tok, pairs, float(seqs + chunk_tok > 1)


class _Point(NamedTuple):
    """A measured value and its design: value = features @ coefficients. A rate is told as its inverse."""

    row: int
    quantity: str
    value: float
    features: Floats


def _points(i: int, row: Measurement, batched_tok: int) -> list[_Point]:
    if row.joining_tok:
        return [_Point(i, "ttft_s", row.measured["ttft_s"], _joining(row, batched_tok))]
    ran, first, last = passes(row, batched_tok)
    total = np.cumsum(ran, axis=0)
    found: list[_Point] = []
    for quantity in [name for name in QUANTITIES if name in row.measured]:
        value = row.measured[quantity]
        match quantity:
            case "ttft_s":
                features = np.append(total[first].mean(axis=0), 1.0)
            case "prefill_tok_per_s":
                features = np.append(total[first.max()], 0.0) / (row.concurrency * row.prompt_tok)
            case "energy_j":
                features = total[-1, : len(JOULES)]
            case _:  # between two tokens, while all decode; where they never do: at the end of the last prompt
                start, end = int(first.max()), int(last.min())
                between = ran[start + 1 : end + 1] if end > start else ran[start + 1 :]
                features = np.append(between.mean(axis=0), 0.0) / (1 if quantity == "tpot_s" else row.concurrency)
        is_rate = quantity.endswith("_per_s")
        found.append(_Point(i, quantity, 1 / value if is_rate else value, features))
    return found


def _joining(row: Measurement, batched_tok: int) -> Floats:
    """A prompt that comes while others decode: half the pass under way, then its chunks beside the decodes."""
    seqs = row.concurrency
    context = seqs * (row.prompt_tok + row.output_tok / 2)
    chunks, done, most = 0.5 * np.array(_pass(seqs, context, 0, 0.0)), 0, max(batched_tok - seqs, 1)
    while done < row.joining_tok:
        take = min(row.joining_tok - done, most)
        chunks += _pass(seqs, context, take, take * (done + take / 2))
        done += take
    return np.append(chunks, 1.0)


def _fitted(
    points: Sequence[_Point], terms: Sequence[str], needed: Sequence[str]
) -> tuple[dict[str, float], tuple[QuantityError, ...], tuple[str, ...]]:
    """Coefficients by term, errors by quantity, and the terms left out."""
    design = np.array([point.features / point.value for point in points]).reshape(len(points), len(terms))
    used = _known(design, terms, needed)
    narrow = design[:, used]
    found = _solved(narrow)
    predicted = narrow @ found
    owners = np.array([point.row for point in points])
    left_out = np.full(len(points), np.nan)
    for row in np.unique(owners):
        here = owners == row
        if (~here).sum() >= len(used):
            left_out[here] = narrow[here] @ _solved(narrow[~here])
    coefficients = dict.fromkeys(terms, 0.0) | {terms[i]: float(x) for i, x in zip(used, found, strict=True)}
    unknown = tuple(terms[i] for i in range(len(terms)) if i not in used)
    return coefficients, _errors(points, predicted - 1, left_out - 1), unknown


def _known(design: Floats, terms: Sequence[str], needed: Sequence[str]) -> list[int]:
    """Columns that the rows tell apart: all, or without the optional ones. SpecError where those needed are not."""
    size = np.linalg.norm(design, axis=0) if len(design) else np.zeros(len(terms))
    absent = [term for i, term in enumerate(terms) if size[i] == 0 and term in needed]
    if absent:
        raise SpecError(f"the table says nothing of {', '.join(absent)}: {_MEASURE[absent[0]]}")
    used = [i for i in range(len(terms)) if size[i] > 0]
    for optional in [terms.index(name) for name in _OPTIONAL if name in terms]:
        if _rank(design, used) == len(used) and len(design) > len(used):
            return used
        rest = [i for i in used if i != optional]
        if _rank(design, rest) == _rank(design, used) or len(design) <= len(used):
            used = rest
    if len(design) <= len(used):
        raise SpecError(f"{len(design)} measurements are too few for {len(used)} coefficients: measure more rows")
    if _rank(design, used) < len(used):
        raise SpecError(f"the rows are too much alike to tell {', '.join(terms[i] for i in used)} apart: {_VARY}")
    return used


_MEASURE = {
    "pass_s": "give ttft_s, tpot_s or a rate",
    "decode_seq_s": "give tpot_s or decode_tok_per_s",
    "chunk_tok_s": "give ttft_s or prefill_tok_per_s",
    "pass_j": "give energy_j",
    "chunk_tok_j": "give energy_j",
}
_VARY = "measure several prompt lengths, and decoding at several concurrencies"


def _rank(design: Floats, used: Sequence[int]) -> int:
    narrow = design[:, list(used)]
    size = np.linalg.norm(narrow, axis=0)
    return int(np.linalg.matrix_rank(narrow / np.where(size > 0, size, 1.0), tol=_SAME))


def _solved(design: Floats) -> Floats:
    """Coefficients >= 0 with which `design` comes nearest to 1 everywhere: every error counts by its fraction."""
    size = np.linalg.norm(design, axis=0)
    size = np.where(size > 0, size, 1.0)
    found, _ = nnls(design / size, np.ones(len(design)))
    kept = np.flatnonzero(found)  # which are not 0 is known now, and least squares proper is more exact
    exact = np.linalg.lstsq((design / size)[:, kept], np.ones(len(design)), rcond=None)[0]
    if (exact >= 0).all():
        found[kept] = exact
    return np.asarray(found / size, dtype=np.float64)


def _errors(points: Sequence[_Point], inside: Floats, left_out: Floats) -> tuple[QuantityError, ...]:
    told: list[QuantityError] = []
    for quantity in QUANTITIES:
        here = np.array([point.quantity == quantity for point in points], dtype=bool)
        if not here.any():
            continue
        # A rate was fitted as its inverse: the error of the rate itself is told.
        own, other = ((1 / (1 + x[here]) - 1) if quantity.endswith("_per_s") else x[here] for x in (inside, left_out))
        known = np.abs(other[~np.isnan(other)])
        loo = (float(np.median(known)), float(np.quantile(known, 0.9))) if len(known) else (float("nan"),) * 2
        size = np.abs(own)
        told.append(
            QuantityError(
                quantity,
                int(here.sum()),
                float(np.median(size)),
                float(np.quantile(size, 0.9)),
                float(own.mean()),
                *loo,
            )
        )
    return tuple(told)
