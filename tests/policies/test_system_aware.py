"""Policies that look at the fleet: which way they move, and what they choose, by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pytest
from hands import Pool, Told, answered, asked_pool, finished, fleet, heard, query, setting
from hypothesis import given
from hypothesis import strategies as st
from policy_world import POOLS, made
from pydantic import ValidationError

from simulator.policies.core import Drop, Finish, Reported
from simulator.policies.setting import prepared

IDLE = [Pool(pool) for pool in POOLS]
ALIKE = Told(np.zeros(9, dtype=np.int64), ("a",), np.tile([0.5, 0.7, 0.9], (9, 1)), np.tile([1.0, 2.0, 4.0], (9, 1)))


def ready(rule: dict[str, Any], asked: Told = ALIKE) -> Any:
    return prepared(made(rule), setting(POOLS, asked))


CASCADE = {"use": "cascade", "order": ["small", "large"], "accept": 0.6}


def moving(*moves: dict[str, Any], **more: Any) -> Any:
    return ready({"use": "moving-threshold", "base": CASCADE, "moves": list(moves), **more})


def accepted_from(policy: Any, view: Any) -> float:
    """The lowest score, of hundredths, that is accepted."""
    for hundredth in range(102):
        if isinstance(policy.decide(answered(query(), "small", hundredth / 100), view), Finish):
            return hundredth / 100
    return float("inf")


def test_a_threshold_that_nothing_moves_stays() -> None:
    assert accepted_from(moving(), fleet(*IDLE)) == 0.6


class Link(NamedTuple):
    up_bytes_per_s: float
    down_bytes_per_s: float = 1e6
    rtt_s: float = 0.1


LOAD = {"signal": "outstanding-tok", "of": "large", "weight": -0.001, "most": 0.4}


@pytest.mark.parametrize(
    ("move", "pool", "accepts"),
    [
        (LOAD, Pool("large", replicas=2, outstanding_tok=400.0), 0.4),  # 200 a replica, less .2
        (LOAD, Pool("large", outstanding_tok=1e6), 0.2),  # no further than `most`
        ({"signal": "outstanding-calls", "of": "large", "weight": -0.1}, Pool("large", outstanding_calls=3), 0.3),
        (
            {"signal": "waiting-calls", "of": "large", "weight": -0.1},
            Pool("large", replicas=2, reported=Reported(0.0, 4, 0, 0.0)),
            0.4,
        ),
        ({"signal": "kv-used", "of": "large", "weight": -0.5}, Pool("large", reported=Reported(0, 0, 0, 0.6)), 0.3),
        ({"signal": "ttft-s", "of": "large", "weight": -0.2, "neutral": 1.0}, Pool("large", ttft_s=3.0), 0.2),
        ({"signal": "ttft-s", "of": "large", "weight": -0.2, "neutral": 1.0}, Pool("large", ttft_s=0.0), 0.8),
        ({"signal": "tpot-s", "of": "large", "weight": -2.0}, Pool("large", predicted_tpot_s=0.1), 0.4),
        ({"signal": "battery", "of": "large", "weight": 0.5, "neutral": 1.0}, Pool("large", battery_frac=0.2), 0.2),
        ({"signal": "battery", "of": "large", "weight": 0.5, "neutral": 1.0}, Pool("large"), 0.6),  # none: no move
        (
            {"signal": "carbon-g-per-kwh", "of": "large", "weight": -0.001, "neutral": 100.0},
            Pool("large", carbon_g_per_j=400.0 / 3.6e6),
            0.3,
        ),
        ({"signal": "usd-per-mtok", "of": "large", "weight": -0.02}, Pool("large", usd_per_tok=(0.0, 15e-6)), 0.3),
    ],
)
def test_a_signal_moves_the_threshold_as_far_as_its_weight_says(
    move: dict[str, Any], pool: Pool, accepts: float
) -> None:
    assert accepted_from(moving(move), fleet(IDLE[0], IDLE[1], pool)) == pytest.approx(accepts)


def test_links_move_it_too() -> None:
    slow = {"air": Link(up_bytes_per_s=0.25e6, rtt_s=0.3)}
    view = fleet(*IDLE, links=slow)
    rate = moving({"signal": "up-mbit-per-s", "link": "air", "weight": 0.1, "neutral": 4.0})
    assert accepted_from(rate, view) == pytest.approx(0.4)  # 2 of 4 Mbit/s: offload less
    assert accepted_from(moving({"signal": "rtt-s", "link": "air", "weight": -1.0}), view) == pytest.approx(0.3)


@given(a=st.floats(0, 2000), b=st.floats(0, 2000))
def test_more_load_accepts_no_less(a: float, b: float) -> None:
    policy = moving(LOAD)
    low, high = (fleet(*IDLE[:2], Pool("large", outstanding_tok=load)) for load in sorted((a, b)))
    assert accepted_from(policy, high) <= accepted_from(policy, low)


def test_all_thresholds_of_a_map_move_alike() -> None:
    base = {"use": "cascade", "order": ["small", "middle", "large"], "accept": {"small": 0.6, "middle": 0.2}}
    policy = ready({"use": "moving-threshold", "base": base, "moves": [{**LOAD, "most": 1.0}]})
    view = fleet(*IDLE[:2], Pool("large", outstanding_tok=300.0))
    assert accepted_from(policy, view) == pytest.approx(0.3)
    asked = answered(answered(query(), "small", 0.1), "middle", 0.0)
    assert finished(policy.decide(asked, view)) == "middle"  # .2 - .3 is kept to 0


def test_spending_over_a_budget_asks_the_large_model_less() -> None:
    overspent = {"signal": "overspent", "weight": -0.2, "most": 0.6}
    policy = moving(overspent, budget_usd_per_query=2.0)  # calls are 1, 2 and 3 dollars
    asked = query(0)
    assert asked_pool(policy.decide(asked, fleet(*IDLE))) == "small"
    answered(asked, "small", 0.5)
    assert asked_pool(policy.decide(asked, fleet(*IDLE))) == "large"
    assert asked_pool(policy.decide(asked, fleet(*IDLE))) == "large"  # counted once
    assert policy.spent_usd == 4.0
    policy.decide(query(1), fleet(*IDLE))
    assert policy.overspent[(1, 0)] == pytest.approx(4.0 / 2.0 - 1.0)
    assert finished(policy.decide(answered(query(1), "small", 0.45), fleet(*IDLE))) == "small"  # .6 - .2 (5/2 - 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"field": "order"},
        {"field": "patience"},
        {"step": 0.0},
        {"moves": [{"signal": "battery", "weight": 1.0}]},
        {"moves": [{"signal": "overspent", "weight": 1.0}]},
        {"moves": [{"signal": "rtt-s", "of": "large", "weight": 1.0}]},
        {"moves": [{"signal": "load", "of": "large", "weight": 1.0}]},
        {"moves": [{**LOAD, "wieght": 1.0}]},
    ],
)
def test_what_cannot_move_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        made({"use": "moving-threshold", "base": CASCADE, "moves": [], **wrong})


def test_a_policy_that_learns_has_no_threshold_to_move() -> None:
    with pytest.raises(ValueError, match="learns"):
        ready({"use": "moving-threshold", "base": "latency-based", "field": "buffer", "moves": []})


def test_headroom_is_asked_of_before_price() -> None:
    policy = ready({"use": "headroom", "ttft_s": 1.0, "tpot_s": 0.05})
    assert asked_pool(policy.decide(query(), fleet(*IDLE))) == "small"
    busy = Pool("small", ttft_s=1.1)
    assert asked_pool(policy.decide(query(), fleet(busy, *IDLE[1:]))) == "middle"
    slow = Pool("middle", predicted_tpot_s=0.06)
    assert asked_pool(policy.decide(query(), fleet(busy, slow, IDLE[2]))) == "large"
    none = [Pool("small", ttft_s=3.0), Pool("middle", ttft_s=2.0), Pool("large", ttft_s=4.0)]
    assert asked_pool(policy.decide(query(), fleet(*none))) == "middle"


def test_headroom_may_prefer_the_best() -> None:
    policy = ready({"use": "headroom", "ttft_s": 1.0, "prefer": "best", "quality": "task-mean"})
    assert asked_pool(policy.decide(query(3), fleet(*IDLE))) == "large"
    assert asked_pool(policy.decide(query(3), fleet(*IDLE[:2], Pool("large", ttft_s=2.0)))) == "middle"


def test_routebalance_by_hand() -> None:
    rule = {"use": "routebalance", "latency_weight": 0.0, "cost_weight": 0.5}
    # q - .5 c/4: .375, .45, .4
    assert asked_pool(ready(rule).decide(query(), fleet(*IDLE))) == "middle"
    assert asked_pool(ready({**rule, "cost_weight": 0.1}).decide(query(), fleet(*IDLE))) == "large"
    assert asked_pool(ready({**rule, "budget": 1.0}).decide(query(), fleet(*IDLE))) == "small"
    late = fleet(IDLE[0], Pool("middle", ttft_s=9.0), IDLE[2])
    assert asked_pool(ready({**rule, "ttft_s": 5.0}).decide(query(), late)) == "large"


def test_routebalance_weighs_seconds_in_calls_of_the_slowest_pool() -> None:
    asked = Told(ALIKE.task, ("a",), ALIKE.expected, ALIKE.cost, time=0.1)  # 10 tokens: 1 s; the first: .1 s
    policy = ready({"use": "routebalance", "latency_weight": 0.1, "cost_weight": 0.0}, asked)
    # ahead by .2 of quality, the large one may be late by 2 s: its wait is 2.1 - .1
    for ttft_s, best in ((2.05, "large"), (2.15, "middle")):
        assert asked_pool(policy.decide(query(), fleet(*IDLE[:2], Pool("large", ttft_s=ttft_s)))) == best


def test_routebalance_chooses_the_engine_too() -> None:
    two = Pool("large", replicas=2, outstanding_tok=300.0, outstanding_tok_by_replica=(200.0, 100.0), ttft_s=2.0)
    call = ready({"use": "routebalance", "cost_weight": 0.0}).decide(query(), fleet(*IDLE[:2], two)).calls[0]
    assert (call.pool, call.replica) == ("large", 1)


def engines(*loads: float, **more: Any) -> Pool:
    return Pool("large", len(loads), outstanding_tok=sum(loads), outstanding_tok_by_replica=loads, **more)


def test_a_gateway_weighs_queue_cache_and_prefix() -> None:
    policy = ready({"use": "gateway", "among": ["large"]})
    first = policy.decide(query(0, prefix="p"), fleet(engines(5.0, 9.0))).calls[0]
    assert first.replica == 0
    # the same prefix: 3 for the hit and 2 for the queue against 2 for the queue
    assert policy.decide(query(1, prefix="p"), fleet(engines(9.0, 5.0))).calls[0].replica == 0
    assert policy.decide(query(2, prefix="q"), fleet(engines(9.0, 5.0))).calls[0].replica == 1
    light = ready({"use": "gateway", "among": ["large"], "weights": {"queue": 2.0, "prefix": 1.0}})
    light.decide(query(0, prefix="p"), fleet(engines(5.0, 9.0)))
    assert light.decide(query(1, prefix="p"), fleet(engines(9.0, 5.0))).calls[0].replica == 1


def test_a_gateway_leaves_out_the_saturated_unless_all_are() -> None:
    policy = ready({"use": "gateway", "weights": {"kv": 1.0}})
    full = Reported(0.0, 6, 0, 0.1)
    pools = [
        Pool("small", reported=full),
        Pool("middle", reported=Reported(0, 0, 0, 0.5)),
        Pool("large", reported=full),
    ]
    assert asked_pool(policy.decide(query(0), fleet(*pools))) == "middle"
    crowded = Pool("middle", reported=Reported(0.0, 0, 0, 0.9))
    assert asked_pool(policy.decide(query(1), fleet(pools[0], crowded, pools[2]))) in ("small", "large")


def test_equals_of_a_gateway_are_chosen_at_random() -> None:
    policy = ready({"use": "gateway"})
    counts = Counter(asked_pool(policy.decide(query(row), fleet(*IDLE))) for row in range(600))
    assert min(counts[pool] for pool in POOLS) > 150


def test_a_shuffle_has_its_shares_and_never_asks_twice() -> None:
    policy = ready({"use": "simple-shuffle", "weights": {"small": 3.0, "large": 1.0}})
    counts = Counter(asked_pool(policy.decide(query(row), fleet(*IDLE))) for row in range(2000))
    assert abs(counts["small"] / 2000 - 0.75) < 4 * (0.75 * 0.25 / 2000) ** 0.5
    asked = query(1)
    pools = []
    for _ in range(2):
        pools.append(asked_pool(policy.decide(asked, fleet(*IDLE))))
        asked.asked += (pools[-1],)
    assert sorted(pools) == ["large", "small"]
    assert policy.decide(asked, fleet(*IDLE)) == Drop("no answer")


def test_least_busy_counts_calls_and_least_loaded_tokens() -> None:
    pools = [
        Pool("small", outstanding_calls=3, outstanding_tok=30.0),
        Pool("middle", outstanding_calls=1, outstanding_tok=900.0),
        Pool("large", outstanding_calls=2, outstanding_tok=20.0),
    ]
    assert asked_pool(ready({"use": "least-busy"}).decide(query(), fleet(*pools))) == "middle"
    assert asked_pool(ready({"use": "least-loaded"}).decide(query(), fleet(*pools))) == "large"


def test_the_price_of_now_decides() -> None:
    pools = [Pool("small", usd_per_tok=(2e-6, 3e-6)), Pool("middle", usd_per_tok=(1e-6, 3e-6)), Pool("large")]
    policy = ready({"use": "cost-based", "among": ["small", "middle"]})
    assert asked_pool(policy.decide(query(), fleet(*pools))) == "middle"
    assert asked_pool(ready({"use": "cost-based"}).decide(query(), fleet(*pools))) == "large"  # one's own


def test_usage_is_spread_over_the_minute() -> None:
    policy = ready({"use": "usage-based", "among": ["small", "large"], "rpm": {"small": 2}})
    chosen = [asked_pool(policy.decide(query(row, 10), fleet(*IDLE, now_s=1.0))) for row in range(4)]
    assert sorted(chosen) == ["large", "large", "small", "small"]
    assert asked_pool(policy.decide(query(4), fleet(*IDLE, now_s=59.0))) == "large"  # small has had its two
    assert asked_pool(policy.decide(query(5, 99), fleet(*IDLE, now_s=61.0))) in ("small", "large")


def test_no_room_left_in_the_minute_is_a_rate_limit() -> None:
    policy = ready({"use": "usage-based", "tpm": dict.fromkeys(POOLS, 5)})
    assert policy.decide(query(0, 10), fleet(*IDLE)) == Drop("rate-limit")


def test_latency_heard_of_decides_within_its_buffer() -> None:
    for buffer, among in ((0.0, {"middle"}), (0.5, {"middle", "large"})):
        policy = ready({"use": "latency-based", "buffer": buffer, "window": 2})
        for seconds, pool in ((9.0, "large"), (3.0, "small"), (1.0, "middle"), (1.4, "large"), (1.4, "large")):
            policy.learn(heard(0, pool, 1.0, e2e_s=seconds))  # the large one's 9 s are out of its window
        assert {asked_pool(policy.decide(query(row), fleet(*IDLE))) for row in range(60)} == among


def test_a_latency_too_old_is_forgotten() -> None:
    policy = ready({"use": "latency-based", "ttl_s": 100.0})
    for pool, seconds in (("small", 5.0), ("middle", 1.0), ("large", 2.0)):
        policy.learn(heard(0, pool, 1.0, e2e_s=seconds, at_s=0.0 if pool == "small" else 50.0))
    assert asked_pool(policy.decide(query(), fleet(*IDLE, now_s=99.0))) == "middle"
    assert asked_pool(policy.decide(query(), fleet(*IDLE, now_s=101.0))) == "small"  # unknown counts as quickest
