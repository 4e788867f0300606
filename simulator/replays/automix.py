"""AutoMix: an answer that its own model has verified, on the Llama chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from simulator.metrics.efficiency import ibc_lift
from simulator.metrics.value import Floats
from simulator.replaying.sweep import Named, curve
from simulator.replaying.vary import Over
from simulator.replays.core import Replay, Row, answer, relation
from simulator.replays.idle import Idle, column

SCENARIO = "replays/automix"
PAPER = "arXiv 2310.12963 and its repository: relative IBC lift of the threshold rule, on five other sets"
TABLES: Mapping[str, str] = {"triviaqa": "test", "truthfulqa": "test", "gsm8k": "train"}
"""Those where the recorded confidence is P(True) of the model itself, with the split that there is."""
PAIRS = (("8b", "405b"), ("70b", "405b"), ("1b", "8b"))
LEVELS = np.arange(0.1, 1.0, 0.1)  # thresholds: deciles of P(True)


def rows() -> Iterator[Row]:
    """The lift of every table and pair at every threshold."""
    lifts = {}
    for table, split in TABLES.items():
        for small, large in PAIRS:
            found = lift(table, split, small, large)
            if found is None:
                yield answer(f"{table} {small}>{large}: IBC lift [%]", "undefined: the large model is no better")
                continue
            lifts[table, small, large] = found
            told = f"{found.min():.0f} to {found.max():.0f}"
            yield answer(f"{table} {small}>{large}: IBC lift over thresholds [%]", told)
    best = [float(found.max()) for found in lifts.values()]
    told = f"{min(best):.0f} to {max(best):.0f}"
    yield relation("there are gains, and there are losses [%]", "-4 to 43", told, min(best) < 0 < max(best), PAPER)
    weak = [found.max() for (_, small, _), found in lifts.items() if small == "1b"]
    rest = [found.max() for (_, small, _), found in lifts.items() if small != "1b"]
    told = f"1b: {max(weak):.0f} at best; 8b and 70b: {min(rest):.0f} at the least"
    yield answer("best IBC lift by who verifies itself [%]", told)


def lift(table: str, split: str, small: str, large: str) -> Floats | None:
    """At every threshold, (levels,); None where the large model is no better than the small one."""
    items = "workload.questions.items"
    idle = Idle(
        SCENARIO,
        f"{items}.table=llama5-{table}",
        f"{items}.split={split}",
        f"policy.small={small}",
        f"policy.large={large}",
    )
    confidence = column(idle.single(small), "confidence")
    values = tuple(np.unique(np.quantile(confidence, LEVELS, method="higher")).tolist())
    made = curve(idle.question, Over("policy.accept", values), Named(small, large), 0)
    alone = made.singles.set_index("pool")[["accuracy", "cost_usd"]].astype(float)
    ends = [tuple(alone.loc[pool].to_numpy().tolist()) for pool in (small, large)]
    if ends[1][0] <= ends[0][0]:
        return None
    points = made.points[["accuracy", "cost_usd"]].to_numpy()
    dearer = [point for point in points.tolist() if point[1] > ends[0][1]]
    return np.array([ibc_lift(point[0], point[1], *ends[0], *ends[1]) for point in dearer])


REPLAY = Replay(
    title="verification by the model itself as the signal of AutoMix, with P(True) on the Llama chain",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=tuple(f"llama5-{table}" for table in TABLES),
)
