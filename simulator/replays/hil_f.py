"""Hierarchical inference with a threshold that is learned online, beside the best fixed one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from simulator.replaying import Replayed
from simulator.replaying.sweep import Named, curve
from simulator.replaying.vary import Over
from simulator.replays.core import Replay, Row, exact, shape
from simulator.replays.idle import Idle, column

SCENARIO = "replays/hil-f"
SOURCE = "rational-llm-cascades@0d9c861, by another program (rule: arXiv 2304.00891)"
SEEDS = 10
PUBLISHED_SEEDS = 5
FEW = 20  # resamples: intervals are not told here


class Published(NamedTuple):
    """Mean loss a query as printed: of the best fixed threshold (and what it offloads), and of HIL-F."""

    best: str
    offloaded: str
    hil_f: str


NOTHING_OFFLOADED = "0.3664"
PUBLISHED: Mapping[float, Published] = {
    0.1: Published("0.0819", "0.747", "0.0951"),
    0.3: Published("0.2157", "0.608", "0.2256"),
    0.5: Published("0.3142", "0.361", "0.3274"),
}
"""By beta."""


def rows() -> Iterator[Row]:
    """Fixed thresholds from the policy `cascade`, learned ones from `hil-f`."""
    idle = Idle(SCENARIO)
    alone = 1 - float(column(idle.single("device"), "score").mean())
    yield exact("nothing offloaded: loss", NOTHING_OFFLOADED, alone, SOURCE)
    fixed = Idle(SCENARIO, "policy={use: cascade, order: [device, remote], accept: -0.1}")
    points = curve(fixed.question, Over("policy.accept"), Named("device", "remote"), FEW).points
    offloaded, wrong = points["strong_share"].to_numpy(), 1 - points["accuracy"].to_numpy()
    for beta, printed in PUBLISHED.items():
        losses = beta * offloaded + wrong
        best = int(losses.argmin())
        yield exact(f"beta {beta}, best fixed threshold: loss", printed.best, float(losses[best]), SOURCE)
        yield exact(f"beta {beta}, best fixed threshold: offloaded", printed.offloaded, float(offloaded[best]), SOURCE)
        found = [lost(idle.under({"beta": beta}, seed), beta) for seed in range(SEEDS)]
        mean, sd = float(np.mean(found)), float(np.std(found, ddof=1))
        within = 3 * sd * (1 / SEEDS + 1 / PUBLISHED_SEEDS) ** 0.5
        yield shape(f"beta {beta}, HIL-F: loss", printed.hil_f, mean, SOURCE, within)
        regret = f"{float(printed.hil_f) - float(printed.best):.4f}"
        yield shape(f"beta {beta}, HIL-F: regret a query", regret, mean - float(losses[best]), SOURCE, within)


def lost(replayed: Replayed, beta: float) -> float:
    """Mean loss: `beta` for every query that the remote model answers, 1 for every wrong answer that is kept."""
    queries = replayed.queries
    return beta * float((queries["pool"] == "remote").mean()) + 1 - float(column(queries, "score").mean())


REPLAY = Replay(
    title="a threshold learned online (HIL-F) beside the best fixed one, on MMLU with a remote model never wrong",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=("hi-mmlu",),
)
