"""A short plan of requests that tells how fast a server is: prompts alone, decodes together, a prompt among decodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np

from simulator.scoring.measurements import QUANTITIES, Measurement
from simulator.scoring.meters import Meter
from simulator.scoring.server import Server, Streamed, meet, together
from simulator.spec.errors import SpecError

IDLE_S = 3.0  # for which a meter is read before anything is asked
METERED_S = 1.0  # for which a burst is repeated under a meter
_NOISE = 0.02  # joules above idle that are no larger a part of all joules are none
_METERED_ROWS = 6  # that a fit of joules needs
Told = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """Sizes of the bursts. What a server has no slots or no context for is left out."""

    alone_tok: tuple[int, ...]
    """Prompts that come alone."""
    decodes: tuple[int, ...]
    """Sequences that decode together."""
    decode_prompt_tok: tuple[int, ...]
    decode_tok: int
    """Tokens that each of them generates."""
    joining_tok: tuple[int, ...]
    """Prompts that come while others decode."""
    repeats: int
    """Times that each burst is sent; medians are kept."""


PLANS = {
    "short": Plan((16, 64, 128, 256, 512), (1, 2, 4, 8), (16, 256), 32, (64, 256), 3),
    "long": Plan(
        (16, 64, 128, 256, 512, 1024, 2048, 4096), (1, 2, 4, 8, 16, 32, 64), (16, 256, 1024), 64, (64, 512), 5
    ),
}


@dataclass(frozen=True)
class Measured:
    """What a plan gave. `idle_w` is what the meter read before; None without one."""

    rows: tuple[Measurement, ...]
    idle_w: float | None


def measure(server: Server, plan: Plan, meter: Meter | None = None, told: Told = lambda _: None) -> Measured:
    """Send the plan's bursts, one after the other, and keep medians. SpecError where the server fails in one."""
    bursts = list(_bursts(server, plan))
    if not bursts:
        raise server.error(f"its context of {server.context_tok} tokens has no room for the plan")
    told(f"{server.url}: {server.api}, model {server.model or 'not named'}; {len(bursts)} bursts x {plan.repeats}")
    together([lambda: server.ask(server.prompt(16, 1), 8)])  # the first request pays for what no other does
    idle_w = None if meter is None else _idle_w(meter)
    rows: list[Measurement] = []
    for i, burst in enumerate(bursts, 1):
        tries = [_sent(server, burst, i * plan.repeats + k, meter, idle_w or 0.0) for k in range(plan.repeats)]
        row = _medians(burst, tries)
        if row.measured:
            rows.append(row)
        what = f"a prompt of {row.joining_tok} beside " if row.joining_tok else ""
        seen = ", ".join(f"{name} {row.measured[name]:.4g}" for name in QUANTITIES if name in row.measured)
        what += f"{row.concurrency} x {row.prompt_tok} + {row.output_tok} tokens"
        told(f"{i}/{len(bursts)}: {what}: {seen or 'nothing'}")
    if meter is not None and sum("energy_j" in row.measured for row in rows) < _METERED_ROWS:
        told(f"{meter.source}: hardly more than the {idle_w:.4g} W of idle; no joules are kept")
        rows = [replace(row, measured={k: v for k, v in row.measured.items() if k != "energy_j"}) for row in rows]
    return Measured(tuple(rows), idle_w)


def _bursts(server: Server, plan: Plan) -> Iterator[Measurement]:
    room = server.context_tok or 10**9
    slots = server.slots or 10**9
    for tok in plan.alone_tok:
        if tok < room:
            yield Measurement(tok, 1)
    for seqs in plan.decodes:
        for tok in plan.decode_prompt_tok:
            if seqs <= slots and tok + plan.decode_tok < room:
                yield Measurement(tok, plan.decode_tok, seqs)
    beside = [seqs for seqs in plan.decodes if seqs < slots]
    for tok in plan.joining_tok if beside else ():
        for seqs in sorted({beside[0], beside[-1]}):
            if tok < room and 16 + 4 * plan.decode_tok < room:
                yield Measurement(16, 4 * plan.decode_tok, seqs, tok)


def _sent(server: Server, burst: Measurement, seed: int, meter: Meter | None, idle_w: float) -> dict[str, float]:
    """The quantities of one burst."""
    if burst.joining_tok:
        return _joined(server, burst, seed)
    times, (began_j, began_s) = 0, (0.0, 0.0) if meter is None else meter.read()
    while True:  # once; with a meter, until it has had time to see something
        prompts = [server.prompt(burst.prompt_tok, 1000 * (seed + times) + i) for i in range(burst.concurrency)]
        streams = together([partial(server.ask, prompt, burst.output_tok) for prompt in prompts])
        times += 1
        if meter is None or time.perf_counter() - began_s >= METERED_S:
            break
    found: dict[str, float] = {}
    if meter is not None:
        end_j, end_s = meter.read()
        above_j = end_j - began_j - idle_w * (end_s - began_s)
        if above_j > _NOISE * (end_j - began_j):
            found["energy_j"] = above_j / times
    if burst.concurrency == 1:
        found["ttft_s"] = streams[0].ttft_s
    if burst.output_tok > 1 and (gap_s := _gap_s(streams)) is not None:
        found["tpot_s"] = gap_s
    return found


def _joined(server: Server, burst: Measurement, seed: int) -> dict[str, float]:
    """TTFT of a prompt that comes when the others decode; nothing where they had ended before its first token."""
    decoding = threading.Barrier(burst.concurrency + 1)
    prompt = server.prompt(burst.joining_tok, seed)

    def decode(i: int) -> Streamed:
        return server.ask(server.prompt(burst.prompt_tok, 1000 * seed + i), burst.output_tok, decoding)

    def late() -> Streamed:
        meet(decoding, server)
        return server.ask(prompt, 1)

    *others, last = together([*(partial(decode, i) for i in range(burst.concurrency)), late])
    is_mixed = all(other.token_s[-1] >= last.token_s[-1] for other in others)
    return {"ttft_s": last.ttft_s} if is_mixed else {}


def _gap_s(streams: Sequence[Streamed]) -> float | None:
    """Seconds between two tokens while all decode; None where they never all did."""
    start, end = max(s.token_s[0] for s in streams), min(s.token_s[-1] for s in streams)
    gaps: list[float] = []
    for stream in streams:
        inside = [at for at in stream.token_s if start <= at <= end]
        if len(inside) > 1:
            gaps.append((inside[-1] - inside[0]) / (len(inside) - 1))
    return float(np.mean(gaps)) if len(gaps) == len(streams) else None


def _medians(burst: Measurement, tries: Sequence[dict[str, float]]) -> Measurement:
    measured = {name: median(each[name] for each in tries if name in each) for name in {n for t in tries for n in t}}
    return Measurement(burst.prompt_tok, burst.output_tok, burst.concurrency, burst.joining_tok, measured)


def _idle_w(meter: Meter) -> float:
    began_j, began_s = meter.read()
    time.sleep(IDLE_S)
    end_j, end_s = meter.read()
    watts = (end_j - began_j) / (end_s - began_s)
    if watts <= 0:
        raise SpecError(f"{meter.source}: counts nothing")
    return watts
