"""Replays of published aggregates, and answers that no paper has: orders and relations, some sizes."""

from __future__ import annotations

import pytest
from replay_world import needed, replayed

from simulator.replays import frugal, greenserv, n1, n2, n3
from simulator.replays.idle import Idle, column
from simulator.replays.loaded import STABLE, percent


def test_single_models_are_greenservs() -> None:
    idle = Idle(greenserv.SCENARIO)
    for pool in ("qwen-0_5b", "phi-4-mini", "gemma-27b"):
        accuracy, energy_wh = greenserv.STATIC[pool]
        queries = idle.single(pool)
        assert float(column(queries, "score").mean()) == pytest.approx(float(accuracy), abs=0.0005)
        assert float(column(queries, "energy_j").sum()) / 3600 == pytest.approx(float(energy_wh), abs=0.05)


def test_the_bandit_is_more_right_for_fewer_joules_than_a_coin() -> None:
    idle = Idle(greenserv.SCENARIO)
    bandit, coin = (greenserv.found(idle, greenserv.POLICIES[name]) for name in ("LinUCB", "random"))
    assert 1.15 < bandit.accuracy / coin.accuracy < 1.3  # published: 1.22
    assert 0.55 < bandit.energy_wh / coin.energy_wh < 0.8  # published: 0.63 to 0.71
    assert bandit.regret < 0.8 * coin.regret  # published: 417 and 607


@pytest.mark.slow
def test_greenservs_strategies_come_in_the_papers_order() -> None:
    rows = {row.quantity: row for row in replayed("greenserv")}
    for name in ("regret by strategy", "accuracy and energy fall as lambda rises", "LinUCB over random: accuracy [%]"):
        assert rows[name].met, rows[name]
    assert rows["share of the removed model after the change"].met
    assert sum(not row.met for row in rows.values()) <= 4  # told on the page


def test_frugalgpts_savings_are_those_of_its_own_points() -> None:
    needed(frugal.REPLAY)
    rows = list(frugal.authors())
    assert len(rows) == 8
    assert all(row.met for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["uniroute", "hybrid-llm", "routellm-mf", "automix"])
def test_what_is_replayed_on_other_data_keeps_order_and_shape(name: str) -> None:
    assert [row for row in replayed(name) if row.met is False] == []


@pytest.mark.slow
def test_a_bandits_lead_in_joules_is_less_once_idle_watts_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n1, "SEEDS", 5)
    alone, _ = percent(n1.idle_j_per_correct(), n1.idle_j_per_correct(n1.COIN))
    bandit, coin = n1.at(0.6, True), n1.at(0.6, True, n1.COIN)
    loaded, error = percent(bandit.j_per_correct, coin.j_per_correct)
    assert alone < -25
    assert loaded - error > alone / 2
    assert bandit.p95_s.mean() > 3 * coin.p95_s.mean()
    assert coin.verdict == STABLE


def test_a_moving_threshold_keeps_answers_quick_where_the_same_one_fixed_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(n2, "SEEDS", 2)
    moving, fixed = n2.windows(), n2.windows(n2.fixed_at(n2.SAME))
    for window in ("burst", "dead uplink"):
        assert moving[window].p95_s < fixed[window].p95_s / 5
        assert moving[window].accuracy < fixed[window].accuracy  # its price
    assert moving["calm"].accuracy > fixed["calm"].accuracy - 0.02
    assert moving["calm"].p95_s < 1.3 * fixed["calm"].p95_s


@pytest.mark.slow
def test_no_fixed_threshold_is_as_right_and_as_quick_as_the_moving_one() -> None:
    moving = n2.windows()["all"]
    assert not any(n2.beats(n2.windows(n2.fixed_at(accept))["all"], moving) for accept in n2.FIXED)


@pytest.mark.slow
def test_routing_is_quickest_at_low_rates_and_routing_with_a_cascade_at_high_ones() -> None:
    late = {
        rate: {family: n3.family_at(rate, settings)[1] for family, settings in n3.FAMILIES.items()}
        for rate in (4.0, 8.0)
    }
    assert min(late[4.0], key=late[4.0].__getitem__) == "routing"
    assert min(late[8.0], key=late[8.0].__getitem__) == "both"
