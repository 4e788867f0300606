"""AutoMix: the small model's answer is verified a few times; the votes say whether the large model would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.policies.choice import Currency, relative
from simulator.policies.core import Call, Policy
from simulator.policies.escalation_frugal import CURRENCIES
from simulator.policies.setting import Floats, Needs, Setting, Train
from simulator.policies.stages import Bands, Rule, Stage, Staged, Verdict, taken
from simulator.spec.base import Count, NonNegative, Share
from simulator.spec.refs import PoolName, VerifierName

BINS = 10  # of a confidence whose frequencies stand for votes


@dataclass(frozen=True)
class AutoMix:
    """Ask `small`, have `verifier` vote `k` times on its answer, and ask `large` or not by the mean vote v.

    `threshold`: escalate if v < `accept`. `double`: escalate if `hopeless_below` <= v < `accept`; below, the large
    model would be wrong too. `pomdp`: a query is good (small right), needy (large right alone) or hopeless; escalate if
    sum_s b(s | v) (E[large | s] - E[small | s]) > `price` x cost of the large call relative to the dearest. States and
    what they score are frequencies of the train split, and so is the chance of v in a state where the verifier reads
    the answer's confidence; of a verifier that votes, say how often it says yes to right and to wrong answers (`right`,
    `wrong`). Since the large answer ends the query, the value has one step. Source: arXiv 2310.12963 (k = 8).
    """

    small: PoolName
    """The pool that is asked first."""
    large: PoolName
    """The pool that an answer is escalated to."""
    verifier: VerifierName
    """Which of the scenario's verifiers looks at answers."""
    k: Count = 8
    """Votes on each answer."""
    rule: Literal["threshold", "double", "pomdp"] = "threshold"
    """How the mean vote decides."""
    accept: float = 0.5
    """The least mean vote that is taken."""
    hopeless_below: float = 0.25
    """Of `double`: below this an answer is taken, too, since the large model would be wrong."""
    price: NonNegative = 0.1
    """Of `pomdp`: what a call at the dearest pool is worth, in right answers."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""
    right: Share | None = None
    """Of `pomdp`: how often the verifier says yes to right answers; needed where it votes."""
    wrong: Share | None = None
    """Of `pomdp`: how often it says yes to wrong ones."""

    def __post_init__(self) -> None:
        if (self.right is None) != (self.wrong is None):
            raise ValueError("'right' and 'wrong' belong together")
        if self.rule == "double":
            Bands(self.accept, self.hopeless_below)

    @property
    def needs(self) -> Needs:
        """A train split, to learn the states from."""
        return Needs(train=self.rule == "pomdp", verified={self.verifier: (self.small,)})

    def prepare(self, setting: Setting) -> Policy:
        """The two stages."""
        check = Call(self.verifier, kind="verify", samples=self.k)
        return Staged((Stage((Call(self.small),), rule=self._rule(setting), check=check), taken(self.large)))

    def _rule(self, setting: Setting) -> Rule:
        if self.rule == "threshold":
            return Bands(self.accept)
        if self.rule == "double":
            return Bands(self.accept, keep_below=self.hopeless_below)
        assert setting.train is not None
        train, columns = setting.train, [setting.pools.index(self.small), setting.pools.index(self.large)]
        return setting.fitted(("automix", repr(self)), lambda: self._belief(train, columns))  # type: ignore[no-any-return]

    def _belief(self, train: Train, columns: list[int]) -> ByValue:
        state, prior, gain = states(train.score[:, columns[0]], train.score[:, columns[1]])
        price = self.price * float(relative(getattr(train, CURRENCIES[self.currency]))[:, columns[1]].mean())
        if self.right is not None and self.wrong is not None:
            from scipy.stats import binom

            edges = (np.arange(self.k) + 0.5) / self.k
            votes = np.arange(self.k + 1)
            yes = binom.pmf(votes, self.k, self.right), binom.pmf(votes, self.k, self.wrong)
            likelihood = np.stack([yes[0], yes[1], yes[1]], axis=1)
        else:
            edges, likelihood = frequencies(train.confidence[:, columns[0]], state)
        joint = likelihood * prior
        return ByValue(tuple(edges.tolist()), tuple(((joint @ gain) > price * joint.sum(axis=1)).tolist()))


GOOD, NEEDY, HOPELESS = range(3)


def states(small: Floats, large: Floats) -> tuple[Floats, Floats, Floats]:
    """Each item's state, how likely each is, and what the large model scores more in it."""
    state = np.where(small >= 0.5, GOOD, np.where(large >= 0.5, NEEDY, HOPELESS))
    here = [state == each for each in (GOOD, NEEDY, HOPELESS)]
    gain = [float((large - small)[rows].mean()) if rows.any() else 0.0 for rows in here]
    return state.astype(float), np.array([rows.mean() for rows in here]), np.array(gain)


def frequencies(confidence: Floats, state: Floats) -> tuple[Floats, Floats]:
    """Edges of bins with equally many confidences each, and the share of each state's items that is in each bin.

    One item more is counted in every bin, so that no bin is impossible in a state. ValueError without confidences.
    """
    finite = confidence[np.isfinite(confidence)]
    if not len(finite):
        raise ValueError("the train split has no confidence of the small pool: say 'right' and 'wrong' of the verifier")
    edges = np.unique(np.quantile(finite, np.arange(1, BINS) / BINS))
    known = ~np.isnan(confidence)
    bins = np.searchsorted(edges, confidence[known], side="right")
    counts = np.ones((len(edges) + 1, 3))
    np.add.at(counts, (bins, state[known].astype(int)), 1)
    return edges, counts / counts.sum(axis=0)


@dataclass(frozen=True, slots=True)
class ByValue:
    """Whether to escalate, by the interval between `edges` that a signal falls into; without a signal, yes."""

    edges: tuple[float, ...]
    escalate: tuple[bool, ...]

    def __call__(self, value: float) -> Verdict:
        """By the interval."""
        inside = int(np.searchsorted(self.edges, value, side="right"))
        return Verdict.ESCALATE if value != value or self.escalate[inside] else Verdict.ACCEPT
