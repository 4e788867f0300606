"""Two models that decode together, by hand, at the extremes, and pass by pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import shipped, spans, stepped_s, summed_s, tiny_device, tiny_model

from simulator.physics.linear import Linear
from simulator.physics.roofline import Roofline
from simulator.physics.rounds import Rounds, hybrid, speculative, tokens_per_round
from simulator.physics.step import StepModel
from simulator.physics.table import Table

shares = st.floats(0.0, 1.0)


def linear(pass_s: float, **more: Any) -> Linear:
    times = {"decode_seq_s": 0.01, "context_tok_s": 0.001, "chunk_tok_s": 0.002}
    return Linear(device=tiny_device(), model=tiny_model(), pass_s=pass_s, **(times | more))


SMALL, LARGE = linear(0.1), linear(1.0)


@given(acceptance=shares, draft_tok=st.integers(1, 12))
def test_a_round_gives_what_is_accepted_in_a_row_and_one_more(acceptance: float, draft_tok: int):
    rows = [acceptance**k * (1 - acceptance) for k in range(draft_tok)] + [acceptance**draft_tok]  # k in a row
    expected = sum(row * (k + 1) for k, row in enumerate(rows))
    assert tokens_per_round(acceptance, draft_tok) == pytest.approx(expected)
    if acceptance < 1:  # as Leviathan et al. have it
        formula = (1 - acceptance ** (draft_tok + 1)) / (1 - acceptance)
        assert tokens_per_round(acceptance, draft_tok) == pytest.approx(formula, rel=1e-6)


def test_a_token_takes_its_part_of_a_round_by_hand():
    """Drafts of 2 for 3 sequences with 90 tokens: 2 x 0.22 s; a check of 9 tokens, 1.18 s; 0.3 s away; 1.75 tokens."""
    first_s, growth_s, _ = speculative(LARGE, SMALL, 2, 0.5, 0.3).pace(3, 90, 0, 0, 0.0)
    assert first_s == pytest.approx((2 * 0.22 + 1.18 + 0.3) / 1.75)
    assert growth_s == pytest.approx((2 * 0.003 + 0.003) / 1.75)


def test_a_token_of_either_model_by_hand():
    """Sequences of 50 and 40 tokens: 0.1 + 0.02 + 0.09 s; a quarter of the time 1.11 s and 0.4 s more."""
    first_s, growth_s, _ = hybrid(SMALL, LARGE, 0.25, 0.4).pace(2, 90, 0, 0, 0.0)
    assert first_s == pytest.approx(0.21 + 0.25 * (1.11 + 0.4))
    assert growth_s == pytest.approx(0.002 * 1.25)


@pytest.mark.parametrize("both", [speculative(LARGE, SMALL, 2, 0.5, 0.3), hybrid(SMALL, LARGE, 0.5, 0.3)])
def test_both_prefill_at_the_same_time(both: Rounds):
    assert both.pace(0, 0, 50, 10, 1750.0) == LARGE.pace(0, 0, 50, 10, 1750.0)


def test_the_slower_prefill_may_change():
    quick_at_first = linear(0.1, pair_s=0.001)
    late = linear(0.2, pair_s=0.0)
    both = hybrid(quick_at_first, late, 0.5, 0.0)
    chunk = (0, 0, 8, 0, 8 * 4.0)
    assert summed_s(both, 9, *chunk) == pytest.approx(stepped_s(both, 9, *chunk))
    assert both.pace(*chunk)[2] < 9


@given(seqs=st.integers(1, 8), context=st.integers(1, 5000), rtt_s=st.floats(0, 1))
def test_at_the_extremes_all_or_nothing_is_accepted(seqs: int, context: int, rtt_s: float):
    draft_s, check_s = SMALL.pace(seqs, context, 0, 0, 0.0)[0], LARGE.pace(5 * seqs, context, 0, 0, 0.0)[0]
    whole_s = 4 * draft_s + check_s + rtt_s
    assert speculative(LARGE, SMALL, 4, 0.0, rtt_s).pace(seqs, context, 0, 0, 0.0)[0] == pytest.approx(whole_s)
    assert speculative(LARGE, SMALL, 4, 1.0, rtt_s).pace(seqs, context, 0, 0, 0.0)[0] == pytest.approx(whole_s / 5)


@given(acceptance=st.floats(0.0, 0.99), draft_tok=st.integers(1, 10), cost=st.floats(0.001, 1.0))
def test_where_checks_cost_a_pass_the_gain_is_the_theorems(acceptance: float, draft_tok: int, cost: float):
    """Leviathan et al., theorem 3.8: (1 - a^(g + 1)) / ((1 - a) (g c + 1)), c being a draft's pass over a target's."""
    only_passes = {"decode_seq_s": 0.0, "context_tok_s": 0.0}
    target, draft = linear(1.0, **only_passes), linear(cost, **only_passes)
    gain = 1.0 / speculative(target, draft, draft_tok, acceptance, 0.0).pace(1, 100, 0, 0, 0.0)[0]
    expected = (1 - acceptance ** (draft_tok + 1)) / ((1 - acceptance) * (draft_tok * cost + 1))
    assert gain == pytest.approx(expected)


def test_a_useless_draft_only_costs():
    """Nothing accepted, nothing to wait for and a draft without cost: the target's own speed, plus the wider check."""
    free = linear(0.0, decode_seq_s=1e-12, context_tok_s=0.0)
    alone = LARGE.pace(1, 100, 0, 0, 0.0)[0]
    assert speculative(LARGE, free, 1, 0.0, 0.0).pace(1, 100, 0, 0, 0.0)[0] == pytest.approx(alone + 0.01)


@given(fracs=st.tuples(shares, shares).map(sorted), rtts=st.tuples(shares, shares).map(sorted))
def test_agreement_makes_it_faster_and_distance_slower(fracs: list[float], rtts: list[float]):
    def token_s(acceptance: float, rtt_s: float) -> float:
        return speculative(LARGE, SMALL, 3, acceptance, rtt_s).pace(2, 100, 0, 0, 0.0)[0]

    def mixed_s(cloud_frac: float, rtt_s: float) -> float:
        return hybrid(SMALL, LARGE, cloud_frac, rtt_s).pace(2, 100, 0, 0, 0.0)[0]

    (low, high), (near, far) = fracs, rtts
    assert token_s(high, near) <= token_s(low, near) * (1 + 1e-12)
    assert token_s(low, near) <= token_s(low, far)
    assert mixed_s(low, near) <= mixed_s(high, near)
    assert mixed_s(high, near) <= mixed_s(high, far)


@cache
def rooflines() -> tuple[Roofline, Roofline]:
    made = [
        Roofline(device=shipped("devices", "l4"), model=shipped("models", name), max_seqs=8 * width)
        for name, width in (("llama-3.1-8b", 5), ("gemma-3-4b", 1))  # the draft has windows
    ]
    return made[0], made[1]


@cache
def tables() -> tuple[Table, Table]:
    grid: dict[str, Any] = {
        "decode_seqs": (1.0, 64.0),
        "context_tok": (100.0, 500.0, 4000.0),
        "chunk_tok": (1.0, 512.0),
    }
    grid |= {"prefill_s": (0.1, 1.0), "past_tok_s": 0.001, "outside": "extrapolate", "max_batched_tok": 512}
    one = Table(device=tiny_device(), model=tiny_model(), decode_s=((1.0, 2.0, 3.0), (2.0, 4.0, 9.0)), **grid)
    other = Table(device=tiny_device(), model=tiny_model(), decode_s=((0.1, 0.2, 0.5), (0.2, 0.5, 0.6)), **grid)
    return one, other


@pytest.mark.parametrize("models", [rooflines, tables])
@given(
    seqs=st.integers(0, 8),
    each=st.integers(1, 3000),
    chunk=st.integers(0, 256),
    past=st.integers(0, 3000),
    passes=st.integers(1, 300),
)
def test_spans_equal_stepping(
    models: Callable[[], tuple[StepModel, StepModel]], seqs: int, each: int, chunk: int, past: int, passes: int
):
    large, small = models()
    batch = (seqs, seqs * each, chunk, past, chunk * (past + chunk / 2))
    for both in (speculative(large, small, 4, 0.7, 0.02), hybrid(small, large, 0.3, 0.05)):
        assert summed_s(both, passes, *batch) == pytest.approx(stepped_s(both, passes, *batch), rel=1e-9)


def test_joules_are_those_of_both_for_as_long_as_they_work():
    """A tiny device draws 40 W above idle where it only waits for itself (its floor): neither waits for the trip."""
    both = speculative(LARGE, SMALL, 2, 0.5, 0.3)
    one = spans(time_s=both.pace(3, 90, 0, 0, 0.0)[0], decode_seqs=3.0, context_tok=90.0)
    worked_s = (2 * 0.22 + 1.18) / 1.75
    drawn = both.meter(one)
    assert drawn.energy_j[0] >= 40 * worked_s
    apart = [
        LARGE.meter(spans(time_s=1.18, decode_seqs=9.0, context_tok=90.0)),
        SMALL.meter(spans(time_s=0.22, decode_seqs=3.0, context_tok=90.0)),
    ]
    for column in ("energy_j", "flop", "bytes"):
        expected = (getattr(apart[0], column)[0] + 2 * getattr(apart[1], column)[0]) / 1.75
        assert getattr(drawn, column)[0] == pytest.approx(expected)


@given(passes=st.integers(1, 50), seqs=st.integers(0, 6), chunk=st.integers(0, 64), slower=st.sampled_from((1.0, 2.0)))
def test_a_span_draws_what_its_passes_draw(passes: int, seqs: int, chunk: int, slower: float):
    both = speculative(LARGE, SMALL, 2, 0.5, 0.3)
    batches = [(seqs, 90 * seqs + j * seqs, chunk, j * chunk, chunk * (j * chunk + chunk / 2)) for j in range(passes)]
    names = ("decode_seqs", "context_tok", "chunk_tok", "chunk_past_tok", "chunk_pairs")
    times_s = [both.pace(*batch)[0] * slower for batch in batches]
    each = spans(time_s=times_s, **{name: [float(b[i]) for b in batches] for i, name in enumerate(names)})
    whole = spans(
        time_s=sum(times_s), passes=float(passes), **{name: float(batches[0][i]) for i, name in enumerate(names)}
    )
    for one, other in zip(both.meter(whole), both.meter(each), strict=True):
        assert one[0] >= 0
        np.testing.assert_allclose(one[0], other.sum(), rtol=0.02)  # power is no line in time
