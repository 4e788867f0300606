"""HybridLLM: what the easiest queries lose when they go to the small model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulator.replaying.sweep import Named, curve
from simulator.replaying.vary import Over
from simulator.replays.core import Replay, Row, relation, shape
from simulator.replays.idle import Idle

SCENARIO = "replays/hybrid-llm"
PAPER = "arXiv 2404.14618, label `det`: Llama-2 7b/13b, 13b/GPT-3.5, FLAN 800m/Llama-2 13b"
SHARES = (0.1, 0.2, 0.4)  # to the small model


class Pair(NamedTuple):
    """Models of the table, and the paper's pair of about as much difference with its drops of quality in per cent."""

    small: str
    large: str
    beside: str
    published: Sequence[str]


PAIRS = (
    Pair("qwen1.5-72b-chat", "qwen1.5-110b", "near", ("0.1", "0.1", "0.2")),
    Pair("yi-34b", "qwen1.5-110b", "middle", ("0.1", "1.0", "3.5")),
    Pair("llama-3.1-8b", "llama-3.1-70b", "far", ("2.3", "5.8", "13.8")),
)

FEW = 0  # resamples: intervals are not told here


def rows() -> Iterator[Row]:
    """Drops of quality at three shares, of three pairs."""
    drops = {}
    for pair in PAIRS:
        found, coin = _drops(pair)
        drops[pair.beside] = found
        for share, printed, drop in zip(SHARES, pair.published, found, strict=True):
            name = f"{pair.beside} pair ({pair.small}, {pair.large}): drop at {share:.0%} to the small model [%]"
            yield shape(name, printed, drop, PAPER, within=max(2.0, 0.35 * float(printed)))
        yield relation(
            f"{pair.beside} pair: the router loses less than a coin at {SHARES[-1]:.0%}",
            "yes",
            f"{found[-1]:.1f} % against {coin:.1f} %",
            found[-1] < coin,
            PAPER,
        )
    worst = [drops[pair.beside][-1] for pair in PAIRS]
    told = " < ".join(f"{drop:.1f}" for drop in worst)
    yield relation(
        "the farther the models, the larger the drop [%]", "0.2 < 3.5 < 13.8", told, worst == sorted(worst), PAPER
    )


def _drops(pair: Pair) -> tuple[list[float], float]:
    """Of quality, in per cent of the large model's, at `SHARES`; and of a coin at the last of them."""
    models = f"fleet.small.model={pair.small}", f"fleet.large.model={pair.large}"
    strong = tuple(1 - share for share in SHARES)
    made = curve(Idle(SCENARIO, *models).question, Over("policy.strong_share", strong), Named("small", "large"), FEW)
    alone = made.singles.set_index("pool")["accuracy"]
    small, large = float(alone["small"]), float(alone["large"])
    found = 100 * (1 - made.points["accuracy"].to_numpy() / large)
    share = 1 - made.points["strong_share"].to_numpy()
    return found.tolist(), 100 * float(share[-1]) * (1 - small / large)


REPLAY = Replay(
    title="how much quality HybridLLM gives up for 10, 20 and 40 % of the queries to the small model, on other pairs",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=("mmlu-pro-29",),
)
