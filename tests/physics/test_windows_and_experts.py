import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import shipped, spans, tiny_model

from simulator.physics import work
from simulator.physics.memory import weight_read_bytes

WINDOW = 50
LOCAL = tiny_model(layers=4, params_billion=90e-9, window_tok=WINDOW, window_layers=3)
FULL = tiny_model(layers=4, params_billion=90e-9)


@given(n=st.integers(1, 60), seqs=st.integers(1, 5), context=st.integers(0, 120), chunk=st.integers(0, 9))
def test_windows_cap_what_is_attended_and_read_in_every_pass(n, seqs, context, chunk):
    """Equal contexts, and a chunk of one prompt whose past the passes fill: attended pairs by counting."""
    total = read = 0.0
    for j in range(n):
        seen, past = context + j, j * chunk
        total += seqs * (seen + 3 * min(seen, WINDOW))
        total += chunk * ((past + chunk / 2) + 3 * min(past + chunk / 2, WINDOW))
        read += seqs * (seen + 3 * min(seen, WINDOW)) + past + 3 * min(past, chunk * WINDOW)
        read += 4 * (seqs + chunk)
    s = spans(passes=n, decode_seqs=seqs, context_tok=context * seqs, chunk_tok=chunk, chunk_pairs=chunk**2 / 2)
    tokens = n * (seqs + chunk)
    products = 2 * 4 * 20 * tokens + 2 * 5 * n * seqs  # 18 of attention and 2 of feed-forward a layer; 5 of the head
    assert work.flop(LOCAL, s)[0] == pytest.approx(products + 24 * total, rel=1e-12)
    weights = n * weight_read_bytes(LOCAL, "bf16", np.array([seqs + chunk]))[0]
    assert work.moved_bytes(LOCAL, "bf16", s)[0] == pytest.approx(weights + 12 * read, rel=1e-12)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_unequal_contexts_err_high_but_never_above_full_attention(contexts):
    s = spans(decode_seqs=len(contexts), context_tok=float(sum(contexts)))
    pairs = sum(c + 3 * min(c, WINDOW) for c in contexts)
    exact = 2 * (4 * 20 + 5) * len(contexts) + 24 * pairs
    assert exact * (1 - 1e-12) <= work.flop(LOCAL, s)[0] <= work.flop(FULL, s)[0] * (1 + 1e-12)


def test_a_state_is_read_and_written_whatever_the_context():
    model = tiny_model(layers=4, linear_layers=4, linear_state_mb=1e-4, params_billion=90e-9)
    for context in (0.0, 1e6):
        s = spans(passes=3, decode_seqs=2, context_tok=context)
        assert work.moved_bytes(model, "bf16", s)[0] == pytest.approx(3 * 2 * 85 + 3 * 2 * 2 * 100)


def test_latent_attention_decodes_on_the_latent_vectors():
    """DeepSeek-V3 (arXiv 2412.19437): 128 heads of 128 + 64 in keys and 128 in values, rank 512."""
    model = tiny_model(
        heads=128, kv_heads=128, kv_rank=512, rope_dim=64, nope_dim=128, v_dim=128, params_billion=0.0168
    )
    assert work.flop_per_pair(model) == 2 * 128 * (128 + 64 + 128)
    assert work.flop_per_pair(model, decode=True) == 2 * 128 * (512 + 64 + 512)


def test_devices_move_their_copies_too():
    s = spans(passes=3, decode_seqs=2, context_tok=10)
    one = work.moved_bytes(FULL, "bf16", s)[0]
    # one KV head on 4 devices: its 6 parameters a layer and its cache of 48 bytes a token three times more
    more = 3 * (3 * 2 * 4 * 6) + 3 * 48 * (10 + 12 + 14 + 6)
    assert work.moved_bytes(FULL, "bf16", s, 4)[0] == pytest.approx(one + more)


def test_a_mixture_multiplies_the_experts_chosen_only():
    model = shipped("models", "mixtral-8x7b")
    used = work.flop_per_tok(model) + work.head_flop_per_tok(model)
    assert used / 2 + model.vocab * model.hidden == pytest.approx(12.9e9, rel=0.012)  # published, with the embedding
