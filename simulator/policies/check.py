"""What every policy promises, as a check that whoever writes one can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from simulator.learning.core import Encoder, Estimator
from simulator.policies.core import (
    Answer,
    Ask,
    ClassFacts,
    Drop,
    Failed,
    Feedback,
    Finish,
    Outcome,
    Policy,
    Query,
    Reported,
    Wait,
    tell,
    why,
)
from simulator.policies.setting import Floats, Ints, Label, Prepared, Setting, Train, prepared

MOST_CALLS = 50  # a policy that makes more for one query never ends it
SCORES = (float("-inf"), -1.0, 0.0, 0.5, 1.0, float("inf"), float("nan"))
FAILURES = ("full", "timeout", "too-long")


class BrokenPromise(AssertionError):  # noqa: N818
    """A policy did what no policy may do; the text says what, and on which query."""


@dataclass(frozen=True)
class _Pool:
    name: str
    model: str = "a-model"
    tier: str | None = None
    place: str = "here"
    replicas: int = 1
    outstanding_calls: int = 0
    outstanding_tok: float = 0.0
    outstanding_tok_by_replica: tuple[float, ...] = (0.0,)
    usd_per_tok: tuple[float, float] = (0.0, 0.0)
    carbon_g_per_j: float = 1e-4
    battery_frac: float | None = None
    predicted_tpot_s: float = 0.02
    reported: Reported = field(default=Reported(0.0, 0, 0, 0.0))

    def predicted_ttft_s(self, prompt_tok: int) -> float:
        return 0.1 + 1e-3 * prompt_tok


@dataclass(frozen=True)
class _Link:
    up_bytes_per_s: float = 1e6
    down_bytes_per_s: float = 1e7
    rtt_s: float = 0.02


@dataclass(frozen=True)
class _Fleet:
    pools: Any
    links: Any
    now_s: float = 0.0


QUERIES = 200


@dataclass(frozen=True)
class _Asked:
    """Queries of which each pool's answer is expected to be as good as a draw says, and a price more for each pool."""

    pools: int
    tasks: tuple[str, ...] = ("math",)

    @property
    def prompt_tok(self) -> Ints:
        return 1 + 37 * np.arange(QUERIES)

    @property
    def task(self) -> Ints:
        return -(np.arange(QUERIES) % 2)

    def _drawn(self, stream: int) -> Floats:
        return np.random.default_rng(stream).random((QUERIES, self.pools))

    def quality(self, estimator: Estimator) -> Floats:
        return self._drawn(1)

    def labelled(self, estimator: Estimator, label: Label) -> Floats:
        return label.of(self._drawn(1)[:, :, None])

    def output_tok(self, estimator: Estimator) -> Floats:
        return 1.0 + np.floor(100 * self._drawn(2))

    def features(self, encoder: Encoder) -> Floats:
        return self._drawn(3)

    def prompts(self) -> list[str]:
        return [f"question number {query}" for query in range(QUERIES)]

    def recorded(self, name: str) -> Floats:
        return self._drawn(4)[:, 0]

    def usd(self, output_tok: Floats) -> Floats:
        return output_tok * 1e-6 * (1.0 + np.arange(self.pools))

    energy_j = time_s = usd

    def train(self) -> Train:
        output_tok = self._drawn(5) * 100
        priced = self.usd(output_tok)
        score = (self._drawn(6) < 0.6).astype(float)
        return Train(
            score,
            self._drawn(7),
            output_tok,
            priced,
            priced,
            priced,
            self.prompt_tok,
            self.task,
            self.tasks,
            self.quality,
            self.labelled,
            lambda estimator: (priced, priced, priced),
        )


def check_policy(policy: Policy | Prepared, pools: Sequence[str], verifiers: Sequence[str] = ()) -> None:
    """Lead `policy` through queries with all kinds of answers and failures, and raise BrokenPromise if it breaks one.

    The promises: it decides with one of Ask, Wait, Finish, Drop; asks only `pools` (and `verifiers`, to verify, after
    an answer); refines only after an answer; finishes only with an answer it was given; never waits with nothing in
    flight; ends every query within a few calls; decides alike when asked the same again, also after it has said why;
    and changes neither query nor view. One that learns is told of some answers.
    """
    ready = prepared(policy, setting(pools))
    view = _Fleet(MappingProxyType({name: _Pool(name) for name in pools}), MappingProxyType({"link": _Link()}))
    for number in range(QUERIES):
        query = Query(number, ClassFacts("chat", "here"), ("math", None)[number % 2], 1 + 37 * number, float(number))
        _lead(ready, query, view, frozenset(verifiers))


def setting(pools: Sequence[str]) -> Setting:
    """A setting in which any policy can be prepared: made-up queries, prices and outcomes."""

    def uniform(stream: str, query: int, attempt: int) -> float:
        return (hash((len(stream), query, attempt)) % 9973) / 9973

    prices = {pool: 1.0 + i for i, pool in enumerate(pools)}
    asked = _Asked(len(pools))
    return Setting(
        pools=tuple(pools),
        models={pool: f"model-of-{pool}" for pool in pools},
        uniform=uniform,
        usd_per_call=prices,
        energy_j_per_call=prices,
        time_s_per_call=prices,
        params={pool: 1e9 * price for pool, price in prices.items()},
        asked=asked,
        train=asked.train(),
        truth=lambda query, pool: float((query + len(pool)) % 2),
        paid=lambda currency: np.tile(list(prices.values()), (QUERIES, 1)),
    )


def _lead(policy: Policy, query: Query, view: _Fleet, verifiers: frozenset[str]) -> None:
    """One query from its arrival to its end."""
    flying: list[tuple[str, str]] = []
    for _ in range(MOST_CALLS):
        before = (query.asked, query.outcomes)
        decision = policy.decide(query, view)
        again = policy.decide(query, view)
        if (query.asked, query.outcomes) != before:
            raise BrokenPromise(f"{policy!r} changes query {query.id}")
        said = why(policy, query, view, decision)
        if not isinstance(said, str) or "\n" in said:
            raise BrokenPromise(f"{policy!r} says why in {said!r}, which is not a line of text")
        third = policy.decide(query, view) if said else again
        if not repr(decision) == repr(again) == repr(third):
            raise BrokenPromise(f"{policy!r} decides {decision!r}, then {again!r}, about the same query {query.id}")
        match decision:
            case Ask(calls):
                _check_calls(policy, query, calls, view, verifiers)
                for call in calls:
                    query.asked += (call.pool,) * call.samples
                    flying += [(call.pool, call.kind)] * call.samples
                if query.id % 5 and (taken := [call.pool for call in calls if call.final]):
                    _tell(policy, query, taken[0])
                    return  # its answer is taken whatever it is
            case Wait(for_s):
                if for_s is None and not flying:
                    raise BrokenPromise(f"{policy!r} waits for an outcome of query {query.id}, with no call in flight")
                if for_s is not None and not flying:
                    view = replace(view, now_s=view.now_s + for_s)
            case Finish(answer):
                if not any(answer is outcome for outcome in query.outcomes) or answer.kind == "verify":
                    raise BrokenPromise(
                        f"{policy!r} finishes query {query.id} with {answer!r}, not an answer it was given"
                    )
                _tell(policy, query, answer.pool)
                return
            case Drop():
                return
            case _:
                raise BrokenPromise(f"{policy!r} decides {decision!r}: not one of Ask, Wait, Finish, Drop")
        if flying:
            query.outcomes += (_outcome(query, *flying.pop(0)),)
    raise BrokenPromise(f"{policy!r} does not end query {query.id} within {MOST_CALLS} decisions")


def _tell(policy: Policy, query: Query, pool: str) -> None:
    """A learner hears of every other answer, and that it was right or wrong by turns."""
    if query.id % 2:
        score, at_s = float(query.id % 4 == 1), query.arrived_s + 60.0
        tell((policy,), Feedback(query.id, pool, score, 10 + query.id, 1e-3, 10.0, 1.0, at_s))


def _check_calls(policy: Policy, query: Query, calls: Sequence[Any], view: _Fleet, verifiers: frozenset[str]) -> None:
    known = (*view.pools, *sorted(verifiers))
    if not calls:
        raise BrokenPromise(f"{policy!r} asks for no call of query {query.id}")
    for call in calls:
        if call.pool not in known:
            raise BrokenPromise(f"{policy!r} asks {call.pool!r}; there are {', '.join(known)}")
        if (call.kind == "verify") != (call.pool in verifiers):
            raise BrokenPromise(f"{policy!r} makes a {call.kind!r} call to {call.pool!r}")
        if call.kind == "verify" and call.final:
            raise BrokenPromise(f"{policy!r} makes a verification of query {query.id} final")
        if call.kind != "answer" and not any(isinstance(o, Answer) and o.kind != "verify" for o in query.outcomes):
            does = "verifies" if call.kind == "verify" else "refines"
            raise BrokenPromise(f"{policy!r} {does} query {query.id}, which has no answer yet")
        if call.samples < 1:
            raise BrokenPromise(f"{policy!r} asks {call.pool!r} for {call.samples} samples of query {query.id}")
        if call.pool not in verifiers and call.replica >= view.pools[call.pool].replicas:
            raise BrokenPromise(f"{policy!r} asks replica {call.replica} of {call.pool!r}, which has fewer")


def _outcome(query: Query, pool: str, kind: Any) -> Outcome:
    """Answers of all scores and failures of all kinds, by turns."""
    turn = query.id + 3 * len(query.outcomes)
    if query.id % 5 == 0:
        return Failed(pool, kind, FAILURES[turn % len(FAILURES)], float(turn))
    return Answer(pool, kind, SCORES[turn % len(SCORES)], 10 + turn, float(turn))
