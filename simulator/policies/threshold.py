"""Routing by a score that is known before any answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.policies.core import Ask, Decision, FleetView, Query, ask_final, failed_or
from simulator.spec.refs import PoolName


@dataclass(frozen=True, slots=True)
class Threshold:
    """Ask `strong` if the query's score is `threshold` or more, else `weak`: strong iff s(q) >= tau.

    The score is that of the query's task in `task_scores` where given, else its prompt's length in tokens (the rules
    that users of gateways write). Source of the form: RouteLLM, arXiv 2406.18665; HybridLLM, arXiv 2404.14618.
    """

    weak: PoolName
    """The cheap pool."""
    strong: PoolName
    """The good pool."""
    threshold: float
    """From this score on, `strong` is asked."""
    task_scores: dict[str, float] | None = None
    """Score of a query by its task; the prompt's tokens where it is not given."""
    _asks: tuple[Ask, Ask] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asks = tuple(ask_final(pool) for pool in (self.weak, self.strong))
        object.__setattr__(self, "_asks", asks)

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask one of the two, once."""
        return failed_or(query, self._asks[self._score(query) >= self.threshold])

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """The score, and on which side of the threshold it lies."""
        if query.asked:
            return "no other pool is asked"
        score, of = self._score(query), "prompt's tokens" if self.task_scores is None else "task's score"
        side = "at least" if score >= self.threshold else "below"
        return f"the {of}, {score:.4g}, {side} the threshold {self.threshold:.4g}"

    def _score(self, query: Query) -> float:
        if self.task_scores is None:
            return query.prompt_tok
        return self.task_scores.get(query.task or "", float("-inf"))
