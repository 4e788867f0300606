"""Pools that decode together, from the scenario to the bill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from laws_of_accounts import LAWS_OF_ACCOUNTS, flops_are_the_calls_tokens, work_draws_its_watts_for_its_seconds
from laws_of_calls import LAWS_OF_CALLS
from system_told import Told
from system_world import BUSY_W, Scenario, Simulate, built, chat, own, scenario, simulated

from simulator import run
from simulator.spec.errors import SpecError

PASS_S, SEQ_S, CONTEXT_S, CHUNK_S = 2.0**-6, 2.0**-9, 2.0**-18, 2.0**-11
PROMPT, OUTPUT, RTT_S = 32, 9, 0.25
SPECULATIVE = {"use": "speculative", "draft": "edge", "target": "cloud", "acceptance": 0.5, "draft_tok": 3}
HYBRID = {"use": "hybrid-tokens", "small": "edge", "large": "cloud", "cloud_frac": 0.25}


OF_ONE_MODEL = (flops_are_the_calls_tokens, work_draws_its_watts_for_its_seconds)  # here two work, and sometimes none


def decoding(policy: Scenario, **more: Any) -> Scenario:
    """Four queries, far apart, at two places with a quarter of a second between them."""
    lengths = {"use": "fixed", "prompt_tok": PROMPT, "output_tok": OUTPUT}
    arrivals = {"use": "constant", "rate_per_s": 0.1}
    fleet = {"edge": own(place="home"), "cloud": own("large", place="site")}
    link = {"between": ["home", "site"], "rtt_ms": RTT_S * 1e3, "up_mbit_per_s": 1e6, "down_mbit_per_s": 1e6}
    question = scenario(
        policy,
        fleet,
        workload={"chat": chat(origin="home", arrivals=arrivals, lengths=lengths)},
        links={"link": link},
        run={"queries": 4, "replications": 1, "warmup_s": 0.0},
    )
    return {**question, **more}


def contexts_tok() -> int:
    """Tokens attended by all passes of one answer."""
    return sum(PROMPT + 1 + j for j in range(OUTPUT - 1))


def test_a_speculative_answer_takes_its_rounds(simulate: Simulate):
    tokens, left = 1 + 0.5 + 0.25 + 0.125, OUTPUT - 1
    draft_s = 3 * (left * (PASS_S + SEQ_S) + CONTEXT_S * contexts_tok())
    check_s = left * (PASS_S + 4 * SEQ_S) + CONTEXT_S * contexts_tok()
    decode_s = (draft_s + check_s + left * RTT_S) / tokens
    calls = simulate(decoding(SPECULATIVE)).tables.calls
    assert (calls["pool"] == "cloud").all()
    assert calls["decode_s"].tolist() == pytest.approx([decode_s] * 4)
    assert calls["prefill_s"].tolist() == pytest.approx([PASS_S + CHUNK_S * PROMPT] * 4)


def test_a_hybrid_answer_takes_a_trip_for_every_fourth_token(simulate: Simulate):
    left = OUTPUT - 1
    pass_s = left * (PASS_S + SEQ_S) + CONTEXT_S * contexts_tok()
    calls = simulate(decoding(HYBRID)).tables.calls
    assert (calls["pool"] == "edge").all()
    assert calls["decode_s"].tolist() == pytest.approx([1.25 * pass_s + 0.25 * left * RTT_S] * 4)


def test_both_draw_their_watts_and_nobody_does_while_tokens_travel(simulate: Simulate):
    tokens, left = 1 + 0.5 + 0.25 + 0.125, OUTPUT - 1
    worked_s = (left * (4 * PASS_S + 7 * SEQ_S) + 4 * CONTEXT_S * contexts_tok()) / tokens
    prefill_s = 2 * (PASS_S + CHUNK_S * PROMPT)
    ledger = simulate(decoding(SPECULATIVE)).tables.ledger
    busy = ledger[(ledger["kind"] == "replica") & (ledger["state"] == "busy")]
    assert set(busy.loc[busy["it_energy_j"] > 0, "pool"]) == {"cloud"}
    assert busy["it_energy_j"].sum() == pytest.approx(4 * BUSY_W * (worked_s + prefill_s))


def test_no_token_of_the_large_one_is_the_small_one_alone(simulate: Simulate):
    mixed = simulate(decoding({**HYBRID, "cloud_frac": 0.0})).tables
    alone = simulate(decoding({"use": "always", "pool": "edge"})).tables
    assert mixed.queries["e2e_s"].tolist() == alone.queries["e2e_s"].tolist()
    assert mixed.ledger["energy_j"].tolist() == alone.ledger["energy_j"].tolist()


def test_deferring_always_is_speculative_decoding_and_never_takes_every_draft(simulate: Simulate):
    def e2e_s(policy: Scenario) -> list[float]:
        return simulate(decoding(policy)).tables.queries["e2e_s"].tolist()

    cascade = {**SPECULATIVE, "use": "speculative-cascade"}
    assert e2e_s({**cascade, "deferral": 1.0}) == e2e_s(SPECULATIVE)
    assert e2e_s({**cascade, "deferral": 0.0}) == e2e_s({**SPECULATIVE, "acceptance": 1.0})


@pytest.mark.parametrize("policy", [SPECULATIVE, HYBRID], ids=lambda policy: policy["use"])
@pytest.mark.parametrize("steps", ["linear", "roofline"])
def test_the_laws_hold_under_load(policy: Scenario, steps: str, folder: Path):
    fleet = {"edge": own(place="home", replicas=2, max_seqs=8), "cloud": own("large", place="site", kv_tok=160)}
    if steps == "roofline":
        fleet = {name: {**pool, "steps": None} for name, pool in fleet.items()}
    question = decoding(
        policy,
        fleet=fleet,
        workload={"chat": chat(rate_per_s=8.0, origin="home")},
        links={"link": {"between": ["home", "site"], "profile": "wire"}},
        run={"queries": 60, "replications": 1, "warmup_s": 0.0},
    )
    system = built(question, folder)
    told = Told(question, system, run(system))
    for law in LAWS_OF_CALLS + LAWS_OF_ACCOUNTS:
        if law not in OF_ONE_MODEL:
            law(told)


API = {"hosted": "api", "place": "site"}
METER = {"prefill_j_per_tok": 0.5, "decode_j_per_tok": 2.0, "scope": "gpu"}


@pytest.mark.parametrize(
    ("fleet", "policy", "says"),
    [
        ({"cloud": API}, SPECULATIVE, "policy: 'cloud' is a hosted API"),
        ({"edge": API}, SPECULATIVE, "policy: 'edge' is a hosted API"),
        (
            {"cloud": own(place="site", measured_energy=METER)},
            SPECULATIVE,
            "fleet.cloud.measured_energy: is of one model",
        ),
        ({}, {**SPECULATIVE, "draft": "cloud"}, "two models need two pools, not 'cloud' twice"),
        ({}, {**SPECULATIVE, "acceptance": 1.5}, "'acceptance' must be from 0 to 1, not 1.5"),
        ({}, {**SPECULATIVE, "draft_tok": 0}, "'draft_tok' must be 1 or more, not 0"),
    ],
)
def test_what_cannot_decode_together_is_told(fleet: Scenario, policy: Scenario, says: str, folder: Path):
    question = decoding(policy)
    with pytest.raises(SpecError) as caught:
        simulated({**question, "fleet": {**question["fleet"], **fleet}}, folder)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
