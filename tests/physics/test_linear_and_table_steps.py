from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import spans, stepped_s, summed_s, tiny_device, tiny_model
from scipy.interpolate import RegularGridInterpolator

from simulator.physics.linear import Linear
from simulator.physics.roofline import Roofline
from simulator.physics.step import FOREVER
from simulator.physics.table import OutsideGrid, Table

GIVEN = {"device": tiny_device(), "model": tiny_model(), "max_seqs": 8, "max_batched_tok": 512}
LINEAR = Linear(
    **GIVEN, pass_s=5e-3, decode_seq_s=1e-4, context_tok_s=1e-7, chunk_tok_s=3e-5, pair_s=1e-9
)  # powers of ten, to be read off
SEQS, CONTEXT = (1.0, 4.0, 8.0), (0.0, 100.0, 1000.0)
DECODE_S = ((1e-3, 2e-3, 9e-3), (2e-3, 3e-3, 20e-3), (2.5e-3, 5e-3, 30e-3))
TABLE = Table(
    **GIVEN,
    decode_seqs=SEQS,
    context_tok=CONTEXT,
    decode_s=DECODE_S,
    chunk_tok=(1.0, 128.0, 512.0),
    prefill_s=(1e-3, 4e-3, 20e-3),
    past_tok_s=1e-6,
)


def test_a_linear_pass_by_hand():
    first_s, growth_s, passes = LINEAR.pace(3, 1000, 100, 40, 9000.0)
    assert first_s == pytest.approx(5e-3 + 3e-4 + 1e-4 + 3e-3 + 9e-6)
    assert growth_s == pytest.approx(3e-7 + 1e-5)
    assert passes == FOREVER


@pytest.mark.parametrize("steps", [LINEAR, TABLE], ids=["linear", "table"])
@given(seqs=st.integers(0, 8), mean=st.integers(1, 600), chunk=st.integers(0, 400), n=st.integers(1, 300))
def test_a_span_is_the_sum_of_its_passes(steps, seqs, mean, chunk, n):
    if seqs + chunk:
        b = (seqs, seqs * mean, chunk, 0, chunk**2 / 2)
        assert summed_s(steps, n, *b) == pytest.approx(stepped_s(steps, n, *b), rel=1e-11)


@given(seqs=st.integers(1, 8), mean=st.floats(0, 1000))
def test_a_table_is_bilinear(seqs, mean):
    expected = RegularGridInterpolator((SEQS, CONTEXT), np.array(DECODE_S))([[seqs, mean]])[0]
    assert TABLE.pace(seqs, mean * seqs, 0, 0, 0.0)[0] == pytest.approx(expected, rel=1e-9)


def test_a_table_holds_to_the_end_of_its_cell():
    assert TABLE.pace(2, 2 * 90, 0, 0, 0.0)[2] == 11  # mean contexts 90 to 100
    assert TABLE.pace(0, 0, 64, 0, 2048.0)[2] == FOREVER


def test_outside_a_table_is_an_error_or_carried_on():
    with pytest.raises(OutsideGrid, match="context_tok ends at 1000, but 2 sequences have 1001 each"):
        TABLE.pace(2, 2002, 0, 0, 0.0)
    with pytest.raises(OutsideGrid, match="decode_seqs ends at 8, but a pass may have 16"):
        replace(TABLE, max_seqs=16)
    further = replace(TABLE, max_seqs=16, max_batched_tok=1024, outside="extrapolate")
    assert further.pace(1, 2000, 0, 0, 0.0)[0] == pytest.approx(9e-3 + 1000 * 7e-3 / 900)
    assert further.pace(0, 0, 1024, 0, 0.0)[0] == pytest.approx(20e-3 + 512 * 16e-3 / 384)
    assert (TABLE.time_evidence, further.time_evidence) == ("measured", "assumed")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decode_seqs": (1.0, 1.0, 8.0)}, "decode_seqs must be two or more numbers, rising"),
        ({"decode_s": DECODE_S[:2]}, "decode_s must have a row"),
        ({"prefill_s": (1e-3, 2e-3)}, "prefill_s must have a time"),
        ({"prefill_s": (0.0, 1e-3, 2e-3)}, "times must be numbers > 0"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(TABLE, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"pass_s": -1.0},
        {"pair_s": float("nan")},
        {"pass_s": 0.0, "chunk_tok_s": 0.0, "pair_s": 0.0},
        {"pass_s": 0.0, "decode_seq_s": 0.0, "context_tok_s": 0.0},
    ],
)
def test_coefficients_that_make_no_sense_are_refused(change):
    with pytest.raises(ValueError, match=r"must be a number|would take no time"):
        replace(LINEAR, **change)


def test_a_pass_of_one_token_may_take_its_time_from_pairs_or_context_alone():
    bare = replace(LINEAR, pass_s=0.0, decode_seq_s=0.0, chunk_tok_s=0.0)
    assert bare.pace(0, 0, 1, 0, 1.0)[0] == LINEAR.pair_s > 0
    assert bare.pace(1, 1, 0, 0, 0.0)[0] == LINEAR.context_tok_s > 0


@pytest.mark.parametrize("steps", [Roofline, Linear, Table])
def test_every_step_model_is_given_the_same(steps):
    given_fields = {f.name for f in fields(steps) if f.metadata.get("given")}
    split = {"tensor_parallel", "pipeline_parallel", "expert_parallel"}
    assert given_fields == {"device", "model", "weights", "max_batched_tok", "max_seqs"} | split


JOULES = {"pass_j": 2.0, "decode_seq_j": 0.5, "context_tok_j": 1e-3, "chunk_tok_j": 0.01}


@given(seqs=st.integers(0, 8), mean=st.integers(1, 600), chunk=st.integers(0, 400), n=st.integers(1, 300))
def test_metered_joules_of_a_span_are_those_of_its_passes(seqs, mean, chunk, n):
    metered = replace(LINEAR, **JOULES)
    whole = spans(passes=float(n), decode_seqs=seqs, context_tok=seqs * mean, chunk_tok=chunk)
    each = spans(decode_seqs=seqs, context_tok=[float(seqs * (mean + j)) for j in range(n)], chunk_tok=chunk)
    by_hand_j = n * 2.0 + 0.5 * seqs * n + 1e-3 * seqs * (mean * n + n * (n - 1) / 2) + 0.01 * chunk * n
    assert metered.meter(whole).energy_j.sum() == pytest.approx(by_hand_j)
    assert metered.meter(each).energy_j.sum() == pytest.approx(by_hand_j)


def test_metered_joules_stand_for_their_own_evidence():
    assert replace(LINEAR, **JOULES, evidence="measured").energy_evidence == "measured"
    with pytest.raises(ValueError, match="joules are given whole: no pass_j, context_tok_j, chunk_tok_j"):
        replace(LINEAR, decode_seq_j=0.5)
