from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_world import BATCHED_TOK, LINEAR, LINEAR_J, RTT_S, burst

from simulator.scoring.linear_fit import fit_linear
from simulator.scoring.measurements import Measurement
from simulator.spec.errors import SpecError

SIZES = [(1, 16, 1), (1, 100, 1), (1, 200, 1), (1, 600, 1), (1, 16, 40), (2, 16, 40), (6, 16, 40), (4, 60, 40)]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> list[Measurement]:
    """Bursts as the engine plays them; prompts of 600 tokens take several passes."""
    folder = tmp_path_factory.mktemp("bursts")
    return [burst(folder, *size, LINEAR | LINEAR_J) for size in SIZES]


def test_a_fit_finds_the_coefficients_that_the_engine_ran_with(simulated: list[Measurement]) -> None:
    fit = fit_linear(simulated, BATCHED_TOK)
    assert fit.coefficients == pytest.approx({**LINEAR, **LINEAR_J, "batch_s": 0.0}, rel=2e-2, abs=1e-7)
    assert fit.request_s == pytest.approx(RTT_S, rel=1e-2)
    assert fit.unknown == ()
    assert all(error.p90 < 1e-3 for error in fit.errors)
    assert [error.quantity for error in fit.errors] == ["ttft_s", "tpot_s", "energy_j"]


def test_a_longer_prompt_than_a_pass_takes_costs_its_passes(simulated: list[Measurement]) -> None:
    one_pass = fit_linear(simulated, 10_000)  # the engine had passes of 256 tokens
    assert max(error.p90 for error in one_pass.errors) > 1e-3


def alone(p: int, n: int, pass_s: float, seq_s: float, chunk_s: float, ctx_s: float) -> Measurement:
    """By hand: one request, its prompt in one pass, then a pass for each token."""
    context = p + np.arange(1, n)
    tpot_s = pass_s + seq_s + ctx_s * float(context.mean())
    return Measurement(p, n, measured={"ttft_s": pass_s + chunk_s * p, "tpot_s": tpot_s})


def together(c: int, p: int, n: int, pass_s: float, seq_s: float, ctx_s: float) -> Measurement:
    gap_s = pass_s + c * seq_s + c * ctx_s * float((p + np.arange(1, n)).mean())
    return Measurement(p, n, c, measured={"decode_tok_per_s": c / gap_s})


@given(
    pass_s=st.floats(1e-4, 1e-1),
    seq_s=st.floats(1e-5, 1e-2),
    chunk_s=st.floats(1e-6, 1e-3),
    ctx_s=st.floats(1e-8, 1e-5),
)
def test_a_fit_is_exact_where_the_world_is_linear(pass_s: float, seq_s: float, chunk_s: float, ctx_s: float) -> None:
    rows = [alone(p, 20, pass_s, seq_s, chunk_s, ctx_s) for p in (10, 50, 200, 900)]
    rows += [together(c, p, 20, pass_s, seq_s, ctx_s) for c in (2, 8) for p in (20, 250)]  # all prompts in one pass
    fit = fit_linear(rows)
    assert all(max(abs(error.bias), error.p90) < 1e-6 for error in fit.errors)


def test_a_slower_server_has_coefficients_as_much_larger(simulated: list[Measurement]) -> None:
    slower = [
        Measurement(m.prompt_tok, m.output_tok, m.concurrency, 0, {k: 4 * v for k, v in m.measured.items()})
        for m in simulated
    ]
    fast, slow = fit_linear(simulated, BATCHED_TOK), fit_linear(slower, BATCHED_TOK)
    assert slow.coefficients == pytest.approx({k: 4 * v for k, v in fast.coefficients.items()}, rel=1e-6, abs=1e-12)
    assert [e.median for e in slow.errors] == pytest.approx([e.median for e in fast.errors], abs=1e-9)


def test_a_row_left_out_is_held_against_a_fit_that_never_saw_it() -> None:
    rows = [alone(p, 20, 5e-3, 1e-3, 1e-4, 0.0) for p in (10, 50, 200, 900)]
    rows += [Measurement(20, 20, c, measured={"tpot_s": 5e-3 + c * 1e-3}) for c in (2, 4, 8, 16)]
    wrong = Measurement(20, 20, 8, measured={"decode_tok_per_s": 2 * 8 / (5e-3 + 8e-3)})  # twice what it is
    error = next(e for e in fit_linear([*rows, wrong]).errors if e.quantity == "decode_tok_per_s")
    assert error.left_out_median == pytest.approx(0.5)
    assert -0.5 < error.bias < 0  # the model has less than the row says, which drew it up


def test_too_little_to_fit_is_said_in_one_line() -> None:
    decode = [together(c, 20, 20, 5e-3, 1e-3, 0.0) for c in (1, 2, 4, 8)]
    with pytest.raises(SpecError, match=r"^the table says nothing of chunk_tok_s: give ttft_s or prefill_tok_per_s$"):
        fit_linear(decode)
    prompts = [Measurement(p, 1, measured={"ttft_s": 0.01 + 1e-4 * p}) for p in (10, 50, 90)]
    with pytest.raises(SpecError, match="says nothing of decode_seq_s: give tpot_s or decode_tok_per_s"):
        fit_linear(prompts)
    with pytest.raises(SpecError, match="2 measurements are too few for 3 coefficients"):
        fit_linear([alone(10, 20, 5e-3, 1e-3, 1e-4, 0.0)])
    with pytest.raises(SpecError, match="the rows are too much alike to tell pass_s, decode_seq_s, chunk_tok_s apart"):
        fit_linear([alone(10, 20, 5e-3, 1e-3, 1e-4, 0.0)] * 5)
    with pytest.raises(SpecError, match="says nothing of pass_s"):
        fit_linear([])


def test_what_rows_cannot_tell_apart_is_named() -> None:
    rows = [alone(p, 20, 5e-3, 1e-3, 1e-4, 0.0) for p in (10, 50, 200)]
    assert "batch_s" in fit_linear(rows).unknown


def test_a_prompt_that_joins_waits_for_half_the_pass_under_way(tmp_path: Path) -> None:
    rows = [burst(tmp_path, *size, LINEAR) for size in SIZES]
    c, context = 4, 4 * (16 + 20)
    decode_s = LINEAR["pass_s"] + c * LINEAR["decode_seq_s"] + context * LINEAR["context_tok_s"]
    joined_s = 1.5 * decode_s + 64 * LINEAR["chunk_tok_s"] + 64**2 / 2 * LINEAR["pair_s"] + RTT_S
    fit = fit_linear([*rows, Measurement(16, 40, c, 64, {"ttft_s": joined_s})], BATCHED_TOK)
    assert all(error.p90 < 1e-3 for error in fit.errors)
