"""Spans of replicas, metered: seconds, joules, FLOPs and bytes of each, and what of them is prefill's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.build.built import SEES_HOST
from simulator.physics.power import prefill_share
from simulator.physics.step import Spans
from simulator.records.log import Log

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """Spans of a replica with what they drew: columns of equal length."""

    start_s: Floats
    time_s: Floats
    energy_j: Floats  # beside what the host draws at rest
    flop: Floats
    bytes: Floats
    prefill: Floats  # share of the seconds, FLOPs and bytes that is prefill's
    prefill_j: Floats  # joules that are prefill's
    decode_seqs: Floats
    chunk_tok: Floats  # of all passes


def drawn(system: System, pool: int, log: Log) -> Drawn:
    """The spans of one replica, metered."""
    columns = {name: values.astype(np.float64, copy=False) for name, values in log.columns().items()}
    start_s = columns.pop("start_s")
    spans = Spans(**columns)
    built = system.pools[pool]
    assert built.steps is not None
    assert built.device is not None
    meter = built.steps.meter(spans)
    share = prefill_share(spans)
    chunk_tok = spans.chunk_tok * spans.passes
    energy_j, prefill_j = meter.energy_j, meter.energy_j * share
    if (measured := built.spec.measured_energy) is not None:
        beside_w = 0.0 if measured.scope in SEES_HOST else built.spec.tensor_parallel * built.device.host_active_w
        beside_j = beside_w * spans.time_s
        prefill_j = measured.prefill_j_per_tok * chunk_tok + share * beside_j
        decode_j = measured.decode_j_per_tok * spans.decode_seqs * spans.passes + (1.0 - share) * beside_j
        energy_j = prefill_j + decode_j
    return Drawn(
        start_s, spans.time_s, energy_j, meter.flop, meter.bytes, share, prefill_j, spans.decode_seqs, chunk_tok
    )
