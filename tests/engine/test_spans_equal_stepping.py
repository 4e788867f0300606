"""The one clever thing of the engine, against the plain one: spans tell the story of their passes, ties included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import fsum, nan
from typing import Any

import pytest
from engine_examples import Affine, Told, driven, fate, pooled, stepwise, tiny_device, tiny_model
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from stepping import Fate, Story, Wish, stepped, tolerance_s

from simulator.engine.replica import Limits
from simulator.physics.linear import Linear
from simulator.physics.roofline import Roofline
from simulator.physics.step import StepModel
from simulator.physics.table import Table

MAX_SEQS, MAX_BATCHED = 6, 96
GIVEN: dict[str, Any] = {"model": tiny_model(), "max_seqs": MAX_SEQS, "max_batched_tok": MAX_BATCHED}


@dataclass(frozen=True)
class Case:
    """A replica and what it meets."""

    steps: StepModel
    limits: Limits
    wishes: tuple[Wish, ...] = ()
    change_s: tuple[float, ...] = ()  # when the slowdown changes
    factors: tuple[float, ...] = ()

    def stepped(self) -> Story:
        return stepped(self.wishes, self.steps, self.limits, stepwise(self.change_s, self.factors)[1])

    def driven(self, until_s: float | None = None) -> Told:
        slowdown = stepwise(self.change_s, self.factors)[0] if self.change_s else None
        return driven(self.wishes, self.steps, self.limits, slowdown, until_s)


def affine() -> st.SearchStrategy[Affine]:
    price = st.sampled_from([0.0, 1e-4, 3e-3])
    return st.builds(
        Affine, st.sampled_from([0.01, 0.1]), price, price, price, price, st.sampled_from([0.0, 1e-5, 1e-3])
    )


def linear() -> st.SearchStrategy[Linear]:
    price = st.floats(0.0, 1e-2)
    keys = {"pass_s": st.floats(1e-3, 0.1), "decode_seq_s": price, "context_tok_s": price, "chunk_tok_s": price}
    return st.builds(lambda **given: Linear(device=tiny_device(), **GIVEN, **given), pair_s=price, **keys)


@st.composite
def rooflines(draw: st.DrawFn) -> Roofline:
    """Attention's compute and memory time cross at chunk sizes and positions that occur."""
    device = tiny_device(
        bandwidth_gb_per_s=draw(st.floats(1e-8, 1e-6)),
        peak_fp16_tflop_per_s=draw(st.floats(1e-11, 1e-8)),
        prefill_half_tok=draw(st.floats(0.0, 50.0)),
        layer_overhead_us=draw(st.floats(0.0, 1e5)),
        seq_overhead_us=draw(st.floats(0.0, 1e4)),
    )
    return Roofline(device=device, **GIVEN)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Contexts of calls lie in several cells of a grid that need not rise."""
    times = st.floats(0.01, 0.2)
    row = st.tuples(times, times, times, times)
    return Table(
        device=tiny_device(),
        **GIVEN,
        decode_seqs=(1.0, 3.0, 4.0),
        context_tok=(4.0, 17.0, 30.0, 60.5),
        decode_s=draw(st.tuples(row, row, row)),
        chunk_tok=(1.0, 16.0, 64.0),
        prefill_s=draw(st.tuples(times, times, times)),
        past_tok_s=draw(st.sampled_from([0.0, 1e-3])),
        outside="extrapolate",
    )


STEP_MODELS = {"affine": affine(), "linear": linear(), "roofline": rooflines(), "table": tables()}


@st.composite
def cases(draw: st.DrawFn, steps: st.SearchStrategy[Any], most: int) -> Case:
    """Bursts, samples of one prompt, ties with each other and with pass boundaries, cancels and slowdowns.

    Memory is often tight.
    """
    output = st.sampled_from([1, 2, 5, 17, 40, 40])
    more = st.just([]) | st.just([]) | st.lists(output, min_size=1, max_size=3)
    lengths = draw(st.lists(st.tuples(st.integers(1, 90), output, more), min_size=1, max_size=most))
    block_tok = draw(st.integers(1, 16))
    longest = max(prompt + max(output, *forks, 1) - 1 for prompt, output, forks in lengths)
    spare_tok = draw(st.sampled_from([0, 0, 10, 30, 100, None]))
    kv_tok = None if spare_tok is None else (-(-longest // block_tok)) * block_tok + spare_tok
    limits = Limits(
        max_seqs=draw(st.integers(1, MAX_SEQS)),
        batched_tok=draw(st.one_of(st.integers(1, 12), st.integers(13, MAX_BATCHED))),
        kv_tok=kv_tok,
        block_tok=block_tok,
        static=draw(st.sampled_from([False, False, True])),
    )
    case = Case(draw(steps), limits)
    unit_s = case.steps.pace(1, 20, 0, 0, 0.0)[0]
    many_priorities = draw(st.booleans())
    now = 0.0
    for prompt, output_tok, forks in lengths:
        now = draw(moments(case, now, unit_s))
        priority = draw(st.integers(-1, 1)) if many_priorities else 0
        lead = len(case.wishes)
        wishes = [Wish(now, prompt, output_tok, priority)]
        wishes += [Wish(now, prompt, fork_tok, priority, lead=lead) for fork_tok in forks]
        case = replace(case, wishes=(*case.wishes, *wishes))
        if draw(st.integers(0, 3)) == 0:
            now = draw(moments(case, now, unit_s))
            case = draw(cancelled(case, now))
        if draw(st.integers(0, 7)) == 0 and (time_s := draw(moments(case, now, unit_s))) > max((0.0, *case.change_s)):
            now = time_s
            factor = draw(st.sampled_from([0.25, 1.0, 1.7, 4.0]))
            case = replace(case, change_s=(*case.change_s, now), factors=(*case.factors, factor))
    return case


def cancelled(case: Case, time_s: float) -> st.SearchStrategy[Case]:
    """The case with one of its calls cancelled, and the further samples with the first."""

    def cancel(i: int) -> Case:
        wishes = list(case.wishes)
        for j, wish in enumerate(wishes):
            if i in (j, wish.lead) and wish.cancel_s is None:
                wishes[j] = wish._replace(cancel_s=time_s)
        return replace(case, wishes=tuple(wishes))

    return st.integers(0, len(case.wishes) - 1).map(cancel)


@st.composite
def moments(draw: st.DrawFn, case: Case, now: float, unit_s: float) -> float:
    """The time of the next thing to happen: now, later, or at the end of a pass, or a little beside it.

    What ties is well within the tolerance, what does not is well beyond: at its very edge either story is right.
    """
    beyond_s = 100 * tolerance_s(now)
    match draw(st.integers(0, 7)):
        case 0 | 1:
            return now
        case 2 | 3 | 4:
            return now + beyond_s + unit_s * draw(st.floats(0.0, 8.0))
        case 5:
            return now + beyond_s + unit_s * draw(st.floats(0.0, 100.0))
    ends_s = [p.end_s for p in case.stepped().passes if p.end_s > now + beyond_s]
    if not ends_s:
        return now + unit_s
    end_s = ends_s[draw(st.integers(0, 5)) % len(ends_s)]
    return end_s + draw(st.sampled_from([0.0, 0.0, -0.1, 0.03])) * tolerance_s(end_s)


def same_story(case: Case) -> None:
    note(repr(case))
    story, told = case.stepped(), case.driven()
    horizon_s = max((p.end_s for p in story.passes), default=0.0)
    within_s = 1e-9 * max(1.0, horizon_s)
    same_fates(told.fates, story.fates, within_s)
    rows = told.rows
    busy_s = fsum(p.time_s for p in story.passes)
    assert fsum(row[1] for row in rows) == pytest.approx(busy_s, abs=within_s)
    assert sums(rows) == pytest.approx(sums([(p[0], p[1], 1, *p[2:]) for p in story.passes]), rel=1e-12)
    for row, after in pairwise(rows):
        assert row[0] + row[1] <= after[0] + 1e-12 * horizon_s
    assert sorted(i for i, _ in told.left) == list(range(len(case.wishes)))  # each ends once


def same_fates(told: list[Fate], expected: list[Fate], within_s: float) -> None:
    for mine, its in zip(told, expected, strict=True):
        assert (mine.preemptions, mine.generated_tok) == (its.preemptions, its.generated_tok)
        for name in ("started_s", "first_s", "done_s", "gone_s"):
            assert getattr(mine, name) == pytest.approx(getattr(its, name), abs=within_s, rel=0, nan_ok=True), name


def sums(rows: list[tuple[float, ...]]) -> list[float]:
    """Passes, and the sums over all passes of what the rows say of the first pass of a span and of its growth."""
    passes = seqs = context = chunk = past = pairs = 0.0
    for _, _, k, n, c, t, p, q in rows:
        grown = k * (k - 1) / 2
        passes += k
        seqs += k * n
        context += k * c + grown * n
        chunk += k * t
        past += k * p + grown * t
        pairs += k * q + grown * t * t
    return [passes, seqs, context, chunk, past, pairs]


QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
DEEP = settings(QUICK, max_examples=400)


@pytest.mark.parametrize("steps", STEP_MODELS)
def test_spans_tell_the_story_of_their_passes(steps):
    @QUICK
    @given(cases(STEP_MODELS[steps], most=8))
    def holds(case):
        same_story(case)

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("steps", STEP_MODELS)
def test_spans_tell_the_story_of_their_passes_deeper(steps):
    @DEEP
    @given(cases(STEP_MODELS[steps], most=25))
    def holds(case):
        same_story(case)

    holds()


@pytest.mark.parametrize("dispatch", ["shared", "least-tokens"])
def test_a_pool_of_one_replica_tells_the_same_story(dispatch):
    @settings(QUICK, max_examples=50)
    @given(cases(affine(), most=8))
    def holds(case):
        case = replace(case, change_s=(), factors=())
        note(repr(case))
        story, told = case.stepped(), pooled(case.wishes, case.steps, case.limits, dispatch)
        fates = [fate(job, told.gone_s.get(job.id, nan)) for job in told.jobs]
        same_fates(fates, story.fates, 1e-9 * max(1.0, *(p.end_s for p in story.passes), 1.0))

    holds()
