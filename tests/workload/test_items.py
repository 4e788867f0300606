from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simulator.workload.items import ItemDraw
from simulator.workload.streams import NamedStreams

STREAMS = NamedStreams(seed=4, replication=0, prefix="chat/items")
ROWS = np.array([3, 5, 8, 9, 12, 20, 21])
TASK = np.array([0, 0, 0, 1, 1, 2, 2])
SOURCES = [
    ItemDraw(ROWS, "each-once"),
    ItemDraw(ROWS, "with-replacement"),
    ItemDraw(ROWS, "each-once", TASK, (1.0, 2.0, 0.0)),
    ItemDraw(ROWS, "with-replacement", TASK, (1.0, 2.0, 1.0)),
]


@pytest.mark.parametrize("source", SOURCES, ids=repr)
@settings(max_examples=30, deadline=None)
@given(few=st.integers(0, 60), more=st.integers(0, 60))
def test_first_items_do_not_depend_on_how_many_are_drawn(source, few, more):
    longer = source.draw(few + more, STREAMS)
    assert len(longer) == few + more
    np.testing.assert_array_equal(longer[:few], source.draw(few, STREAMS))
    assert set(longer.tolist()) <= set(ROWS.tolist())


def test_each_once_asks_every_item_before_any_again():
    drawn = SOURCES[0].draw(30, STREAMS)
    rounds = [drawn[start : start + 7].tolist() for start in range(0, 28, 7)]
    assert all(sorted(one) == ROWS.tolist() for one in rounds)
    assert len(set(map(tuple, rounds))) > 1


def test_with_replacement_asks_all_alike():
    n = Counter(SOURCES[1].draw(7000, STREAMS).tolist())
    assert stats.chisquare(list(n.values())).pvalue > 1e-3


def test_tasks_have_their_shares_and_items_alike_within_them():
    drawn = SOURCES[2].draw(9000, STREAMS)
    n = Counter(drawn.tolist())
    assert n[20] == n[21] == 0
    first = n[3] + n[5] + n[8]
    assert first == pytest.approx(3000, abs=4 * np.sqrt(9000 * 2 / 9))
    assert max(n[3], n[5], n[8]) - min(n[3], n[5], n[8]) <= 1
