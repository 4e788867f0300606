"""A command line called in this process, bursts run through the simulator, and a server that answers as one likes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from simulator import build, load, run
from simulator.cli.app import command
from simulator.scoring.measurements import Measurement

LINEAR = {"pass_s": 5e-3, "decode_seq_s": 2e-3, "context_tok_s": 1e-6, "chunk_tok_s": 3e-4, "pair_s": 2e-7}
LINEAR_J = {"pass_j": 2.0, "decode_seq_j": 0.5, "context_tok_j": 1e-4, "chunk_tok_j": 0.02}
BATCHED_TOK = 256
RTT_S = 4e-3


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *args: str | Path) -> Said:
        self.capsys.readouterr()
        code = command([str(arg) for arg in args])
        return Said(code, *self.capsys.readouterr())


def burst(folder: Path, concurrency: int, prompt_tok: int, output_tok: int, steps: dict[str, float]) -> Measurement:
    """What a client would measure of such a burst if the world were as the simulator says."""
    scenario = {
        "name": "burst",
        "run": {"queries": concurrency, "warmup_s": 0, "replications": 1},
        "workload": {
            "all": {
                "arrivals": {"use": "all-at-once", "queries": concurrency},
                "lengths": {"use": "fixed", "prompt_tok": prompt_tok, "output_tok": output_tok},
            }
        },
        "fleet": {
            "one": {
                "model": "llama-3.2-1b",
                "device": "l40s",
                "place": "there",
                "steps": {"use": "linear", **steps},
                "max_batched_tok": BATCHED_TOK,
            }
        },
        "links": {
            "http": {
                "between": ["here", "there"],
                "rtt_ms": RTT_S * 1e3,
                "up_mbit_per_s": 1e9,
                "down_mbit_per_s": 1e9,
                "sharing": "per_user",
            }
        },
        "policy": {"use": "always", "pool": "one"},
    }
    (folder / "burst.yaml").write_text(json.dumps(scenario))
    tables = run(build(load(folder / "burst.yaml"))).tables
    measured = {"ttft_s": float(tables.queries.ttft_s.mean())}
    if output_tok > 1 and concurrency * prompt_tok <= BATCHED_TOK:  # else some decode while others are prefilled
        measured["tpot_s"] = float(tables.queries.tpot_s.mean())
    if "pass_j" in steps:
        busy = tables.ledger[(tables.ledger.kind == "replica") & (tables.ledger.state == "busy")]
        measured["energy_j"] = float(busy.it_energy_j.sum())
    return Measurement(prompt_tok, output_tok, concurrency, 0, measured)


Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


@contextmanager
def stub(answer: Answer, props: bool = True) -> Iterator[str]:
    """The address of a server that describes itself as llama.cpp does (or not), and answers prompts with `answer`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/props" and props:
                reply(self, {"total_slots": 4, "default_generation_settings": {"n_ctx": 600}})
            elif self.path == "/v1/models":
                reply(self, {"data": [{"id": "stub-1b"}]})
            else:
                reply(self, {"error": "no such path"}, 404)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer(self, body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def reply(to: BaseHTTPRequestHandler, data: Any, status: int = 200, kind: str = "application/json") -> None:
    text = (data if isinstance(data, str) else json.dumps(data)).encode()
    to.send_response(status)
    to.send_header("Content-Type", kind)
    to.send_header("Content-Length", str(len(text)))
    to.end_headers()
    to.wfile.write(text)


def stream(to: BaseHTTPRequestHandler, events: Iterator[Any]) -> None:
    """Events as they come; the stream ends with the connection."""
    to.send_response(200)
    to.send_header("Content-Type", "text/event-stream")
    to.end_headers()
    for event in events:
        to.wfile.write(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode())
        to.wfile.flush()


def as_llama(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """As llama.cpp would: 2 ms and 20 us a prompt token, then 1 ms a token."""

    def events() -> Iterator[Any]:
        time.sleep(2e-3 + 2e-5 * len(body["prompt"]))
        for i in range(body["n_predict"]):
            time.sleep(1e-3 if i else 0)
            yield {"content": "w", "stop": False, "tokens_predicted": i + 1}
        yield {"content": "", "stop": True, "tokens_predicted": body["n_predict"]}

    stream(to, events())


def as_openai(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """As a server compatible with OpenAI would: no slots, no context told, usage at the end."""

    def events() -> Iterator[Any]:
        time.sleep(2e-3 + 2e-5 * len(body["prompt"]))
        for i in range(body["max_tokens"]):
            time.sleep(1e-3 if i else 0)
            yield {"choices": [{"text": "w"}]}
        yield {"choices": [], "usage": {"completion_tokens": body["max_tokens"]}}
        yield "[DONE]"

    stream(to, events())
