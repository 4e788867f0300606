"""What a call takes when nobody else is there: exact, pass by pass, without an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.physics.step import Spans, StepModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Alone(NamedTuple):
    """Calls alone on an idle replica, (n,): seconds to the first and last token, joules above idle, FLOPs, bytes."""

    first_s: Floats
    last_s: Floats
    energy_j: Floats
    flop: Floats
    bytes: Floats


def alone(steps: StepModel, prompt_tok: Ints, output_tok: Ints, batched_tok: int) -> Alone:
    """Calls of `prompt_tok` and `output_tok` (n,), each at batch 1 with prompts in chunks of `batched_tok`."""
    pairs, place = np.unique(np.stack([prompt_tok, output_tok], axis=1), axis=0, return_inverse=True)
    prefills: dict[int, list[tuple[float, ...]]] = {}
    rows: list[tuple[float, ...]] = []
    whose: list[int] = []
    first_s = np.zeros(len(pairs))
    for i, (prompt, output) in enumerate(pairs.tolist()):
        if prompt not in prefills:
            prefills[prompt] = _prefill(steps, prompt, batched_tok)
        spans = prefills[prompt]
        first_s[i] = sum(span[0] for span in spans)
        spans = spans + _decode(steps, prompt, output)
        rows += spans
        whose += [i] * len(spans)
    columns = np.array(rows, dtype=np.float64).reshape(-1, len(Spans._fields)).T
    spans_of = Spans(*columns)
    meter = steps.meter(spans_of)

    def total(column: Floats) -> Floats:
        return np.bincount(whose, column, len(pairs)).astype(np.float64)[place.ravel()]

    last_s, joules = total(spans_of.time_s), total(meter.energy_j)
    return Alone(first_s[place.ravel()], last_s, joules, total(meter.flop), total(meter.bytes))


def side_by_side(steps: StepModel, prompt_tok: int, output_tok: Sequence[int], batched_tok: int) -> Alone:
    """Samples of one prompt on an idle replica, (samples,): the first prefills it, all decode together.

    The others prefill the prompt's last token when it is there. What passes draw is shared evenly by those in them.
    """
    n = len(output_tok)
    rows = _prefill(steps, prompt_tok, batched_tok)
    who: list[list[int]] = [[0]] * len(rows)
    now_s = sum(row[0] for row in rows)
    first_s, last_s = np.full(n, now_s), np.full(n, now_s)
    done = np.array([1] + [0] * (n - 1))
    wanted = np.array(output_tok)
    while (done < wanted).any():
        decoding = np.flatnonzero((done > 0) & (done < wanted)).tolist()
        joining = np.flatnonzero(done == 0).tolist()
        context, chunk = int(prompt_tok * len(decoding) + done[decoding].sum()), len(joining)
        past, pairs = chunk * (prompt_tok - 1), chunk * (prompt_tok - 0.5)
        start_s, growth_s, holds = steps.pace(len(decoding), context, chunk, past, pairs)
        passes = 1 if joining else min(holds, int((wanted - done)[decoding].min()))
        span_s = passes * (start_s + growth_s * (passes - 1) / 2)
        rows.append((span_s, passes, len(decoding), context, chunk, past, pairs))
        who.append(decoding + joining)
        now_s += span_s
        done[decoding + joining] += passes
        first_s[joining] = now_s
        last_s[decoding + joining] = now_s
    meter = steps.meter(Spans(*np.array(rows, dtype=np.float64).T))
    shares = np.zeros((n, len(rows)))
    for span, those in enumerate(who):
        shares[those, span] = 1 / len(those)
    return Alone(first_s, last_s, shares @ meter.energy_j, shares @ meter.flop, shares @ meter.bytes)


def _prefill(steps: StepModel, prompt: int, batched_tok: int) -> list[tuple[float, ...]]:
    rows: list[tuple[float, ...]] = []
    for past in range(0, prompt, batched_tok):
        chunk = min(batched_tok, prompt - past)
        pairs = chunk * (past + chunk / 2)
        rows.append((steps.pace(0, 0, chunk, past, pairs)[0], 1, 0, 0, chunk, past, pairs))
    return rows


def _decode(steps: StepModel, prompt: int, output: int) -> list[tuple[float, ...]]:
    rows: list[tuple[float, ...]] = []
    context, left = prompt + 1, output - 1
    while left > 0:
        first_s, growth_s, holds = steps.pace(1, context, 0, 0, 0.0)
        passes = min(left, holds)
        rows.append((passes * (first_s + growth_s * (passes - 1) / 2), passes, 1, context, 0, 0, 0.0))
        context += passes
        left -= passes
    return rows
