import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import files, shipped, tiny_device, tiny_model

from simulator.physics.formats import FORMATS, format_of
from simulator.physics.memory import (
    activation_bytes,
    experts_touched,
    kv_bytes_per_tok,
    kv_cache_bytes,
    kv_capacity_tok,
    kv_copies,
    kv_shards,
    replica_need,
    usable_bytes,
    weight_bytes,
    weight_read_bytes,
)
from simulator.spec.architecture import parts

MODELS = [file.stem for file in files("models")]


def test_kv_bytes_are_those_published():
    sizes = {
        "llama-3.1-8b": 131072, "llama-3.1-70b": 327680, "llama-2-7b": 524288, "llama-2-13b": 819200,
        "qwen2.5-7b": 57344, "deepseek-v3": 70272, "gemma-2-9b": 344064, "qwen3-235b-a22b": 192512,
    }  # fmt: skip
    assert {name: kv_bytes_per_tok(shipped("models", name)) for name in sizes} == sizes


@pytest.mark.parametrize(
    ("name", "weights", "gb", "tolerance"),
    [
        ("llama-3.1-8b", "bf16", 16.07, 0.01),  # safetensors index of meta-llama/Llama-3.1-8B
        ("llama-3.1-8b", "q4_0", 4.66, 0.01),  # files of bartowski/Meta-Llama-3.1-8B-Instruct-GGUF
        ("llama-3.1-8b", "q4_k_m", 4.92, 0.01),
        ("llama-3.1-8b", "q5_k_m", 5.73, 0.01),
        ("llama-3.1-8b", "q6_k", 6.60, 0.01),
        ("llama-3.1-8b", "q8_0", 8.54, 0.01),
        ("llama-3.1-8b", "awq-4", 5.73, 0.01),  # hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4
        ("llama-3.1-70b", "q4_k_m", 42.52, 0.01),
        ("llama-2-7b", "q4_0", 3.83, 0.01),  # TheBloke/Llama-2-7B-GGUF
        ("llama-2-7b", "q4_k_m", 4.08, 0.02),  # values are a quarter of attention where each head has its own
        ("mixtral-8x7b", "bf16", 93.4, 0.01),
        ("gpt-oss-20b", "mxfp4", 12.8 * 1.0737, 0.01),  # checkpoints in GiB, gpt-oss model card, arXiv 2508.10925
        ("gpt-oss-120b", "mxfp4", 60.8 * 1.0737, 0.01),
        ("llama-3.2-1b", "spinquant", 1.083, 0.02),  # PTE file sizes of Meta's model card
        ("llama-3.2-3b", "spinquant", 2.435, 0.05),
    ],
)
def test_weights_are_as_large_as_their_files(name, weights, gb, tolerance):
    assert weight_bytes(shipped("models", name), weights) / 1e9 == pytest.approx(gb, rel=tolerance)


def test_a_dense_pass_reads_all_but_the_input_embedding():
    read = weight_read_bytes(tiny_model(), "bf16", np.array([0.0, 1.0, 500.0]))
    np.testing.assert_allclose(read, [0, 50, 50])


@pytest.mark.parametrize("name", MODELS)
def test_more_tokens_read_no_fewer_weights_and_at_most_all(name):
    model = shipped("models", name)
    counted = parts(model)
    read = weight_read_bytes(model, "bf16", np.array([1.0, 2, 8, 64, 1e6]))
    assert (np.diff(read) >= 0).all()
    assert read[0] == pytest.approx(2 * counted.multiplied)
    assert read[-1] == pytest.approx(2 * (counted.total - counted.embedding), rel=1e-6)
    assert read[-1] <= weight_bytes(model, "bf16")


def test_experts_touched_are_those_of_drawing_them():
    n, k, tokens = 8, 2, 5
    rng = np.random.default_rng(1)
    drawn = [len({e for _ in range(tokens) for e in rng.choice(n, k, replace=False)}) for _ in range(20_000)]
    model = tiny_model(experts=n, experts_per_tok=k, params_billion=52e-9)
    touched = experts_touched(model, np.array([float(tokens)]))[0]
    assert touched == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(len(drawn)))
    # head 5, attention 18, router 8, and experts of 2
    assert weight_read_bytes(model, "bf16", np.array([float(tokens)]))[0] == pytest.approx(2 * (31 + 2 * touched))


def test_only_experts_are_quantised_in_the_formats_made_for_them():
    model = tiny_model(experts=8, experts_per_tok=2, params_billion=52e-9)
    assert weight_bytes(model, "mxfp4") == pytest.approx(2 * (5 + 5 + 18 + 8) + 8 * 2 * 4.25 / 8)


def test_devices_hold_copies_of_the_kv_heads_that_are_too_few():
    model = tiny_model(heads=8, kv_heads=2, params_billion=76e-9)  # 1 x 3 x 2 x 2 = 12 parameters project to KV heads
    assert [kv_shards(model, tp) for tp in (1, 2, 8)] == [1, 2, 2]
    assert kv_copies(model, 8) == 4
    assert weight_bytes(model, "bf16", 8) - weight_bytes(model, "bf16") == 2 * 12 * 3
    latent = tiny_model(kv_rank=2, rope_dim=1, nope_dim=2, v_dim=1, params_billion=33e-9)
    assert (kv_shards(latent, 8), kv_copies(latent, 8)) == (1, 8)
    assert weight_bytes(latent, "bf16", 8) - weight_bytes(latent, "bf16") == 2 * 3 * 7  # 1 x (2 + 1), seven copies more


def test_kv_of_latent_attention_is_one_vector_and_of_linear_layers_nothing():
    latent = tiny_model(kv_rank=2, rope_dim=1, nope_dim=2, v_dim=1, params_billion=33e-9)
    assert kv_bytes_per_tok(latent) == 2 * 3
    linear = tiny_model(layers=4, linear_layers=3, params_billion=90e-9)
    assert kv_bytes_per_tok(linear) == 12


@given(
    window=st.integers(1, 500),
    local=st.integers(0, 4),
    seqs=st.integers(1, 20),
    free=st.floats(0, 1e6),
    tp=st.sampled_from([1, 2, 4]),
)
def test_a_cache_fits_with_as_many_tokens_as_it_is_said_to_hold_and_not_with_more(window, local, seqs, free, tp):
    windows = {"window_tok": window, "window_layers": local} if local else {}
    model = tiny_model(layers=4, params_billion=90e-9, max_context_tok=1000, **windows)
    tok = kv_capacity_tok(model, free, seqs, tp)
    assert kv_cache_bytes(model, tok, seqs, tp) <= free * (1 + 1e-12)
    assert local == 4 or kv_cache_bytes(model, tok + 1, seqs, tp) > free * (1 - 1e-12)


def test_windows_leave_room_for_more_tokens():
    full = tiny_model(layers=4, params_billion=90e-9)
    local = tiny_model(layers=4, params_billion=90e-9, window_tok=10, window_layers=3)
    # of 48 bytes a token, 12 are global: 12000 bytes hold 250 tokens, or 2 windows of 360 bytes and (12000 - 720) / 12
    assert (kv_capacity_tok(full, 12_000, 2), kv_capacity_tok(local, 12_000, 2)) == (250, 940)


def test_activations_are_about_those_that_an_engine_logs():
    # vLLM on Llama 3.1 8B with 8192 tokens in a pass and 256 sequences: "PyTorch activation peak memory takes 1.2 GiB"
    assert activation_bytes(shipped("models", "llama-3.1-8b"), 8192, 256) == pytest.approx(1.2 * 2**30, rel=0.1)


def test_a_replica_needs_more_with_more_tokens_sequences_and_devices():
    model = shipped("models", "llama-3.1-8b")
    least = replica_need(model, "bf16", 512, 8)
    assert least.total == least.weights + least.activations + least.state
    for more in (replica_need(model, "bf16", 1024, 8), replica_need(model, "bf16", 512, 16)):
        assert more.activations > least.activations
    assert least.weights == weight_bytes(model, "bf16")
    assert replica_need(model, "bf16", 512, 8, 16).weights > least.weights  # 8 KV heads on 16 devices


def test_engines_use_a_part_of_the_memory_less_what_they_take():
    device = tiny_device(memory_gb=1000e-9, runtime_gb=100e-9, memory_frac=0.9)
    assert usable_bytes(device, 1) == pytest.approx(900 - 100)
    assert usable_bytes(device, 2) == pytest.approx(2 * 800)


def test_unknown_weights_are_named():
    with pytest.raises(ValueError, match="no 'q4_k' among the weights; did you mean 'q4_k_m'"):
        format_of("q4_k")


def test_a_format_has_fewer_bits_in_the_layers_than_at_the_ends():
    for fmt in FORMATS.values():
        assert 0 < fmt.ffn_bits <= fmt.attention_bits <= 16 or fmt.ffn_bits < fmt.head_bits
        assert fmt.ffn_bits <= fmt.head_bits <= 16
