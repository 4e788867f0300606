"""Leads a policy through one query with outcomes that a test has written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.policies import check
from simulator.policies.core import Answer, Ask, ClassFacts, Decision, Failed, Finish, FleetView, Policy, Query, Wait
from simulator.policies.setting import Setting, Train, prepared

POOLS = ("small", "middle", "large")
FAILS = "fails"


def query(number: int = 0, task: str | None = None) -> Query:
    return Query(number, ClassFacts("chat", "here"), task, 50, 0.0)


def fleet(now_s: float = 0.0) -> FleetView:
    return check._Fleet({name: check._Pool(name) for name in POOLS}, {"link": check._Link()}, now_s)  # type: ignore[return-value]


def said(score: float = float("nan"), group: int = -1, tok: int = 10) -> dict[str, Any]:
    """What an answer is to be."""
    return {"score": score, "group": group, "output_tok": tok}


def lead(
    policy: Any, told: Mapping[str, Sequence[Any]], setting: Setting | None = None, about: Query | None = None
) -> list[Any]:
    """What the policy did with a query, step by step: pools asked (with kinds and samples), and how it ended.

    `told` has the outcomes of each pool and verifier, in the order in which they come: a score, `said(...)`, or FAILS.
    Outcomes come in the order of asking. A finish is written (pool, score), a drop as its reason, a wait for time as
    its seconds.
    """
    ready: Policy = prepared(policy, setting or check.setting(POOLS))
    asks, left, flying = about or query(), {pool: list(outcomes) for pool, outcomes in told.items()}, []
    steps: list[Any] = []
    view = fleet()
    for _ in range(50):
        decision: Decision = ready.decide(asks, view)
        assert repr(ready.decide(asks, view)) == repr(decision)
        if isinstance(decision, Ask):
            for call in decision.calls:
                mark = {"answer": "", "verify": "?", "refine": "+"}[call.kind] + (
                    f"x{call.samples}" if call.samples > 1 else ""
                )
                steps.append(call.pool + mark + ("!" if call.final else ""))
                asks.asked += (call.pool,) * call.samples
                flying += [call] * call.samples
            if any(call.final for call in decision.calls) and left[decision.calls[-1].pool][0] is not FAILS:
                return steps
        elif isinstance(decision, Finish):
            return [*steps, (decision.answer.pool, decision.answer.score)]
        elif not isinstance(decision, Wait):
            return [*steps, decision.reason]
        elif decision.for_s is not None and not flying:
            steps.append(decision.for_s)
            view = fleet(view.now_s + decision.for_s)
        if flying:
            call = flying.pop(0)
            outcome = left[call.pool].pop(0)
            if outcome is FAILS:
                asks.outcomes += (Failed(call.pool, call.kind, "timeout", 1.0),)
            else:
                outcome = outcome if isinstance(outcome, dict) else said(float(outcome))
                asks.outcomes += (Answer(call.pool, call.kind, done_s=1.0, **outcome),)
    raise AssertionError(f"no end: {steps}")


def train(score: Any, confidence: Any, usd: Any = None, quality: Any = None, output_tok: Any = None) -> Setting:
    """A setting whose train split is these matrices, (items, pools)."""
    score, confidence = np.array(score, float), np.array(confidence, float)
    usd = np.tile([1.0, 10.0, 100.0], (len(score), 1)) if usd is None else np.array(usd, float)
    tokens = np.full(score.shape, 10.0) if output_tok is None else np.array(output_tok, float)
    items = np.arange(len(score))
    told = Train(
        score=score,
        confidence=confidence,
        output_tok=tokens,
        usd=usd,
        energy_j=usd,
        time_s=usd,
        prompt_tok=50 + 0 * items,
        task=0 * items,
        tasks=("sums",),
        quality=lambda estimator: np.full(score.shape, 0.5) if quality is None else np.array(quality, float),
        labelled=lambda estimator, label: label(score),
        expected_cost=lambda estimator: (usd, usd, usd),
    )
    return replace(check.setting(POOLS), train=told)


@dataclass(frozen=True)
class Expecting:
    """Queries of which all that is expected is `quality`, each with the prompt that its place in `texts` says."""

    quality_of: tuple[float, ...] = (0.5, 0.5, 0.5)
    texts: tuple[str, ...] = ()
    rows: int = 20

    def quality(self, estimator: Any) -> Any:
        return np.tile(self.quality_of, (self.rows, 1))

    def usd(self, output_tok: Any) -> Any:
        return np.tile([1.0, 10.0, 100.0], (self.rows, 1))

    def prompts(self) -> Sequence[str]:
        return self.texts

    output_tok = quality
    energy_j = time_s = usd


def asked(setting: Setting, *quality: float, texts: tuple[str, ...] = ()) -> Setting:
    """The setting, in which queries are expected to go so."""
    return replace(setting, asked=Expecting(quality or (0.5, 0.5, 0.5), texts))  # type: ignore[arg-type]
