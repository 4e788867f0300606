from dataclasses import replace

import pytest

from simulator.metrics.registry import METRICS
from simulator.records.metrics import PER_QUERY, key_of, scale
from simulator.records.summary import Held

LIMIT = Held("ttft_s", 95.0, None, 0.5, None, False, 1.234, False)


@pytest.mark.parametrize(
    ("key", "value", "said", "interval"),
    [
        ("ttft_s.p95", 0.0123, "12.3 ms", "11.1 to 13.5 ms"),
        ("accuracy", 0.716, "71.6 %", "64.4 to 78.8 %"),
        ("cost_usd_per_query", 0.000919, "$ 0.919 / 1k", "$ 0.827 to 1.011 / 1k"),
        ("queries_per_s", 1.9, "1.90 1/s", "1.71 to 2.09 1/s"),
        ("calls_per_query", 1.5, "1.50", "1.35 to 1.65"),
        ("a_metric_of_tomorrow", 2.0, "2.00", "1.80 to 2.20"),
    ],
)
def test_a_value_and_its_interval_have_one_unit_and_as_many_decimals(key, value, said, interval):
    of = scale(key, value)
    assert of.said(value) == said
    assert of.interval(0.9 * value, 1.1 * value, like=value) == interval


def test_half_an_interval_has_the_decimals_of_its_mean():
    assert scale("e2e_s.p95", 12.71).around(12.71, 12.0, 13.42) == "12.7 ± 0.7"
    assert scale("e2e_s.p95", 12.71).around(12.71, None, None) == "12.7"


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_keys_are_those_of_the_summary(metric):
    assert (metric.name in PER_QUERY) == (metric.bottom is None)
    assert key_of(metric.name, None) in metric.keys
    assert key_of(metric.name, 95.0) in metric.keys


def test_a_limit_says_its_bounds_and_its_value_in_one_unit():
    assert (LIMIT.key, LIMIT.bounds, LIMIT.said) == ("ttft_s.p95", "at most 500 ms", "1,234 ms")
    assert replace(LIMIT, value=None).said == "undefined"
    share = Held("accuracy", None, None, 0.9, 0.6, False, 0.7, True)
    assert (share.key, share.bounds) == ("accuracy", "at least 60 % and at most 90 %")
