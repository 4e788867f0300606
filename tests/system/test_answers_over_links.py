"""A lone call at a pool elsewhere, by hand: prompt up, passes, answer down."""

from __future__ import annotations

from typing import Any

import pytest
from system_world import Scenario, Simulate, chat, linear, own, scenario

PROMPT, RTT_S, BYTES_PER_S, BYTES_PER_TOK = 64, 0.25, 500.0, 4.0
TOK_S = BYTES_PER_TOK / BYTES_PER_S  # 8 ms on the link; a pass takes twice that
MBIT_PER_S = BYTES_PER_S / 125_000
POLICIES: dict[str, Scenario] = {
    "streamed": {"use": "always", "pool": "far"},  # its answer is final
    "whole": {"use": "cascade", "order": ["far", "spare"], "accept": -1e9},  # shown once it is accepted
}


def lone_call(policy: str, output_tok: int, sharing: str, simulate: Simulate) -> tuple[Any, Any]:
    """The one query of a run, and its one call."""
    lengths = {"use": "fixed", "prompt_tok": PROMPT, "output_tok": output_tok}
    link = {
        "between": ["here", "dc"],
        "rtt_ms": 1e3 * RTT_S,
        "up_mbit_per_s": MBIT_PER_S,
        "down_mbit_per_s": MBIT_PER_S,
    }
    question = scenario(
        POLICIES[policy],
        {"far": own(place="dc"), "spare": own()},
        workload={"chat": chat(arrivals={"use": "constant", "rate_per_s": 1.0}, lengths=lengths)},
        links={"wan": {**link, "sharing": sharing}},
        run={"queries": 1, "replications": 1},
    )
    tables = simulate(question).tables
    return tables.queries.iloc[0], tables.calls.iloc[0]


@pytest.mark.parametrize("sharing", ["per_user", "shared"])
@pytest.mark.parametrize("output_tok", [1, 2, 20])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_lone_call_takes_its_time_on_every_stage(policy: str, output_tok: int, sharing: str, simulate: Simulate):
    query, call = lone_call(policy, output_tok, sharing, simulate)
    steps, decoded = linear(), output_tok - 1
    prefill_s = steps["pass_s"] + PROMPT * steps["chunk_tok_s"]
    contexts = sum(PROMPT + 1 + j for j in range(decoded))
    decode_s = decoded * (steps["pass_s"] + steps["decode_seq_s"]) + contexts * steps["context_tok_s"]
    last_bytes_s = TOK_S * (1 if policy == "streamed" else output_tok)  # a stream is all sent but for its last token
    expected = {
        "uplink_s": PROMPT * TOK_S + RTT_S / 2,
        "queue_s": 0.0,
        "prefill_s": prefill_s,
        "decode_s": decode_s,
        "downlink_s": last_bytes_s + RTT_S / 2,
    }
    assert {name: call[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert query.e2e_s == pytest.approx(sum(expected.values()), abs=1e-9)
    first_seen_s = PROMPT * TOK_S + RTT_S + prefill_s + TOK_S
    assert query.ttft_s == pytest.approx(first_seen_s if policy == "streamed" else query.e2e_s, abs=1e-9)
