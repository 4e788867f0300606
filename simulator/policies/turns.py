"""Whose turn it is with a query, where policies hold policies.

A held policy is asked about a query as if nobody else had been: it sees the calls that it made and the outcomes of
those, from the moment at which it was given the query. Where the turns changed is remembered, not worked out anew: a
held policy that looks at the fleet would not decide alike twice. A policy that remembers what it decided about a query
says so (`remembers`), since two of it cannot share a query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from simulator.policies.core import Answer, Ask, Decision, Feedback, FleetView, Learner, Outcome, Policy, Query, why


class Turn:
    """Whose turn it is with a query, and from where on: what a holder remembers of it."""

    __slots__ = ("answer", "asked", "begun_s", "final", "late", "outcomes", "own", "value", "whose")

    def __init__(self) -> None:
        self.whose = 0
        self.asked = self.outcomes = 0  # how many there were when the turn began
        self.late: Counter[str] = Counter()  # calls of earlier turns that were still in flight
        self.own: Query | None = None  # the query as the later turns see it
        self.answer: Answer | None = None  # what there is to give, so far
        self.final: dict[str, int] = {}  # pools asked for a final answer, after so many calls
        self.value: float | None = None  # what the newest check said
        self.begun_s = 0.0

    def passes(self, query: Query, to: int, now_s: float) -> None:
        """The next turn begins, with all that happened left behind."""
        if len(query.asked) > len(query.outcomes):
            self.late = Counter(query.asked) - Counter(outcome.pool for outcome in query.outcomes)
        else:
            self.late = Counter()
        self.asked, self.outcomes, self.whose, self.begun_s = len(query.asked), len(query.outcomes), to, now_s
        self.final = {}
        self.own = Query(query.id, query.cls, query.task, query.prompt_tok, query.arrived_s)

    def part(self, query: Query) -> Query:
        """The query as whoever's turn it is may see it."""
        if self.own is None:
            return query
        self.own.asked, self.own.outcomes = query.asked[self.asked :], query.outcomes[self.outcomes :]
        if self.late:
            self.own.outcomes = tuple(_without(self.late, self.own.outcomes))
        return self.own

    def judged(self, part: Query, decision: Decision) -> Decision:
        """A decision whose answer is to be looked at before it is taken: no call is final, which the turn remembers."""
        if not isinstance(decision, Ask) or not any(call.final for call in decision.calls):
            return decision
        for call in decision.calls:
            if call.final:
                self.final.setdefault(call.pool, part.asked.count(call.pool))
        return Ask(tuple(call._replace(final=False) for call in decision.calls), decision.for_s)

    def taken(self, part: Query) -> Answer | None:
        """The answer to a call that would have been final: its policy is not asked about it."""
        seen: Counter[str] = Counter()
        for outcome in part.outcomes:
            if isinstance(outcome, Answer) and seen[outcome.pool] >= self.final.get(outcome.pool, len(part.asked)):
                return outcome
            seen[outcome.pool] += 1
        return None


def _without(late: Counter[str], outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    """Outcomes but for those of calls that an earlier turn made; they come first where both have asked a pool."""
    left = Counter(late)
    for outcome in outcomes:
        if left[outcome.pool] > 0:
            left[outcome.pool] -= 1
        else:
            yield outcome


Turns = WeakKeyDictionary[Query, Turn]


def turn_of(turns: Turns, query: Query) -> Turn:
    """The turn that it is; the first one for a new query."""
    turn = turns.get(query)
    if turn is None:
        turn = turns[query] = Turn()
    return turn


@dataclass(frozen=True)
class Teaches:
    """A policy of which a part learns: what comes back is told to every part that does."""

    policy: Policy
    learners: tuple[Learner, ...]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """As the policy does."""
        return self.policy.decide(query, view)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """As the policy does."""
        return why(self.policy, query, view, decision)

    def learn(self, feedback: Feedback) -> None:
        """Tell all of them."""
        for learner in self.learners:
            learner.learn(feedback)


def teaching(policy: Policy, parts: Sequence[Policy]) -> Policy:
    """`policy`, which passes on feedback if one of its parts learns."""
    learners = tuple(part for part in parts if isinstance(part, Learner))
    return Teaches(policy, learners) if learners else policy
