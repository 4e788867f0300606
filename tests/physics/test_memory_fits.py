import numpy as np
import pytest
from physics_examples import shipped, tiny_device, tiny_model

from simulator.physics.memory import (
    FORMATS,
    format_of,
    kv_bytes_per_tok,
    usable_bytes,
    weight_bytes,
    weight_read_bytes,
)


def test_kv_bytes_are_those_published():
    sizes = {"llama-3.1-8b": 131072, "llama-3.1-70b": 327680, "llama-2-7b": 524288, "qwen2.5-7b": 57344}
    assert {name: kv_bytes_per_tok(shipped("models", name)) for name in sizes} == sizes


@pytest.mark.parametrize(
    ("name", "weights", "gb", "tolerance"),
    [
        ("llama-3.1-8b", "bf16", 16.07, 0.01),  # safetensors index of meta-llama/Llama-3.1-8B
        ("llama-3.1-8b", "q4_k_m", 4.92, 0.01),  # Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf
        ("llama-3.1-8b", "q8_0", 8.54, 0.01),
        ("llama-3.1-8b", "awq-4", 5.73, 0.05),
        ("llama-3.1-70b", "q4_k_m", 42.5, 0.03),
        ("mixtral-8x7b", "bf16", 93.4, 0.01),
    ],
)
def test_weights_are_as_large_as_their_files(name, weights, gb, tolerance):
    assert weight_bytes(shipped("models", name), weights) / 1e9 == pytest.approx(gb, rel=tolerance)


def test_a_dense_pass_reads_all_but_the_input_embedding():
    read = weight_read_bytes(tiny_model(), "bf16", np.array([0.0, 1.0, 500.0]))
    np.testing.assert_allclose(read, [0, 50, 50])


def test_a_mixture_reads_the_experts_of_one_token_and_at_most_all():
    model = shipped("models", "mixtral-8x7b")
    one, few, many = weight_read_bytes(model, "bf16", np.array([1.0, 4.0, 1000.0]))
    assert one == pytest.approx(2 * model.active_params)
    assert one < few < many
    assert many == pytest.approx(2 * (model.params - model.vocab * model.hidden), rel=1e-6)


def test_experts_touched_are_those_of_drawing_them():
    n, k, tokens = 8, 2, 5
    rng = np.random.default_rng(1)
    drawn = [len({e for _ in range(tokens) for e in rng.choice(n, k, replace=False)}) for _ in range(20_000)]
    model = tiny_model(experts=n, experts_per_tok=k, params_billion=(90 + 10) * 1e-9, active_params_billion=25e-9)
    # 10 embeddings and heads (vocab 1, hidden 5), 20 others active: 8 experts of (90 - 20) / 6 parameters
    read = weight_read_bytes(model, "bf16", np.array([float(tokens)]))[0]
    touched = (read / 2 - 5 - 20) / (70 / 6) + k
    assert touched == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(len(drawn)))


def test_engines_use_a_part_of_the_memory_less_what_they_take():
    device = tiny_device(memory_gb=1000e-9, runtime_gb=100e-9, memory_frac=0.9)
    assert usable_bytes(device, 1) == pytest.approx(900 - 100)
    assert usable_bytes(device, 2) == pytest.approx(2 * 800)


def test_unknown_weights_are_named():
    with pytest.raises(ValueError, match="no weights 'q5' "):
        format_of("q5")
    assert all(0 < fmt.bits <= fmt.end_bits <= 16 for fmt in FORMATS.values())
