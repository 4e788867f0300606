"""Closed loops at one replica, and the watts of devices at work."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.physics import power, values
from simulator.physics.roofline import Roofline
from simulator.physics.split import Split
from simulator.scoring import closed_loop
from simulator.scoring.closed_loop import serve
from simulator.scoring.engines import fitted
from simulator.scoring.points import Point, device_under
from simulator.scoring.power_fit import Power, fit_power, use, watts
from simulator.spec.library import library

SHELF = library([])
ALONE = Point(
    "made", "made", "made:2", "serving", "tpot_s", 0.01, SHELF.read("devices", "h100-sxm"), "vllm",
    values.model(SHELF.read("models", "llama-3.1-8b")), "bf16", seqs=1, prompt_tok=400, output_tok=50, chunk_tok=8192,
)  # fmt: skip
DEVICE, _ = device_under(SHELF, ALONE)


def test_one_client_waits_for_nobody():
    """Lengths are drawn within a tenth of their means, so times lie between those of the ends by the step model."""
    served = serve(ALONE, DEVICE)
    assert served is not None
    steps = Roofline(device=DEVICE, model=ALONE.model, weights="bf16", max_batched_tok=8192, max_seqs=1)
    first_s = [steps.pace(0, 0, tok, 0, tok * tok / 2)[0] for tok in (360, 440)]
    token_s = [steps.pace(1, context, 0, 0, 0.0)[0] for context in (360, 440 + 55)]
    assert first_s[0] <= served.ttft_s - DEVICE.request_overhead_s <= first_s[1]
    assert token_s[0] <= served.tpot_s <= token_s[1]
    assert token_s[0] <= served.pass_s <= token_s[1]


@pytest.mark.parametrize("clients", [1, 8, 40])
def test_watts_times_seconds_are_joules_and_more_clients_do_not_beat_the_step_model(clients):
    """Tokens of a second are the watts over the joules of a token: never above passes that hold no prompts."""
    point = replace(ALONE, seqs=clients)
    served = serve(point, DEVICE)
    assert served is not None
    tokens_per_s = served.power_w / served.energy_j_per_tok
    steps = Roofline(device=DEVICE, model=point.model, weights="bf16", max_batched_tok=8192, max_seqs=clients)
    best = clients / steps.pace(clients, clients * 360, 0, 0, 0.0)[0]
    assert 0 < tokens_per_s <= best
    assert DEVICE.idle_w < served.power_w <= DEVICE.tdp_w + DEVICE.host_active_w
    assert 0 < served.prompts_frac < 1


def test_what_does_not_fit_is_not_served():
    big = values.model(SHELF.read("models", "llama-3.1-70b"))
    assert serve(replace(ALONE, model=big), DEVICE) is None


@given(st.lists(st.tuples(st.floats(0.01, 9), st.integers(1, 9)), min_size=1, max_size=20))
def test_a_median_of_counted_values_is_one_of_the_expanded_values(drawn):
    each, counts = (np.array(column, float) for column in zip(*drawn, strict=True))
    expanded = np.repeat(each, counts.astype(int))
    assert closed_loop._median(each, counts) == np.quantile(expanded, 0.5, method="inverted_cdf")


@given(st.lists(st.floats(0, 9), min_size=2, max_size=40), st.integers(1, 10))
def test_rounds_beyond_those_simulated_are_as_the_later_ones(each, clients):
    """Against the plain mean of ten rounds written out: the first, and nine of the mean of the others."""
    clients = min(clients, len(each) - 1)
    written_out = [np.mean(each[:clients])] + 9 * [np.mean(each[clients:])]
    assert closed_loop._over_rounds(np.array(each), clients) == pytest.approx(np.mean(written_out))


METERED = [
    replace(ALONE, quantity="power_w", seqs=seqs, split=Split(tp), prompt_tok=prompt, row=f"made:{seqs}-{tp}-{prompt}")
    for seqs in (1, 4, 16, 64, 256)
    for tp in (1, 2)
    for prompt in (100.0, 3000.0)
]
PASS_S = [0.006 + 1e-4 * p.seqs for p in METERED]
fractions = st.builds(Power, *3 * [st.floats(0.1, 0.3)])  # below the TDP together: a cap tells nothing of them


@given(fractions)
def test_fractions_that_made_the_watts_are_found_again(true):
    points = [replace(p, measured=watts(true, p, s)) for p, s in zip(METERED, PASS_S, strict=True)]
    found = fit_power(points, PASS_S)
    told = [watts(found, p, s) for p, s in zip(points, PASS_S, strict=True)]
    assert told == pytest.approx([p.measured for p in points], rel=0.03)
    assert found == pytest.approx(true, abs=0.05)


@given(st.lists(st.floats(1.0, 5000.0), min_size=len(METERED), max_size=len(METERED)))
def test_fractions_stay_between_nothing_and_the_tdp_whatever_was_measured(drawn):
    found = fit_power([replace(p, measured=w) for p, w in zip(METERED, drawn, strict=True)], PASS_S)
    assert all(0.0 <= each <= 1.0 for each in found)


@given(st.builds(Power, *3 * [st.floats(0, 1)]), st.sampled_from(range(len(METERED))))
def test_watts_are_those_that_the_simulator_draws_for_the_same_use(found, i):
    point, pass_s = METERED[i], PASS_S[i]
    memory, compute = (np.array([each]) for each in use(point, pass_s))
    drawn = power.busy_w(replace(DEVICE, **found._asdict()), memory, compute)[0] * point.split.devices
    assert watts(found, point, pass_s) == pytest.approx(drawn)


def test_power_is_fitted_at_the_measured_time_of_the_same_row():
    true = Power(0.3, 0.3, 0.3)
    metered = [replace(p, measured=watts(true, p, s)) for p, s in zip(METERED, PASS_S, strict=True)]
    timed = [replace(p, quantity="tpot_s", measured=s) for p, s in zip(METERED, PASS_S, strict=True)]
    numbers = fitted([*metered, *timed]).numbers(metered[0])
    assert [numbers[key] for key in Power._fields] == pytest.approx(true, abs=0.05)
