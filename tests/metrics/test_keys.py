from __future__ import annotations

import pytest

from simulator.metrics.keys import KEYS, key_of, key_of_limit
from simulator.metrics.registry import METRICS
from simulator.spec.errors import SpecError
from simulator.spec.scenario import SloSpec


@pytest.mark.parametrize("name", ["accuracy", *(name for name, one in METRICS.items() if one.kind == "per_query")])
def test_a_metric_is_asked_for_by_the_words_of_a_limit(name: str) -> None:
    assert key_of(name) == key_of_limit(SloSpec(metric=name, max=1.0))


def test_keys_of_the_summary_mean_themselves() -> None:
    assert [key_of(key) for key in KEYS] == list(KEYS)


def test_what_is_no_metric_is_told_with_what_is_near() -> None:
    with pytest.raises(SpecError, match=r"no 'ttft_s.p955'; did you mean 'ttft_s\.p95'"):
        key_of("ttft_s.p955")
