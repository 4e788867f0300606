from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.workload.closed import Sessions, Spread, Users
from simulator.workload.lengths import Tokens
from simulator.workload.streams import NamedStreams
from simulator.workload.traffic import Demand

STREAMS = NamedStreams(seed=5, replication=1, prefix="team")


def chains(rows):
    """Lists of row numbers, one a user or session, by following `next_row`."""
    told = set(rows.next_row[rows.next_row >= 0].tolist())
    for row in range(len(rows)):
        if row not in told:
            chain = [row]
            while rows.next_row[chain[-1]] >= 0:
                chain.append(int(rows.next_row[chain[-1]]))
            yield chain


def arrivals_if_answers_take(rows, answer_s):
    """When each row comes if every answer takes so long."""
    at_s = np.full(len(rows), np.nan)
    for chain in chains(rows):
        at_s[chain[0]] = rows.arrive_s[chain[0]]
        for before, row in pairwise(chain):
            at_s[row] = at_s[before] + answer_s + rows.wait_s[row]
    return at_s


@settings(max_examples=40, deadline=None)
@given(users=st.integers(1, 30), queries=st.integers(1, 200))
def test_users_share_the_queries_evenly(users, queries):
    rows = Users(users, 1.0).draw(Demand(queries=queries), STREAMS)
    assert len(rows) == queries
    turns = Counter(rows.session.tolist())
    assert max(turns.values()) == -(-queries // users)
    assert max(turns.values()) - min(turns.get(user, 0) for user in range(users)) <= 1


@pytest.mark.parametrize(
    "source",
    [Users(6, 2.0), Users(3, 0.0), Sessions(0.3, 4.0, Spread(median_s=5.0, sigma=1.0))],
    ids=repr,
)
def test_each_user_or_session_is_one_chain_of_turns(source):
    rows = source.draw(Demand(queries=150), STREAMS)
    seen = []
    for chain in chains(rows):
        assert rows.turn[chain].tolist() == list(range(len(chain)))
        assert len(set(rows.session[chain].tolist())) == 1
        assert np.isnan(rows.arrive_s[chain]).tolist() == [False] + [True] * (len(chain) - 1)
        seen += chain
    assert sorted(seen) == list(range(150))


@pytest.mark.parametrize("users", [Users(5, 3.0), Users(2, 0.0), Users(4, 1.0, "fixed", ramp_s=8.0)], ids=repr)
def test_no_user_runs_out_of_queries_before_the_end(users):
    rows = users.draw(Demand(until_s=60.0), STREAMS)
    ends_s = arrivals_if_answers_take(rows, users.min_answer_s)[[chain[-1] for chain in chains(rows)]]
    assert np.all(ends_s + users.min_answer_s >= 60.0)


def test_think_times_have_their_mean():
    waits_s = Users(50, 4.0).draw(Demand(queries=20_000), STREAMS).wait_s[50:]
    assert waits_s.mean() == pytest.approx(4.0, rel=0.03)
    assert waits_s.std() == pytest.approx(4.0, rel=0.05)
    assert set(Users(50, 4.0, "fixed").draw(Demand(queries=200), STREAMS).wait_s[50:].tolist()) == {4.0}


def test_the_ramp_spreads_the_first_queries():
    rows = Users(4, 1.0, ramp_s=8.0).draw(Demand(queries=12), STREAMS)
    assert rows.arrive_s[:4].tolist() == [0.0, 2.0, 4.0, 6.0]


def test_sessions_come_at_their_rate_with_their_turns_and_waits():
    rows = Sessions(0.5, 4.0, Spread(median_s=30.0, sigma=0.8)).draw(Demand(until_s=20_000.0), STREAMS)
    begun = np.count_nonzero(rows.turn == 0)
    assert begun == pytest.approx(10_000, abs=4 * 100)
    assert len(rows) / begun == pytest.approx(4.0, abs=4 * np.sqrt(12 / 10_000))  # variance of the geometric: 12
    later = rows.wait_s[rows.turn > 0]
    assert np.median(later) == pytest.approx(30.0, rel=0.03)
    assert np.log(later).std() == pytest.approx(0.8, rel=0.03)


def test_sessions_begun_are_kept_whole_up_to_the_number_of_queries():
    sessions = Sessions(1.0, 5.0, Spread(median_s=1.0), turns="fixed")
    rows = sessions.draw(Demand(queries=23), STREAMS)
    assert Counter(rows.session.tolist()) == {0: 5, 1: 5, 2: 5, 3: 5, 4: 3}
    assert rows.next_row[-1] == -1


def test_a_session_begins_with_the_first_prompt_and_adds_new_ones():
    exact = {"first_prompt": Tokens(median_tok=900), "new_prompt": Tokens(median_tok=7), "output": Tokens(median_tok=3)}
    rows = Sessions(1.0, 3.0, Spread(median_s=0.0), turns="fixed", **exact).draw(Demand(queries=6), STREAMS)
    assert rows.prompt_tok.tolist() == [900, 7, 7, 900, 7, 7]
    assert rows.output_tok.tolist() == [3] * 6
    assert rows.grows
