"""Step cost from fitted coefficients."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.physics import work
from simulator.physics.power import power_evidence
from simulator.physics.step import FOREVER, GIVEN, Meter, Spans
from simulator.physics.values import Device, Model, weakest
from simulator.spec.profiles import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A pass takes `pass_s`, plus a time for each decoding sequence, context token, prompt token and query-key pair.

    Whoever fits them says for which model and device: nothing is scaled. Energy, FLOPs and bytes are those of the
    device's power curve and of the model.
    """

    device: Device = field(metadata=GIVEN)
    model: Model = field(metadata=GIVEN)
    tensor_parallel: int = field(default=1, metadata=GIVEN)
    pipeline_parallel: int = field(default=1, metadata=GIVEN)
    expert_parallel: int = field(default=1, metadata=GIVEN)
    weights: str | None = field(default=None, metadata=GIVEN)
    max_batched_tok: int = field(default=2048, metadata=GIVEN)
    max_seqs: int = field(default=64, metadata=GIVEN)

    pass_s: float
    decode_seq_s: float
    context_tok_s: float
    chunk_tok_s: float
    pair_s: float = 0.0
    evidence: Evidence = "fitted"

    def __post_init__(self) -> None:
        for name in ("pass_s", "decode_seq_s", "context_tok_s", "chunk_tok_s", "pair_s"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a number >= 0, not {getattr(self, name)}")
        if self.pass_s + min(self.decode_seq_s, self.chunk_tok_s) == 0:
            raise ValueError("a pass would take no time: give 'pass_s', or 'decode_seq_s' and 'chunk_tok_s'")

    def pace(
        self, decode_seqs: int, context_tok: int, chunk_tok: int, chunk_past_tok: int, chunk_pairs: float
    ) -> tuple[float, float, int]:
        """Pace of passes that start with this batch; it holds for ever."""
        context_tok_s, pair_s = self.context_tok_s, self.pair_s
        first_s = self.pass_s + self.decode_seq_s * decode_seqs + context_tok_s * context_tok
        if not chunk_tok:
            return first_s, context_tok_s * decode_seqs, FOREVER
        return (
            first_s + self.chunk_tok_s * chunk_tok + pair_s * chunk_pairs,
            context_tok_s * decode_seqs + pair_s * chunk_tok * chunk_tok,
            FOREVER,
        )

    def meter(self, spans: Spans) -> Meter:
        """Energy above idle, FLOPs and bytes of spans."""
        devices = self.tensor_parallel * self.pipeline_parallel
        return work.meter(self.device, self.model, devices, self.weights or self.model.weights, spans)

    @property
    def time_evidence(self) -> Evidence:
        """As stated."""
        return self.evidence

    @property
    def energy_evidence(self) -> Evidence:
        """The weaker of the coefficients' and the power curve's."""
        return weakest([self.evidence, power_evidence(self.device)])
