"""What a replica split over devices asks, sends and takes; and passes on devices with fixed shapes or windows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import files, profile, shipped, spans, tiny_device, tiny_model

from simulator.physics import values, work
from simulator.physics.demand import demand
from simulator.physics.memory import weight_read_bytes
from simulator.physics.roofline import Roofline
from simulator.physics.split import Split
from simulator.spec.library import library

DENSE, MOE = shipped("models", "llama-3.1-70b"), shipped("models", "mixtral-8x7b")
LATENT = shipped("models", "deepseek-v3")
tokens = st.integers(1, 4000)
splits = st.sampled_from((2, 4, 8))


def asked(model, split, count, weights="bf16"):
    return demand(model, weights, split, np.array([float(count)]), 256)


@given(count=tokens, tp=splits)
def test_a_ring_sends_all_but_one_share_of_the_activations_twice(count, tp):
    """Two all-reduces a layer; each device sends 2 (n - 1) chunks of 1 / n (Patarasuk and Yuan 2009)."""
    found = asked(DENSE, Split(tp), count)
    chunk = DENSE.hidden * 2 * count / tp
    assert found.messages == 2 * DENSE.layers
    assert found.message_bytes[0] == pytest.approx(2 * DENSE.layers * 2 * (tp - 1) * chunk)


@given(count=tokens, tp=splits)
def test_whole_experts_take_an_all_to_all_there_and_one_back_instead_of_a_reduction(count, tp):
    """Mixtral: 32 layers, all with experts, 2 of 8 for each token; a token goes to at most as many devices."""
    found = asked(MOE, Split(tp, 1, tp), count)
    activations = MOE.hidden * 2 * count * (tp - 1) / tp
    assert found.messages == 32 * (1 + 2)
    assert found.message_bytes[0] == pytest.approx(32 * (2 * activations + 2 * activations * 2 / tp))


@given(count=tokens)
def test_a_replica_on_one_device_sends_nothing(count):
    found = asked(MOE, Split(), count)
    assert (found.messages, found.message_bytes[0]) == (0.0, 0.0)


@pytest.mark.parametrize("model", [DENSE, MOE, LATENT], ids=lambda m: m.name)
@given(count=tokens)
def test_one_device_is_asked_for_the_bytes_and_products_of_the_whole_model(model, count):
    """Against what `work` counts of a span without attention: the same facts by another way."""
    found = asked(model, Split(), count)
    run = spans(chunk_tok=float(count))
    assert found.bytes[0] == pytest.approx(work.moved_bytes(model, "bf16", run)[0])
    head = 2 * model.vocab * model.hidden * min(count, 256)
    assert found.flop[0] + found.expert_flop[0] == pytest.approx(work.flop(model, run)[0] + head)


@given(count=tokens, tp=splits)
def test_devices_share_products_evenly_and_read_at_least_their_share(count, tp):
    one, split = asked(DENSE, Split(), count), asked(DENSE, Split(tp), count)
    assert split.flop[0] * tp == pytest.approx(one.flop[0])
    assert split.bytes[0] * tp == pytest.approx(one.bytes[0])  # 8 KV heads on up to 8 devices: no copies


@given(seqs=st.integers(1, 60), tp=splits)
def test_a_latent_cache_is_not_split_by_tensor_parallelism(seqs, tp):
    """Each device holds and reads the whole latent vector, so a context costs the same on more devices."""
    box = replace(tiny_device(interconnect_gb_per_s=1e-8, attention_frac=1.0), peak_fp16_flop_per_s=1e15)

    def growth_s(model, tp):
        return Roofline(device=box, model=model, tensor_parallel=tp).pace(seqs, 100 * seqs, 0, 0, 0.0)[1]

    assert growth_s(LATENT, tp) == pytest.approx(growth_s(LATENT, 1))
    assert growth_s(DENSE, tp) == pytest.approx(growth_s(DENSE, 1) / tp)


def test_devices_of_a_replica_are_those_of_all_its_stages():
    assert Split(4, 2, 4).devices == 8


BOX = shipped("devices", "h100-sxm")


@given(stages=st.integers(2, 8), context=st.integers(1, 4000))
def test_a_batch_as_large_as_the_pipeline_takes_a_weights_pass_of_one(stages, context):
    """Parts of one sequence follow each other: all stages together read the weights once while each has a part."""
    alone = Roofline(device=BOX, model=DENSE, weights="fp8").pace(1, context, 0, 0, 0.0)
    piped = Roofline(device=BOX, model=DENSE, weights="fp8", pipeline_parallel=stages)
    first_s, growth_s, _ = piped.pace(stages, stages * context, 0, 0, 0.0)
    seq_s = BOX.seq_overhead_s
    assert first_s - stages * seq_s == pytest.approx(alone[0] - seq_s)
    assert growth_s == pytest.approx(alone[1])


@given(stages=st.integers(2, 8), seqs=st.integers(1, 64), context=st.integers(1, 4000))
def test_a_pipeline_helps_batches_but_never_one_sequence(stages, seqs, context):
    plain = Roofline(device=BOX, model=DENSE, weights="fp8")
    piped = Roofline(device=BOX, model=DENSE, weights="fp8", pipeline_parallel=stages)
    assert piped.pace(1, context, 0, 0, 0.0)[0] == pytest.approx(plain.pace(1, context, 0, 0, 0.0)[0])
    batch = (seqs, seqs * context, 0, 0, 0.0)
    assert piped.pace(*batch)[0] <= plain.pace(*batch)[0] * (1 + 1e-12)


NPU = shipped("devices", "snapdragon-8-elite")


def test_an_npu_takes_as_long_for_one_prompt_token_as_for_its_whole_shape():
    """Genie's graphs are made for 128 tokens."""
    steps = Roofline(device=NPU, model=shipped("models", "llama-3.2-1b"), weights="w4a16")
    times_s = [steps.pace(0, 0, tok, 0, 0.0)[0] for tok in (1, 2, 64, 128, 129, 256)]
    assert times_s[0] == times_s[1] == times_s[2] == times_s[3] < times_s[4] == times_s[5]


@given(tok=st.integers(1, 1024), quantum=st.integers(2, 200))
def test_prompts_are_padded_up_to_the_next_whole_shape(tok, quantum):
    model = tiny_model()
    fixed = Roofline(device=tiny_device(chunk_quantum_tok=quantum), model=model)
    free = Roofline(device=tiny_device(), model=model)
    padded = next(n for n in range(tok, tok + quantum) if n % quantum == 0)
    assert fixed.pace(0, 0, tok, 0, 0.0)[0] == pytest.approx(free.pace(0, 0, padded, 0, 0.0)[0])


@given(seqs=st.integers(1, 5), more=st.integers(0, 500))
def test_beyond_the_window_only_layers_that_see_all_take_longer(seqs, more):
    """One of four layers keeps all tokens; a token of 12 bytes a layer, read at 10 bytes/s."""
    local = tiny_model(layers=4, params_billion=90e-9, window_tok=50, window_layers=3)
    steps = Roofline(device=tiny_device(), model=local)
    at_window_s = steps.pace(seqs, 50 * seqs, 0, 0, 0.0)[0]
    first_s, growth_s, _ = steps.pace(seqs, (50 + more) * seqs, 0, 0, 0.0)
    assert first_s - at_window_s == pytest.approx(1.2 * more * seqs)
    assert growth_s == pytest.approx(1.2 * seqs)
    assert steps.pace(seqs, 10 * seqs, 0, 0, 0.0)[1] == pytest.approx(4 * 1.2 * seqs)


@given(tp=splits)
def test_the_latency_of_a_reduction_grows_with_the_doublings_of_its_devices(tp):
    """The slope by `allreduce_us` is 2 reductions a layer times log2(n)."""
    doublings = {2: 1, 4: 2, 8: 3}[tp]
    slow, fast = (
        Roofline(device=replace(BOX, allreduce_s=s), model=DENSE, weights="fp8", tensor_parallel=tp)
        for s in (1e-3, 0.0)
    )
    found = slow.pace(1, 100, 0, 0, 0.0)[0] - fast.pace(1, 100, 0, 0, 0.0)[0]
    assert found == pytest.approx(2 * DENSE.layers * doublings * 1e-3)


@given(tp=splits, frac=st.floats(0.5, 1.0))
def test_split_products_keep_a_fraction_for_each_doubling(tp, frac):
    """Compute alone: a prompt on a box whose memory and links take no time."""
    box = replace(tiny_device(interconnect_gb_per_s=1e-8, allreduce_us=0.0), bandwidth_bytes_per_s=1e30)
    box = replace(box, interconnect_bytes_per_s=1e30)
    doublings = {2: 1, 4: 2, 8: 3}[tp]
    whole_s, kept_s = (
        Roofline(device=replace(box, split_frac=f), model=DENSE, tensor_parallel=tp).pace(0, 0, 512, 0, 0.0)[0]
        for f in (1.0, frac)
    )
    assert kept_s * frac**doublings == pytest.approx(whole_s)


@pytest.mark.parametrize("model", [DENSE, MOE, LATENT, shipped("models", "gemma-3-12b")], ids=lambda m: m.name)
@given(seqs=st.integers(0, 40), chunk=st.integers(0, 500), context=st.integers(0, 9000))
def test_a_pace_is_of_plain_numbers(model, seqs, chunk, context):
    """NumPy scalars on the hot path would make the engine several times slower."""
    if seqs + chunk:
        steps = STEPS[model.name]
        pace = steps.pace(seqs, seqs * context, chunk, context * bool(chunk), chunk * (context + chunk / 2))
        assert [type(each) for each in pace] == [float, float, int]


STEPS = {
    m.name: Roofline(device=BOX, model=m, weights="fp8", tensor_parallel=8, pipeline_parallel=2)
    for m in (DENSE, MOE, LATENT, shipped("models", "gemma-3-12b"))
}


@pytest.mark.parametrize("weights", ["bf16", "fp8", "q4_k_m", "int4"])
def test_no_engine_makes_one_sequence_read_faster_than_nine_tenths_of_the_peak(weights):
    """Every shipped device under every shipped engine, as `Library.layers` puts them together."""
    shelf = library([])
    engines = sorted({shelf.read("engines", name).engine for name in shelf.names("engines")})
    models = [shipped("models", name) for name in ("llama-3.2-1b", "llama-3.1-70b", "mixtral-8x7b")]
    read = [weight_read_bytes(model, weights, np.array([1.0]))[0] for model in models]
    too_fast = []
    for file in files("devices"):
        made = profile("devices", file.stem)
        for engine in engines:
            device = values.device(made, shelf.layers(made, engine))
            for model, moved in zip(models, read, strict=True):
                steps = Roofline(device=device, model=model, weights=weights, max_batched_tok=1, max_seqs=1)
                if moved / steps.pace(1, 0, 0, 0, 0.0)[0] > 0.9 * device.bandwidth_bytes_per_s:
                    too_fast.append((device.name, engine, model.name))
    assert not too_fast
