"""Two models that make one answer together, token by token: speculative decoding, and hybrid decoding over a link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.physics.step import FOREVER, Floats, Meter, Spans, StepModel
from simulator.spec.profiles import Evidence

Line = tuple[float, float, int]  # as `StepModel.pace` gives it


@dataclass(frozen=True, slots=True)
class Share:
    """What one of the two models does for each token of an answer: `passes` of it, with `tok` tokens a sequence.

    Such a pass is priced as one of `tok` times as many sequences that share the contexts there are: weights and KV are
    read once.
    """

    steps: StepModel
    passes: float
    tok: int = 1

    def pace(self, decode_seqs: int, context_tok: int) -> Line:
        """Seconds that it adds to a token of each sequence, their growth with each token, and for how many tokens."""
        first_s, growth_s, holds = self.steps.pace(decode_seqs * self.tok, context_tok, 0, 0, 0.0)
        return self.passes * first_s, self.passes * growth_s / self.tok, (holds - 1) * self.tok + 1

    def meter(self, at: Spans, time_s: Floats) -> Meter:
        """What it drew for the decodes of spans, as at one of their passes; `time_s` (n,) is what it worked a token."""
        zero = np.zeros_like(time_s)
        one = Spans(time_s / self.passes, zero + 1.0, at.decode_seqs * self.tok, at.context_tok, zero, zero, zero)
        passes = at.passes * self.passes * (at.decode_seqs > 0)
        return Meter(*(passes * column for column in self.steps.meter(one)))

    def prompts(self, at: Spans, time_s: Floats) -> Meter:
        """What it drew for the prompts of spans; `time_s` (n,) is what it worked in each pass."""
        zero = np.zeros_like(time_s)
        one = Spans(time_s, zero + 1.0, zero, zero, at.chunk_tok, at.chunk_past_tok, at.chunk_pairs)
        return Meter(*(at.passes * (at.chunk_tok > 0) * column for column in self.steps.meter(one)))


@dataclass(frozen=True, slots=True)
class Rounds:
    """A step model of the pool that is asked: `own` is its model, `other` the one that helps, `trip_s` waits for each
    token. Both prefill the prompt, at the same time.

    A pass of the engine stands for one token of each sequence, at the mean over rounds: that answers end within a round
    is left out (errs to short times, by half a round an answer). Prompts are prefilled in passes of their own (errs to
    long times where others decode meanwhile). Left out: that `other`'s machine may be busy with calls of its own, or be
    the same as this one (errs to short times, both); the tokens on the link. Joules of `other` above idle are in the
    spans of the pool, at its place's grid.
    """

    own: Share
    other: Share
    trip_s: float = 0.0

    def pace(
        self, decode_seqs: int, context_tok: int, chunk_tok: int, chunk_past_tok: int, chunk_pairs: float
    ) -> tuple[float, float, int]:
        """Pace of passes that start with this batch: affine as long as both models' are."""
        first_s, growth_s, passes = 0.0, 0.0, FOREVER
        if decode_seqs:
            own, other = self.own.pace(decode_seqs, context_tok), self.other.pace(decode_seqs, context_tok)
            first_s, growth_s = own[0] + other[0] + self.trip_s, own[1] + other[1]
            passes = min(own[2], other[2], FOREVER)
        if chunk_tok:
            chunk = (0, 0, chunk_tok, chunk_past_tok, chunk_pairs)
            slower = _slower(self.own.steps.pace(*chunk), self.other.steps.pace(*chunk))
            first_s, growth_s, passes = first_s + slower[0], growth_s + slower[1], min(passes, slower[2])
        return first_s, growth_s, passes

    def meter(self, spans: Spans) -> Meter:
        """Energy above idle of both models, their FLOPs and bytes.

        Power is no line in what a pass works on: it is taken at the two passes that have the mean and the spread of
        all, which is exact for cubics (Gauss's rule for evenly spaced points).
        """
        middle = np.maximum(spans.passes - 1.0, 0.0) / 2.0
        spread = np.sqrt(np.maximum(spans.passes**2 - 1.0, 0.0) / 12.0)
        worked_s = spans.passes * self._seconds(spans, middle)[-1]
        slowed = np.divide(spans.time_s, worked_s, out=np.ones_like(worked_s), where=worked_s > 0)
        both = (self._drawn(spans, middle - spread, slowed), self._drawn(spans, middle + spread, slowed))
        return Meter(*(np.mean(columns, axis=0) for columns in zip(*both, strict=True)))

    def _drawn(self, spans: Spans, later: Floats, slowed: Floats) -> Meter:
        """What spans draw if all their passes are as the one `later` passes after the first; each (n,)."""
        at = _later(spans, later)
        own_s, other_s, own_chunk_s, other_chunk_s, _ = self._seconds(spans, later)
        meters = (
            self.own.meter(at, own_s * slowed),
            self.other.meter(at, other_s * slowed),
            self.own.prompts(at, own_chunk_s * slowed),
            self.other.prompts(at, other_chunk_s * slowed),
        )
        return Meter(*(np.sum(columns, axis=0) for columns in zip(*meters, strict=True)))

    def _seconds(self, spans: Spans, later: Floats) -> Floats:
        """Of a pass `later` passes after the first, (5, n): what `_parts` says."""
        rows = zip(*(column.tolist() for column in spans[2:]), later.tolist(), strict=True)
        return np.array([self._parts(*row) for row in rows]).reshape(-1, 5).T

    def _parts(
        self,
        decode_seqs: float,
        context_tok: float,
        chunk_tok: float,
        past_tok: float,
        pairs: float,
        later: float,
    ) -> tuple[float, ...]:
        """Seconds of each model for the decodes, of each for the prompts, and of the whole pass."""
        own_s = other_s = own_chunk_s = other_chunk_s = whole_s = 0.0
        if decode_seqs:
            lines = (part.pace(int(decode_seqs), int(context_tok)) for part in (self.own, self.other))
            own_s, other_s = (first_s + growth_s * later for first_s, growth_s, _ in lines)
            whole_s = own_s + other_s + self.trip_s
        if chunk_tok:
            chunk = (0, 0, int(chunk_tok), int(past_tok), pairs)
            lines = (part.steps.pace(*chunk) for part in (self.own, self.other))
            own_chunk_s, other_chunk_s = (first_s + growth_s * later for first_s, growth_s, _ in lines)
            whole_s += max(own_chunk_s, other_chunk_s)
        return own_s, other_s, own_chunk_s, other_chunk_s, whole_s

    @property
    def time_evidence(self) -> Evidence:
        """How often the models agree is what somebody says."""
        return "assumed"

    @property
    def energy_evidence(self) -> Evidence:
        """As of the times."""
        return "assumed"


def tokens_per_round(acceptance: float, draft_tok: int) -> float:
    """Expected tokens of a round: drafts up to the first that is not accepted, and one of the target's own.

    (1 - a^(g + 1)) / (1 - a), with each token accepted with probability a for itself. Source: Leviathan et al.,
    arXiv 2211.17192, equation 1.
    """
    return sum(acceptance**k for k in range(draft_tok + 1))  # the same, and g + 1 for a = 1


def speculative(target: StepModel, draft: StepModel, draft_tok: int, acceptance: float, rtt_s: float) -> Rounds:
    """Each round `draft` makes `draft_tok` tokens, `target` checks them in one pass, and a round trip passes.

    Left out: that the draft's context grows within a round (errs to short times). Where `target` has a window it caps
    the contexts as they are shared, later than a sequence's own (errs to long times).
    """
    tokens = tokens_per_round(acceptance, draft_tok)
    return Rounds(Share(target, 1.0 / tokens, draft_tok + 1), Share(draft, draft_tok / tokens), rtt_s / tokens)


def hybrid(small: StepModel, large: StepModel, cloud_frac: float, rtt_s: float) -> Rounds:
    """`small` makes each token; in place of `cloud_frac` (above 0) of them `large` makes one, a round trip away.

    The sequences of a batch need `large` at the same tokens (errs to few of its passes, hence joules). What it has to
    read first, the tokens since it was last asked, shares its pass (errs to short times).
    """
    return Rounds(Share(small, 1.0), Share(large, cloud_frac), cloud_frac * rtt_s)


def _slower(a: Line, b: Line) -> Line:
    """The larger of two lines, until they cross."""
    if (b[0], b[1]) > (a[0], a[1]):
        a, b = b, a
    passes = min(a[2], b[2])
    if b[1] > a[1]:
        passes = min(passes, int(min((a[0] - b[0]) / (b[1] - a[1]), 1e15)) + 1)
    return a[0], a[1], passes


def _later(spans: Spans, later: Floats) -> Spans:
    """Spans with what they work on `later` passes after their first."""
    return spans._replace(
        context_tok=spans.context_tok + spans.decode_seqs * later,
        chunk_past_tok=spans.chunk_past_tok + spans.chunk_tok * later,
        chunk_pairs=spans.chunk_pairs + spans.chunk_tok**2 * later,
    )
