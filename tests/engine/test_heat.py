"""Devices that get too hot: against stepping in small steps of time, pass by pass, and against a published figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from math import exp, fsum, inf, log

import pytest
from engine_examples import Affine, driven, job
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from stepping import Pass, Seq, Stepping, Wish

from simulator.engine.clock import ARRIVAL, Clock, once
from simulator.engine.heat import RECOVERED, Heat, Thermal, both
from simulator.engine.replica import Limits, Replica, ReplicaHooks

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class HotStepping(Stepping):
    """The stepping replica on a device that heats: x is brought forward from pass to pass."""

    thermal: Thermal = field(default_factory=lambda: Thermal(1.0, 1.0, 1.0))
    x: float = 0.0
    at_s: float = 0.0
    is_hot: bool = False
    is_tied: bool = False  # a pass ended just as it turned hot: the last bit says whether the next one is slow

    def price(self, now: float, chunks: list[tuple[Seq, int]]) -> Pass:
        limit, cool_s = self.thermal.hot, self.thermal.cool_s
        if now > self.at_s:  # it rested
            self.x *= exp(-(now - self.at_s) / cool_s)
            self.is_hot = self.is_hot and self.x >= RECOVERED * limit
        made = super().price(now, chunks)
        made = made._replace(time_s=made.time_s * (self.thermal.factor if self.is_hot else 1.0))
        self.x = 1.0 - (1.0 - self.x) * exp(-made.time_s / cool_s)
        self.is_tied = self.is_tied or (not self.is_hot and abs(self.x - limit) < 1e-9)
        self.is_hot = self.is_hot or self.x >= limit
        self.at_s = made.end_s
        return made


def heated(wishes: list[Wish], steps: Affine, limits: Limits, thermal: Thermal) -> tuple[list[float], float]:
    """When each call was done at a replica on a device that heats, and its seconds at work."""
    clock, rows = Clock(), []
    jobs = [job(i, wish) for i, wish in enumerate(wishes)]
    nobody = lambda job, now: None  # noqa: E731
    heat = Heat(thermal)
    replica = Replica(clock, steps, limits, rows.append, ReplicaHooks(nobody, nobody, nobody), heat.slowdown)
    replica.rested = heat.rested
    for i, (wish, each) in enumerate(zip(wishes, jobs, strict=True)):
        once(clock, wish.arrive_s, ARRIVAL + i, partial(replica.submit, each))
    clock.run()
    return [each.done_s for each in jobs], fsum(row[1] for row in rows)


@QUICK
@given(
    gaps_s=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=8),
    lengths=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 80)), min_size=8, max_size=8),
    thermal=st.builds(Thermal, st.floats(0.5, 20.0), st.floats(1.1, 3.0), st.floats(1.0, 40.0)),
    max_seqs=st.integers(1, 3),
)
def test_spans_on_a_hot_device_tell_the_story_of_their_passes(gaps_s, lengths, thermal, max_seqs):
    steps, limits = Affine(pass_s=0.05, decode_s=1e-3, chunk_s=1e-3), Limits(max_seqs, 64)
    now, wishes = 0.0, []
    for gap_s, (prompt, output) in zip(gaps_s, lengths, strict=False):
        now += gap_s
        wishes.append(Wish(now, prompt, output))
    stepping = HotStepping(steps, limits, thermal=thermal)
    story = stepping.tell(wishes)
    assume(not stepping.is_tied)
    done_s, busy_s = heated(wishes, steps, limits, thermal)
    horizon_s = max(1.0, *(p.end_s for p in story.passes))
    assert done_s == pytest.approx([fate.done_s for fate in story.fates], abs=1e-6 * horizon_s)
    assert busy_s == pytest.approx(fsum(p.time_s for p in story.passes), abs=1e-6 * horizon_s)


def test_heat_follows_its_equation():
    """Euler's steps of a tenth of a millisecond through work, rest and work again."""
    thermal, dt = Thermal(after_s=6.0, factor=2.0, cool_s=10.0), 1e-4
    works = [(0.0, 4.0), (5.0, 12.0), (12.5, 13.0), (20.0, 24.0)]
    x, is_hot, step, turned_s = 0.0, False, 0, []
    while step * dt < 24.0:
        busy = any(start_s <= step * dt < end_s for start_s, end_s in works)
        x += dt * (busy - x) / thermal.cool_s
        was, is_hot = is_hot, x >= thermal.hot or (is_hot and x >= RECOVERED * thermal.hot)
        if busy and is_hot != was:
            turned_s.append(step * dt)
        step += 1
    heat, found_s = Heat(thermal), []
    for start_s, end_s in works:
        factor, until_s = heat.slowdown(start_s)
        if factor == 1.0 and until_s < end_s:
            found_s.append(until_s)
        heat.rested(end_s)
    assert len(found_s) >= 1
    assert found_s == pytest.approx(turned_s, abs=0.01)


def test_from_cold_work_makes_it_hot_after_so_long_and_rest_recovers_it():
    heat = Heat(Thermal(after_s=120.0, factor=1.5, cool_s=60.0))
    assert heat.slowdown(10.0) == (1.0, pytest.approx(130.0))
    assert heat.slowdown(200.0) == (1.5, inf)
    heat.rested(1000.0)  # as hot as can be
    recovers_s = 1000.0 + 60.0 * log(1.0 / (RECOVERED * (1 - exp(-2.0))))
    assert heat.slowdown(recovers_s - 0.1)[0] == 1.5
    heat.rested(recovers_s - 0.1)
    assert heat.slowdown(recovers_s + 0.1)[0] == 1.0


def test_a_phone_that_throttles_sustains_the_published_rate():
    """iPhone 16 Pro: 40 tok/s at first, 22.6 tok/s sustained (arXiv 2603.23640)."""
    thermal = Thermal(after_s=60.0, factor=40 / 22.6, cool_s=60.0)
    steps, limits = Affine(pass_s=1 / 40), Limits(1, 512)
    tokens = (1_200, 10_000)
    first_s, last_s = heated([Wish(0.0, 1, n) for n in tokens], steps, limits, thermal)[0]
    assert tokens[0] / first_s == pytest.approx(40, rel=1e-3)
    assert (sum(tokens) - 2_400) / (last_s - 60.0) == pytest.approx(22.6, rel=1e-2)


def test_slowdowns_multiply_and_the_next_change_counts():
    assert both(lambda t: (2.0, 7.0), lambda t: (1.5, 5.0))(0.0) == (3.0, 5.0)


def test_a_device_that_never_turns_hot_is_as_any_other():
    wishes, steps, limits = [Wish(0.0, 5, 40), Wish(1.0, 5, 40)], Affine(pass_s=0.1), Limits(2, 64)
    done_s, _ = heated(wishes, steps, limits, Thermal(1e9, 2.0, 60.0))
    assert done_s == [fate.done_s for fate in driven(wishes, steps, limits).fates]
