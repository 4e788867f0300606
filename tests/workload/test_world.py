import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.spec.errors import SpecError
from simulator.workload.arrivals import AllAtOnce, Constant, Gamma, Poisson
from simulator.workload.builtin import BuiltinArrivals
from simulator.workload.closed import Sessions, Spread, Users
from simulator.workload.items import ItemDraw
from simulator.workload.lengths import Fixed, LogNormal, Tokens
from simulator.workload.traffic import Demand
from simulator.workload.world import ClassTraffic, world

LENGTHS = LogNormal(Tokens(median_tok=300, sigma=1.0), Tokens(median_tok=100, sigma=0.7))
ITEMS = ItemDraw(np.arange(40), "each-once")
CLASSES = {
    "chat": ClassTraffic(Poisson(3.0), LENGTHS, ITEMS),
    "code": ClassTraffic(Gamma(1.0, 3.0), Fixed(900, 20)),
    "talk": ClassTraffic(Sessions(0.4, 3.0, Spread(median_s=20.0, sigma=1.0)), LENGTHS, ITEMS),
    "team": ClassTraffic(Users(5, 4.0, ramp_s=2.0), LENGTHS, ITEMS),
    "agents": ClassTraffic(BuiltinArrivals("agentic-coding-like")),
}
SOME = st.lists(st.sampled_from(sorted(CLASSES)), min_size=1, unique=True)
CONTENT = ("arrive_s", "prompt_tok", "output_tok", "item", "session", "turn", "wait_s", "grows")


def picked(names):
    return {name: CLASSES[name] for name in names}


def rows_of(joined, name, column):
    return getattr(joined, column)[joined.cls == joined.classes.index(name)]


@settings(max_examples=40, deadline=None)
@given(names=SOME, few=st.integers(1, 300), more=st.integers(0, 300))
def test_a_longer_run_begins_with_the_shorter(names, few, more):
    short, longer = (world(picked(names), Demand(queries=n), 1, 0) for n in (few, few + more))
    assert len(short) == few
    for column in (*CONTENT, "cls"):
        np.testing.assert_array_equal(getattr(longer, column)[:few], getattr(short, column), err_msg=column)
    cut = np.where(longer.next_row[:few] < few, longer.next_row[:few], -1)
    np.testing.assert_array_equal(short.next_row, cut)


@settings(max_examples=40, deadline=None)
@given(names=SOME, until_s=st.floats(1.0, 200.0))
def test_another_class_changes_no_class(names, until_s):
    everyone = world(CLASSES, Demand(until_s=until_s), 1, 0)
    few = world(picked(names), Demand(until_s=until_s), 1, 0)
    for name in names:
        for column in CONTENT:
            np.testing.assert_array_equal(rows_of(everyone, name, column), rows_of(few, name, column))


def test_seeds_and_replications_change_every_class():
    base = world(CLASSES, Demand(until_s=100.0), 1, 0)
    for other in (world(CLASSES, Demand(until_s=100.0), 2, 0), world(CLASSES, Demand(until_s=100.0), 1, 1)):
        for name in ("chat", "code", "talk"):
            ours, theirs = rows_of(base, name, "arrive_s")[:3], rows_of(other, name, "arrive_s")[:3]
            assert not np.array_equal(ours, theirs, equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(names=SOME, queries=st.integers(1, 300))
def test_rows_that_follow_keep_their_chain(names, queries):
    joined = world(picked(names), Demand(queries=queries), 1, 0)
    followed = joined.next_row[joined.next_row >= 0]
    assert len(set(followed.tolist())) == len(followed)
    np.testing.assert_array_equal(np.sort(followed), np.flatnonzero(np.isnan(joined.arrive_s)))
    tells = np.flatnonzero(joined.next_row >= 0)
    for column in ("cls", "session"):
        values = getattr(joined, column)
        np.testing.assert_array_equal(values[tells], values[joined.next_row[tells]])
    np.testing.assert_array_equal(joined.turn[tells] + 1, joined.turn[joined.next_row[tells]])


def test_open_loops_are_in_the_order_of_arrival():
    joined = world(picked(["chat", "code"]), Demand(queries=500), 1, 0)
    assert np.all(np.diff(joined.arrive_s) >= 0)
    assert set(joined.session.tolist()) == {-1}
    # The 500 earliest of both: the next of either class comes later.
    more = world(picked(["chat", "code"]), Demand(until_s=1000.0), 1, 0)
    np.testing.assert_array_equal(np.sort(more.arrive_s)[:500], joined.arrive_s)


def test_at_one_time_the_classes_come_in_their_order():
    at_once = {"b": ClassTraffic(AllAtOnce(2), Fixed(1, 1)), "a": ClassTraffic(Constant(1.0), Fixed(1, 1))}
    assert world(at_once, Demand(queries=4), 1, 0).cls.tolist() == [0, 0, 1, 1]


def test_superposed_classes_have_the_sum_of_their_rates():
    joined = world(picked(["chat", "code"]), Demand(until_s=5000.0), 1, 0)
    assert len(joined) / 5000 == pytest.approx(4.0, rel=0.03)


def test_sessions_begun_are_whole_but_for_the_last():
    joined = world(picked(["talk"]), Demand(queries=100), 1, 0)
    longer = world(picked(["talk"]), Demand(queries=500), 1, 0)
    for session in range(joined.session.max()):
        assert np.count_nonzero(joined.session == session) == np.count_nonzero(longer.session == session)


def test_a_source_that_ends_gives_fewer_rows():
    assert len(world({"a": ClassTraffic(AllAtOnce(3), Fixed(1, 1))}, Demand(queries=10), 1, 0)) == 3


def test_prompts_of_the_source_have_all_that_was_said_before():
    talk = CLASSES["talk"]
    grown = world({"talk": talk}, Demand(queries=60), 1, 0)
    whole = world({"talk": ClassTraffic(talk.arrivals, talk.lengths, next_prompt="trace")}, Demand(queries=60), 1, 0)
    np.testing.assert_array_equal(grown.grows, grown.turn > 0)
    assert not whole.grows.any()
    said = 0
    for row in range(60):
        said = 0 if grown.turn[row] == 0 else said
        assert whole.prompt_tok[row] == said + grown.prompt_tok[row]
        said += grown.prompt_tok[row] + grown.output_tok[row]


def test_lengths_of_the_class_replace_those_of_the_arrivals():
    part = ClassTraffic(BuiltinArrivals("azure-conv-like"), Fixed(7, 8))
    assert set(world({"a": part}, Demand(queries=20), 1, 0).prompt_tok.tolist()) == {7}


def test_a_class_without_lengths_is_an_error():
    with pytest.raises(SpecError, match=r"'chat'.*give 'lengths'"):
        world({"chat": ClassTraffic(Poisson(1.0))}, Demand(queries=5), 1, 0)


def test_columns_have_the_types_that_the_world_promises():
    joined = world(CLASSES, Demand(queries=50), 1, 0)
    assert (joined.cls.dtype, joined.item.dtype, joined.turn.dtype) == (np.int32, np.int32, np.int32)
    assert (joined.prompt_tok.dtype, joined.output_tok.dtype, joined.next_row.dtype) == (np.int64, np.int64, np.int64)
    assert (joined.arrive_s.dtype, joined.wait_s.dtype, joined.grows.dtype) == (np.float64, np.float64, np.bool_)
    assert len(world(CLASSES, Demand(until_s=1e-9), 1, 0)) <= 6  # of no time, only who is there at its start


@pytest.mark.slow
def test_a_million_rows_take_about_a_second():
    chat = {"chat": ClassTraffic(Poisson(12.0), LENGTHS, ITEMS)}
    began_s = time.perf_counter()
    assert len(world(chat, Demand(queries=1_000_000), 1, 0)) == 1_000_000
    assert time.perf_counter() - began_s < 5  # a loop over rows would take longer
