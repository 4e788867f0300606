import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from simulator.physics.signal import Signal

DAY = Signal((0.0, 8.0, 20.0), (1.0, 5.0, 2.0), period_s=24.0)
ONCE = Signal((0.0, 8.0, 20.0), (1.0, 5.0, 2.0))


@pytest.mark.parametrize(("time_s", "value"), [(0, 1), (7.99, 1), (8, 5), (20, 2), (23.9, 2), (24, 1), (24 + 8, 5)])
def test_a_day_repeats(time_s, value):
    assert DAY.value(time_s) == value


def test_without_a_period_the_last_value_stays():
    assert ONCE.value(1e9) == 2
    assert ONCE.next_change_s(20) == float("inf")
    assert Signal.constant(3.0).next_change_s(0) == float("inf")
    assert Signal.constant(3.0).integral(2, 4) == 6


@given(st.floats(0, 1e4))
def test_nothing_changes_before_the_next_change(time_s):
    change_s = DAY.next_change_s(time_s)
    assert change_s > time_s
    assert DAY.value((time_s + change_s) / 2) == DAY.value(time_s)


@given(st.floats(0, 60), st.floats(0, 60), st.sampled_from([DAY, ONCE]))
def test_the_integral_is_the_area(a, b, signal):
    breaks = [t for day in (0, 24, 48) for t in (day, day + 8, day + 20) if min(a, b) < t < max(a, b)]
    area = quad(signal.value, a, b, points=breaks or None, limit=200)[0]
    assert signal.integral(a, b) == pytest.approx(area, abs=1e-6)


def test_integrals_and_means_are_vectorised():
    np.testing.assert_allclose(DAY.integral(np.array([0.0, 8.0, 0.0]), np.array([24.0, 9.0, 48.0])), [76, 5, 152])
    np.testing.assert_allclose(DAY.mean(np.array([0.0, 8.0, 9.0]), np.array([24.0, 10.0, 9.0])), [76 / 24, 5, 5])


@pytest.mark.parametrize(
    ("times_s", "values", "period_s"),
    [
        ((1.0,), (1.0,), 5.0),
        ((0.0, 0.0), (1.0, 2.0), 5.0),
        ((0.0, 6.0), (1.0, 2.0), 5.0),
        ((0.0,), (), 5.0),
        ((), (), 5.0),
    ],
)
def test_a_signal_that_makes_no_sense_is_refused(times_s, values, period_s):
    with pytest.raises(ValueError, match="a signal needs"):
        Signal(times_s, values, period_s)
