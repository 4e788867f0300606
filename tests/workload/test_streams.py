import numpy as np
import pytest
from scipy import stats

from simulator.workload.streams import NamedStreams, below, stream, uniform


def test_a_name_gives_the_same_numbers_again_and_another_name_others():
    streams = NamedStreams(seed=7, replication=0, prefix="chat")
    np.testing.assert_array_equal(streams("gaps").random(5), streams("gaps").random(5))
    assert streams("gaps").random() != streams("lengths").random()
    assert streams("gaps").random() == stream(7, 0, "chat/gaps").random()
    assert below(streams, "arrivals")("gaps").random() == stream(7, 0, "chat/arrivals/gaps").random()


@pytest.mark.parametrize("other", [(8, 0, "chat"), (7, 1, "chat"), (7, 0, "code")])
def test_seeds_replications_and_parts_share_nothing(other):
    ours, theirs = NamedStreams(7, 0, "chat")("gaps").random(2000), NamedStreams(*other)("gaps").random(2000)
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 4 / np.sqrt(2000)


def test_keyed_numbers_depend_on_their_key_only():
    one, two = uniform(7, 0), uniform(7, 0)
    keys = [("coin", query, attempt) for query in range(50) for attempt in range(3)]
    forwards = [one(*key) for key in keys]
    assert [two(*key) for key in reversed(keys)] == forwards[::-1]
    assert len(set(forwards)) == len(keys)
    others = [uniform(7, 1)("coin", 3, 1), uniform(8, 0)("coin", 3, 1), one("hosted", 3, 1)]
    assert one("coin", 3, 1) not in others


# The four ways in which keys run; in each, the numbers should look like independent uniform ones.
RUNS = {
    "queries": lambda draw, i: draw("coin", i, 0),
    "attempts": lambda draw, i: draw("coin", 0, i),
    "both": lambda draw, i: draw("coin", i // 100, i % 100),
    "streams": lambda draw, i: draw(f"coin-{i}", 0, 0),
    "far queries": lambda draw, i: draw("coin", i << 32, 1),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_keyed_numbers_are_uniform_and_independent(run):
    draw, n = uniform(1, 2), 20_000
    u = np.array([run(draw, i) for i in range(n)])
    assert u.min() >= 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    for lag in (1, 2, 3, 100):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 4 / np.sqrt(n), lag
    pairs = np.histogram2d(u[:-1:2], u[1::2], bins=20)[0]
    assert stats.chisquare(pairs.ravel()).pvalue > 1e-3
    low_bits = np.bincount((u * 2**53).astype(np.int64) % 16, minlength=16)
    assert stats.chisquare(low_bits).pvalue > 1e-3


def test_seeds_give_independent_keyed_numbers():
    n = 20_000
    u = np.array([uniform(seed, 0)("coin", 5, 0) for seed in range(n)])
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 4 / np.sqrt(n)
