"""Small model first, larger ones where its answer is not sure enough."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Finish, FleetView, Needs, Query
from simulator.spec.refs import PoolName, VerifierName


@dataclass(frozen=True, slots=True)
class Cascade:
    """Ask the pools in `order` until an answer's score is `accept[pool]` or more; the last one's is taken as it is.

    Escalates if the score is strictly below the threshold: ties share a fate, +inf is always accepted, -inf never, and
    an answer without a score is not accepted. A pool that fails is passed over. With a `verifier`, the score is known
    only after that station has looked at the answer. Where all later pools fail, the last answer there is is given.
    Source: FrugalGPT, arXiv 2305.05176; hierarchical inference, arXiv 2506.06579.
    """

    order: tuple[PoolName, ...]
    accept: float | dict[PoolName, float]
    verifier: VerifierName | None = None
    _asks: dict[str, Ask] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.order or len(set(self.order)) < len(self.order):
            raise ValueError("'order' needs at least one pool, each once")
        if isinstance(self.accept, dict):
            missing = [pool for pool in self.order[:-1] if pool not in self.accept]
            if missing:
                raise ValueError(f"'accept' has no threshold for {', '.join(map(repr, missing))}")
        last = self.order[-1]
        object.__setattr__(self, "_asks", {pool: Ask((Call(pool, final=pool == last),)) for pool in self.order})

    @property
    def needs(self) -> Needs:
        """Answers with a score, of all pools but the last."""
        return Needs(scores_of=self.order[:-1])

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Accept the newest answer or ask the next pool."""
        asked = query.asked
        if not asked:
            return self._asks[self.order[0]]
        newest = query.outcomes[-1]
        if isinstance(newest, Answer):
            if newest.kind == "verify":
                answer = query.answers_from(self.order)[-1]
            elif self.verifier is not None:
                return Ask((Call(self.verifier, kind="verify"),))
            else:
                answer = newest
            if newest.score >= self._accept(answer.pool):
                return Finish(answer)
        for pool in self.order:
            if pool not in asked:
                return self._asks[pool]
        answers = query.answers_from(self.order)
        return Finish(answers[-1]) if answers else Drop(query.failure)

    def _accept(self, pool: str) -> float:
        return self.accept.get(pool, float("-inf")) if isinstance(self.accept, dict) else self.accept
