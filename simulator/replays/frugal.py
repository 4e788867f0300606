"""FrugalGPT: what is saved at the accuracy of the best single API, on the authors' own points of 2024."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from simulator.metrics.frontiers import saved_frac
from simulator.metrics.value import value_of
from simulator.replays.core import Replay, Row, answer, exact, relation
from simulator.replays.idle import Idle, column
from simulator.workload.csv_columns import find_file

SCENARIO = "replays/frugalgpt"
TABLES = ("mmlu", "medmcqa", "triviaqa", "truthfulqa")
FOLDER = "quality/frugalgpt_summaries"
REPOSITORY = (
    "https://github.com/stanford-futuredata/FrugalGPT, commit 2b23e6acbd4b39f71912816640dcc59e45aa4b5e (Apache-2.0)"
)
AGAIN = "computed by another program from FrugalGPT@2b23e6a, summary/*.csv (arXiv 2305.05176)"
PAPER = "arXiv 2305.05176, cost of the test half in USD: GPT-4 or GPT-3 against FrugalGPT"
SAVED: Mapping[str, str] = {
    "HEADLINES_e8": "94.2",
    "SCIQ_e8": "88.4",
    "AGNEWS_e8": "72.3",
    "OVERRULING_e5": "57.3",
    "COQA_e2": "-0.6",
}
"""Per cent, at the test accuracy of the best single API or more."""
TOTALS: Mapping[str, tuple[float, float, str]] = {
    "HEADLINES": (33.1, 0.6, "98.3"),
    "OVERRULING": (9.7, 2.6, "73.3"),
    "COQA": (72.5, 29.6, "59.2"),
}
"""As printed in 2023: the best single API, FrugalGPT, and the saving, whose last digit comes of unrounded totals."""


def file_of(name: str) -> str:
    """The summary of a set of questions, below the folder of public data."""
    return f"{FOLDER}/summary_{name}_full_2024.csv"


def rows() -> Iterator[Row]:
    """The authors' savings, and those of the policy `frugalgpt` on other models."""
    yield from authors()
    yield from _policy()


def _policy() -> Iterator[Row]:
    """List and thresholds are fitted to the train split; what they come to on the test split."""
    told: list[tuple[float, float]] = []
    for table in TABLES:
        idle = Idle(SCENARIO, f"workload.questions.items.table=llama5-{table}")
        found = idle.under().queries
        alone = [idle.single(pool) for pool in idle.pools]
        best = max(alone, key=lambda queries: float(column(queries, "score").mean()))
        more = float(column(found, "score").mean() - column(best, "score").mean())
        saved = 1 - float(column(found, "cost_usd").mean() / column(best, "cost_usd").mean())
        told.append((100 * saved, 100 * more))
        yield answer(
            f"{table}, Llama chain: saved, at what change of accuracy [%]", f"{100 * saved:.1f} at {100 * more:+.1f}"
        )
    saving, changes = zip(*told, strict=True)
    yield relation(
        "saved by question set, from much to nothing [%]",
        "94 to -1",
        f"{max(saving):.0f} to {min(saving):.0f}, accuracy {min(changes):+.1f} to {max(changes):+.1f}",
        max(saving) > 30 and min(saving) < 5,
        AGAIN,
        how="shape",
    )


def authors() -> Iterator[Row]:
    """The savings of 2024, and those of 2023 as far as printed totals tell them."""
    for name, printed in SAVED.items():
        table = pd.read_csv(find_file(file_of(name), Path()))
        is_policy = table["Method"] == "FrugalGPT"
        policy, single = table[is_policy], table[~is_policy]
        best = single.sort_values("Test_acc", kind="stable").iloc[-1]
        saved = value_of(
            lambda cost, accuracy, at, of: 100 * saved_frac(cost, accuracy, at, of),
            policy["Test_cost"].to_numpy(),
            policy["Test_acc"].to_numpy(),
            float(best["Test_acc"]),
            float(best["Test_cost"]),
        )
        yield exact(f"{name.partition('_')[0]}, 2024: saved at equal accuracy [%]", printed, saved, AGAIN)
    for name, (single_usd, policy_usd, printed) in TOTALS.items():
        saved = value_of(saved_frac, [policy_usd], [1.0], 1.0, single_usd)
        assert saved.value is not None
        yield exact(f"{name}, 2023: saved, from totals [%]", printed, 100 * saved.value, PAPER, within=0.2)


REPLAY = Replay(
    title="what FrugalGPT saves at the accuracy of the best single API, by the metric of `multillm curve`",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=tuple(f"llama5-{table}" for table in TABLES),
    files={file_of(name): REPOSITORY for name in SAVED},
)
