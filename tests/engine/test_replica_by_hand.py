"""What a replica does, small enough to be followed with a pencil: a pass takes one second, unless it says otherwise."""

from __future__ import annotations

from math import inf, isnan
from typing import Any

import pytest
from engine_examples import Affine, driven, pooled
from hypothesis import given, settings
from hypothesis import strategies as st
from stepping import Wish

from simulator.engine.replica import Limits
from simulator.engine.span import passes_after

ONE_S = Affine(pass_s=1.0)


def limits(**changes: Any) -> Limits:
    return Limits(**{"max_seqs": 8, "batched_tok": 100, "kv_tok": None, "block_tok": 4} | changes)


def done_s(wishes: list[Wish], **changes: Any) -> list[float]:
    return [fate.done_s for fate in driven(wishes, ONE_S, limits(**changes)).fates]


def test_the_last_chunk_gives_the_first_token_and_each_further_pass_another():
    told = driven([Wish(2.0, 10, 3)], ONE_S, limits(batched_tok=4))
    (fate,) = told.fates
    assert (fate.started_s, fate.first_s, fate.done_s) == (2.0, 5.0, 7.0)  # chunks of 4, 4 and 2, then two decodes
    assert told.rows == [
        (2.0, 2.0, 2, 0, 0, 4, 0, 8.0),
        (4.0, 1.0, 1, 0, 0, 2, 8, 18.0),
        (5.0, 2.0, 2, 1, 11, 0, 0, 0.0),
    ]


def test_decodes_come_first_then_chunks_in_order_of_arrival():
    told = driven([Wish(0.0, 2, 4), Wish(0.5, 5, 1), Wish(0.5, 3, 1)], ONE_S, limits(batched_tok=4))
    assert [row[3] + row[5] for row in told.rows] == [2, 4, 4, 3]  # 2 | 1 + 3 | 1 + 2 + 1 | 1 + 2
    assert [fate.done_s for fate in told.fates] == [4.0, 3.0, 4.0]
    assert told.fates[2].started_s == 2.0


def test_an_arrival_waits_for_the_end_of_the_pass_and_joins_the_next():
    told = driven([Wish(0.0, 1, 10), Wish(3.25, 1, 1)], ONE_S, limits())
    assert told.fates[1].started_s == 4.0
    assert [row[0] for row in told.rows] == [0.0, 1.0, 4.0, 5.0]


@pytest.mark.parametrize("beside_s", [-1e-10, 0.0, 1e-10])
def test_an_arrival_beside_the_end_of_a_pass_is_before_it(beside_s):
    told = driven([Wish(0.0, 1, 10), Wish(4.0 + beside_s, 1, 1)], ONE_S, limits())
    assert told.fates[1].started_s == pytest.approx(4.0, abs=1e-9)
    late = driven([Wish(0.0, 1, 10), Wish(4.0 + 1e-8, 1, 1)], ONE_S, limits())
    assert late.fates[1].started_s == 5.0


def test_seats_are_limited():
    assert done_s([Wish(0.0, 1, 2)] * 3, max_seqs=2) == [2.0, 2.0, 4.0]
    assert done_s([Wish(0.0, 1, 2)] * 3, max_seqs=1) == [2.0, 4.0, 6.0]


def test_a_static_batch_is_closed_until_all_are_done():
    wishes = [Wish(0.0, 1, 1), Wish(0.0, 1, 5), Wish(0.5, 1, 1), Wish(3.0, 1, 1)]
    assert done_s(wishes, static=True) == [1.0, 5.0, 6.0, 6.0]
    assert done_s(wishes) == [1.0, 5.0, 2.0, 4.0]


def test_a_higher_priority_goes_before_those_that_wait_not_before_those_that_run():
    wishes = [Wish(0.0, 1, 2), Wish(0.1, 1, 1, 0), Wish(0.2, 1, 1, 1)]
    assert done_s(wishes, max_seqs=1) == [2.0, 4.0, 3.0]


def test_out_of_blocks_the_last_admitted_is_recomputed_with_what_it_had():
    told = driven([Wish(0.0, 4, 5), Wish(0.0, 4, 3)], ONE_S, limits(kv_tok=12))
    # Pass 2 has contexts of 5 and 5: two blocks each, and there are three. The second call leaves with one token, fits
    # again beside nobody (5 tokens: two blocks) once the first is done at 5, and takes its prompt and that token anew.
    assert told.fates[1].preemptions == 1
    assert told.fates[0].done_s == 5.0
    assert (told.fates[1].started_s, told.fates[1].first_s, told.fates[1].done_s) == (0.0, 1.0, 7.0)
    assert told.rows[-2][2:6] == (1, 0, 0, 5)


def test_a_head_that_does_not_fit_blocks_the_queue():
    wishes = [Wish(0.0, 8, 4), Wish(0.5, 8, 1), Wish(0.6, 1, 1)]
    assert done_s(wishes, kv_tok=16) == [4.0, 5.0, 5.0]  # 8 + 8 would fit, but the first grows into a third block
    assert done_s(wishes, kv_tok=20) == [4.0, 2.0, 3.0]


def test_a_cancelled_call_leaves_at_the_end_of_the_pass_with_the_tokens_it_has():
    told = driven([Wish(0.0, 1, 100, cancel_s=7.5), Wish(0.0, 1, 10)], ONE_S, limits())
    assert (told.fates[0].gone_s, told.fates[0].generated_tok) == (8.0, 8)
    assert isnan(told.fates[0].done_s)
    assert told.fates[1].done_s == 10.0


def test_a_call_cancelled_in_its_last_pass_is_done():
    told = driven([Wish(0.0, 1, 8, cancel_s=7.5)], ONE_S, limits())
    assert told.fates[0].done_s == 8.0
    assert told.left == [(0, "done")]


def test_a_call_that_waits_is_gone_at_once():
    told = driven([Wish(0.0, 1, 8), Wish(1.0, 1, 8, cancel_s=3.3), Wish(2.0, 1, 1)], ONE_S, limits(max_seqs=1))
    assert told.fates[1].gone_s == 3.3
    assert told.fates[2].started_s == 8.0


def test_a_call_cancelled_as_it_comes_leaves_no_trace():
    told = driven([Wish(1.0, 1, 8, cancel_s=1.0)], ONE_S, limits())
    assert told.rows == []
    assert isnan(told.fates[0].started_s)


def test_a_cancel_that_ties_with_a_preemption_frees_its_blocks_first():
    wishes = [Wish(0.0, 4, 3, cancel_s=1.0), Wish(0.0, 4, 3)]
    for cancelled in (wishes, wishes[::-1]):
        fates = driven(cancelled, ONE_S, limits(kv_tok=12)).fates
        assert [fate.preemptions for fate in fates] == [0, 0]
        assert [fate.done_s for fate in fates if fate.done_s == fate.done_s] == [3.0]


def test_a_slowdown_counts_for_passes_that_begin_after_it():
    def slowdown(time_s: float) -> tuple[float, float]:
        return (2.0, inf) if time_s >= 3.5 else (1.0, 3.5)

    told = driven([Wish(0.0, 1, 6)], ONE_S, limits(), slowdown)
    assert told.fates[0].done_s == 4.0 + 2 * 2.0


def test_times_that_fall_with_context_can_be_slowed_down():
    steps = Affine(pass_s=1.0, context_s=-1e-3)  # the sum of its passes has a maximum: it would never reach 1e6 s

    def slowdown(time_s: float) -> tuple[float, float]:
        return 1.0, 1e6

    assert driven([Wish(0.0, 1, 3)], steps, limits(), slowdown).fates[0].done_s == pytest.approx(1 + 0.998 + 0.997)


@given(until_s=st.floats(0.01, 12.0))
def test_when_time_is_up_the_span_is_logged_as_far_as_it_got(until_s):
    wishes = [Wish(0.0, 10, 6), Wish(2.5, 3, 7)]
    steps = Affine(pass_s=0.5, context_s=0.01, past_s=0.01)
    whole = driven(wishes, steps, limits(batched_tok=4)).rows
    part = driven(wishes, steps, limits(batched_tok=4), until_s=until_s)
    busy_s = sum(min(start + time, until_s) - start for start, time, *_ in whole if start < until_s)
    assert sum(row[1] for row in part.rows) == pytest.approx(busy_s, abs=1e-9)
    assert all(row[0] + row[1] <= until_s + 1e-9 for row in part.rows)
    generated = [fate.generated_tok for fate in part.fates]
    ended = driven([w._replace(cancel_s=max(until_s, w.arrive_s)) for w in wishes], steps, limits(batched_tok=4)).fates
    assert all(g <= fate.generated_tok <= g + 1 for g, fate in zip(generated, ended, strict=True))  # to the pass's end


@given(
    elapsed_s=st.one_of(st.floats(0, 1e6), st.floats(0, 10)),
    first_s=st.floats(1e-6, 10),
    growth_s=st.one_of(st.just(0.0), st.floats(1e-25, 1.0)),
)
def test_passes_after_is_the_smallest_number_that_lasts_so_long(elapsed_s, first_s, growth_s):
    def lasts_s(k: int) -> float:
        return k * (first_s + growth_s * (k - 1) / 2)

    k = passes_after(elapsed_s, first_s, growth_s)
    assert lasts_s(k) >= elapsed_s
    assert k == 1 or lasts_s(k - 1) < elapsed_s


# Pools


def test_a_call_larger_than_the_memory_is_refused_at_once():
    told = pooled([Wish(0.0, 10, 7), Wish(0.0, 10, 8)], ONE_S, limits(kv_tok=18))  # 4 blocks of 4
    assert told.refused == {1: "too-long"}
    assert told.jobs[0].done_s == 7.0


@pytest.mark.parametrize("dispatch", ["least-tokens", "shared"])
def test_a_full_queue_refuses_those_who_cannot_join_at_the_end_of_the_pass(dispatch):
    wishes = [Wish(0.0, 4, 5), *[Wish(0.1 * i, 4, 1) for i in range(1, 5)]]
    seats = pooled(wishes, ONE_S, limits(max_seqs=3), dispatch, max_queue=0)
    assert seats.refused == {3: "full", 4: "full"}  # two have a seat
    memory = pooled(wishes, ONE_S, limits(kv_tok=8), dispatch, max_queue=1)
    assert memory.refused == {2: "full", 3: "full", 4: "full"}  # one has memory, and is the one that waits
    static = pooled(wishes, ONE_S, limits(static=True), dispatch, max_queue=2)
    assert static.refused == {3: "full", 4: "full"}  # a batch that runs is closed


def test_a_cancelled_call_counts_in_the_load_until_it_has_left_and_only_once():
    wishes = [Wish(0.0, 50, 1, cancel_s=0.5), Wish(0.0, 60, 1), Wish(2.0, 5, 1), Wish(2.0, 5, 1)]
    told = pooled(wishes, ONE_S, limits(), "least-tokens", replicas=2)
    assert told.pool.load_tok == [0.0, 0.0]
    assert told.pool.calls == [0, 0]
    assert [job.replica for job in told.jobs] == [0, 1, 0, 1]


def test_equal_loads_go_to_the_lowest_index_whatever_has_been_rounded():
    wishes = [Wish(i * 1.5, 3 + i, 1 + i % 3) for i in range(20)]  # mean outputs are thirds; mostly one at a time
    for dispatch in ("least-tokens", "shared"):
        told = pooled([*wishes, Wish(500.0, 1, 1)], ONE_S, limits(), dispatch, replicas=3)
        assert told.jobs[-1].replica == 0


def test_the_replica_with_room_and_least_load_pulls_first():
    wishes = [Wish(0.0, 30, 20), Wish(0.5, 20, 20), Wish(3.6, 5, 1)]
    told = pooled(wishes, ONE_S, limits(max_seqs=2), "shared", replicas=2)
    assert (told.jobs[2].replica, told.jobs[2].started_s) == (1, 4.5)  # 0 would be sooner, but is not asked to look
    told = pooled([*wishes, Wish(3.7, 5, 1)], ONE_S, limits(max_seqs=2), "shared", replicas=2)
    assert [(job.replica, job.started_s) for job in told.jobs[2:]] == [
        (0, 4.0),
        (1, 4.5),
    ]  # now both are, 0 looks first


def test_a_replica_without_memory_is_passed_over():
    wishes = [Wish(0.0, 3, 30), Wish(0.0, 8, 30), Wish(25.1, 8, 1)]
    told = pooled(wishes, ONE_S, limits(kv_tok=48, max_seqs=2), "shared", replicas=2)
    assert told.jobs[2].started_s == 26.0
    tight = pooled(
        [Wish(0.0, 3, 40), Wish(0.0, 8, 9), Wish(0.0, 8, 9), Wish(8.1, 12, 1)],
        ONE_S,
        limits(kv_tok=44, max_seqs=3),
        "shared",
        replicas=2,
    )
    assert tight.jobs[3].started_s == 9.0


def test_what_is_preempted_is_taken_up_by_a_replica_at_rest():
    wishes = [Wish(0.0, 9, 1), Wish(0.0, 4, 7), Wish(0.0, 4, 7)]
    told = pooled(wishes, ONE_S, limits(kv_tok=16, max_seqs=2), "shared", replicas=2)
    # Two calls grow together on one replica until the second is preempted, while the other has been at rest since 1 s.
    last = told.jobs[2]
    assert last.preemptions == 1
    assert last.replica == told.jobs[0].replica != told.jobs[1].replica
    assert told.pool.load_tok == [0.0, 0.0]


def test_a_cancelled_head_lets_the_next_go():
    wishes = [Wish(0.0, 8, 9), Wish(0.0, 8, 9), Wish(0.5, 12, 1, cancel_s=2.5), Wish(0.6, 1, 1)]
    for dispatch, replicas in (("shared", 2), ("least-tokens", 2)):
        told = pooled(wishes, ONE_S, limits(kv_tok=20), dispatch, replicas)
        assert told.gone_s == {2: 2.5}
        assert told.jobs[3].started_s <= 3.0


@settings(deadline=None, max_examples=40)
@pytest.mark.parametrize("dispatch", ["least-tokens", "shared", "own"])
@given(data=st.data())
def test_every_call_ends_once_and_leaves_no_load(dispatch, data):
    lengths = st.tuples(
        st.floats(0, 3), st.integers(1, 30), st.integers(1, 20), st.integers(0, 1), st.none() | st.floats(0, 15)
    )
    now, wishes = 0.0, []
    for gap_s, prompt, output, priority, patience_s in data.draw(st.lists(lengths, min_size=1, max_size=12)):
        now += gap_s
        wishes.append(Wish(now, prompt, output, priority, None if patience_s is None else now + patience_s))
    bounds = limits(
        max_seqs=data.draw(st.integers(1, 4)),
        kv_tok=data.draw(st.sampled_from([52, 80, None])),
        batched_tok=data.draw(st.integers(2, 40)),
    )
    told = pooled(
        wishes, ONE_S, bounds, dispatch, data.draw(st.integers(1, 3)), max_queue=data.draw(st.sampled_from([None, 2]))
    )
    done = {job.id for job in told.jobs if not isnan(job.done_s)}
    assert sorted([*done, *told.gone_s, *told.refused]) == list(range(len(wishes)))
    assert all(job.generated_tok == job.output_tok for job in told.jobs if job.id in done)
    assert set(told.pool.load_tok) == {0.0}
    assert set(told.pool.calls) == {0}
    report = told.pool.report(1e9)
    assert (report.waiting_calls, report.running_calls, report.kv_used_frac) == (0, 0, 0.0)
