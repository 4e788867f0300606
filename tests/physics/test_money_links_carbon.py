import numpy as np
import pytest
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
