"""Two models that make one answer together: the pool asked decodes with the help of another's model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from simulator.physics.rounds import Rounds, hybrid, speculative
from simulator.physics.step import StepModel
from simulator.policies.core import Decision, FleetView, Query, ask_final, failed_or
from simulator.spec.refs import PoolName


@runtime_checkable
class Together(Protocol):
    """A policy that changes how a pool decodes: `build` gives the pool the step model that `together` makes."""

    @property
    def asked(self) -> str:
        """The pool that is asked, for whatever call: all of its calls are decoded so."""
        ...

    @property
    def helper(self) -> str:
        """The pool whose model and device help; its queue and its own calls know nothing of it."""
        ...

    @property
    def tok_per_pass(self) -> int:
        """Tokens of one sequence in one pass of the pool asked."""
        ...

    def together(self, asked: StepModel, helper: StepModel, rtt_s: float) -> StepModel | None:
        """The step model of both, `rtt_s` apart; None where the pool decodes as ever."""
        ...


@dataclass(frozen=True, slots=True)
class Speculative:
    """Ask `target`, which checks in one pass the `draft_tok` tokens that `draft` has made ahead: its own exact answers.

    A round gives (1 - a^(g + 1)) / (1 - a) tokens of the target's, with a the `acceptance` of one drafted token and g =
    `draft_tok`; between pools at two places it takes a round trip. Each replica of `target` has a replica of `draft`
    that does nothing else: queues at the draft are left out (errs to short times). Prompts go to `target` as ever.
    Source: Leviathan et al., arXiv 2211.17192 (a of .62 to .80 in its table 2).
    """

    draft: PoolName
    """The pool that makes tokens ahead."""
    target: PoolName
    """The pool whose answer it is."""
    acceptance: float
    """Probability that the target takes a token."""
    draft_tok: int = 5
    """Tokens made ahead in a round."""

    def __post_init__(self) -> None:
        _check(self.draft, self.target, acceptance=self.acceptance)
        if self.draft_tok < 1:
            raise ValueError(f"'draft_tok' must be 1 or more, not {self.draft_tok}")

    @property
    def asked(self) -> str:
        """The target."""
        return self.target

    @property
    def helper(self) -> str:
        """The draft."""
        return self.draft

    @property
    def tok_per_pass(self) -> int:
        """The drafted tokens, and the target's own."""
        return self.draft_tok + 1

    def together(self, asked: StepModel, helper: StepModel, rtt_s: float) -> Rounds:
        """Rounds of drafting and checking."""
        return speculative(asked, helper, self.draft_tok, self.acceptance, rtt_s)

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the target, once."""
        return failed_or(query, ask_final(self.target))


@dataclass(frozen=True, slots=True)
class SpeculativeCascade(Speculative):
    """As `speculative`, but a drafted token stays unless a rule defers to `target`, at `deferral` of the tokens.

    Where the rule does not defer, the draft's token is taken whatever the target thinks, so that the acceptance rises
    to 1 - deferral (1 - acceptance); 1 is speculative decoding. Answers score as the target's own: what the tokens that
    stay change in quality is left out (errs to high accuracy where `draft` is the worse at them). Source: Narasimhan et
    al., arXiv 2405.19261.
    """

    deferral: float = field(kw_only=True)
    """Share of tokens at which the target has the last word."""

    def __post_init__(self) -> None:
        Speculative.__post_init__(self)  # `super()` does not know a class that was made anew for its slots
        _check(self.draft, self.target, deferral=self.deferral)

    def together(self, asked: StepModel, helper: StepModel, rtt_s: float) -> Rounds:
        """Rounds of drafting and checking."""
        kept = 1.0 - self.deferral * (1.0 - self.acceptance)
        return speculative(asked, helper, self.draft_tok, kept, rtt_s)


@dataclass(frozen=True, slots=True)
class HybridTokens:
    """Ask `small`; at `cloud_frac` of the tokens, those that a reward model thinks little of, `large` gives them.

    Each such token takes a pass of `large` and a round trip between the two places. Its queue is left out (errs to
    short times). Answers score as `small`'s own: tables know no answers of two models (errs to low accuracy). Source:
    token-level hybrid decoding, arXiv 2409.13757.
    """

    small: PoolName
    """The pool that makes most tokens."""
    large: PoolName
    """The pool that makes the others."""
    cloud_frac: float
    """Share of tokens that it makes."""

    def __post_init__(self) -> None:
        _check(self.small, self.large, cloud_frac=self.cloud_frac)

    @property
    def asked(self) -> str:
        """The small one."""
        return self.small

    @property
    def helper(self) -> str:
        """The large one."""
        return self.large

    @property
    def tok_per_pass(self) -> int:
        """One token at a time."""
        return 1

    def together(self, asked: StepModel, helper: StepModel, rtt_s: float) -> Rounds | None:
        """Tokens of either."""
        return hybrid(asked, helper, self.cloud_frac, rtt_s) if self.cloud_frac > 0.0 else None

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the small one, once."""
        return failed_or(query, ask_final(self.small))


def _check(one: str, other: str, **shares: float) -> None:
    if one == other:
        raise ValueError(f"two models need two pools, not {one!r} twice")
    for name, value in shares.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name!r} must be from 0 to 1, not {value:g}")
