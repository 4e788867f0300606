"""What a policy needs is told before a run: a verifier that reads confidences needs a table that has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from policy_world import scenario, simulated

from simulator.spec.errors import SpecError

JUDGE = {"pool": "small", "output_tok": 3, "prompt_tok": 20, "right": 0.9, "wrong": 0.2}
CASCADE = {"use": "cascade", "order": ["small", "large"], "accept": 0.5, "verifier": "judge"}
ESCALATE = {"use": "escalate", "first": {"use": "always", "pool": "small"}, "verifier": "judge", "accept": 0.5}
ESCALATE |= {"then": {"use": "always", "pool": "large"}}
LACKS = {
    "cascade": "policy 'cascade' has 'judge' tell how sure answers are, and its table has no confidence of 'small'",
    "escalate": "policy 'escalate' has 'judge' tell how sure answers are, and its table has no confidence of any model",
}


@pytest.fixture(scope="module")
def unsure(folder: Path) -> dict[str, object]:
    """A class that asks the exam, of whose answers nobody recorded how sure they are."""
    quality = folder / "profiles" / "quality"
    profile = json.loads((quality / "exam.yaml").read_text())
    del profile["columns"]["confidence"]
    (quality / "unsure.yaml").write_text(json.dumps(profile | {"name": "unsure"}))
    return {"exam": {"arrivals": {"use": "poisson", "rate_per_s": 4.0}, "items": {"table": "unsure"}}}


@pytest.mark.parametrize("policy", [CASCADE, ESCALATE], ids=lambda policy: policy["use"])
def test_a_judge_that_knows_needs_no_confidences(policy: dict[str, object], unsure: dict[str, object], folder: Path):
    judged = scenario(policy, name="judged", workload=unsure, verifiers={"judge": JUDGE})
    escalated = simulated(judged, folder).tables.queries["escalated"]
    assert 0 < escalated.mean() < 1


@pytest.mark.parametrize("policy", [CASCADE, ESCALATE], ids=lambda policy: policy["use"])
@pytest.mark.parametrize("judge", [{"time_s": 0.01}, {"pool": "small"}], ids=["a station", "a call"])
def test_one_that_reads_confidences_needs_them(
    policy: dict[str, object], judge: dict[str, object], unsure: dict[str, object], folder: Path
):
    with pytest.raises(SpecError, match=LACKS[str(policy["use"])]):
        simulated(scenario(policy, name="unsure", workload=unsure, verifiers={"judge": judge}), folder)
