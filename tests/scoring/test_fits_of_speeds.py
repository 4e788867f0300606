"""Times of points as sums of terms, and the numbers of engines fitted to them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.physics import values
from simulator.physics.split import Split
from simulator.scoring import achieved
from simulator.scoring.achieved import KEYS, PRIORS, Achieved, fit
from simulator.scoring.asked import HALF_TOK, asked
from simulator.scoring.points import Point
from simulator.scoring.predict import predict as simulated
from simulator.spec.library import library
from simulator.spec.profiles import EngineProfile

SHELF = library([])
MODELS = {
    name: values.model(SHELF.read("models", name)) for name in ("llama-3.2-1b", "llama-3.1-8b", "qwen3-32b", "qwen3-8b")
}
H100, L40S, A100 = (SHELF.read("devices", name) for name in ("h100-sxm", "l40s", "a100-80-sxm"))
ALONE = Point(
    "made", "made", "made:2", "batch 1", "decode_s", 1.0, H100, "vllm", MODELS["llama-3.1-8b"], "bf16",
    output_tok=128, chunk_tok=2048,
)  # fmt: skip
FRACS = [key for key in PRIORS if key.endswith("_frac")]
numbers = st.fixed_dictionaries({key: st.floats(0.2, 0.7) if key in FRACS else st.floats(1.0, 200.0) for key in PRIORS})


def told_s(drawn: dict, point: Point) -> float:
    level = ("device", point.device.name)
    return float(achieved.predict(Achieved({level: drawn}, {level: {}}), [point])[0])


def stepped_s(drawn: dict, point: Point) -> float:
    """What the step model says with the same numbers on the device."""
    sources = [{"kind": "assumed", "ref": "a test"}]
    given = {"prefill_half_tok": HALF_TOK, "pass_overhead_ms": 0.0, "chunk_quantum_tok": 1}
    mine = EngineProfile.model_validate({"name": "drawn", "engine": "drawn", **drawn, **given, "sources": sources})
    device = values.device(point.device, [mine, SHELF.read("engines", "any")])
    return simulated(point, device, [point.quantity])[point.quantity]


@given(drawn=numbers, model=st.sampled_from(list(MODELS)), weights=st.sampled_from(["bf16", "fp8", "awq-4"]),
       tok=st.integers(1, 2000), tp=st.sampled_from([1, 2, 4]))  # fmt: skip
def test_the_terms_of_a_decode_are_the_time_of_the_step_model(drawn, model, weights, tok, tp):
    point = replace(ALONE, model=MODELS[model], weights=weights, output_tok=2.0 * tok, split=Split(tp))
    assert told_s(drawn, point) == pytest.approx(stepped_s(drawn, point), rel=1e-6)


@pytest.mark.parametrize("model", ["llama-3.2-1b", "qwen3-8b"])
def test_the_terms_of_a_prompt_are_the_time_of_the_step_model(model):
    point = replace(ALONE, quantity="prefill_s", model=MODELS[model], prompt_tok=1024.0)
    drawn = {key: prior.middle for key, prior in PRIORS.items()}
    assert told_s(drawn, point) == pytest.approx(stepped_s(drawn, point), rel=0.02)


CURVES = [
    replace(ALONE, quantity=quantity, model=model, weights=weights, device=device, prompt_tok=prompt, output_tok=out,
            row=f"made:{i}")
    for device in (H100, A100)
    for i, model in enumerate(MODELS.values())
    for weights in ("bf16", "awq-4")
    for quantity, prompt, out in (("decode_s", 0.0, 128.0), ("decode_s", 0.0, 20_000.0), ("prefill_s", 512.0, 1.0),
                                  ("prefill_s", 2048.0, 1.0))
]  # fmt: skip
TRUE = {
    **{key: prior.middle for key, prior in PRIORS.items()},
    "bandwidth_frac": 0.62, "prefill_frac": 0.42, "layer_overhead_us": 35.0, "kv_bandwidth_frac": 0.5,
}  # fmt: skip


def made(points: list[Point], true: dict) -> list[Point]:
    """The points as somebody would have measured them if the step model were the world."""
    return [replace(point, measured=stepped_s(true, point)) for point in points]


def test_numbers_that_made_the_times_are_found_again():
    points = made(CURVES, TRUE)
    found = fit(points)
    told = achieved.predict(found, points)
    assert np.median(np.abs(told / [p.measured for p in points] - 1)) < 0.02
    level = found.levels["device", "h100-sxm"]
    for key in ("bandwidth_frac", "prefill_frac"):
        assert level[key] == pytest.approx(TRUE[key], rel=0.06), key


def test_a_row_far_off_hardly_moves_the_others():
    points = made(CURVES, TRUE)
    odd = [replace(points[0], measured=10 * points[0].measured), *points[1:]]
    clean, damped = (fit(each).levels["device", "h100-sxm"]["bandwidth_frac"] for each in (points, odd))
    assert damped == pytest.approx(clean, rel=0.08)


def test_an_unseen_device_is_as_its_family_and_an_unseen_family_as_its_engine():
    found = fit(made(CURVES, TRUE))
    sister = replace(ALONE, device=SHELF.read("devices", "h200-sxm"))
    stranger = replace(ALONE, device=L40S)
    nothing = replace(ALONE, device=L40S, engine="no-such-engine")
    assert [found.of(each)[1] for each in (ALONE, sister, stranger, nothing)] == ["device", "family", "engine", "prior"]
    for point, level in ((sister, ("family", "hopper")), (stranger, ("engine", "vllm"))):
        assert found.of(point)[0][: len(PRIORS)] == pytest.approx(list(found.levels[level].values()))


@given(drawn=numbers, i=st.sampled_from(range(len(CURVES))), tp=st.sampled_from([1, 2]))
def test_slopes_are_those_of_finite_differences(drawn, i, tp):
    point = replace(CURVES[i], split=Split(tp))
    terms = achieved._table([(point, asked(point))])
    logs = np.log([[drawn.get(key, 0.97) for key in KEYS]])
    slopes = achieved._slopes(terms, logs)[0]
    step = 1e-6
    for k, key in enumerate(KEYS):
        moved = step * (np.arange(len(KEYS)) == k)
        low, high = (np.log(achieved.seconds(terms, logs + sign * moved))[0] for sign in (-1, 1))
        assert slopes[k] == pytest.approx((high - low) / (2 * step), abs=1e-4), key
