"""N2: a threshold that moves with queue and link against fixed ones, through a burst and a dead uplink."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from simulator.engine.build import build
from simulator.replays.core import Replay, Row, answer
from simulator.running import run
from simulator.spec.load import load

SCENARIO = "replays/n2-moving-threshold"
SEEDS = 5
WINDOWS: Mapping[str, tuple[float, float]] = {
    "calm": (0, 300),
    "burst": (300, 420),
    "dead uplink": (600, 720),
    "all": (0, 900),
}
"""Seconds of the scenario."""
SAME = -0.35  # the threshold that the moving one moves from
FIXED = (-0.2, SAME, -0.5, -0.6, -0.7, -0.8, -1.0)


class Window(NamedTuple):
    """Means over seeds: share of right answers, and the 95th percentile of the time to the answer."""

    accuracy: float
    p95_s: float


def rows() -> Iterator[Row]:
    """Window by window; then all fixed thresholds as a front."""
    moving, fixed = windows(), {accept: windows(fixed_at(accept)) for accept in FIXED}
    for name in WINDOWS:
        told = f"{_told(moving[name])}; fixed: {_told(fixed[SAME][name])}"
        yield answer(f"{name}: accuracy and P95 of the moving threshold, and of the same one fixed", told)
    equal = as_right(fixed, moving["all"].accuracy)
    yield answer("the fixed threshold of about the moving one's accuracy", f"{equal:g}: {_told(fixed[equal]['all'])}")
    better = [accept for accept, one in fixed.items() if beats(one["all"], moving["all"])]
    told = "none" if not better else ", ".join(map(str, better))
    yield answer(f"fixed thresholds ({FIXED[-1]} to {FIXED[0]}) as right and as quick at P95", told)


def windows(*sets: str) -> Mapping[str, Window]:
    """What a run comes to in each window, by when queries came."""
    queries = run(build(load(SCENARIO, [f"run.replications={SEEDS}", *sets]))).tables.queries
    return {name: _window(queries, *ends) for name, ends in WINDOWS.items()}


def fixed_at(accept: float) -> str:
    """The cascade at this threshold."""
    return f"policy={{use: cascade, order: [phone, edge, cloud], accept: {{phone: {accept}, edge: {accept}}}}}"


def as_right(fixed: Mapping[float, Mapping[str, Window]], accuracy: float) -> float:
    """The threshold whose accuracy is nearest."""
    return min(fixed, key=lambda accept: abs(fixed[accept]["all"].accuracy - accuracy))


def beats(one: Window, other: Window) -> bool:
    """As right and as quick."""
    return one.accuracy >= other.accuracy and one.p95_s <= other.p95_s


def _window(queries: pd.DataFrame, from_s: float, until_s: float) -> Window:
    inside = queries[(queries["arrived_s"] >= from_s) & (queries["arrived_s"] < until_s)]
    by_seed = inside.groupby("replication")
    return Window(float(by_seed["score"].mean().mean()), float(by_seed["e2e_s"].quantile(0.95).mean()))


def _told(window: Window) -> str:
    return f"{window.accuracy:.3f}, {window.p95_s:.0f} s"


REPLAY = Replay(
    title="a threshold that moves with queue and link against fixed ones, through a burst and a dead uplink",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
)
