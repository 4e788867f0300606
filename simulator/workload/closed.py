"""Closed loops: who asks again only after the answer, at once or after a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simulator.spec.base import Count, NonNegative, Positive, Spec
from simulator.workload.arrivals import taken
from simulator.workload.lengths import Tokens
from simulator.workload.traffic import Demand, Floats, Ints, Streams, Traffic


@dataclass(frozen=True, slots=True)
class Users:
    """A fixed number of users: each asks, waits for the answer, thinks, and asks the next, unrelated query.

    Rows go by turn, then user. N queries are ceil(N / users) turns of each, cut at N. Of a duration, as many turns are
    drawn as the quickest could get through if every answer took `min_answer_s` only.
    """

    users: Count
    """How many."""
    think_s: NonNegative
    """Mean seconds between an answer and the next query."""
    think: Literal["exponential", "fixed"] = "exponential"
    """How times to think are distributed."""
    ramp_s: NonNegative = 0.0
    """The users begin one after the other, evenly over these seconds."""
    min_answer_s: Positive = 0.1
    """No answer is expected sooner; if they were, users would run out of queries before the end."""

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows of all turns; the first turns have arrival times."""
        n = demand.queries if demand.queries is not None else self.users * self._turns_before(demand, streams)
        row = np.arange(n)
        turn, user = np.divmod(row, self.users)
        begin_s = self.ramp_s * user / self.users
        due_s = np.maximum.accumulate(begin_s + turn * (self.think_s + self.min_answer_s))
        return Traffic(
            arrive_s=np.where(turn == 0, begin_s, np.nan),
            next_row=np.where(row + self.users < n, row + self.users, -1),
            wait_s=np.where(turn == 0, 0.0, self._think_s(n, streams)),
            session=user,
            turn=turn,
            due_s=due_s,
        )

    def _think_s(self, n: int, streams: Streams) -> Floats:
        if self.think == "fixed":
            return np.full(n, self.think_s)
        return streams("think").exponential(self.think_s, n)

    def _turns_before(self, demand: Demand, streams: Streams) -> int:
        """The fewest turns after which even the quickest user is past the end."""
        until_s = demand.until_s
        assert until_s is not None, demand
        if self.min_answer_s >= until_s:
            return 1
        turns = 2 + int(until_s / (self.think_s + self.min_answer_s))
        while True:
            cycles_s = self._think_s(turns * self.users, streams).reshape(turns, self.users) + self.min_answer_s
            past = cycles_s[1:].cumsum(axis=0) + self.min_answer_s >= until_s
            if past[-1].all():
                return 2 + int(past.argmax(axis=0).max())
            turns += 1 + turns // 4


class Spread(Spec):
    """A lognormal duration; fixed where `sigma` (of the natural logarithm) is 0."""

    median_s: NonNegative
    """Half are shorter."""
    sigma: NonNegative = 0.0
    """Of the natural logarithm."""

    def of(self, normals: Floats) -> Floats:
        """Seconds of standard normal numbers."""
        return self.median_s * np.exp(self.sigma * normals)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Conversations: each next query comes some time after the answer, and its prompt has all that was said before.

    Prompts count the new tokens only. Lengths are those of the class, or all three given here.
    """

    rate_per_s: Positive
    """Of sessions (Poisson), not of queries."""
    turns_mean: Annotated[float, Field(ge=1)]
    """Mean queries of a session."""
    wait: Spread
    """Between an answer and the next query."""
    turns: Literal["geometric", "fixed"] = "geometric"
    """How the number of queries is distributed."""
    first_prompt: Tokens | None = None
    """Tokens of a session's first prompt."""
    new_prompt: Tokens | None = None
    """What each later query adds."""
    output: Tokens | None = None
    """Tokens of answers."""

    def __post_init__(self) -> None:
        given = [part is not None for part in (self.first_prompt, self.new_prompt, self.output)]
        if any(given) and not all(given):
            raise ValueError(
                "give all of 'first_prompt', 'new_prompt' and 'output', or none and 'lengths' to the class"
            )
        if self.turns == "fixed" and self.turns_mean != int(self.turns_mean):
            raise ValueError(f"fixed turns must be a whole number, not {self.turns_mean:g}")

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows by session, then turn; the first turns have arrival times."""

        def turns(sessions: int) -> Ints:
            if self.turns == "fixed":
                return np.full(sessions, int(self.turns_mean))
            return streams("turns").geometric(1 / self.turns_mean, sessions)

        rows = session_rows(poisson_starts(self.rate_per_s, streams), turns, demand, self.rate_per_s)
        n = len(rows)
        rows = replace(rows, wait_s=self.wait.of(streams("waits").standard_normal(n)), grows=True)
        if self.first_prompt is None or self.new_prompt is None or self.output is None:
            return rows
        normals = streams("prompt").standard_normal(n)
        prompt_tok = np.where(rows.turn == 0, self.first_prompt.of(normals), self.new_prompt.of(normals))
        return replace(rows, prompt_tok=prompt_tok, output_tok=self.output.of(streams("output").standard_normal(n)))


def poisson_starts(rate_per_s: float, streams: Streams) -> Callable[[int], Floats]:
    """Starts of the first n sessions, for any n."""
    return lambda n: streams("gaps").exponential(1 / rate_per_s, n).cumsum()


def session_rows(
    starts_s: Callable[[int], Floats], turns: Callable[[int], Ints], demand: Demand, rate_per_s: float
) -> Traffic:
    """Rows of the sessions that `demand` begins, by session, then turn: begun sessions are kept whole, up to `queries`.

    `starts_s(n)` and `turns(n)` are those of the first n sessions of an endless sequence, whatever n is.
    """
    if demand.queries is None:
        begun_s = taken(starts_s, demand, rate_per_s)
        counts = turns(len(begun_s))
        n = int(counts.sum())
    else:
        n, sessions = demand.queries, 16
        while (counts := turns(sessions)).sum() < n:
            sessions *= 2
        counts = counts[: 1 + int(np.searchsorted(counts.cumsum(), n))]
        begun_s = starts_s(len(counts))
    session = np.repeat(np.arange(len(counts)), counts)[:n]
    first = np.cumsum(counts) - counts
    row = np.arange(n)
    turn = row - first[session]
    follows = np.append(turn[1:] > 0, False)
    return Traffic(
        arrive_s=np.where(turn == 0, begun_s[session], np.nan),
        next_row=np.where(follows, row + 1, -1),
        session=session,
        turn=turn,
        due_s=begun_s[session],
    )
