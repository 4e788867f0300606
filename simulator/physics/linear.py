"""Step cost from fitted coefficients."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulator.physics import work
from simulator.physics.power import power_evidence
from simulator.physics.split import Split
from simulator.physics.step import FOREVER, GIVEN, Floats, Meter, Spans
from simulator.physics.values import Device, Model, weakest
from simulator.spec.base import NonNegative
from simulator.spec.profiles import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A pass takes `pass_s`, plus a time for each decoding sequence, context token, prompt token and query-key pair.

    Whoever fits them says for which model and device: nothing is scaled. Joules have the same form where they were
    metered, all devices together and above idle; else they are those of the device's power curve. FLOPs and bytes
    are the model's.
    """

    device: Device = field(metadata=GIVEN)
    model: Model = field(metadata=GIVEN)
    tensor_parallel: int = field(default=1, metadata=GIVEN)
    pipeline_parallel: int = field(default=1, metadata=GIVEN)
    expert_parallel: int = field(default=1, metadata=GIVEN)
    weights: str | None = field(default=None, metadata=GIVEN)
    max_batched_tok: int = field(default=2048, metadata=GIVEN)
    max_seqs: int = field(default=64, metadata=GIVEN)

    pass_s: NonNegative
    """Of every pass."""
    decode_seq_s: NonNegative
    """Added for each sequence that decodes."""
    context_tok_s: NonNegative
    """Added for each token of context that decodes look back at."""
    chunk_tok_s: NonNegative
    """Added for each prompt token."""
    pair_s: NonNegative = 0.0
    """Added for each pair of a prompt token and a token before it."""
    batch_s: NonNegative = 0.0
    """Added in passes of two tokens or more: matrix kernels where one token takes vector ones."""
    pass_j: NonNegative | None = None
    """Joules above idle of a pass; with the three others, or none of them: the device's power curve."""
    decode_seq_j: NonNegative | None = None
    """Joules added for each sequence that decodes."""
    context_tok_j: NonNegative | None = None
    """Joules added for each token of context."""
    chunk_tok_j: NonNegative | None = None
    """Joules added for each prompt token."""
    evidence: Evidence = "fitted"
    """How the numbers are known."""

    def __post_init__(self) -> None:
        joules = {name: getattr(self, name) for name in ("pass_j", "decode_seq_j", "context_tok_j", "chunk_tok_j")}
        seconds = ("pass_s", "decode_seq_s", "context_tok_s", "chunk_tok_s", "pair_s", "batch_s")
        for name, value in [(name, getattr(self, name)) for name in seconds] + list(joules.items()):
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a number >= 0, not {value}")
        missing = [name for name, value in joules.items() if value is None]
        if 0 < len(missing) < len(joules):
            raise ValueError(f"joules are given whole: no {', '.join(missing)}")
        decode_s, prefill_s = self.decode_seq_s + self.context_tok_s, self.chunk_tok_s + self.pair_s  # of one token
        if self.pass_s + min(decode_s, prefill_s) == 0:
            raise ValueError("a pass would take no time: give 'pass_s', or 'decode_seq_s' and 'chunk_tok_s'")

    def pace(
        self, decode_seqs: int, context_tok: int, chunk_tok: int, chunk_past_tok: int, chunk_pairs: float
    ) -> tuple[float, float, int]:
        """Pace of passes that start with this batch; it holds for ever."""
        context_tok_s, pair_s = self.context_tok_s, self.pair_s
        first_s = self.pass_s + self.decode_seq_s * decode_seqs + context_tok_s * context_tok
        if decode_seqs + chunk_tok > 1:
            first_s += self.batch_s
        if not chunk_tok:
            return first_s, context_tok_s * decode_seqs, FOREVER
        return (
            first_s + self.chunk_tok_s * chunk_tok + pair_s * chunk_pairs,
            context_tok_s * decode_seqs + pair_s * chunk_tok * chunk_tok,
            FOREVER,
        )

    def meter(self, spans: Spans) -> Meter:
        """Energy above idle, FLOPs and bytes of spans."""
        split = Split(self.tensor_parallel, self.pipeline_parallel, self.expert_parallel)
        drawn = work.meter(self.device, self.model, split, self.weights or self.model.weights, spans)
        return drawn if self.pass_j is None else drawn._replace(energy_j=self._metered_j(spans))

    def _metered_j(self, spans: Spans) -> Floats:
        """Joules of spans by the coefficients, (n,)."""
        assert self.pass_j is not None
        assert self.decode_seq_j is not None
        assert self.context_tok_j is not None
        assert self.chunk_tok_j is not None
        context_tok = (
            spans.context_tok + spans.decode_seqs * np.maximum(spans.passes - 1, 0) / 2
        )  # the mean of a span; a pass may be one in part
        per_pass_j = (
            self.pass_j
            + self.decode_seq_j * spans.decode_seqs
            + self.context_tok_j * context_tok
            + self.chunk_tok_j * spans.chunk_tok
        )
        return spans.passes * per_pass_j

    @property
    def time_evidence(self) -> Evidence:
        """As stated."""
        return self.evidence

    @property
    def energy_evidence(self) -> Evidence:
        """As stated where joules are; else the weaker of the coefficients' and the power curve's."""
        if self.pass_j is not None:
            return self.evidence
        return weakest([self.evidence, power_evidence(self.device)])
