"""Hierarchical inference with a threshold that is learned online: keep the small model's answer, or offload."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Feedback, Finish, FleetView, Policy, Query
from simulator.policies.setting import Needs, RouterCost, Setting
from simulator.spec.refs import PoolName

Scale = Literal["probability", "log-probability"]
SCALED_EVERY, LEAST = 64, 1e-200  # far from where numbers end


def probability(score: float, scale: Scale) -> float:
    """A confidence as a number in [0, 1]; 0 where none was measured."""
    if math.isnan(score):
        return 0.0
    if scale == "log-probability":
        return math.exp(min(score, 0.0))
    return min(max(score, 0.0), 1.0)


class Thresholds:
    """Exponential weights over all thresholds in [0, 1], a density that is flat between the confidences seen.

    w(theta) falls by e^(-eta loss). A confidence p splits the thresholds in those that accept it (theta <= p) and those
    that offload it (theta > p); each side has one loss.
    """

    def __init__(self, eta: float) -> None:
        self.eta = eta
        self.seen = np.array([0.0, 1.0, np.nan, np.nan])  # edges of the pieces, in order
        self.weight = np.array([1.0, np.nan, np.nan])  # of the pieces: density times length
        self.pieces = 1
        self.losses = 0

    def share_above(self, p: float) -> float:
        """Probability that a threshold drawn by weight is above p, hence offloads."""
        weight, seen = self.weight[: self.pieces], self.seen
        piece = int(np.searchsorted(seen[1 : self.pieces + 1], p, side="right"))
        if piece == self.pieces:
            return 0.0
        part = (seen[piece + 1] - p) / (seen[piece + 1] - seen[piece])
        above = float(weight[piece + 1 :].sum()) + float(weight[piece]) * part
        return float(above / weight.sum())

    def lose(self, p: float, accepting: float, offloading: float) -> None:
        """Both sides of p have lost so much."""
        first = self._split(p)
        weight = self.weight[: self.pieces]
        weight[:first] *= math.exp(-self.eta * (accepting - offloading))  # only their ratio counts
        self.losses += 1
        if self.losses % SCALED_EVERY == 0:
            weight /= weight.max()
            np.maximum(weight, LEAST, out=weight)  # what is out of favour may come back

    def _split(self, p: float) -> int:
        """Make p an edge; the number of pieces below it."""
        seen, pieces = self.seen, self.pieces
        edge = int(np.searchsorted(seen[: pieces + 1], p, side="left"))
        if edge <= pieces and seen[edge] == p:
            return edge
        if pieces + 2 > len(seen) - 1:
            self.seen = seen = np.concatenate([seen, np.empty(len(seen))])
            self.weight = np.concatenate([self.weight, np.empty(len(self.weight) + 1)])
        below = (p - seen[edge - 1]) / (seen[edge] - seen[edge - 1])
        whole = self.weight[edge - 1]
        seen[edge + 1 : pieces + 2] = seen[edge : pieces + 1].copy()
        self.weight[edge + 1 : pieces + 1] = self.weight[edge:pieces].copy()
        seen[edge] = p
        self.weight[edge - 1], self.weight[edge] = whole * below, whole * (1.0 - below)
        self.pieces += 1
        return edge


@dataclass(frozen=True)
class HilF:
    """Offload to `large` if the confidence p of `small` is below theta, drawn anew by exponential weights each time.

    The loss is `beta` if offloaded, else 1 where the small answer is wrong; eta = sqrt(8 ln(T+1) / T) for T queries. A
    threshold's loss is known whatever was done: of answers kept from what comes back, of those offloaded by whether
    both answers are equal (the remote one is taken to be right). So both must be comparable; where a pair is not, or
    nothing comes back, nothing is learned. The offloaded answer is compared, hence comes whole. Source: HIL-F,
    Moothedath, Champati and Gross, arXiv 2304.00891.
    """

    ROUTER: ClassVar = RouterCost(0.0001, source="assumed: one threshold")

    small: PoolName
    """The pool that is asked first."""
    large: PoolName
    """The pool that an answer is escalated to."""
    beta: float = 0.3
    """Loss of an escalation; a wrong answer that is kept loses 1."""
    scale: Scale = "probability"
    """What confidences are: probabilities, or logarithms of them."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.beta <= 1.0:
            raise ValueError("'beta' is what offloading costs in wrong answers, 0 to 1")

    @property
    def needs(self) -> Needs:
        """A confidence of the small model, answers to compare, and what comes back."""
        return Needs(scores_of=(self.small,), groups_of=(self.small, self.large), feedback=True)

    def prepare(self, setting: Setting) -> Policy:
        """The learner of one replication."""
        n = max(len(setting.asked.prompt_tok), 1)
        return Offloads(self, setting, Thresholds(math.sqrt(8.0 * math.log(n + 1) / n)), explore=None)


@dataclass(frozen=True)
class HilN:
    """HIL-F where nothing comes back of answers that are kept: an offloaded one alone shows whether it was right.

    So of answers that would be kept, a share `explore` is offloaded too, and the loss of keeping counts only then, over
    the probability of offloading, which makes it right on the mean. `explore` is T^(-1/3) and
    eta = sqrt(2 explore ln(T+1) / T) where not given, of the order that the paper proves; its constants are others.
    Source: HIL-N, arXiv 2304.00891.
    """

    ROUTER: ClassVar = RouterCost(0.0001, source="assumed: one threshold")

    small: PoolName
    """The pool that is asked first."""
    large: PoolName
    """The pool that an answer is escalated to."""
    beta: float = 0.3
    """Loss of an escalation; a wrong answer that is kept loses 1."""
    explore: float | None = None
    """Share of kept answers that is escalated to learn of them; T^(-1/3) where it is not given."""
    scale: Scale = "probability"
    """What confidences are: probabilities, or logarithms of them."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.beta <= 1.0:
            raise ValueError("'beta' is what offloading costs in wrong answers, 0 to 1")
        if self.explore is not None and not 0.0 < self.explore <= 1.0:
            raise ValueError("'explore' is a share above 0")

    @property
    def needs(self) -> Needs:
        """A confidence of the small model, and answers to compare."""
        return Needs(scores_of=(self.small,), groups_of=(self.small, self.large))

    def prepare(self, setting: Setting) -> Policy:
        """The learner of one replication."""
        n = max(len(setting.asked.prompt_tok), 1)
        explore = n ** (-1 / 3) if self.explore is None else self.explore
        return Offloads(self, setting, Thresholds(math.sqrt(2.0 * explore * math.log(n + 1) / n)), explore)


class Offloads:
    """`HilF` or `HilN` with the weights that it has learned so far."""

    def __init__(self, rule: HilF | HilN, setting: Setting, thresholds: Thresholds, explore: float | None) -> None:
        self.rule = rule
        self.uniform = setting.uniform
        self.thresholds = thresholds
        self.explore = explore
        self.ask_small = Ask((Call(rule.small),))
        self.ask_large = Ask((Call(rule.large),))
        self.offloaded: dict[int, bool] = {}
        self.offers: dict[
            int, tuple[float, float]
        ] = {}  # of what is not learned yet: p, and how likely it was offloaded

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Keep the small answer or ask the large model; learn from an offloaded one."""
        rule = self.rule
        if rule.small not in query.asked:
            return self.ask_small
        kept = query.answers_from((rule.small,))
        if rule.large not in query.asked:
            return self.ask_large if not kept or self._offload(query.id, kept[0]) else Finish(kept[0])
        remote = query.answers_from((rule.large,))
        if not remote:
            return Finish(kept[0]) if kept else Drop(query.failure)
        if kept and kept[0].group >= 0 and remote[0].group >= 0:
            self._take(query.id, float(kept[0].group != remote[0].group))
        return Finish(remote[0])

    def learn(self, feedback: Feedback) -> None:
        """Of an answer that was kept: whether it was right."""
        if self.explore is None and feedback.pool == self.rule.small and not math.isnan(feedback.score):
            self._take(feedback.query, 1.0 - feedback.score)

    def _offload(self, query: int, answer: Answer) -> bool:
        """Whether this query's threshold is above its confidence: drawn once."""
        if query not in self.offloaded:
            p = probability(answer.score, self.rule.scale)
            likely = self.thresholds.share_above(p)
            if self.explore is not None:
                likely += (1.0 - likely) * self.explore
            self.offloaded[query] = self.uniform("theta", query, 0) < likely
            self.offers[query] = (p, likely)
            if self.explore is not None and not self.offloaded[query]:
                del self.offers[query]
                self.thresholds.lose(p, 0.0, self.rule.beta)
        return self.offloaded[query]

    def _take(self, query: int, wrong: float) -> None:
        """The losses of both sides of a confidence, once they are known."""
        offer = self.offers.pop(query, None)
        if offer is not None:
            p, likely = offer
            self.thresholds.lose(p, wrong if self.explore is None else wrong / likely, self.rule.beta)
