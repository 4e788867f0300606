"""A call alone on an idle fleet, priced without an engine, is what the engine makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from system_world import built, own, scenario

from simulator import run
from simulator.physics.alone import alone

FLEETS = {
    "linear steps": own(),
    "a roofline": {"model": "large", "device": "box", "max_seqs": 4, "max_batched_tok": 48},
    "two devices": {"model": "small", "device": "box", "tensor_parallel": 2, "max_batched_tok": 2048},
}


@pytest.mark.parametrize("pool", FLEETS.values(), ids=FLEETS)
def test_time_and_joules_of_a_lonely_call_are_the_engines(pool: dict[str, object], folder: Path) -> None:
    question = scenario({"use": "always", "pool": "only"}, {"only": pool})
    question["workload"]["chat"]["arrivals"] = {"use": "constant", "rate_per_s": 0.001}
    system = built(question, folder)
    calls, ledger = (getattr(run(system).tables, name) for name in ("calls", "ledger"))
    (only,) = system.pools
    assert only.steps is not None
    prompt_tok, output_tok = (calls[name].to_numpy(np.int64) for name in ("prompt_tok", "output_tok"))
    assert prompt_tok.max() > only.spec.max_batched_tok or only.spec.max_batched_tok == 2048
    told = alone(only.steps, prompt_tok, output_tok, only.spec.max_batched_tok)
    np.testing.assert_allclose(told.first_s, calls["prefill_s"], rtol=1e-9)
    np.testing.assert_allclose(told.last_s, calls["prefill_s"] + calls["decode_s"], rtol=1e-9)
    busy = ledger[(ledger["kind"] == "replica") & (ledger["state"] == "busy")]
    for what, column in ((told.energy_j, "it_energy_j"), (told.flop, "flop"), (told.bytes, "bytes")):
        assert what.sum() == pytest.approx(busy[column].sum(), rel=1e-9)
