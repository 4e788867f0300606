"""N1: does a bandit still save joules once queries queue, GPUs idle and models rest outside the memory?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulator.replays.core import Replay, Row, answer
from simulator.replays.idle import Idle, column
from simulator.replays.loaded import STABLE, Loaded, loaded, percent

SCENARIO = "replays/n1-bandit-under-load"
LOADS = (0.3, 0.6, 0.9)
SEEDS = 10
POOLS = ("qwen-1_5b", "phi-4-mini", "llama-8b", "qwen-14b", "gemma-12b", "gemma-27b")
COIN = f"policy={{use: random, share: {{{', '.join(f'{pool}: 1' for pool in POOLS)}}}}}"
STAYS = tuple(f"fleet.{pool}.unload_after_s=~" for pool in POOLS)


def rows() -> Iterator[Row]:
    """Alone, as the paper has it; then at three loads, with models that stay in memory or leave it."""
    bandit, coin = idle_j_per_correct(), idle_j_per_correct(COIN)
    yield answer("alone, joules of the answers only: J per correct answer, bandit against coin", _told(bandit, coin))
    for stays in (True, False):
        memory = "models stay in memory" if stays else "models at rest for 5 s leave it"
        for load in LOADS:
            one, other = at(load, stays), at(load, stays, COIN)
            name = f"load {load}, {memory}"
            told = _told(one.j_per_correct, other.j_per_correct)
            yield answer(f"{name}: J per correct answer, bandit against coin", told)
            yield answer(f"{name}: accuracy; P95 [s]; verdict", f"{_short(one)} against {_short(other)}")


def idle_j_per_correct(*sets: str) -> np.ndarray:
    """Of replays without load, (seeds,): joules of each call's own time."""
    idle = Idle(SCENARIO, *sets)
    told = [idle.under(replication=seed).queries for seed in range(SEEDS)]
    return np.array([column(one, "energy_j").sum() / column(one, "score").sum() for one in told])


def at(load: float, stays: bool, *sets: str) -> Loaded:
    """A load is relative to what a coin can send: at 1 the slowest model has no second of rest."""
    rate = load * len(POOLS) / slowest_s()
    more = (f"workload.questions.arrivals.rate_per_s={rate}", f"run.replications={SEEDS}", *(STAYS if stays else ()))
    return loaded(SCENARIO, *more, *sets)


def slowest_s() -> float:
    """Seconds of a mean call at the slowest pool."""
    idle = Idle(SCENARIO, "router={time_s: 0}")
    return max(float(column(idle.single(pool), "e2e_s").mean()) for pool in POOLS)


def _told(one: np.ndarray, other: np.ndarray) -> str:
    more, error = percent(one, other)
    return f"{one.mean():.0f} against {other.mean():.0f} ({more:+.0f} % +- {error:.0f})"


def _short(one: Loaded) -> str:
    late = "" if one.verdict == STABLE else f" {one.verdict}"
    return f"{one.accuracy.mean():.3f}, {one.p95_s.mean():.1f}{late}"


REPLAY = Replay(
    title="a bandit against a coin in joules for a right answer, over load, with idle watts and cold models",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
)
