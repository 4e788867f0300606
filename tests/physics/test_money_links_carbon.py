from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from physics_examples import shipped

from simulator.physics import link, price
from simulator.physics.link import between


def test_a_link_is_its_propagation_and_its_bytes():
    lte = shipped("links", "lte")
    assert link.propagation_s(lte) == pytest.approx(0.0445)
    assert (lte.up_bytes_per_s, lte.down_bytes_per_s) == (pytest.approx(31.2e6 / 8), pytest.approx(117.3e6 / 8))


def test_bytes_cost_joules_in_the_radio_and_in_the_network():
    joules = link.energy_j(shipped("links", "lte"), np.array([1e9, 0.0]), np.array([0.0, 1e9]))
    np.testing.assert_allclose(joules.radio_j, [8e9 * 79.5e-9, 8e9 * 15e-9])
    np.testing.assert_allclose(joules.network_j, [0.14 * 3.6e6] * 2)


def test_a_link_from_numbers_costs_no_joules():
    wire = between("wire", 0.01, 1e6, 2e6)
    assert link.energy_j(wire, np.array([1.0]), np.array([1.0])) == (0.0, 0.0)
    assert set(wire.evidence.values()) == {"assumed"}


def test_a_call_costs_its_tokens():
    usd = price.call_usd(shipped("hosted", "gpt-4"), np.array([1e6, 1000.0]), np.array([1e6, 500.0]))
    np.testing.assert_allclose(usd, [90.0, 0.03 + 0.03])


def test_hired_devices_cost_by_the_hour():
    assert shipped("devices", "h100-sxm").price_usd_per_s * 8 * 1800.0 == pytest.approx(8 * 2.95 / 2)


def test_a_kilowatt_hour_in_poland_is_662_grams():
    g_per_j = shipped("regions", "PL").carbon_g_per_j
    assert 3.6e6 * g_per_j == pytest.approx(661.9)


def test_cached_tokens_are_billed_at_their_own_price():
    gpt_4o = shipped("hosted", "gpt-4o")
    usd = price.call_usd(gpt_4o, np.array([1000.0]), np.array([100.0]), 0.8)
    np.testing.assert_allclose(usd, [800 * 1.25e-6 + 200 * 2.5e-6 + 100 * 10e-6])
    without = replace(gpt_4o, price_cached_in_usd_per_tok=None)
    np.testing.assert_allclose(price.call_usd(without, np.array([1000.0]), np.array([100.0]), 0.8), [3.5e-3])


@given(
    frac=st.floats(0, 1),
    prompt=st.floats(0, 1e6),
    cached_usd=st.one_of(st.none(), st.floats(0, 30e-6)),
)
def test_no_cached_share_changes_the_price_where_nothing_is_cached(frac, prompt, cached_usd):
    api = replace(shipped("hosted", "gpt-4"), price_cached_in_usd_per_tok=cached_usd)
    prompt_tok, output_tok = np.array([prompt]), np.array([10.0])
    full = price.call_usd(api, prompt_tok, output_tok)
    assert price.call_usd(api, prompt_tok, output_tok, 0.0) == full
    assert full == pytest.approx(30e-6 * prompt + 60e-6 * 10.0)
    assert price.call_usd(api, prompt_tok, output_tok, frac) <= full * (1 + 1e-12)


def union_s(spans: list[tuple[float, float]]) -> float:
    """Length of a union of intervals, by sweeping over their ends."""
    ends = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    length, depth, since = 0.0, 0, 0.0
    for at, step in ends:
        if depth > 0:
            length += at - since
        depth, since = depth + step, at
    return length


uses = st.lists(st.tuples(st.integers(0, 3), st.floats(0, 50), st.floats(0, 8)), max_size=30)


@given(uses=uses, tail_s=st.sampled_from([0.0, 1.0, 11.6]))
def test_overlapping_tails_of_a_radio_count_once(uses, tail_s):
    user = np.array([u for u, _, _ in uses], dtype=np.int64)
    start_s = np.array([s for _, s, _ in uses], dtype=float)
    end_s = start_s + np.array([d for _, _, d in uses], dtype=float)
    added_s = link.awake_s(user, start_s, end_s, tail_s)
    assert (added_s >= 0).all()
    assert (added_s <= end_s - start_s + tail_s + 1e-9).all()
    for who in set(user.tolist()):
        mine = user == who
        spans = [(s, e + tail_s) for s, e in zip(start_s[mine], end_s[mine], strict=True)]
        assert added_s[mine].sum() == pytest.approx(union_s(spans), abs=1e-9)


def test_an_isolated_lte_request_costs_twelve_joules_of_tail():
    """Huang et al., MobiSys 2012: 11.576 s at 1.06 W."""
    lte = shipped("links", "lte")
    (lone_s,) = link.awake_s(np.array([0]), np.array([5.0]), np.array([5.0]), lte.tail_s)
    assert lte.tail_w * lone_s == pytest.approx(11.576 * 1.06, rel=0.01)


def test_the_time_of_a_link_rests_on_what_it_uses():
    assert link.time_evidence(shipped("links", "satellite")) == "measured"
    assert link.time_evidence(shipped("links", "wifi-office")) == "assumed"
    assert link.time_evidence(between("wire", 0.01, 1.0, 1.0)) == "assumed"
