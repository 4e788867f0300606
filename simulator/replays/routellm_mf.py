"""RouteLLM's matrix factorisation, learned here, between Mixtral and GPT-4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from simulator.replaying.sweep import Named, curve
from simulator.replaying.vary import Over
from simulator.replays.core import Replay, Row, relation, shape
from simulator.replays.idle import Idle

SCENARIO = "replays/routellm-mf"
PAPER = "arXiv 2406.18665: MF with their own training data and an embedding of OpenAI's"
STRONG = tuple(np.linspace(0.0, 1.0, 11).tolist())
APGR: Mapping[str, tuple[str, str, str]] = {
    "mmlu": ("35.46", "71.40", "0.597"),
    "gsm8k": ("38.82", "72.62", "0.565"),
}
"""CPT(50 %), CPT(80 %) [%] and APGR by set of questions."""
FEW = 0  # resamples: intervals are not told here


def rows() -> Iterator[Row]:
    """Operating points of a router learned on the questions' own train split."""
    for name, (half, most, area) in APGR.items():
        idle = Idle(SCENARIO, f"workload.questions.items.table=routellm-{name}")
        made = curve(idle.question, Over("policy.strong_share", STRONG), Named("weak", "strong"), FEW).metrics
        cpt = [100 * (made[key].value or np.nan) for key in ("cpt50", "cpt80")]
        yield shape(f"{name}: CPT(50 %) [%]", half, cpt[0], PAPER, within=8)
        yield shape(f"{name}: CPT(80 %) [%]", most, cpt[1], PAPER, within=12)
        yield shape(f"{name}: APGR", area, made["apgr"], PAPER, within=0.06)
        better = made["apgr"].value is not None and made["apgr"].value > 0.5
        yield relation(f"{name}: MF is better than a coin", "yes", "yes" if better else "no", better, PAPER)


REPLAY = Replay(
    title="RouteLLM's matrix factorisation learned on the questions' own train split, since no scores are published",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=("routellm-mmlu", "routellm-gsm8k"),
)
