"""Cascades over the recorded Llama chain: all sums as another program has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from simulator.replaying import Replayed
from simulator.replays.core import Replay, Row, exact
from simulator.replays.idle import Idle, column

SCENARIO = "replays/golden-cascades"
SOURCE = "sums over the recorded rows, by another program"
QUANTITIES = ("accuracy", "USD a query", "mean latency [ms]", "p95 latency [ms]", "calls a query")
WHOLE_CHAIN = "1b>3b>8b>70b>405b"
PUBLISHED: Mapping[tuple[str, str, str, float], tuple[str, ...]] = {
    ("mmlu", "test", WHOLE_CHAIN, -0.1): ("0.804049641", "0.000327713651", "636.79452", "1190.87", "3.504245591"),
    ("mmlu", "test", "8b>405b", -0.5): ("0.784454605", "0.000280182756", "309.745702", "625.89", "1.406923579"),
    ("medmcqa", "test", WHOLE_CHAIN, -0.1): ("0.717", "0.0003089174", "723.71825", "1282.734", "3.724"),
    ("triviaqa", "test", WHOLE_CHAIN, -0.1): ("0.847", "0.0002176003", "951.40435", "2169.7075", "2.739"),
    ("triviaqa", "test", "70b>405b", -0.5): ("0.94", "0.0003575775", "782.12561", "1477.7125", "1.089"),
    ("truthfulqa", "test", WHOLE_CHAIN, -0.1): (
        "0.66344294",
        "0.000630051838",
        "1942.586596",
        "3306.29",
        "4.069632495",
    ),
    ("gsm8k", "train", WHOLE_CHAIN, -0.1): ("0.943333333", "0.000532843", "4010.4812", "9123.385", "3.183333333"),
}
"""By table, split, chain and threshold."""


def rows() -> Iterator[Row]:
    """Each chain at its threshold."""
    fleets: dict[str, Idle] = {}
    for (table, split, chain, accept), published in PUBLISHED.items():
        sets = (f"workload.questions.items.table=llama5-{table}", f"workload.questions.items.split={split}")
        idle = fleets.setdefault(table, Idle(SCENARIO, *sets))
        order = f"[{', '.join(chain.split('>'))}]"
        found = sums(idle.under({"order": order, "accept": accept}))
        for name, printed, value in zip(QUANTITIES, published, found, strict=True):
            yield exact(f"{table} {chain} at {accept}: {name}", printed, value, SOURCE)


def sums(replayed: Replayed) -> tuple[float, ...]:
    """`QUANTITIES` of a replay."""
    queries, latency_ms = replayed.queries, 1e3 * column(replayed.queries, "e2e_s")
    return (
        float(column(queries, "score").mean()),
        float(column(queries, "cost_usd").mean()),
        float(latency_ms.mean()),
        float(np.percentile(latency_ms, 95)),
        float(column(queries, "calls").mean()),
    )


REPLAY = Replay(
    title="cascades by log-probability over five Llama models, by recorded answers, prices and latencies",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=("llama5-mmlu", "llama5-medmcqa", "llama5-triviaqa", "llama5-truthfulqa", "llama5-gsm8k"),
)
