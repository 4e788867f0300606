"""Against a real llama.cpp: its server from a wheel, with a model of random weights that the test writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scoring_world import Shell

import simulator.scoring.measure as plans
from simulator import load
from simulator.scoring import llamacpp
from simulator.scoring.measure import Plan
from simulator.scoring.server import find_server, together

pytestmark = pytest.mark.skipif(llamacpp.missing() is not None, reason=str(llamacpp.missing()))

QUICK = Plan((16, 64, 200), (1, 4), (16, 200), 16, (64,), 2)
SCENARIO = """\
name: real
run: {queries: 50, replications: 1}
workload:
  chat: {arrivals: {use: poisson, rate_per_s: 5}, lengths: {use: fixed, prompt_tok: 60, output_tok: 10}}
fleet:
  box: {model: llama-3.2-1b, device: raspberry-pi-5, steps: box, max_seqs: 4, max_batched_tok: 256}
policy: {use: always, pool: box}
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model = tmp_path_factory.mktemp("model") / "tiny.gguf"
    llamacpp.write_model(model, llamacpp.TINY)
    assert 1e6 < model.stat().st_size < 2e7
    with llamacpp.serving(model, slots=4, batched_tok=256) as address:
        yield address


def test_the_model_is_the_same_whenever_it_is_written(tmp_path: Path) -> None:
    for name in ("a", "b"):
        llamacpp.write_model(tmp_path / name, llamacpp.TINY, seed=3)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_server_tells_of_itself_and_gives_every_token_asked_for(url: str) -> None:
    server = find_server(url)
    assert (server.api, server.slots, server.context_tok, server.vocab) == ("llama.cpp", 4, 1024, 2048)
    streams = together([lambda i=i: server.ask(server.prompt(20, i), 12) for i in range(6)])  # type: ignore[misc]
    for one in streams:
        assert len(one.token_s) == 12
        assert all(a <= b for a, b in zip((one.sent_s, *one.token_s), one.token_s, strict=False))


@pytest.mark.parametrize("api", ["llama.cpp", "openai"])
def test_a_real_server_becomes_a_profile_that_a_scenario_runs_with(
    url: str, api: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(plans.PLANS, "short", QUICK)
    if api == "openai":  # the same server by its other interface
        monkeypatch.setattr("simulator.scoring.server._LLAMA_MARK", "no such key")
    said = shell("profile", "measure", "--url", url, "--name", "box", "--batched-tok", "256")
    assert said.code == 0, said.err
    assert f"{api}, model" in said.err
    assert "row left out" in said.out
    (tmp_path / "real.yaml").write_text(SCENARIO)
    part = load("real.yaml").spec.fleet["box"].steps
    assert part is not None
    assert part.args["chunk_tok_s"] + part.args["pair_s"] > 0
    assert part.args["evidence"] == "fitted"
    assert shell("run", "real.yaml", "--quiet", "--no-report").code == 0
