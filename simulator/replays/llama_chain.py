"""Cascades by log-probability over the Llama chain: what the signal is worth, and where the cascade loses money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from simulator.metrics.confidence import auroc, ece
from simulator.metrics.value import Value
from simulator.policies.signals import Calibration, Spread, logistic
from simulator.replaying.curve import Curve
from simulator.replaying.sweep import Named, curve
from simulator.replaying.vary import Over
from simulator.replays.core import Replay, Row, exact, relation, shape
from simulator.replays.idle import Idle, column

SCENARIO = "replays/llama-cascades"
SOURCE = "computed by another program from rational-llm-cascades@0d9c861 (arXiv 2501.09345)"
FEW = 20  # resamples: intervals are not told here


class Published(NamedTuple):
    """As printed: of everything to either model, of the signal, of the curve, and where it is as good as the large."""

    small: str
    large: str
    auroc: str
    audc: str
    random: str
    oracle: str
    apgr: str
    matched_at: str
    saved_pct: str


PUBLISHED: Mapping[tuple[str, str, str], Published] = {
    ("mmlu", "8b", "70b"): Published(
        "0.6336", "0.8145", "0.808", "0.7613", "0.7240", "0.8306", "0.706", "0.844", "-9.6"
    ),
    ("mmlu", "8b", "405b"): Published(
        "0.6336", "0.8517", "0.808", "0.7853", "0.7427", "0.8552", "0.696", "0.844", "6.0"
    ),
    ("mmlu", "70b", "405b"): Published(
        "0.8145", "0.8517", "0.844", "0.8457", "0.8331", "0.8964", "0.838", "0.807", "-13.2"
    ),
    ("medmcqa", "70b", "405b"): Published(
        "0.7260", "0.7570", "0.801", "0.7496", "0.7415", "0.8309", "0.762", "0.473", "22.6"
    ),
    ("triviaqa", "8b", "405b"): Published(
        "0.7870", "0.9490", "0.870", "0.9174", "0.8680", "0.9425", "0.805", "0.594", "32.7"
    ),
    ("triviaqa", "70b", "405b"): Published(
        "0.9280", "0.9490", "0.892", "0.9470", "0.9385", "0.9575", "0.907", "0.369", "32.1"
    ),
    ("truthfulqa", "8b", "70b"): Published(
        "0.5029", "0.5938", "0.661", "0.5841", "0.5484", "0.6641", "0.893", "0.371", "38.7"
    ),
    ("medmcqa", "1b", "8b"): Published(
        "0.3450", "0.5180", "0.618", "0.4248", "0.4315", "0.5879", "0.462", "0.972", "-47.1"
    ),
}
"""By table, small and large model; test splits."""
POOLS = ("1b", "3b", "8b", "70b", "405b")
ECE = {
    "mmlu": ("0.11", "0.10", "0.075", "0.082", "0.101"),
    "medmcqa": ("0.323", "0.201", "0.297", "0.176", "0.184"),
}
"""Of exp(mean log-probability), ten bins, by pool."""
CALIBRATED = {"mmlu": ("0.035", "0.037", "0.032", "0.020", "0.030")}
"""The same after a logistic curve that was fitted on the train split."""
CALIBRATED_ENDS = {"medmcqa": ("0.067", "0.108")}
"""Only the least and the greatest of five were told."""
OTHER_FIT = 0.012  # what a curve by other means may differ by


def rows() -> Iterator[Row]:
    """Each pair, the pair where the larger model is worse, and how far confidences are from frequencies."""
    for (table, small, large), printed in PUBLISHED.items():
        yield from of_pair(table, small, large, printed)
    yield negative_gap()
    for table in ECE:
        yield from _errors(table)


def of_pair(table: str, small: str, large: str, printed: Published) -> Iterator[Row]:
    """One pair of models: the signal, the curve, and where the cascade is as good as the large model."""
    idle = Idle(SCENARIO, _table(table), f"policy.order=[{small}, {large}]")
    made = _curve(idle, small, large)
    alone = dict(zip(made.singles["pool"], made.singles["accuracy"].tolist(), strict=True))
    answers = idle.single(small)
    signal = auroc(column(answers, "confidence"), column(answers, "score"), resamples=0)
    as_good = made.points["accuracy"].to_numpy() >= alone[large] - 1e-12
    matched_at = float(made.points["strong_share"][as_good].min())
    saved = made.metrics["saved_frac"].value
    told: dict[str, tuple[str, float | Value]] = {
        "accuracy of the small model": (printed.small, alone[small]),
        "accuracy of the large model": (printed.large, alone[large]),
        "AUROC": (printed.auroc, signal),
        "AUDC": (printed.audc, made.metrics["audc"]),
        "AUDC of a coin": (printed.random, made.metrics["audc_random"]),
        "AUDC of the oracle": (printed.oracle, made.metrics["audc_oracle"]),
        "APGR": (printed.apgr, made.metrics["apgr"]),
        "as good as the large model at a share of": (printed.matched_at, matched_at),
        "saved there [% of the large model's cost]": (printed.saved_pct, np.nan if saved is None else 100 * saved),
    }
    for name, (figure, found) in told.items():
        yield exact(f"{table} {small}>{large}: {name}", figure, found, SOURCE)


def _errors(table: str) -> Iterator[Row]:
    """Calibration errors on the test split, as told and after a curve from the train split."""
    idle, train = Idle(SCENARIO, _table(table)), Idle(SCENARIO, _table(table), "workload.questions.items.split=train")
    after: list[float] = []
    for pool, figure in zip(POOLS, ECE[table], strict=True):
        told, right = (column(idle.single(pool), name) for name in ("confidence", "score"))
        seen, was_right = (column(train.single(pool), name) for name in ("confidence", "score"))
        yield exact(f"{table} {pool}: ECE", figure, ece(np.exp(told), right, resamples=0), SOURCE)
        spread = Spread.of(seen)
        curve = Calibration(spread, logistic(spread.over(seen)[:, None], was_right))
        after.append(ece(curve.over(told), right, resamples=0).value or 0.0)
    for pool, figure, found in zip(POOLS, CALIBRATED.get(table, ()), after, strict=False):
        yield shape(f"{table} {pool}: ECE, calibrated on train", figure, found, SOURCE, OTHER_FIT)
    for which, figure, found in zip(
        ("least", "greatest"), CALIBRATED_ENDS.get(table, ()), (min(after), max(after)), strict=False
    ):
        yield shape(f"{table}: {which} ECE, calibrated on train", figure, found, SOURCE, OTHER_FIT)


def negative_gap() -> Row:
    """The larger model is less often right: there is no gap to recover."""
    idle = Idle(SCENARIO, _table("gsm8k"), "workload.questions.items.split=train", "policy.order=[70b, 405b]")
    apgr = _curve(idle, "70b", "405b").metrics["apgr"]
    told = f"undefined: {apgr.reason}" if apgr.value is None else f"{apgr.value:.3f}"
    return relation("gsm8k 70b>405b: APGR", "meaningless", told, apgr.value is None, SOURCE, "exact")


def _curve(idle: Idle, small: str, large: str) -> Curve:
    return curve(idle.question, Over("policy.accept"), Named(weak=small, strong=large), FEW)


def _table(name: str) -> str:
    return f"workload.questions.items.table=llama5-{name}"


REPLAY = Replay(
    title="what a mean log-probability (or P(True)) is worth as the signal of a cascade, and where it loses money",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=("llama5-mmlu", "llama5-medmcqa", "llama5-triviaqa", "llama5-truthfulqa", "llama5-gsm8k"),
)
