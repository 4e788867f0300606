"""Small model first, larger ones where its answer is not sure enough."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.policies.core import Call, Decision, FleetView, Query
from simulator.policies.setting import Needs
from simulator.policies.stages import Bands, Stage, Staged, check_order, taken
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
    """Pools, the first asked first; the last one's answer is taken as it is."""
    accept: float | dict[PoolName, float]
    """The least score that is taken: one for all pools, or by pool."""
    verifier: VerifierName | None = None
    """What gives answers their score; their own confidence where it is not given."""
    _staged: Staged = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_order(self.order)
        if isinstance(self.accept, dict):
            missing = [pool for pool in self.order[:-1] if pool not in self.accept]
            if missing:
                raise ValueError(f"'accept' has no threshold for {', '.join(map(repr, missing))}")
        check = None if self.verifier is None else Call(self.verifier, kind="verify")
        stages = [
            Stage(
                (Call(pool),),
                rule=Bands(self.accept[pool] if isinstance(self.accept, dict) else self.accept),
                check=check,
            )
            for pool in self.order[:-1]
        ]
        object.__setattr__(self, "_staged", Staged((*stages, taken(self.order[-1]))))

    @property
    def needs(self) -> Needs:
        """Answers with a score, of all pools but the last; or a verifier that gives them one."""
        if self.verifier is not None:
            return Needs(verified={self.verifier: self.order[:-1]})
        return Needs(scores_of=self.order[:-1])

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Accept the newest answer or ask the next pool."""
        return self._staged.decide(query, view)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """The newest answer's score beside its threshold."""
        return self._staged.why(query, view, decision)
