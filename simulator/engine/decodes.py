"""The sequences that a replica decodes: who is done when, and the KV blocks that their contexts take."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from simulator.engine.job import Job

Entry = tuple[int, int, Job]  # the pass after which it is done, its order, the call


class Decodes:
    """Running decodes, each of which grows by one token a pass; `index` counts the passes.

    Nothing is touched from pass to pass: a context is its base + index, with a base that stays, so all contexts
    together are one sum of bases, and the blocks they take follow from how many bases there are of each residue modulo
    the block.
    """

    __slots__ = ("base_tok", "block_tok", "heap", "index", "residues")

    def __init__(self, block_tok: int) -> None:
        self.block_tok = block_tok
        self.heap: list[Entry] = []
        self.index = 0
        self.base_tok = 0  # the sum of bases
        self.residues = [0] * block_tok

    def join(self, job: Job, context_tok: int, left_tok: int) -> None:
        """`job` attends `context_tok` tokens in the next pass, and is done in `left_tok` passes."""
        job.base_tok = base = context_tok - self.index
        self.base_tok += base
        self.residues[base % self.block_tok] += 1
        heappush(self.heap, (self.index + left_tok, job.order, job))

    def advance(self, passes: int) -> list[Job]:
        """So many passes are over: gives those that are done, in order."""
        self.index = index = self.index + passes
        heap = self.heap
        done = []
        while heap and heap[0][0] == index:
            job = heappop(heap)[2]
            self.base_tok -= job.base_tok
            self.residues[job.base_tok % self.block_tok] -= 1
            job.generated_tok = job.output_tok
            done.append(job)
        return done

    def leave(self, entry: Entry) -> None:
        """One leaves before it is done."""
        end, _, job = entry
        self.heap.remove(entry)
        heapify(self.heap)
        self.base_tok -= job.base_tok
        self.residues[job.base_tok % self.block_tok] -= 1
        job.generated_tok = job.output_tok - (end - self.index)

    def come_back(self, entry: Entry) -> None:
        """One that left in this very pass is here again, as if it had not."""
        heappush(self.heap, entry)
        self.base_tok += entry[2].base_tok
        self.residues[entry[2].base_tok % self.block_tok] += 1

    def stop(self, passes: int) -> None:
        """Time is up in the middle of a span, so many passes after its start: tokens given so far."""
        for end, _, job in self.heap:
            job.generated_tok = job.output_tok - (end - self.index - passes)

    def which(self, chosen: Callable[[Job], bool]) -> list[Entry]:
        """Entries of the chosen calls."""
        return [entry for entry in self.heap if chosen(entry[2])]

    def last_admitted(self) -> Entry:
        """The entry of the call that was admitted last."""
        return max(self.heap, key=lambda entry: entry[2].admitted)

    def context_tok(self) -> int:
        """Tokens attended in the next pass, over all."""
        return self.base_tok + len(self.heap) * self.index

    def kv_tok(self, ahead: int = 0) -> int:
        """KV that they need in the pass `ahead` of the next one, in whole blocks: contexts rounded up."""
        block, index = self.block_tok, self.index + ahead
        padding = sum(n * (-(r + index) % block) for r, n in enumerate(self.residues) if n)
        return self.base_tok + len(self.heap) * index + padding

    def passes_within(self, free_tok: int, passes: int) -> int:
        """How many of the next `passes` passes find their blocks in `free_tok`: at least one does."""
        fit, too_many = 1, passes + 1
        while too_many - fit > 1:
            middle = (fit + too_many) // 2
            if self.kv_tok(middle - 1) <= free_tok:
                fit = middle
            else:
                too_many = middle
        return fit
