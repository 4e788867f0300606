"""Escalation by what the small model says of its own answer."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar
from weakref import WeakKeyDictionary

from simulator.policies.core import Call, Decision, Finish, FleetView, Policy, Query
from simulator.policies.setting import Needs, Setting
from simulator.policies.signals import Signal, SignalName, signal
from simulator.policies.stages import Bands, Stage, Staged, Verdict, check_order, taken
from simulator.spec.base import Count, Share
from simulator.spec.refs import PoolName, VerifierName


@dataclass(frozen=True)
class Uncertainty:
    """Escalate along `order` while signal(a) < `accept`; below `abstain_below` give no answer.

    Margin, entropy, mean and quantiles of token log-probabilities are signals of a table: `items.confidence` says which
    one is the score. `signal` says what is made of it: the sum over tokens, a probability, a calibrated one. Sources:
    arXiv 2404.10136 (sum, mean, quantile), 2405.02134 (margin); Gatekeeper, arXiv 2502.19335, whose small model is
    tuned to be unsure where it is wrong, is this rule over the tuned model's confidence.
    """

    order: tuple[PoolName, ...]
    """Pools, the first asked first."""
    accept: float
    """The least signal that is taken."""
    signal: SignalName = "score"
    """What is made of an answer's confidence: as it is, exp of it, times its tokens, or fitted to P(right)."""
    abstain_below: float | None = None
    """Below this no answer is given; never where it is not given."""

    def __post_init__(self) -> None:
        check_order(self.order)
        self._rule()

    def _rule(self) -> Bands:
        return Bands(self.accept, abstain_below=float("-inf") if self.abstain_below is None else self.abstain_below)

    @property
    def needs(self) -> Needs:
        """Answers with a score, of all pools but the last; a train split to calibrate by."""
        return Needs(train=self.signal == "calibrated", scores_of=self.order[:-1])

    def prepare(self, setting: Setting) -> Policy:
        """The stages, with their curves."""
        reads = signal(self.signal, setting, self.order[:-1])
        stages = [Stage((Call(pool),), reads, self._rule()) for pool in self.order[:-1]]
        return Staged((*stages, taken(self.order[-1])))


@dataclass(frozen=True)
class ConfidenceToken:
    """The small model ends its answer with a token of confidence: P(token) < `accept` goes to `large`, or to nobody.

    The score is that probability. Without a `large`, an unsure answer is not given (rejection). Source: Self-REF, arXiv
    2410.13284, which leaves the threshold to the user; 0.5 is where the token itself would change.
    """

    small: PoolName
    """The pool that is asked first."""
    large: PoolName | None = None
    """The pool that an unsure answer is escalated to; without it, none is given."""
    accept: float = 0.5
    """The least probability that is taken."""

    @property
    def needs(self) -> Needs:
        """The token's probability."""
        return Needs(scores_of=(self.small,))

    def prepare(self, setting: Setting) -> Policy:
        """Two stages, or one."""
        if self.large is None:
            return Staged((Stage((Call(self.small),), rule=Bands(self.accept, abstain_below=self.accept)),))
        return Staged((Stage((Call(self.small),), rule=Bands(self.accept)), taken(self.large)))


@dataclass(frozen=True)
class SelfVerify:
    """`verifier` looks at each answer along `order` `k` times; it is taken where the mean vote is `accept` or more.

    The last one is taken as it is. Source: P(True) of arXiv 2207.05221; a verifier that is a call at a pool is the
    model that judges itself.
    """

    order: tuple[PoolName, ...]
    """Pools, the first asked first."""
    verifier: VerifierName
    """Which of the scenario's verifiers looks at answers."""
    accept: float = 0.5
    """The least mean vote that is taken."""
    k: Count = 1
    """Votes on each answer."""

    def __post_init__(self) -> None:
        check_order(self.order)

    @property
    def needs(self) -> Needs:
        """A verifier that can tell."""
        return Needs(verified={self.verifier: self.order[:-1]})

    def prepare(self, setting: Setting) -> Policy:
        """The stages."""
        check = Call(self.verifier, kind="verify", samples=self.k)
        stages = [Stage((Call(pool),), rule=Bands(self.accept), check=check) for pool in self.order[:-1]]
        return Staged((*stages, taken(self.order[-1])))


@dataclass(frozen=True)
class TwoTier:
    """Escalate the least sure `share` of answers: signal < the running `share`-quantile of the last `window` signals.

    The threshold so finds the call budget by itself, whatever the signal's scale. A query's own signal is one of the
    window's. Source: margin of the first token, Ramirez et al., arXiv 2405.02134.
    """

    small: PoolName
    """The pool that is asked first."""
    large: PoolName
    """The pool that an answer is escalated to."""
    share: Share
    """Share of answers that is escalated."""
    signal: SignalName = "score"
    """What is made of an answer's confidence: as it is, exp of it, times its tokens, or fitted to P(right)."""
    window: Count = 1000
    """Answers that the quantile is of."""

    @property
    def needs(self) -> Needs:
        """Answers of the small pool with a score."""
        return Needs(train=self.signal == "calibrated", scores_of=(self.small,))

    def prepare(self, setting: Setting) -> Policy:
        """A window that is empty."""
        reads = signal(self.signal, setting, (self.small,))
        return Running(self.small, self.large, self.share, reads, self.window)


@dataclass(eq=False)
class Running:
    """`TwoTier` with the signals that it has seen. A query is judged once."""

    remembers: ClassVar = True

    small: str
    large: str
    share: float
    reads: Signal
    window: int
    seen: deque[float] = field(default_factory=deque, repr=False)
    ordered: list[float] = field(default_factory=list, repr=False)
    sure: WeakKeyDictionary[Query, bool] = field(default_factory=WeakKeyDictionary, repr=False)

    def __post_init__(self) -> None:
        self.both = Staged((Stage((Call(self.small),), rule=_unsure), taken(self.large)))

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Accept what is sure among the newest ones."""
        answers = query.answers_from((self.small,))
        if answers and query not in self.sure:
            self.sure[query] = self._judged(self.reads(query, answers[:1]).value)
        return Finish(answers[0]) if answers and self.sure[query] else self.both.decide(query, view)

    def _judged(self, value: float) -> bool:
        """Whether a new signal is at or above the running quantile."""
        if value != value:
            return False
        if len(self.seen) == self.window:
            del self.ordered[bisect_left(self.ordered, self.seen.popleft())]
        self.seen.append(value)
        insort(self.ordered, value)
        at = int(self.share * len(self.ordered))  # so many are below the next
        return at < len(self.ordered) and value >= self.ordered[at]


def _unsure(value: float) -> Verdict:
    return Verdict.ESCALATE
