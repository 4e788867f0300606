import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from simulator.workload.builtin import BuiltinLengths
from simulator.workload.lengths import Fixed, LogNormal, Quantiles, Tokens
from simulator.workload.streams import NamedStreams

STREAMS = NamedStreams(seed=2, replication=0, prefix="chat/lengths")
LOGNORMAL = LogNormal(Tokens(median_tok=500, sigma=1.0), Tokens(median_tok=100, sigma=0.5, max_tok=150))
TABLE = Quantiles((0, 50, 90, 100), (10, 100, 1000, 5000), (1, 40, 400, 900))
COUPLED = Quantiles(TABLE.percentiles, TABLE.prompt_tok, TABLE.output_tok, copula_rho=0.6)
SOURCES = [Fixed(512, 128), LOGNORMAL, TABLE, COUPLED, BuiltinLengths("azure-conv-like")]


@pytest.mark.parametrize("source", SOURCES, ids=repr)
@settings(max_examples=15, deadline=None)
@given(few=st.integers(0, 300), more=st.integers(0, 300))
def test_first_lengths_do_not_depend_on_how_many_are_drawn(source, few, more):
    for longer, shorter in zip(source.draw(few + more, STREAMS), source.draw(few, STREAMS), strict=True):
        assert longer.dtype == np.int64
        np.testing.assert_array_equal(longer[:few], shorter)
        assert np.all(shorter >= 1)


def test_lognormal_lengths_have_their_median_spread_and_limit():
    prompt_tok, output_tok = LOGNORMAL.draw(50_000, STREAMS)
    assert np.median(prompt_tok) == pytest.approx(500, rel=0.03)
    assert np.log(prompt_tok).std() == pytest.approx(1.0, rel=0.02)
    assert output_tok.max() == 150
    assert abs(stats.spearmanr(prompt_tok, output_tok).statistic) < 4 / np.sqrt(50_000)


@pytest.mark.parametrize("source", [TABLE, COUPLED], ids=["apart", "coupled"])
def test_a_quantile_table_gives_its_quantiles_back(source):
    drawn = source.draw(200_000, STREAMS)
    for values, tok in zip((source.prompt_tok, source.output_tok), drawn, strict=True):
        for rank, value in ((0.5, values[1]), (0.7, (values[1] + values[2]) / 2), (0.9, values[2])):
            assert np.mean(tok <= value) == pytest.approx(rank, abs=0.01)  # tokens are whole
        assert tok.max() <= values[-1]


def test_the_copula_has_the_rank_correlation_of_its_normals():
    prompt_tok, output_tok = COUPLED.draw(100_000, STREAMS)
    expected = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's rho of a Gaussian copula
    assert stats.spearmanr(prompt_tok, output_tok).statistic == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"percentiles": [0, 100], "prompt_tok": [1, 2, 3], "output_tok": [1, 2]}, "3 values for 2 percentiles"),
        ({"percentiles": [0, 90], "prompt_tok": [1, 2], "output_tok": [1, 2]}, "begin with 0 and end with 100"),
        ({"percentiles": [0, 100], "prompt_tok": [2, 1], "output_tok": [1, 2]}, "values must not decrease"),
        ({"percentiles": [0, 60, 50, 100], "prompt_tok": [1] * 4, "output_tok": [1] * 4}, "percentiles must not"),
    ],
)
def test_a_table_that_is_no_distribution_is_refused(given, says):
    with pytest.raises(ValidationError, match=says):
        TypeAdapter(Quantiles).validate_python(given)
