import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import spans, tiny_device, tiny_model

from simulator.physics import power, work
from simulator.physics.linear import Linear

DEVICE, MODEL = tiny_device(), tiny_model()


def test_power_is_a_floor_and_what_it_moves_and_multiplies_up_to_the_tdp():
    used = power.busy_w(DEVICE, np.array([0.0, 1, 0, 0.25, 1, 9]), np.array([0.0, 0, 1, 0.25, 2, 9]))
    np.testing.assert_allclose(used, [50, 70, 70, 70, 90, 90])
    assert power.busy_w(tiny_device(active_power_frac=0.8), np.array([1.0]), np.array([1.0]))[0] == 100  # the TDP


def test_joules_are_power_times_time_less_idle_of_all_devices():
    # 3 devices for 2 s move 30 bytes of the 120 that they could, and do 300 FLOP of 1200: 50 + 10 + 10 W each, 10 idle
    joules = power.energy_above_idle_j(DEVICE, 3, 200.0, np.array([2.0]), np.array([300.0]), np.array([30.0]))
    assert joules[0] == pytest.approx(3 * 2 * (70 - 10))


def test_a_mixed_pass_is_split_by_tokens():
    s = spans(decode_seqs=[0.0, 4, 4], chunk_tok=[12.0, 12, 0], time_s=2.0)
    np.testing.assert_allclose(power.prefill_share(s), [1, 0.75, 0])


def test_a_device_never_draws_less_than_idle():
    nothing, one = np.array([0.0]), np.array([1.0])
    assert power.energy_above_idle_j(tiny_device(idle_w=75.0), 1, 200.0, one, nothing, nothing)[0] == 0


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


def test_keep_warm_is_the_published_rule():
    """arXiv 2605.23918: an H100 that loads in 45 s at 300 W had better be kept warm for 270 s."""
    assert power.keep_warm_s(300.0, 45.0, 121.7, 71.8) == pytest.approx(270.0, abs=1.0)
    assert power.keep_warm_s(300.0, 8.0, 121.7, 71.8) == pytest.approx(48.0, abs=0.2)
    assert power.keep_warm_s(300.0, 45.0, 80.0, 80.0) == float("inf")


def test_the_machine_beside_a_device_that_works_draws_more():
    two, no = np.array([2.0]), np.array([0.0])
    plain, beside = (
        power.energy_above_idle_j(tiny_device(host_active_w=w), 3, 200.0, two, no, no)[0] for w in (0.0, 20.0)
    )
    assert beside - plain == pytest.approx(3 * 2 * 20)
