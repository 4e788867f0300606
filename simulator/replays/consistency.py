"""Consistency cascades (MoT): samples of one or two prompts vote, and the large model is asked where they part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simulator.replaying import Replayed
from simulator.replays.core import Replay, Row, exact, relation, shape
from simulator.replays.idle import Idle, column

SCENARIO = "replays/consistency"
SOURCE = "LLM_MoT_cascade@8db97e6 (arXiv 2310.03094), by another program"

PAPER = "arXiv 2310.03094: as good at about 40 % of the cost"


class Published(NamedTuple):
    """As printed: who votes with how many samples each, the share that is accepted, and what came of it."""

    small: tuple[str, ...]
    k: int
    accept: float
    accuracy: str
    escalated_pct: str


PUBLISHED = (
    Published(("thoughts",), 20, 0.0, "0.645", "0"),
    Published(("thoughts",), 20, 0.6, "0.7425", "14.9"),
    Published(("thoughts", "programs"), 10, 0.6, "0.8699", "27.6"),
    Published(("thoughts", "programs"), 10, 0.8, "0.8862", "39.3"),
)
LARGE = "0.8645"


def rows() -> Iterator[Row]:
    """The cascades, the large model alone, and which is better."""
    idle = Idle(SCENARIO)
    found: list[float] = []
    usd: list[float] = []
    for printed in PUBLISHED:
        small = f"[{', '.join(printed.small)}]"
        told = idle.under({"small": small, "k": printed.k, "accept": printed.accept})
        accuracy, escalated = right(told), 100 * float((told.queries["pool"] == "large").mean())
        found.append(accuracy)
        name = f"{' + '.join(printed.small)}, {printed.k} samples each, share >= {printed.accept}"
        yield exact(f"{name}: accuracy", printed.accuracy, accuracy, SOURCE)
        yield exact(f"{name}: escalated [%]", printed.escalated_pct, escalated, SOURCE)
        usd.append(float(column(told.queries, "cost_usd").mean()))
    alone = idle.single("large")
    large = float(column(alone, "score").mean())
    yield exact("large model alone: accuracy", LARGE, large, SOURCE)
    told_order = f"{found[1]:.3f} < {large:.3f} <= {found[2]:.3f}"
    holds = found[1] < large <= found[2]
    ratio = usd[2] / float(column(alone, "cost_usd").mean())
    yield shape("two prompts, 0.6: dollars, of the large model's", "0.4", ratio, PAPER, within=0.1)
    yield relation("one prompt < large model <= two prompts, at 0.6", "holds", told_order, holds, SOURCE)


def right(replayed: Replayed) -> float:
    """Share of right answers."""
    return float(column(replayed.queries, "score").mean())


REPLAY = Replay(
    title="GPT-3.5's votes by one prompt and by two, and GPT-4 where they part, on DATE",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=("mot-date",),
)
