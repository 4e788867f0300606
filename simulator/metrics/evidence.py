"""What a number rests on: the weakest kind of evidence among what makes it up, with that kind's share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.metrics.breakdown import NETWORK, ROUTER
from simulator.metrics.facts import RunFacts
from simulator.records.summary import Share
from simulator.spec.profiles import EVIDENCE, Evidence


@dataclass(frozen=True)
class Basis:
    """The weakest evidence of a number, and the share of the number that rests on it."""

    kind: Evidence
    frac: float

    def __str__(self) -> str:
        """In words: `measured`, or `assumed 34 %`."""
        if self.frac > 0.9995:
            return self.kind
        return f"{self.kind} {100 * self.frac:.0f} %" if self.frac >= 0.005 else f"{self.kind} < 1 %"


def basis(weights: Iterable[tuple[Evidence, float]]) -> Basis | None:
    """The weakest evidence that has a weight; None where nothing has any."""
    shares = dict.fromkeys(EVIDENCE, 0.0)
    for kind, weight in weights:
        shares[kind] += weight
    total = sum(shares.values())
    present = [kind for kind in EVIDENCE if shares[kind] > 0]
    return Basis(present[-1], shares[present[-1]] / total) if present else None


def weakest(bases: Iterable[Basis | None]) -> Basis | None:
    """The weakest of several; of equals the one with the larger share."""
    known = [one for one in bases if one is not None]
    return max(known, key=lambda one: (EVIDENCE.index(one.kind), one.frac), default=None)


def bases(
    queries: pd.DataFrame, ledger: pd.DataFrame, times: Iterable[Share], facts: RunFacts
) -> Mapping[str, Basis | None]:
    """What each domain rests on: joules, dollars, grams in the window, time of finished queries, queries with items."""
    inside = ledger[ledger["window"].to_numpy(bool)]
    return {
        "energy": _of_ledger(inside, "energy_j"),
        "money": _of_ledger(inside, "cost_usd", "cost_evidence"),
        "carbon": _of_ledger(inside, "co2_g"),
        "time": basis((_of_time(share, facts), share.frac) for share in times),
        "quality": basis(_of_items(queries, facts)),
    }


def _of_ledger(ledger: pd.DataFrame, column: str, evidence: str = "evidence") -> Basis | None:
    amounts, kinds = np.abs(np.nan_to_num(ledger[column].to_numpy(np.float64))), ledger[evidence]
    return basis((kind, float(amounts[(kinds == kind).to_numpy(bool)].sum())) for kind in EVIDENCE)


def _of_time(share: Share, facts: RunFacts) -> Evidence:
    """Of a stage at a pool. A router's time is what the scenario says."""
    if share.stage == NETWORK:
        return facts.link_evidence
    if share.pool is None or share.stage == ROUTER or share.pool not in facts.pools:
        return "assumed"
    return facts.pools[share.pool].evidence


def _of_items(queries: pd.DataFrame, facts: RunFacts) -> Iterable[tuple[Evidence, float]]:
    asked = queries[queries["item"].to_numpy() >= 0]
    for name, kept in facts.classes.items():
        if kept.table is not None:
            yield kept.quality_evidence, float((asked["cls"] == name).sum())
