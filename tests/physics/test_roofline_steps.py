from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import files, shipped, stepped_s, summed_s, tiny_device, tiny_model

from simulator.physics.memory import weight_read_bytes
from simulator.physics.roofline import Roofline
from simulator.physics.step import FOREVER
from simulator.physics.values import Device, Model
from simulator.spec.architecture import parts

H100 = Roofline(device=shipped("devices", "h100-sxm"), model=shipped("models", "llama-3.1-8b"), max_seqs=256)
TWO_H100 = Roofline(device=H100.device, model=shipped("models", "llama-3.1-70b"), tensor_parallel=4, weights="fp8")
ORIN = Roofline(device=shipped("devices", "jetson-agx-orin"), model=shipped("models", "llama-3.2-3b"), weights="awq-4")
SPLIT = Roofline(device=H100.device, model=TWO_H100.model, tensor_parallel=2, pipeline_parallel=2, weights="fp8")
EXPERTS = Roofline(device=H100.device, model=shipped("models", "qwen3-235b-a22b"), tensor_parallel=8, expert_parallel=8)
LATENT = Roofline(device=H100.device, model=shipped("models", "deepseek-v3"), tensor_parallel=8, weights="fp8")
LOCAL = Roofline(device=H100.device, model=shipped("models", "gemma-3-12b"))
NPU = Roofline(
    device=shipped("devices", "snapdragon-8-elite"), model=shipped("models", "llama-3.2-1b"), weights="w4a16"
)
MIXTRAL = Roofline(device=H100.device, model=shipped("models", "mixtral-8x7b"), weights="fp8")
STEPS = [H100, TWO_H100, ORIN, MIXTRAL, SPLIT, EXPERTS, LATENT, LOCAL, NPU]


def pass_s(steps: Roofline, seqs: int, context: int, chunk: int, past: int, pairs: float) -> float:
    """The documented formula, written for one pass and dense weights of 16 bits on one device."""
    d, m = steps.device, steps.model
    bytes_per_s = d.bandwidth_frac * d.bandwidth_bytes_per_s
    t = seqs + chunk
    eff = d.prefill_frac * (0.5 if t <= d.prefill_half_tok else t / (t + d.prefill_half_tok))
    kv = 2 * 2 * m.layers * m.kv_heads * m.head_dim
    used = parts(m).multiplied
    head = parts(m).head
    multiplied = (used - head) * t + head * min(t, steps.max_seqs)  # the head for as many tokens as may decode
    linear_s = max(2 * multiplied / (eff * d.peak_fp16_flop_per_s), (2 * used + kv * t) / bytes_per_s)
    attention_flop_per_s = d.attention_frac * d.peak_fp16_flop_per_s
    flop_per_pair = 4 * m.layers * m.heads * m.head_dim
    kv_per_s = d.kv_bandwidth_frac * d.bandwidth_bytes_per_s
    decode_s = context * max(kv / kv_per_s, flop_per_pair / attention_flop_per_s)
    prefill_s = max(pairs * flop_per_pair / attention_flop_per_s, past * kv / kv_per_s)
    overhead_s = d.pass_overhead_s + m.layers * d.layer_overhead_s + seqs * d.seq_overhead_s
    overhead_s += m.layers * d.chunk_layer_overhead_s if chunk else 0.0
    return overhead_s + linear_s + decode_s + prefill_s


def test_a_tiny_pass_by_hand():
    steps = Roofline(device=tiny_device(pass_overhead_ms=1000.0), model=tiny_model())
    # memory: 25 weights of 2 bytes, 1 new token of 12 bytes of KV, at 10 bytes/s; compute: 50 FLOP at 100 FLOP/s
    # context: 12 bytes a token at 10 bytes/s (attention would take 24 FLOP at 100 FLOP/s)
    first_s, growth_s, passes = steps.pace(1, 7, 0, 0, 0.0)
    assert first_s == pytest.approx(1 + (50 + 12) / 10 + 7 * 1.2)
    assert growth_s == pytest.approx(1.2)
    assert passes == FOREVER


def test_a_tiny_chunk_by_hand():
    steps = Roofline(device=tiny_device(), model=tiny_model())
    # 10 prompt tokens: memory (50 + 120) / 10 = 17 s against 500 FLOP / 100 = 5 s; 50 pairs of 24 FLOP = 12 s
    assert steps.pace(0, 0, 10, 0, 50.0)[0] == pytest.approx(17 + 12)


batches = st.tuples(
    st.integers(0, 60), st.integers(0, 5000), st.integers(0, 900), st.integers(0, 4000), st.floats(0, 1)
).filter(lambda b: b[0] + b[2] > 0)


def batch(seqs: int, context: int, chunk: int, past: int, spread: float) -> tuple[int, int, int, int, float]:
    """A batch whose pairs are between those of one prompt and of as many as there are tokens."""
    return seqs, context * seqs, chunk, past * bool(chunk), chunk * (past + chunk / 2) * spread


@given(batches)
def test_a_pass_is_as_documented(drawn):
    assert H100.pace(*batch(*drawn))[0] == pytest.approx(pass_s(H100, *batch(*drawn)), rel=1e-12)


@pytest.mark.parametrize("steps", STEPS, ids=lambda s: f"{s.device.name}-{s.model.name}")
@given(drawn=batches, n=st.integers(1, 60))
def test_a_span_is_the_sum_of_its_passes(steps, drawn, n):
    b = batch(*drawn)
    assert summed_s(steps, n, *b) == pytest.approx(stepped_s(steps, n, *b), rel=1e-12)


@given(drawn=batches, n=st.integers(1, 60), frac=st.floats(0.001, 1))
def test_a_span_is_the_sum_of_its_passes_where_prompts_change_sides(drawn, n, frac):
    steps = Roofline(device=tiny_device(attention_frac=frac, bandwidth_frac=0.9), model=tiny_model())
    b = batch(*drawn)
    assert summed_s(steps, n, *b) == pytest.approx(stepped_s(steps, n, *b), rel=1e-12)


def test_prompts_do_change_sides():
    steps = Roofline(device=tiny_device(), model=tiny_model())
    first_s, growth_s, passes = steps.pace(0, 0, 4, 0, 8.0)  # 0.24 s a pair, 1.2 s a token of the past
    assert (growth_s, passes) == (pytest.approx(0.24 * 16), 3)  # 1.92 + 3.84 j >= 4.8 j while j <= 2
    assert first_s == pytest.approx((50 + 48) / 10 + 0.24 * 8)


@pytest.mark.parametrize("steps", STEPS, ids=lambda s: f"{s.device.name}-{s.model.name}")
def test_more_tokens_never_take_less_time(steps):
    prompt_s = [steps.pace(0, 0, t, 0, t * t / 2)[0] for t in range(1, 2048)]
    decode_s = [steps.pace(n, 500 * n, 0, 0, 0.0)[0] for n in range(1, steps.max_seqs)]
    assert np.all(np.diff(prompt_s) >= 0)
    assert np.all(np.diff(decode_s) >= 0)


def all_pairs() -> list[tuple[Device, Model]]:
    devices = [shipped("devices", file.stem) for file in files("devices")]
    return [(d, shipped("models", m)) for d in devices for m in ("llama-3.2-1b", "llama-3.1-8b", "qwen2.5-72b")]


@pytest.mark.parametrize("weights", ["bf16", "fp8", "q4_k_m"])
def test_one_sequence_never_reads_faster_than_nine_tenths_of_the_peak(weights):
    for device, model in all_pairs():
        time_s = Roofline(device=device, model=model, weights=weights, max_batched_tok=1).pace(1, 0, 0, 0, 0.0)[0]
        read = weight_read_bytes(model, weights, np.array([1.0]))[0]
        assert read / time_s <= 0.9 * device.bandwidth_bytes_per_s, (device.name, model.name)


def test_more_devices_take_less_time_but_not_in_proportion():
    times_s = [
        Roofline(device=H100.device, model=H100.model, tensor_parallel=tp).pace(8, 8000, 0, 0, 0.0)[0]
        for tp in (1, 2, 4)
    ]
    assert times_s[0] > times_s[1] > times_s[2] > times_s[0] / 4


def test_devices_without_an_interconnect_cannot_share_a_model():
    with pytest.raises(ValueError, match="'tiny' has no interconnect_gb_per_s: tensor_parallel must be 1, not 2"):
        Roofline(device=tiny_device(), model=tiny_model(), tensor_parallel=2)


def test_fp8_weights_multiply_at_the_fp8_peak():
    slow = tiny_device(bandwidth_gb_per_s=4e-7)
    fast = replace(slow, peak_fp8_flop_per_s=2 * slow.peak_fp16_flop_per_s, prefill_fp8_frac=slow.prefill_frac)
    by_peak = [Roofline(device=d, model=tiny_model(), weights="fp8").pace(0, 0, 100, 0, 0.0)[0] for d in (fast, slow)]
    assert by_peak[1] == pytest.approx(2 * by_peak[0], rel=1e-6)


def test_evidence_of_time_is_its_weakest_number():
    assert H100.time_evidence == "fitted"
    assert Roofline(device=tiny_device(), model=tiny_model()).time_evidence == "assumed"
