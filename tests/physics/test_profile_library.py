from collections.abc import Iterator

import pytest
import yaml
from physics_examples import KINDS, SOURCES, files, profile, shipped
from pydantic import BaseModel, ValidationError

from simulator.physics.formats import format_of
from simulator.physics.values import weakest
from simulator.spec.architecture import parts
from simulator.spec.library import library
from simulator.spec.profiles import EVIDENCE, LinkProfile, ModelProfile
from simulator.spec.units import UNITS, to_base

# Numbers without a unit: counts, shares, indices; and limits whose unit is the metric's.
DIMENSIONLESS = {
    *("noise", "right", "wrong", "points", "low", "high"),
    *("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab", "experts", "experts_per_tok", "year"),
    *("ffn_matrices", "ffn_layers", "expert_ffn", "shared_ffn", "dense_layers", "moe_every", "q_rank", "kv_rank"),
    *("rope_dim", "nope_dim", "v_dim", "window_layers", "linear_layers", "linear_layer_params"),
    *("ttft_sigma", "rate_sigma", "rtt_sigma", "up_sigma", "down_sigma", "max_retries", "seed", "queries"),
    *("replications", "priority", "percentile", "max", "min", "count", "pipeline_parallel", "expert_parallel"),
    *("replicas", "tensor_parallel", "max_seqs", "max_queue", "devices", "servers", "pue", "tasks", "factor"),
    "throttle_factor",
}
SHIPPED = [(kind, file) for kind in KINDS for file in files(kind)]


def numeric_keys(model: type[BaseModel], seen: set[type] | None = None) -> Iterator[str]:
    """Names of all fields of a spec, and of specs in it, that may be int or float."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    for name, info in model.model_fields.items():
        for kind in leaves(info.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from numeric_keys(kind, seen)
            elif kind in (int, float):
                yield name


def leaves(annotation: object) -> Iterator[object]:
    args = getattr(annotation, "__args__", None)
    if not args:
        yield annotation
    for arg in args or ():
        yield from leaves(arg)


def test_every_number_of_a_profile_says_its_unit():
    for spec, _ in KINDS.values():
        for key in numeric_keys(spec):
            assert (
                key in DIMENSIONLESS or to_base(key, 1.0) != (key, 1.0) or any(f"_{key}".endswith(u) for u in UNITS)
            ), key


def test_every_number_of_a_scenario_says_its_unit():
    scenario = pytest.importorskip("simulator.spec.scenario", reason="the scenario's parts are not there")
    for key in numeric_keys(scenario.ScenarioSpec):
        assert key in DIMENSIONLESS or any(f"_{key}".endswith(u) for u in UNITS), key


@pytest.mark.parametrize(
    ("key", "value", "base"),
    [
        ("memory_gb", 8, ("memory_bytes", 8e9)),
        ("up_mbit_per_s", 8, ("up_bytes_per_s", 1e6)),
        ("price_usd_per_h", 3.6, ("price_usd_per_s", 1e-3)),
        ("usd_per_h", 3.6, ("usd_per_s", 1e-3)),
        ("carbon_g_per_kwh", 3.6, ("carbon_g_per_j", 1e-6)),
        ("energy_up_nj_per_bit", 1, ("energy_up_j_per_byte", 8e-9)),
        ("network_kwh_per_gb", 1, ("network_j_per_byte", 3.6e-3)),
        ("pass_overhead_ms", 2, ("pass_overhead_s", 2e-3)),
        ("params_billion", 8, ("params", 8e9)),
        ("tokens_per_min", 30, ("tokens_per_s", 0.5)),
        ("up_sigma", 0.5, ("up_sigma", 0.5)),
        ("layers", 8, ("layers", 8)),
    ],
)
def test_units_are_converted_once(key, value, base):
    name, number = to_base(key, value)
    assert (name, number) == (base[0], pytest.approx(base[1]))


@pytest.mark.parametrize(("kind", "file"), SHIPPED, ids=lambda x: getattr(x, "stem", x))
def test_a_shipped_profile_reads_well(kind, file):
    read = KINDS[kind][0].model_validate(yaml.safe_load(file.read_text()))
    assert read.name == file.stem
    assert set(shipped(kind, file.stem).evidence.values()) <= set(EVIDENCE)
    assert len(file.read_text().splitlines()) <= 60


def test_the_library_is_large_enough():
    at_least = {"devices": 80, "models": 64, "links": 35, "hosted": 40, "regions": 60}
    assert all(len(files(kind)) >= n for kind, n in at_least.items())


NOT_EXACT = {"kimi-k2": 0.03, "kimi-k2.5": 0.03}  # "1000 billion" is a name, not a count


@pytest.mark.parametrize("file", files("models"), ids=lambda f: f.stem)
def test_parameters_published_are_those_of_the_architecture(file):
    m: ModelProfile = profile("models", file.stem)
    counted = parts(m)
    total = counted.total + m.params_extra_billion * 1e9
    rounding = 0.5 * 10.0 ** -decimals(m.params_billion)
    assert abs(m.params_billion - total / 1e9) <= max(rounding, NOT_EXACT.get(file.stem, 0.012) * total / 1e9)
    if m.active_params_billion is not None:  # with the input embedding or without it; rounded, or cut off
        with_and_without = (counted.multiplied / 1e9, (counted.multiplied + counted.embedding) / 1e9)
        rounding = 10.0 ** -decimals(m.active_params_billion)
        assert any(abs(m.active_params_billion - n) <= max(rounding, 0.012 * n) for n in with_and_without)


def decimals(published: float) -> int:
    return len(f"{published:g}".partition(".")[2])


# Hugging Face's counts of the safetensors, with the embedding; the active ones by the model cards.
PUBLISHED_BILLION = {
    "llama-3.2-1b": (1.236, None), "llama-3.2-3b": (3.213, None), "llama-3.1-8b": (8.030, None),
    "llama-3.1-70b": (70.554, None), "llama-3.1-405b": (405.853, None), "qwen2.5-0.5b": (0.494, None),
    "qwen2.5-7b": (7.616, None), "qwen2.5-72b": (72.706, None), "mistral-7b": (7.242, None),
    "mixtral-8x7b": (46.703, 12.9), "gemma-2-9b": (9.242, None), "gemma-3-4b": (4.300, None),
    "phi-4": (14.660, None), "deepseek-v3": (671.0, 37.0), "gpt-oss-20b": (20.91, 3.61), "gpt-oss-120b": (116.83, 5.13),
    "qwen3-235b-a22b": (235.094, 22.19), "olmoe-1b-7b": (6.919, 1.28), "lfm2-1.2b": (1.170, None),
    "nemotron-nano-9b-v2": (8.888, None), "smollm2-135m": (0.1345, None), "bloom-176b": (176.247, None),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED_BILLION)
def test_parameters_are_those_published(name):
    m = profile("models", name)
    counted, (total, active) = parts(m), PUBLISHED_BILLION[name]
    assert counted.total / 1e9 + m.params_extra_billion == pytest.approx(total, rel=0.002)
    if active is not None:
        ends = (counted.multiplied, counted.multiplied + counted.embedding)
        assert any(n / 1e9 == pytest.approx(active, rel=0.012) for n in ends)


def test_every_name_of_a_model_is_claimed_once():
    claimed: dict[str, str] = {}
    for file in files("models"):
        for name in (file.stem, *profile("models", file.stem).aliases):
            assert claimed.setdefault(name.lower(), file.stem) == file.stem, name


def test_models_are_found_by_the_names_that_tables_use():
    names = {
        "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b", "Llama-3.1-8B": "llama-3.1-8b",
        "nvidia/Llama-3.1-8B-Instruct-FP8": "llama-3.1-8b", "zhipuai/GLM-5": "glm-5", "Falcon (7B)": "falcon-7b",
        "deepseek-ai/DeepSeek-R1-0528": "deepseek-r1", "llama2-70b": "llama-2-70b", "no such model": None,
    }  # fmt: skip
    shelf = library([])
    assert {name: shelf.known_as("models", name) for name in names} == names


def test_every_model_has_weights_that_are_known():
    for file in files("models"):
        format_of(profile("models", file.stem).weights)


def link(**changes) -> LinkProfile:
    keys = {"name": "x", "rtt_ms": 1.0, "up_mbit_per_s": 1.0, "down_mbit_per_s": 1.0, "sources": SOURCES}
    return LinkProfile.model_validate(keys | changes)


def test_evidence_is_the_source_that_names_the_key_else_the_first_that_names_none():
    sources = [
        {"kind": "measured", "ref": "a"},
        {"kind": "fitted", "ref": "b", "of": ["rtt_ms"]},
    ]
    x = link(sources=sources)
    assert (x.evidence("rtt_ms"), x.evidence("up_mbit_per_s")) == ("fitted", "measured")
    assert x.evidence("network_kwh_per_gb") == "assumed"  # a default has no source


def test_a_number_without_a_source_is_refused():
    with pytest.raises(ValidationError, match="no source for down_mbit_per_s, up_mbit_per_s"):
        link(sources=[{"kind": "measured", "ref": "a", "of": ["rtt_ms"]}])
    with pytest.raises(ValidationError, match="keys that do not exist: rtt_s"):
        link(sources=[*SOURCES, {"kind": "measured", "ref": "a", "of": ["rtt_s"]}])


@pytest.mark.parametrize(("kind", "file"), [x for x in SHIPPED if x[0] in ("links", "hosted", "regions")], ids=str)
def test_each_number_of_a_shipped_profile_has_a_source_that_means_it(kind, file):
    """No number is covered by a default's "assumed", and no source covers nothing."""
    read = KINDS[kind][0].model_validate(yaml.safe_load(file.read_text()))
    numbers = {key for key in read.model_fields_set if isinstance(getattr(read, key), float)}
    named = [key for source in read.sources for key in source.of]
    assert len(named) == len(set(named))
    assert set(named) <= read.model_fields_set
    assert numbers - set(named) or all(source.of for source in read.sources)
    assert all(len(source.ref) > 10 for source in read.sources)


@pytest.mark.parametrize("pair", ["outage_frac outage_mean_s", "promotion_s radio_idle_s", "tail_s tail_w"])
def test_half_of_a_pair_is_refused(pair):
    one, other = pair.split()
    with pytest.raises(ValidationError, match=f"'{one}' needs '{other}'"):
        link(**{one: 0.5})
    with pytest.raises(ValidationError, match=f"'{other}' needs '{one}'"):
        link(**{other: 0.5})


@pytest.mark.parametrize(
    "changes", [{"up_sigma": -0.1}, {"outage_frac": 1.5, "outage_mean_s": 1.0}, {"tail_s": 1.0, "tail_w": -1.0}]
)
def test_impossible_numbers_of_a_link_are_refused(changes):
    with pytest.raises(ValidationError):
        link(**changes)


def test_the_weakest_evidence_is_the_last():
    assert weakest(["measured", "datasheet", "fitted"]) == "datasheet"
