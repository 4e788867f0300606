"""Sessions as measured: chats that go on or stop, coding agents whose contexts grow. For built-in workloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from simulator.spec.base import Positive, Share, Spec
from simulator.workload.closed import Spread, poisson_starts, session_rows
from simulator.workload.lengths import Percentiles, check_table, quantile, whole
from simulator.workload.traffic import Demand, Floats, Ints, Streams, Traffic

Values = tuple[float, ...]


class Chats(Spec):
    """Conversations that stop after each answer with a probability of their own, beta distributed."""

    sessions_per_s: Positive
    stop_a: Annotated[float, Field(gt=1)]
    stop_b: Positive
    wait: Spread
    percentiles: Percentiles
    first_prompt_tok: Values
    new_prompt_tok: Values
    """What each later query adds."""
    output_tok: Values

    @model_validator(mode="after")
    def _tables(self) -> Chats:
        for values in (self.first_prompt_tok, self.new_prompt_tok, self.output_tok):
            check_table(self.percentiles, values)
        return self

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows by session, then turn, with lengths; prompts count the new tokens only."""

        def turns(sessions: int) -> Ints:
            stay = np.clip(1 - streams("stop").beta(self.stop_a, self.stop_b, sessions), 1e-12, 1 - 1e-12)
            return 1 + np.floor(np.log1p(-streams("turns").random(sessions)) / np.log(stay)).astype(np.int64)

        starts_s = poisson_starts(self.sessions_per_s, streams)
        rows = session_rows(starts_s, turns, demand, self.sessions_per_s)
        n, rank = len(rows), streams("prompt").random(len(rows))
        first = quantile(self.percentiles, self.first_prompt_tok, rank)
        new = quantile(self.percentiles, self.new_prompt_tok, rank)
        return replace(
            rows,
            prompt_tok=whole(np.where(rows.turn == 0, first, new)),
            output_tok=whole(quantile(self.percentiles, self.output_tok, streams("output").random(n))),
            wait_s=self.wait.of(streams("waits").standard_normal(n)),
            grows=True,
        )


class Start(Spec):
    """A way in which coding sessions begin: fresh, or with a long context taken over."""

    weight: Positive
    first_prompt_tok: Values
    turns: Values


class CodingSessions(Spec):
    """A coding agent's sessions: tools and people answer the model, and contexts grow until they are compacted.

    Prompts are whole: they grow by tables of the context's size, since the agent edits its history. `human_frac` of the
    waits are a person's.
    """

    sessions_per_s: Positive
    percentiles: Percentiles
    starts: tuple[Start, ...]
    context_from_tok: Values
    """Lower edges of the context sizes that have a row of `growth_tok` each."""
    growth_tok: tuple[Values, ...]
    output_tok: Values
    tool_wait_s: Values
    human_wait_s: Values
    human_frac: Share

    @model_validator(mode="after")
    def _tables(self) -> CodingSessions:
        tables = [table for start in self.starts for table in (start.first_prompt_tok, start.turns)]
        for values in (*tables, *self.growth_tok, self.output_tok, self.tool_wait_s, self.human_wait_s):
            check_table(self.percentiles, values)
        if len(self.growth_tok) != len(self.context_from_tok):
            raise ValueError(f"{len(self.growth_tok)} rows of growth for {len(self.context_from_tok)} context sizes")
        return self

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows by session, then turn, with lengths."""

        def turns(sessions: int) -> Ints:
            tables = [start.turns for start in self.starts]
            return whole(self._of_start(tables, sessions, streams, "turns"))

        starts_s = poisson_starts(self.sessions_per_s, streams)
        rows = session_rows(starts_s, turns, demand, self.sessions_per_s)
        n = len(rows)
        is_human = streams("who").random(n) < self.human_frac
        rank = streams("waits").random(n)
        tool_s = quantile(self.percentiles, self.tool_wait_s, rank)
        return replace(
            rows,
            prompt_tok=self._prompts(rows, streams),
            output_tok=whole(quantile(self.percentiles, self.output_tok, streams("output").random(n))),
            wait_s=np.where(is_human, quantile(self.percentiles, self.human_wait_s, rank), tool_s),
        )

    def _of_start(self, tables: Sequence[Values], sessions: int, streams: Streams, name: str) -> Floats:
        """For each session, a value of the table of its way to begin."""
        shares = np.cumsum([start.weight for start in self.starts])
        way = np.searchsorted(shares, shares[-1] * streams("start").random(sessions), side="right")
        rank = streams(name).random(sessions)
        return np.asarray(np.choose(way, [quantile(self.percentiles, table, rank) for table in tables]))

    def _prompts(self, rows: Traffic, streams: Streams) -> Ints:
        """Whole prompts, turn after turn, of all sessions at once."""
        at = np.flatnonzero(rows.turn == 0)
        first_tables = [start.first_prompt_tok for start in self.starts]
        least = min(table[0] for table in first_tables)
        rank, cells = 100 * streams("growth").random(len(rows)), np.array(self.percentiles)
        cell = np.clip(np.searchsorted(cells, rank, side="right") - 1, 0, len(cells) - 2)
        part = (rank - cells[cell]) / (cells[cell + 1] - cells[cell])
        growth = np.array(self.growth_tok)
        prompt_tok = np.empty(len(rows))
        prompt_tok[at] = self._of_start(first_tables, len(at), streams, "first")
        assert rows.next_row is not None
        while len(at := at[rows.next_row[at] >= 0]):
            size = np.searchsorted(self.context_from_tok, prompt_tok[at], side="right") - 1
            at = at + 1
            low, high = growth[size, cell[at]], growth[size, cell[at] + 1]
            prompt_tok[at] = np.maximum(least, prompt_tok[at - 1] + low + part[at] * (high - low))
        return whole(prompt_tok)
