import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import spans, tiny_device, tiny_model

from simulator.physics import power, work
from simulator.physics.linear import Linear

DEVICE, MODEL = tiny_device(), tiny_model()


def test_decode_power_rises_with_the_doublings_up_to_the_tdp():
    np.testing.assert_allclose(power.decode_w(DEVICE, np.array([0.0, 1, 2, 8, 1e6])), [50, 50, 60, 80, 100])


def test_a_mixed_pass_is_split_by_tokens():
    s = spans(decode_seqs=[0.0, 4, 4], chunk_tok=[12.0, 12, 0], time_s=2.0)
    np.testing.assert_allclose(power.prefill_share(s), [1, 0.75, 0])
    np.testing.assert_allclose(power.busy_w(DEVICE, s), [90, 0.75 * 90 + 0.25 * 70, 70])
    np.testing.assert_allclose(power.energy_above_idle_j(DEVICE, 3, s), 3 * 2 * (power.busy_w(DEVICE, s) - 10))


def test_a_device_never_draws_less_than_idle():
    thirsty = tiny_device(idle_w=75.0)
    np.testing.assert_allclose(power.energy_above_idle_j(thirsty, 1, spans(decode_seqs=[1.0, 16], time_s=1.0)), [0, 15])


@given(
    n=st.integers(1, 40),
    seqs=st.integers(0, 9),
    context=st.integers(0, 99),
    chunk=st.integers(0, 9),
    past=st.integers(0, 50),
)
def test_flops_and_bytes_are_those_of_every_pass(n, seqs, context, chunk, past):
    flop = moved = 0.0
    for j in range(n):
        tokens, read = seqs + chunk, (context + j * seqs) + (past + j * chunk)
        pairs = context + j * seqs + chunk * (past + j * chunk + chunk / 2)
        flop += 2 * 20 * tokens + 2 * 5 * seqs + 4 * 6 * pairs
        moved += (50 + 12 * (read + tokens)) if tokens else 12 * read
    s = spans(
        passes=n, decode_seqs=seqs, context_tok=context, chunk_tok=chunk, chunk_past_tok=past,
        chunk_pairs=chunk * (past + chunk / 2),
    )  # fmt: skip
    assert work.flop(MODEL, s)[0] == pytest.approx(flop, rel=1e-12)
    assert work.moved_bytes(MODEL, "bf16", s)[0] == pytest.approx(moved, rel=1e-12)


def test_a_span_cut_in_two_draws_the_same():
    whole = spans(time_s=10.0, passes=10, decode_seqs=3, context_tok=300)
    parts = spans(time_s=[4.0, 6.0], passes=[4.0, 6.0], decode_seqs=3, context_tok=[300.0, 312.0])
    steps = Linear(device=DEVICE, model=MODEL, pass_s=1.0, decode_seq_s=0.0, context_tok_s=0.0, chunk_tok_s=0.0)
    for one, two in zip(steps.meter(whole), steps.meter(parts), strict=True):
        assert one.sum() == pytest.approx(two.sum(), rel=1e-12)
