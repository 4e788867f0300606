"""RouteLLM's two fixed lines, the coin and the oracle, on its three sets of questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from simulator.engine.build import System
from simulator.metrics import curves
from simulator.metrics.value import Floats
from simulator.replays.core import Replay, Row, exact, shape
from simulator.replays.idle import Idle, by_item, routed

SCENARIO = "replays/routellm"
PAPER = "arXiv 2406.18665"
AGAIN = "RouteLLM@0b64fda, by another program"
BINS = 10


class Published(NamedTuple):
    """As printed. `coin` and `coins` are CPT(50 %), CPT(80 %) [%] and APGR: of one coin, and the mean of 200."""

    questions: str
    weak: str
    strong: str
    either: str
    weak_only: str
    strong_only: str
    coin: tuple[str, str, str]
    coins: tuple[str, str, str]
    coins_sd: str
    oracle: tuple[str, str, str]
    closed_pct: str


PUBLISHED: Mapping[str, Published] = {
    "mmlu": Published(
        *("14037", "0.6809", "0.8059", "0.8587", "0.0529", "0.1778"),
        coin=("50.07", "79.93", "0.500"),
        coins=("50.07", "80.07", "0.500"),
        coins_sd="0.009",
        oracle=("6.25", "10.00", "1.285"),
        closed_pct="12.50",
    ),
    "gsm8k": Published(
        *("1307", "0.6373", "0.8577", "0.9296", "0.0719", "0.2923"),
        coin=("50.00", "80.08", "0.497"),
        coins=("50.05", "79.60", "0.501"),
        coins_sd="0.022",
        oracle=("11.09", "17.67", "1.121"),
        closed_pct="22.11",
    ),
    "mt-bench": Published(
        *("72", "8.281", "9.212", "9.316", "0.097", "0.514"),
        coin=("49.03", "78.08", "0.500"),
        coins=("50.5", "79.0", "0.500"),
        coins_sd="0.063",
        oracle=("8.33", "18.06", "0.964"),
        closed_pct="30.56",
    ),
}
COINS: Mapping[str, int] = {"mmlu": 10, "gsm8k": 40, "mt-bench": 200}
"""How often each set is replayed: small sets vary more."""
WHAT = ("CPT(50 %) [%]", "CPT(80 %) [%]", "APGR")


def rows() -> Iterator[Row]:
    """All three sets."""
    for name in PUBLISHED:
        yield from of_set(name)


def of_set(name: str) -> Iterator[Row]:
    """The ends, the oracle and the coin of one set of questions."""
    published = PUBLISHED[name]
    idle = Idle(SCENARIO, f"workload.questions.items.table=routellm-{name}")
    weak, strong = (_marks(name, _of_questions(idle, by_item(idle.single(pool)))) for pool in ("weak", "strong"))
    found = {
        "questions": (published.questions, len(weak)),
        "quality of the weak model": (published.weak, weak.mean()),
        "quality of the strong model": (published.strong, strong.mean()),
        "quality of the better answer": (published.either, np.maximum(weak, strong).mean()),
        "only the weak model is better": (published.weak_only, (weak > strong).mean()),
        "only the strong model is better": (published.strong_only, (strong > weak).mean()),
    }
    for what, (printed, value) in found.items():
        yield exact(f"{name}: {what}", printed, float(value), AGAIN)
    yield from _oracle(name, published, weak, strong)
    yield from _coin(name, published, idle)


def _oracle(name: str, published: Published, weak: Floats, strong: Floats) -> Iterator[Row]:
    """It asks the strong model first where that gains most; shares are of whole questions."""
    ends = float(weak.mean()), float(strong.mean())
    share, quality = curves.oracle(weak, strong)
    reached = {level: 100 * _whole(curves.cpt(level, share, quality, *ends), len(weak)) for level in (0.5, 0.8, 1.0)}
    found = (reached[0.5], reached[0.8], curves.apgr(share, quality, *ends))
    for what, printed, value in zip(WHAT, published.oracle, found, strict=True):
        yield exact(f"{name}, oracle: {what}", printed, value, AGAIN)
    yield exact(f"{name}, oracle: share that closes the gap [%]", published.closed_pct, reached[1.0], AGAIN)


def _coin(name: str, published: Published, idle: Idle) -> Iterator[Row]:
    """Within three standard errors: of our coins and the published one, or the published 200."""
    shares = np.linspace(0.0, 1.0, BINS + 1).tolist()
    systems = [idle.with_policy({"share": f"{{weak: {1 - strong}, strong: {strong}}}"}) for strong in shares]
    on_item = np.stack([by_item(idle.single(pool)) for pool in idle.pools])
    found = np.array([coin(systems, on_item, replication) for replication in range(COINS[name])])
    mean, sd = found.mean(axis=0), found.std(axis=0, ddof=1)
    ours = sd**2 / len(found)
    for what, one, many, value, variance, error in zip(
        WHAT, published.coin, published.coins, mean, sd**2, ours, strict=True
    ):
        yield shape(f"{name}, coin: {what}", one, value, PAPER, within=3 * float(np.sqrt(variance + error)))
        yield shape(f"{name}, coins: {what}", many, value, AGAIN, within=3 * float(np.sqrt(variance / 200 + error)))
    spread = float(published.coins_sd)
    yield shape(f"{name}, coins: spread (sd) of APGR", published.coins_sd, float(sd[-1]), AGAIN, within=0.35 * spread)


def coin(systems: Sequence[System], on_item: Floats, replication: int) -> tuple[float, float, float]:
    """CPT(50 %), CPT(80 %) [%] and APGR of coins of rising share; `on_item` (pools, items) is what each pool scores."""
    points = []
    for system in systems:
        item, pool = routed(system, replication)
        points.append((float(pool.mean()), float(on_item[pool, item].mean())))
    share, quality = np.array(points).T
    return _metrics(share, quality, quality[0], quality[-1])


def _metrics(share: Floats, quality: Floats, weak: float, strong: float) -> tuple[float, float, float]:
    half, most = (100 * curves.cpt(level, share, quality, weak, strong) for level in (0.5, 0.8))
    return half, most, curves.apgr(share, quality, weak, strong)


def _whole(share: float, questions: int) -> float:
    return float(np.ceil(share * questions - 1e-9)) / questions


def _of_questions(idle: Idle, on_item: Floats) -> Floats:
    """Mean scores of questions, over their turns."""
    table = idle.system.classes[0].table
    assert table is not None
    question = np.unique([name.partition("/")[0] for name in table.items], return_inverse=True)[1]
    means: Floats = np.bincount(question, on_item) / np.bincount(question)
    return means


def _marks(name: str, score: Floats) -> Floats:
    """MT-Bench's marks go from 1 to 10."""
    return 1 + 9 * score if name == "mt-bench" else score


REPLAY = Replay(
    title="the coin and the oracle between Mixtral and GPT-4 on MMLU, GSM8K and MT-Bench",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=("routellm-mmlu", "routellm-gsm8k", "routellm-mt-bench"),
)
