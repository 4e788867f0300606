"""The replica's semantics told pass by pass: lists and a loop, no spans, no heap, no events.

`Replica` must tell the same story; so this shares nothing with it but `Limits` and the step model's time of one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import NamedTuple

from simulator.engine.replica import Limits
from simulator.physics.step import StepModel

Factor = Callable[[float], float]  # time -> factor on the time of a pass that starts then


class Wish(NamedTuple):
    """A call, and when it is cancelled, if it is. `lead`: a further sample of the prompt of that wish, come with it."""

    arrive_s: float
    prompt_tok: int
    output_tok: int
    priority: int = 0
    cancel_s: float | None = None
    lead: int | None = None


@dataclass
class Fate:
    """What came of a call; times that did not happen are NaN."""

    started_s: float = nan
    first_s: float = nan
    done_s: float = nan
    gone_s: float = nan
    preemptions: int = 0
    generated_tok: int = 0


class Pass(NamedTuple):
    """One forward pass: seconds, and the batch as the step model takes it."""

    start_s: float
    time_s: float
    decode_seqs: int
    context_tok: int
    chunk_tok: int
    chunk_past_tok: int
    chunk_pairs: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.time_s


class Story(NamedTuple):
    fates: list[Fate]
    passes: list[Pass]


@dataclass(eq=False)
class Seq:
    """A call on its way: `target_tok` of it are to be prefilled, then it gains a token a pass."""

    wish: Wish
    fate: Fate
    target_tok: int
    prefilled_tok: int = 0
    held: list[Seq] = field(default_factory=list)  # samples that wait for its prompt

    @property
    def decodes(self) -> bool:
        return self.prefilled_tok == self.target_tok

    @property
    def context_tok(self) -> int:
        return self.wish.prompt_tok + self.fate.generated_tok

    def blocks(self, block_tok: int) -> int:
        """What it holds in the next pass: all it attends to, or the whole of its prompt."""
        return -(-(self.context_tok if self.decodes else self.target_tok) // block_tok)


def tolerance_s(time_s: float) -> float:
    return 1e-9 * max(1.0, time_s)


@dataclass
class Stepping:
    """A replica between two passes. `waiting` is in order of service, `running` in order of admission.

    `forks` are samples whose prompt is in memory but for its last token: they come before all that wait.
    """

    steps: StepModel
    limits: Limits
    slowdown: Factor | None = None
    forks: list[Seq] = field(default_factory=list)
    waiting: list[Seq] = field(default_factory=list)
    running: list[Seq] = field(default_factory=list)

    def tell(self, wishes: Sequence[Wish]) -> Story:
        seqs = [Seq(wish, Fate(), wish.prompt_tok) for wish in wishes]
        for wish, seq in zip(wishes, seqs, strict=True):
            if wish.lead is not None:
                seqs[wish.lead].held.append(seq)
        comes = [(wish.arrive_s, 0, i) for i, wish in enumerate(wishes) if wish.lead is None]
        goes = [(wish.cancel_s, 1, i) for i, wish in enumerate(wishes) if wish.cancel_s is not None]
        news = sorted(comes + goes)
        passes: list[Pass] = []
        now = 0.0
        while True:
            while news and news[0][0] <= now + tolerance_s(now):
                time_s, is_cancel, i = news.pop(0)
                if is_cancel:
                    lead = wishes[i].lead
                    queues = [self.waiting, self.forks] + ([] if lead is None else [seqs[lead].held])
                    self.let_go(seqs[i], queues, time_s, now)
                else:
                    self.queue(seqs[i])
            chunks = self.compose(now)
            if self.running:
                passes.append(self.price(now, chunks))
                now = passes[-1].end_s
                self.hand_out(now, chunks)
            elif news:
                now = news[0][0]
            else:
                return Story([seq.fate for seq in seqs], passes)

    def queue(self, seq: Seq) -> None:
        self.waiting.append(seq)
        self.waiting.sort(key=lambda other: -other.wish.priority)  # stable

    def let_go(self, seq: Seq, queues: Sequence[list[Seq]], cancelled_s: float, now: float) -> None:
        for queue in queues:
            if seq in queue:
                queue.remove(seq)
                seq.fate.gone_s = cancelled_s
        if seq in self.running:
            self.running.remove(seq)
            seq.fate.gone_s = now

    def free_blocks(self) -> float:
        if self.limits.kv_tok is None:
            return inf
        block_tok = self.limits.block_tok
        return self.limits.kv_tok // block_tok - sum(seq.blocks(block_tok) for seq in self.running)

    def compose(self, now: float) -> list[tuple[Seq, int]]:
        """Preempt and admit; returns the prompt chunks of the next pass."""
        limits = self.limits
        while self.free_blocks() < 0:
            last = self.running.pop()
            last.fate.preemptions += 1
            last.target_tok, last.prefilled_tok = last.context_tok, 0
            self.waiting.insert(0, last)
            self.waiting.sort(key=lambda other: -other.wish.priority)
        budget = limits.batched_tok - sum(seq.decodes for seq in self.running)
        chunks: list[tuple[Seq, int]] = []
        for seq in self.running:
            if not seq.decodes and budget > 0:
                chunks.append((seq, min(seq.target_tok - seq.prefilled_tok, budget)))
                budget -= chunks[-1][1]
        closed = limits.static and bool(self.running)
        while queue := self.forks or self.waiting:
            if closed or not (budget > 0 or limits.static) or len(self.running) == limits.max_seqs:
                break
            head = queue[0]
            if head.blocks(limits.block_tok) > self.free_blocks():
                break
            self.running.append(queue.pop(0))
            if head.fate.started_s != head.fate.started_s:
                head.fate.started_s = now
            if budget > 0:
                chunks.append((head, min(head.target_tok - head.prefilled_tok, budget)))
                budget -= chunks[-1][1]
        return chunks

    def price(self, now: float, chunks: list[tuple[Seq, int]]) -> Pass:
        decodes = [seq for seq in self.running if seq.decodes]
        batch = (
            len(decodes),
            sum(seq.context_tok for seq in decodes),
            sum(take for _, take in chunks),
            sum(seq.prefilled_tok for seq, _ in chunks),
            sum(take * (seq.prefilled_tok + take / 2) for seq, take in chunks),
        )
        time_s = self.steps.pace(*batch)[0]
        if self.slowdown is not None:
            time_s *= self.slowdown(now + tolerance_s(now))
        return Pass(now, time_s, *batch)

    def hand_out(self, now: float, chunks: list[tuple[Seq, int]]) -> None:
        """The pass is over: each decode has a token more, each prompt its chunk, and at its end a token too."""
        gained = [seq for seq in self.running if seq.decodes]
        for seq, take in chunks:
            seq.prefilled_tok += take
            if seq.decodes:
                gained.append(seq)
        for seq in gained:
            fate = seq.fate
            fate.generated_tok += 1
            if fate.first_s != fate.first_s:
                fate.first_s = now
                for fork in seq.held:
                    fork.prefilled_tok = fork.target_tok - 1
                self.forks += seq.held
                seq.held = []
            if fate.generated_tok == seq.wish.output_tok:
                fate.done_s = now
                self.running.remove(seq)


def stepped(wishes: Sequence[Wish], steps: StepModel, limits: Limits, slowdown: Factor | None = None) -> Story:
    """What a replica does with these calls."""
    return Stepping(steps, limits, slowdown).tell(wishes)
