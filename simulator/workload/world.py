"""The world of one replication: all that the classes ask, joined, before any policy is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.spec.errors import SpecError
from simulator.workload.items import ItemDraw
from simulator.workload.streams import NamedStreams, below
from simulator.workload.traffic import Arrivals, Demand, Floats, Ints, Lengths, Traffic, World


@dataclass(frozen=True)
class ClassTraffic:
    """What a class asks. `lengths` replace those that the arrivals bring; `items` None: no quality table.

    `next_prompt`: whether a session's prompts grow by the answers really given, or by those that the source has.
    """

    arrivals: Arrivals
    lengths: Lengths | None = None
    items: ItemDraw | None = None
    next_prompt: Literal["answer", "trace"] = "answer"


def world(classes: Mapping[str, ClassTraffic], demand: Demand, seed: int, replication: int) -> World:
    """Superpose the classes. Raises SpecError where a class has no lengths.

    Of N queries, the world has the N rows that are due first: a row of an open loop at its arrival, a session's rows at
    its start (sessions begun are kept whole, up to N), a user's when they would come if answers took `min_answer_s`. Of
    a duration, it has all that may arrive before it. Each class's rows depend on its name, the seed and the replication
    only: neither on other classes nor, but for where they end, on how much is asked.
    """
    parts, dues_s = [], []
    for index, (name, part) in enumerate(classes.items()):
        streams = NamedStreams(seed, replication, name)
        traffic = part.arrivals.draw(demand, below(streams, "arrivals"))
        parts.append(_alone(name, index, traffic, part, streams))
        dues_s.append(traffic.arrive_s if traffic.due_s is None else traffic.due_s)
    return _joined(tuple(classes), parts, dues_s, demand.queries)


def _alone(name: str, index: int, traffic: Traffic, part: ClassTraffic, streams: NamedStreams) -> World:
    """The world of one class."""
    n = len(traffic)
    prompt_tok, output_tok = _lengths(name, traffic, part, streams)
    follows = np.isnan(traffic.arrive_s)
    grows = np.full(n, traffic.grows) & follows
    if part.next_prompt == "trace" and traffic.grows:
        prompt_tok, grows = _whole_prompts(prompt_tok, output_tok, follows), np.zeros(n, dtype=np.bool_)
    return World(
        classes=(name,),
        cls=np.full(n, index, dtype=np.int32),
        arrive_s=traffic.arrive_s,
        prompt_tok=prompt_tok,
        output_tok=output_tok,
        item=np.full(n, -1, dtype=np.int32) if part.items is None else part.items.draw(n, below(streams, "items")),
        session=np.full(n, -1) if traffic.session is None else traffic.session,
        turn=np.zeros(n, dtype=np.int32) if traffic.turn is None else traffic.turn.astype(np.int32),
        next_row=np.full(n, -1) if traffic.next_row is None else traffic.next_row,
        wait_s=np.zeros(n) if traffic.wait_s is None else traffic.wait_s,
        grows=grows,
    )


def _lengths(name: str, traffic: Traffic, part: ClassTraffic, streams: NamedStreams) -> tuple[Ints, Ints]:
    if part.lengths is not None:
        return part.lengths.draw(len(traffic), below(streams, "lengths"))
    if traffic.prompt_tok is None or traffic.output_tok is None:
        raise SpecError(f"class {name!r}: its arrivals bring no lengths; give 'lengths'")
    return traffic.prompt_tok, traffic.output_tok


def _whole_prompts(new_tok: Ints, output_tok: Ints, follows: NDArray[np.bool_]) -> Ints:
    """Prompts with all that was said before them in their session, whose rows stand together."""
    said = np.cumsum(new_tok + output_tok)
    before = said - new_tok - output_tok
    begin: Ints = np.maximum.accumulate(np.where(follows, 0, np.arange(len(new_tok))))
    whole: Ints = new_tok + before - before[begin]
    return whole


def _joined(classes: tuple[str, ...], parts: Sequence[World], dues_s: Sequence[Floats], queries: int | None) -> World:
    """The first rows of all parts by when they are due; at one time in the order of classes, then of rows."""
    due_s = np.concatenate(dues_s)
    order = np.argsort(due_s, kind="stable")[:queries]
    place = np.full(len(due_s) + 1, -1)  # the last one: where the rows that nothing follows point
    place[order] = np.arange(len(order))
    starts = np.cumsum([0, *map(len, parts)])
    next_row = [np.where(part.next_row < 0, -1, part.next_row + at) for part, at in zip(parts, starts, strict=False)]

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])[order]

    return World(
        classes=classes,
        cls=column("cls"),
        arrive_s=column("arrive_s"),
        prompt_tok=column("prompt_tok"),
        output_tok=column("output_tok"),
        item=column("item"),
        session=column("session"),
        turn=column("turn"),
        next_row=place[np.concatenate(next_row)[order]],
        wait_s=column("wait_s"),
        grows=column("grows"),
    )
