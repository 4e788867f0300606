"""One engine instance with continuous batching: the heart of the simulator.

A pass takes the running decodes first, then fills `batched_tok` with prompt chunks: of the calls half prefilled, then
of the head of the queue, up to `max_seqs` sequences. The KV blocks of a whole prompt are reserved when its call is
admitted; a decode takes a block when its context outgrows the last one. Out of blocks, the last admitted call is
preempted: it goes to the head of the queue and is recomputed, prompt and generated tokens alike. Admission is in order:
a head that does not fit blocks the queue. Static batching and one call at a time are the same replica with other
limits.

Further samples of a prompt (forks) wait until the first has prefilled it, and prefill but its last token then, as an
engine with a prefix cache does. They come before all that wait, in whole blocks of their own (errs to high memory); a
static batch takes them in when the next one forms (errs to long times).

Passes are not stepped one by one. While nobody joins or leaves, pass j takes `first_s + j * growth_s` (the step model
says for how many passes that holds), so a *span* of k passes is one event, after
`k * first_s + growth_s * k * (k - 1) / 2`. It ends with the first completion or chunk, or before the blocks run out; an
arrival that can join or a cancel cuts it at the end of the pass under way. An arrival within the clock's tolerance of a
pass boundary counts as before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import NamedTuple

from simulator.engine.clock import Alarm, Clock, tolerance_s
from simulator.engine.decodes import Decodes, Entry
from simulator.engine.heat import Slowdown
from simulator.engine.job import Job
from simulator.engine.span import passes_after
from simulator.physics.step import FOREVER, StepModel

IDLE, BETWEEN, AWAY = 0, -1, -2  # `passes` while no span is under way: at rest, while one ends, without its model


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a batch. `kv_tok` None: memory never ends. `static`: a batch is admitted whole, when none runs."""

    max_seqs: int
    batched_tok: int
    kv_tok: int | None = None
    block_tok: int = 16
    static: bool = False


class ReplicaHooks(NamedTuple):
    """Whom a replica tells: of first and last tokens, and of cancelled calls that have left it."""

    first: Callable[[Job, float], None]
    done: Callable[[Job, float], None]
    gone: Callable[[Job, float], None]


class Replica:
    """A queue and a batch, driven by one alarm; `log` takes a row of `SPAN_COLUMNS` a span.

    `waiting` may be replaced by a queue shared with other replicas; `pulled` is then told who was taken from it, and
    `returned` who came back to it, or whose samples
    come before it. `rested` is told when work is over; `fetch` when a call waits while the model is not
    in memory (`passes` is AWAY until `come_back`).
    """

    __slots__ = (  # more attributes than Python keeps quickly in a dictionary
        "admissions",
        "alarm",
        "batch",
        "batched_tok",
        "block_tok",
        "chunks",
        "clock",
        "done",
        "fetch",
        "first",
        "first_s",
        "forks",
        "gone",
        "growth_s",
        "joined",
        "kv_tok",
        "leaving",
        "log",
        "max_seqs",
        "pace",
        "passes",
        "pledged",
        "preempted",
        "preempted_at",
        "prefilling",
        "pulled",
        "reserved_tok",
        "rested",
        "returned",
        "running",
        "slowdown",
        "start_s",
        "static",
        "time_s",
        "waiting",
    )

    def __init__(
        self,
        clock: Clock,
        steps: StepModel,
        limits: Limits,
        log: Callable[[tuple[float, ...]], None],
        hooks: ReplicaHooks,
        slowdown: Slowdown | None = None,
    ) -> None:
        self.clock = clock
        self.pace = steps.pace
        self.max_seqs = limits.max_seqs
        self.batched_tok = limits.batched_tok
        self.static = limits.static
        self.block_tok = limits.block_tok
        blocks = None if limits.kv_tok is None else limits.kv_tok // limits.block_tok
        self.kv_tok = FOREVER if blocks is None else blocks * limits.block_tok  # capacity, in whole blocks
        self.log = log
        self.first, self.done, self.gone = hooks
        self.slowdown = slowdown
        self.waiting: deque[Job] = deque()
        self.forks: deque[Job] = deque()  # samples whose prompt is in this replica's memory: before all that wait
        self.pulled: Callable[[Job], None] | None = None
        self.returned: Callable[[Job, float], None] | None = None
        self.rested: Callable[[float], None] | None = None
        self.fetch: Callable[[float], None] | None = None
        self.alarm = Alarm(clock, self._ended)

        self.running = Decodes(limits.block_tok)
        self.prefilling: deque[Job] = deque()
        self.reserved_tok = 0  # KV of the prefilling, in whole blocks
        self.admissions = 0
        self.pledged: tuple[Job, ...] = ()  # calls in a shared queue that it was woken for
        self.leaving = False  # a running call was cancelled
        self.preempted: list[tuple[Job, Entry | None, int, int]] = []  # with what they were
        self.preempted_at = -1  # in which pass

        self.passes = IDLE  # of the span under way
        self.start_s = self.time_s = self.first_s = self.growth_s = 0.0
        self.chunks: Sequence[tuple[Job, int]] = ()
        self.joined: Sequence[Job] = ()  # admitted at the start of the span under way
        self.batch: tuple[int, int, int, int, float] = (0, 0, 0, 0, 0.0)  # as `StepModel.pace` takes it

    # What others see and ask

    @property
    def seqs(self) -> int:
        """Sequences running or being prefilled."""
        return len(self.running.heap) + len(self.prefilling)

    def kv_used_tok(self) -> int:
        """KV tokens in use now, in whole blocks; of a span under way, as at its start."""
        return self.reserved_tok + self.running.kv_tok()

    def can_join(self, job: Job, before: Collection[Job]) -> bool:
        """Whether `job` and those `before` it have seats and memory (as at this pass's start) when the pass ends."""
        if self.forks:
            before = (*self.forks, *before)
        if self.seqs + len(before) >= self.max_seqs or (self.static and self.seqs):
            return False
        blocks = sum(-(-other.target_tok // self.block_tok) for other in (*before, job))
        return self.kv_used_tok() + blocks * self.block_tok <= self.kv_tok

    def submit(self, job: Job, now: float) -> None:
        """Queue `job`; if it can join, the span under way ends with the pass under way."""
        waiting = self.waiting
        if waiting and waiting[-1].priority < job.priority:
            place = next(i for i, other in enumerate(waiting) if other.priority < job.priority)
            waiting.insert(place, job)
        else:
            waiting.append(job)
        if waiting[0] is job:  # else it stands behind one that cannot join either
            self.wake(now)

    def wake(self, now: float) -> None:
        """See to the queue at the end of the pass under way, or now."""
        passes = self.passes
        if passes == IDLE:
            self._begin(now, now)
        elif passes > 0 and self.seqs - len(self.joined) < self.max_seqs:
            self._cut(now)
        elif passes == AWAY and self.fetch is not None:
            self.fetch(now)

    def come_back(self, now: float) -> None:
        """The model is in memory again: see to the queue."""
        self.passes = BETWEEN
        self._begin(now, now)

    def cancel(self, job: Job, now: float) -> None:
        """Let go of `job` at the end of the pass under way; one that waits goes at once."""
        job.cancelled = True
        queue = self.forks if job in self.forks else self.waiting
        if (job.started_s != job.started_s or job in queue) and not self._was_just_preempted(job, now):
            was_first = queue[0] is job
            queue.remove(job)
            self.gone(job, now)
            if was_first and (self.forks or self.waiting):
                self.wake(now)
            return
        self.leaving = True
        if self.passes > 0:
            self._cut(now)

    def stop(self, now_s: float) -> None:
        """Time is up: log the span under way as far as it got, its last pass in part."""
        self.alarm.unset()
        if self.passes <= 0:
            return
        elapsed = now_s - self.start_s
        whole = passes_after(elapsed, self.first_s, self.growth_s) - 1
        whole_s = whole * (self.first_s + self.growth_s * (whole - 1) / 2)
        seqs, context, chunk, past, pairs = self.batch
        if whole:
            self.log((self.start_s, whole_s, whole, *self.batch))
        part = (elapsed - whole_s) / (self.first_s + self.growth_s * whole)
        grown = (seqs, context + seqs * whole, chunk, past + chunk * whole, pairs + chunk * chunk * whole)
        self.log((self.start_s + whole_s, elapsed - whole_s, part, *grown))
        self.running.stop(whole)
        self.passes = IDLE

    # A span begins

    def _begin(self, start_s: float, now: float) -> None:
        """Admit who may join; then one event for as many passes as the batch stays the same."""
        running = self.running
        seqs = len(running.heap)
        context = running.base_tok + seqs * running.index
        if context + seqs * (self.block_tok - 1) + self.reserved_tok > self.kv_tok:
            seqs, context = self._make_room(now)
        self.pledged = ()
        if self.waiting or self.prefilling or self.forks:
            passes, chunk, past, pairs = self._fill(start_s, seqs, context)
        else:
            self.chunks = self.joined = ()
            passes, chunk, past, pairs = FOREVER, 0, 0, 0.0
        if seqs:
            end, order, _ = running.heap[0]
            if end - running.index < passes:
                passes = end - running.index
        elif chunk:
            order = self.chunks[0][0].order
        else:
            if self.rested is not None and self.passes != IDLE:
                self.rested(now)
            self.passes = IDLE
            self.alarm.unset()  # of a span that ends as it begins: its only call was cancelled
            return
        first_s, growth_s, holds = self.pace(seqs, context, chunk, past, pairs)
        if holds < passes:
            passes = holds
        if self.slowdown is not None:
            first_s, growth_s, passes = self._slow(self.slowdown, start_s, first_s, growth_s, passes)
        if context + seqs * (passes + self.block_tok - 2) + self.reserved_tok > self.kv_tok:
            passes = running.passes_within(self.kv_tok - self.reserved_tok, passes)
        self.passes, self.start_s, self.first_s, self.growth_s = passes, start_s, first_s, growth_s
        self.batch = (seqs, context, chunk, past, pairs)
        self.time_s = time_s = passes * (first_s + growth_s * (passes - 1) / 2)
        self.alarm.set(start_s + time_s, order, now)

    def _fill(self, start_s: float, seqs: int, context: int) -> tuple[int, int, int, float]:
        """Choose the prompt chunks of the next pass; returns how many passes they last, and the batch's prompt part."""
        room = self.batched_tok - seqs
        waiting, prefilling = self.waiting, self.prefilling
        chunks: list[tuple[Job, int]] = []
        chunk = past = 0
        pairs = 0.0
        forming = self.static and not (seqs or prefilling)  # a static batch admits beyond what the pass has room for
        seats = 0 if self.static and not forming else self.max_seqs - seqs - len(prefilling)
        for job in prefilling:
            if room <= 0:
                break
            done = job.prefilled_tok
            take = job.target_tok - done
            if take > room:
                take = room
            room -= take
            chunks.append((job, take))
            chunk += take
            past += done
            pairs += take * (done + take / 2)
        joined: list[Job] = []
        queue = self.forks or waiting
        while queue and seats > 0 and (room > 0 or forming):
            job = queue[0]
            done = job.prefilled_tok
            take = job.target_tok - done
            need = -(-job.target_tok // self.block_tok) * self.block_tok
            free = self.kv_tok - self.reserved_tok - need
            if context + seqs * (self.block_tok - 1) > free and self.running.kv_tok() > free:
                break
            queue.popleft()
            if queue is not waiting and not queue:
                queue = waiting
            job.reserved_tok = need
            self.reserved_tok += need
            self._admitted(job, start_s)
            joined.append(job)
            seats -= 1
            if take > room:
                take = room
            if take:
                room -= take
                chunks.append((job, take))
                chunk += take
                pairs += take * take / 2
                if done:  # of forks
                    past += done
                    pairs += take * done
        self.chunks, self.joined = chunks, joined
        if not chunks:
            return FOREVER, 0, 0, 0.0
        if room == 0 and len(chunks) == 1:
            job, take = chunks[0]
            return (job.target_tok - job.prefilled_tok) // take, chunk, past, pairs
        return 1, chunk, past, pairs

    def _admitted(self, job: Job, start_s: float) -> None:
        if job.started_s != job.started_s:  # not a call that begins anew
            job.started_s = start_s
        self.admissions += 1
        job.admitted = self.admissions
        self.prefilling.append(job)
        if self.pulled is not None:
            self.pulled(job)

    @staticmethod
    def _slow(
        slowdown: Slowdown, start_s: float, first_s: float, growth_s: float, passes: int
    ) -> tuple[float, float, int]:
        """Apply a slowdown that changes in steps: a span ends with the pass in which it changes."""
        factor, until_s = slowdown(start_s + tolerance_s(start_s))
        first_s, growth_s = first_s * factor, growth_s * factor
        if until_s < inf:
            left_s = until_s - tolerance_s(until_s) - start_s
            if passes * (first_s + growth_s * (passes - 1) / 2) > left_s:  # else times that fall may never sum to it
                passes = passes_after(left_s, first_s, growth_s)
        return first_s, growth_s, passes

    # A span ends

    def _cut(self, now: float) -> None:
        """End the span with the pass under way; one that began within the tolerance begins anew."""
        slack = tolerance_s(now)
        elapsed = now - self.start_s
        if elapsed <= slack:
            for job in reversed(self.joined):
                self._send_back(job, now)
            if self.leaving:
                self._take_back()
                self._let_go(now)
            self._begin(self.start_s, now)
        elif self.passes > 1 and (self.leaving or not self.chunks):  # chunks of several passes leave room for nobody
            passes = passes_after(elapsed - slack, self.first_s, self.growth_s)
            if passes < self.passes:
                self.passes = passes
                self.time_s = time_s = passes * (self.first_s + self.growth_s * (passes - 1) / 2)
                order = self.running.heap[0][1] if self.running.heap else self.chunks[0][0].order
                self.alarm.set(self.start_s + time_s, order, now)

    def _send_back(self, job: Job, now: float) -> None:
        """Undo an admission of this very moment."""
        self.prefilling.remove(job)
        self.reserved_tok -= job.reserved_tok
        if job.started_s == self.start_s:
            job.started_s = nan
        if job.cancelled:
            self.gone(job, now)
        elif job.forks is not None and job.is_fork and not job.preemptions:
            self.forks.appendleft(job)
        else:
            self._queue_first(job)

    def _queue_first(self, job: Job) -> None:
        """Put `job` before all others of its priority."""
        waiting = self.waiting
        place = next((i for i, other in enumerate(waiting) if other.priority <= job.priority), len(waiting))
        waiting.insert(place, job)

    def _ended(self, now: float) -> None:
        """Log the span, hand out its tokens, and begin the next."""
        passes = self.passes
        self.passes = BETWEEN
        self.log((self.start_s, self.time_s, passes, *self.batch))
        finished = self.running.advance(passes)
        for job, take in self.chunks:
            job.prefilled_tok += take * passes
            if job.prefilled_tok == job.target_tok:
                self._prefilled(job, now, finished)
        for job in finished:
            job.done_s = now
            self.done(job, now)
        if self.leaving:
            self._let_go(now)
        self._begin(now, now)

    def _prefilled(self, job: Job, now: float, finished: list[Job]) -> None:
        """The prompt is in: its last chunk gave a token."""
        self.prefilling.popleft()
        self.reserved_tok -= job.reserved_tok
        job.generated_tok += 1
        if job.first_s != job.first_s:
            job.first_s = now
            if job.streams:
                self.first(job, now)
            if job.forks:
                self._fork(job, job.forks, now)
        left = job.output_tok - job.generated_tok
        if left <= 0:
            finished.append(job)
            return
        self.running.join(job, job.target_tok + 1, left)

    def _fork(self, job: Job, forks: list[Job], now: float) -> None:
        """The prompt of `job` is in memory: of its other samples only the last token is left to prefill."""
        for fork in forks:
            fork.prefilled_tok = fork.target_tok - 1
        self.forks.extend(forks)
        forks.clear()
        if self.returned is not None:
            self.returned(job, now)

    def _let_go(self, now: float) -> None:
        """Drop the running calls that were cancelled."""
        self.leaving = False
        for entry in self.running.which(lambda job: job.cancelled):
            self.running.leave(entry)
            self.gone(entry[2], now)
        for job in [job for job in self.prefilling if job.cancelled]:
            self.prefilling.remove(job)
            self.reserved_tok -= job.reserved_tok
            self.gone(job, now)

    # Memory

    def _make_room(self, now: float) -> tuple[int, int]:
        """Preempt the last admitted until the next pass has its blocks; gives what is left: sequences and contexts."""
        while self.running.kv_tok() + self.reserved_tok > self.kv_tok:
            entry = None
            if self.prefilling:
                job = self.prefilling.pop()
                self.reserved_tok -= job.reserved_tok
            else:
                entry = self.running.last_admitted()
                self.running.leave(entry)
                job = entry[2]
            if self.preempted_at != self.running.index:
                self.preempted_at, self.preempted = self.running.index, []
            self.preempted.append((job, entry, job.target_tok, job.prefilled_tok))
            job.target_tok = job.prompt_tok + job.generated_tok
            job.prefilled_tok = 0
            job.preemptions += 1
            self._queue_first(job)
            if self.returned is not None:
                self.returned(job, now)
        return len(self.running.heap), self.running.context_tok()

    def _was_just_preempted(self, job: Job, now: float) -> bool:
        """Whether `job` was preempted within the tolerance, at the start of the span under way."""
        if self.passes <= 0 or self.preempted_at != self.running.index or now - self.start_s > tolerance_s(now):
            return False
        return any(other is job for other, _, _, _ in self.preempted)

    def _take_back(self) -> None:
        """Undo the preemptions of this very moment: a cancel that ties with them frees its blocks first."""
        while self.preempted_at == self.running.index and self.preempted:
            job, entry, target_tok, prefilled_tok = self.preempted.pop()
            if job not in self.waiting:
                continue  # another replica has pulled it
            self.waiting.remove(job)
            job.target_tok, job.prefilled_tok = target_tok, prefilled_tok
            job.preemptions -= 1
            if entry is None:
                self.prefilling.append(job)
                self.reserved_tok += job.reserved_tok
            else:
                self.running.come_back(entry)
