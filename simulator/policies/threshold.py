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
        score = query.prompt_tok if self.task_scores is None else self.task_scores.get(query.task or "", float("-inf"))
        return failed_or(query, self._asks[score >= self.threshold])
