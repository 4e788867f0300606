from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from scoring_world import Answer, Shell, as_llama, as_openai, reply, stream, stub

import simulator.scoring.measure as plans
from simulator.scoring import meters
from simulator.scoring.measure import Plan
from simulator.scoring.measurements import read_measurements
from simulator.spec.library import library

QUICK = Plan((16, 64, 200), (1, 2), (16, 200), 8, (64,), 1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plans.PLANS, "short", QUICK)
    monkeypatch.setattr(plans, "IDLE_S", 0.2)
    monkeypatch.setattr(plans, "METERED_S", 0.05)


@pytest.mark.parametrize(("answer", "llama"), [(as_llama, True), (as_openai, False)])
def test_a_server_becomes_a_profile_and_a_table(shell: Shell, tmp_path: Path, answer: Answer, llama: bool) -> None:
    with stub(answer, llama) as url:
        said = shell("profile", "measure", "--url", url, "--name", "box")
    assert said.code == 0, said.err
    assert "row left out" in said.out
    profile = library([tmp_path]).read("steps", "box")
    assert profile.args["chunk_tok_s"] + profile.args["pair_s"] > 0  # longer prompts take the stub longer
    rows = read_measurements(tmp_path / "profiles" / "steps" / "box.csv")
    alone = [row for row in rows if row.concurrency == 1 and row.output_tok == QUICK.decode_tok]
    assert all(row.measured["tpot_s"] >= 1e-3 for row in alone)  # as the stub sleeps; the machine may add to it
    assert {row.joining_tok for row in rows} == {0, 64}
    assert "1/9: 1 x 16 + 1 tokens: ttft_s" in said.err


def test_joules_are_what_the_meter_saw_above_idle(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "METERED_S", 0.1)
    at_work = 0
    lock = threading.Lock()

    def hot(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        nonlocal at_work
        with lock:
            at_work += 1
        as_llama(to, body)
        with lock:
            at_work -= 1

    def watts() -> float:
        return 110.0 if at_work else 10.0

    monkeypatch.setattr(meters, "EVERY_S", 2e-3)
    monkeypatch.setattr(meters, "power_command", lambda _: meters.integrating("a made-up meter", watts))
    with stub(hot) as url:
        said = shell("profile", "measure", "--url", url, "--name", "box", "--power-command", "made up")
    assert said.code == 0, said.err
    profile = library([tmp_path]).read("steps", "box")
    assert "joules above 10 W idle by a made-up meter" in profile.sources[0].ref
    # 100 W above idle for the 1 ms and more that the stub takes for a token.
    row = next(r for r in read_measurements(tmp_path / "profiles" / "steps" / "box.csv") if r.output_tok == 8)
    busy_s = row.measured["ttft_s"] + 7 * row.measured["tpot_s"]
    assert row.measured["energy_j"] == pytest.approx(100 * busy_s, rel=0.5)
    assert profile.args["pass_j"] + profile.args["decode_seq_j"] > 0


def test_a_meter_that_sees_only_idle_gives_no_joules(shell: Shell, tmp_path: Path) -> None:
    with stub(as_llama) as url:
        said = shell("profile", "measure", "--url", url, "--name", "box", "--power-command", "echo 12")
    assert said.code == 0, said.err
    assert "the command 'echo 12': hardly more than the 12 W of idle; no joules are kept" in said.err
    assert "pass_j" not in library([tmp_path]).read("steps", "box").args


def test_a_power_command_that_prints_no_watts_is_told(shell: Shell) -> None:
    with stub(as_llama) as url:
        said = shell("profile", "measure", "--url", url, "--power-command", "echo much")
    assert said.code == 2
    assert said.err == "--power-command: 'echo much' printed 'much', not watts (exit code 0)\n"


def _never(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    time.sleep(3)


def _stalls(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    def events() -> Iterator[Any]:
        yield {"content": "w", "stop": False, "tokens_predicted": 1}
        time.sleep(3)

    stream(to, events())


def _few(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    stream(to, iter([{"content": "w", "stop": False, "tokens_predicted": 1}, {"stop": True, "tokens_predicted": 1}]))


WRONG: dict[str, tuple[Answer, str]] = {
    "an error": (
        lambda to, _: reply(to, "out of memory", 503, "text/plain"),
        "HTTP 503 Service Unavailable: out of memory",
    ),
    "a refusal": (lambda to, _: reply(to, {"error": "no ids"}, 400), 'HTTP 400 Bad Request: {"error": "no ids"}'),
    "no stream": (lambda to, _: reply(to, {"content": "all"}), "answered application/json, not an event stream"),
    "a web page": (lambda to, _: reply(to, "<html>", kind="text/html"), "answered text/html, not an event stream"),
    "no JSON": (lambda to, _: stream(to, iter(["{oops"])), "not JSON: '{oops'"),
    "no object": (lambda to, _: stream(to, iter(["3"])), "an event that is no object: 3"),
    "an error event": (lambda to, _: stream(to, iter([{"error": "slot lost"}])), "error while answering: 'slot lost'"),
    "few tokens": (_few, "answered 1 tokens, not the 8 asked for"),
    "nothing": (lambda to, _: None, "/completion: "),
    "an empty stream": (lambda to, _: stream(to, iter([])), "answered 0 tokens, not the 8 asked for"),
    "silence": (_never, "/completion: no answer within 0.3 s"),
    "a stall": (_stalls, "/completion: no answer within 0.3 s"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_answer_is_one_line_with_the_address_and_nothing_is_written(shell: Shell, case: str) -> None:
    answer, message = WRONG[case]
    with stub(answer) as url:
        said = shell("profile", "measure", "--url", url, "--timeout", "0.3")
    last = said.err.splitlines()[-1]
    assert said.code == 2
    assert last.startswith(f"{url}: ")
    assert message in last
    assert list(Path().iterdir()) == []


def test_a_failure_in_the_middle_of_the_plan_leaves_nothing(shell: Shell) -> None:
    asked = 0

    def sometimes(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        nonlocal asked
        asked += 1
        (as_llama if asked < 6 else _few)(to, body)

    with stub(sometimes) as url:
        said = shell("profile", "measure", "--url", url)
    assert said.code == 2
    assert "answered 1 tokens" in said.err.splitlines()[-1]
    assert list(Path().iterdir()) == []


def test_ctrl_c_leaves_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        as_llama(to, body)

    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plans, "_medians", pressed)
    with stub(interrupted) as url, pytest.raises(KeyboardInterrupt):
        shell("profile", "measure", "--url", url)
    assert list(Path().iterdir()) == []


def test_an_address_where_nobody_answers_is_told(shell: Shell) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    said = shell("profile", "measure", "--url", url)
    assert (said.code, said.err) == (2, f"{url}: /props: Connection refused\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--url", "ftp://x"], "ftp://x: not an address such as http://127.0.0.1:8080"),
        (["--url", "http://no.such.host.invalid"], "http://no.such.host.invalid: no such host"),
        (["--url", "http://127.0.0.1:1", "--nvml", "--rapl"], "give one of --power-command, --nvml and --rapl"),
    ],
)
def test_a_wrong_command_line_is_told(shell: Shell, args: list[str], message: str) -> None:
    said = shell("profile", "measure", *args)
    assert said.code == 2
    assert said.err.startswith(message)


def test_an_unknown_model_is_told_with_those_there_are(shell: Shell) -> None:
    with stub(as_openai, props=False) as url:
        said = shell("profile", "measure", "--url", url, "--model", "stub-2b")
    assert (said.code, said.err) == (2, f"{url}: no model 'stub-2b' among stub-1b\n")
