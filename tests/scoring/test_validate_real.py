"""The parts of `make validate-real` that need no server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.scoring.linear_fit import LinearFit
from simulator.scoring.llamacpp import LARGE, SMALL
from simulator.scoring.real import Compared, table
from simulator.scoring.real_world import SHARE, Pool, drawn, poisson, simulated
from simulator.scoring.server import Server

NOWHERE = Server("http://127.0.0.1:9", "llama.cpp", None, 1.0)
COEFFICIENTS = {"pass_s": 1e-3, "decode_seq_s": 1e-3, "context_tok_s": 0.0, "chunk_tok_s": 1e-3, "pair_s": 0.0}


def fit(factor: float) -> LinearFit:
    made = {name: value * factor for name, value in COEFFICIENTS.items()}
    return LinearFit(made | {"batch_s": 0.0}, 2e-3, (), 10, ())


def pools(beside: float | None) -> list[Pool]:
    slowed = (None, None) if beside is None else (fit(beside), fit(3 * beside))
    return [Pool("small", SMALL, NOWHERE, fit(1), slowed[0]), Pool("large", LARGE, NOWHERE, fit(3), slowed[1])]


def test_the_simulated_cascade_escalates_the_share_and_the_same_queries_each_time(tmp_path: Path) -> None:
    asked = poisson(400, 1.0, seed=2)
    first, _ = simulated(tmp_path, pools(None), asked)
    again, _ = simulated(tmp_path, pools(2.0), asked)
    assert first.escalated.mean() == pytest.approx(SHARE, abs=4 * np.sqrt(SHARE * (1 - SHARE) / 400))
    np.testing.assert_array_equal(first.escalated, again.escalated)
    np.testing.assert_array_equal(first.prompt_tok, asked.prompt_tok)


def test_a_neighbour_who_slows_nobody_changes_nothing_and_one_who_does_makes_all_longer(tmp_path: Path) -> None:
    asked = poisson(100, 1.0, seed=2)
    alone, busy = simulated(tmp_path, pools(None), asked)
    unmoved, _ = simulated(tmp_path, pools(1.0), asked)
    slowed, busier = simulated(tmp_path, pools(1.5), asked)
    np.testing.assert_allclose(unmoved.e2e_s, alone.e2e_s)
    assert slowed.e2e_s.mean() > alone.e2e_s.mean()
    assert all(busier[name] > busy[name] for name in busy)


def test_a_lone_request_takes_the_work_of_its_passes_and_the_round_trip(tmp_path: Path) -> None:
    asked = poisson(50, 1e-3, seed=1)  # nobody meets anybody
    queries, busy = simulated(tmp_path, pools(None)[:1], asked)
    passes = asked.output_tok  # one for the prompt, one for each further token
    work_s = passes * 1e-3 + asked.prompt_tok * 1e-3 + (asked.output_tok - 1) * 1e-3
    np.testing.assert_allclose(queries.e2e_s, work_s + 2e-3, rtol=1e-3)
    assert busy["small"] < 1e-3


def test_errors_are_held_against_the_spread_of_two_real_runs() -> None:
    off = Compared("a", "e2e_s", "mean", (1.0, 1.2), 1.3)
    assert (off.spread, off.error, off.bar) == pytest.approx((0.2 / 1.1, 0.2 / 1.1, 0.3 / 1.1))
    assert Compared("a", "e2e_s", "mean", (1.0, 1.0), 1.3).bar == 0.1
    assert Compared("a", "e2e_s", "p95", (1.0, 1.0), 1.3).bar == 0.2
    row = {"case": "a", "metric": "e2e_s", "statistic": "mean", "real": [1.0, 1.0], "simulated": 1.3}
    assert table({"compared": [row | {"spread": 0.0, "error": 0.3, "bar": 0.1}]}).endswith(
        "| a | e2e_s mean | 1000 / 1000 | 0.0% | 1300 | +30.0% | 10% missed |"
    )


def test_lengths_are_the_same_for_a_seed_and_arrivals_have_the_rate() -> None:
    np.testing.assert_array_equal(drawn(50, 1).prompt_tok, poisson(50, 3.0, 1).prompt_tok)
    gaps_s = np.diff(poisson(4000, 3.0, 1).arrive_s)
    assert gaps_s.mean() == pytest.approx(1 / 3, abs=4 / 3 / np.sqrt(4000))
