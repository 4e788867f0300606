"""The simulator beside a real llama.cpp server: the same arrivals and lengths through both.

A server is measured, and its fitted steps become a pool: its slots are `max_seqs`, its batch `max_batched_tok`, and
what a request costs outside its passes is the round trip of a link. Then Poisson arrivals go through the real server,
twice (how far two real runs are apart is the least that any model can be off), and through the simulator. The same for
a cascade of a small and a large server, where a fixed share of questions escalates.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simulator.scoring.linear_fit import LinearFit, fit_linear
from simulator.scoring.llamacpp import LARGE, SMALL, serving, write_model
from simulator.scoring.measure import PLANS, Told, measure
from simulator.scoring.real_world import (
    BATCHED_TOK,
    SHARE,
    SLOTS,
    Asked,
    Floats,
    Pool,
    drawn,
    poisson,
    simulated,
)
from simulator.scoring.server import Server, find_server

CASES = ("one", "cascade")
_MODELS = {"small": SMALL, "large": LARGE}
STATISTICS: dict[str, Callable[[Floats], float]] = {
    "mean": lambda x: float(np.mean(x)),
    "p50": lambda x: float(np.quantile(x, 0.5)),
    "p95": lambda x: float(np.quantile(x, 0.95)),
}


@dataclass(frozen=True)
class Compared:
    """One statistic of one metric of one case: two real runs and the simulator's."""

    case: str
    metric: str
    statistic: str
    real: tuple[float, float]
    simulated: float

    @property
    def spread(self) -> float:
        """How far the two real runs are apart, as a fraction of their mean."""
        return abs(self.real[0] - self.real[1]) / self._mean

    @property
    def error(self) -> float:
        """How far the simulator is off the mean of the real runs, as a fraction of it."""
        return self.simulated / self._mean - 1

    @property
    def bar(self) -> float | None:
        """What the error may be; TTFT has no bar."""
        if self.metric != "e2e_s":
            return None
        return 0.2 if self.statistic == "p95" else max(0.1, 1.5 * self.spread)

    @property
    def _mean(self) -> float:
        return sum(self.real) / 2


def validate_real(
    folder: Path, queries: int, loads: Sequence[float], told: Told, cases: Sequence[str] = CASES
) -> dict[str, Any]:
    """All cases, in `folder` (models, profiles, scenarios are left there); the figures as plain data."""
    for name, shape in _MODELS.items():
        write_model(folder / f"{name}.gguf", shape)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    apart = (tuple(cores[:1]), tuple(cores[1:2])) if len(cores) > 1 else ((), ())
    pools: list[Pool] = []
    compared: list[Compared] = []
    with _on_core(apart[1]):
        for case, play in zip(CASES, (_one_server, _two_servers), strict=True):
            if case in cases:
                measured, found = play(folder, apart, queries, loads, told)
                pools += measured
                compared += found
    return {
        "queries": queries,
        "slots": SLOTS,
        "batched_tok": BATCHED_TOK,
        "pools": [_told_pool(pool) for pool in pools],
        "compared": [_told_compared(each) for each in compared],
    }


def _one_server(
    folder: Path, cores: Sequence[tuple[int, ...]], queries: int, loads: Sequence[float], told: Told
) -> tuple[list[Pool], list[Compared]]:
    """The small server, on a core of its own, at several loads."""
    compared: list[Compared] = []
    with _served(folder, {"small": cores[0]}, told) as pools:
        for load_frac in loads:
            asked = poisson(queries, load_frac / pools[0].work_s(drawn(queries, seed=1)), seed=1)
            compared += _case(folder, f"one server, load {load_frac:g}", pools, asked, told)
    return pools, compared


def _two_servers(
    folder: Path, cores: Sequence[tuple[int, ...]], queries: int, loads: Sequence[float], told: Told
) -> tuple[list[Pool], list[Compared]]:
    """The cascade of both, at the highest load of the busier one; the client shares the small one's core."""
    with _served(folder, {"small": cores[1], "large": cores[0]}, told) as alone:
        lengths = drawn(queries, seed=2)
        with _kept_busy(alone[1].server, lengths):
            small = _measured(alone[0].server, told)
        with _kept_busy(alone[0].server, lengths):
            large = _measured(alone[1].server, told)
        pools = [replace(alone[0], beside=small), replace(alone[1], beside=large)]
        half = [pool.mixed(0.5) for pool in pools]
        most_s = max(half[0].work_s(lengths), SHARE * half[1].work_s(lengths))
        asked = poisson(queries, max(loads) / most_s, seed=2)
        compared = _case(folder, f"cascade, load {max(loads):g}", pools, asked, told)
    return [replace(pool, name=f"{pool.name} (of two)") for pool in pools], compared


def played(servers: Sequence[Server], asked: Asked, escalates: Sequence[bool], seed: int) -> pd.DataFrame:
    """What a client saw who sends these requests at their times: TTFT of the accepted answer, and E2E, by query."""
    seen: dict[int, tuple[float, float]] = {}
    errors: list[Exception] = []
    began_s = time.perf_counter() + 0.2

    def live(i: int) -> None:
        try:
            due_s = began_s + asked.arrive_s[i]
            time.sleep(max(due_s - time.perf_counter(), 0.0))
            for server in servers if escalates[i] else servers[:1]:
                prompt = server.prompt(int(asked.prompt_tok[i]), seed * 100_000 + i)
                last = server.ask(prompt, int(asked.output_tok[i]))
            seen[i] = (last.token_s[0] - due_s, last.token_s[-1] - due_s)
        except Exception as error:  # raised below, in the thread that asked
            errors.append(error)

    threads = [threading.Thread(target=live, args=(i,), daemon=True) for i in range(len(asked))]
    for i, thread in enumerate(threads):
        time.sleep(max(began_s + asked.arrive_s[i] - 0.1 - time.perf_counter(), 0.0))
        thread.start()
        if errors:
            raise errors[0]
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return pd.DataFrame([seen[i] for i in range(len(asked))], columns=["ttft_s", "e2e_s"])


def _case(folder: Path, case: str, pools: Sequence[Pool], asked: Asked, told: Told) -> list[Compared]:
    model, busy = simulated(folder, pools, asked)
    servers = [pool.server for pool in pools]
    escalates = model.escalated.astype(bool).tolist()
    works = ", ".join(f"{name} {frac:.0%}" for name, frac in busy.items())
    told(f"{case}: {len(asked)} queries in {asked.arrive_s[-1]:.0f} s, {sum(escalates)} escalate; busy: {works}")
    real = [played(servers, asked, escalates, seed) for seed in (1, 2)]
    made = [
        Compared(
            case,
            metric,
            name,
            (statistic(real[0][metric].to_numpy()), statistic(real[1][metric].to_numpy())),
            statistic(model[metric].to_numpy()),
        )
        for metric in ("ttft_s", "e2e_s")
        for name, statistic in STATISTICS.items()
    ]
    for each in made:
        told(line(each))
    return made


def line(each: Compared) -> str:
    """A comparison as a line of a table."""
    bar = "" if each.bar is None else f", bar {each.bar:.0%}: {'met' if abs(each.error) <= each.bar else 'MISSED'}"
    real = " and ".join(f"{1e3 * value:.0f}" for value in each.real)
    return (
        f"{each.case}: {each.metric} {each.statistic}: real {real} ms (spread {each.spread:.1%}), "
        f"simulated {1e3 * each.simulated:.0f} ms: {each.error:+.1%}{bar}"
    )


def table(found: Mapping[str, Any]) -> str:
    """The figures as a Markdown table, milliseconds."""
    lines = ["| case | metric | real, twice | spread | simulated | error | bar |", "|---|---|---|---|---|---|---|"]
    for each in found["compared"]:
        real = " / ".join(f"{1e3 * value:.0f}" for value in each["real"])
        bar = "" if each["bar"] is None else f"{each['bar']:.0%}"
        if each["bar"] is not None and abs(each["error"]) > each["bar"]:
            bar += " missed"
        metric = f"{each['metric']} {each['statistic']}"
        values = f"{real} | {each['spread']:.1%} | {1e3 * each['simulated']:.0f} | {each['error']:+.1%}"
        lines.append(f"| {each['case']} | {metric} | {values} | {bar} |")
    return "\n".join(lines)


@contextmanager
def _served(folder: Path, cores: dict[str, tuple[int, ...]], told: Told) -> Iterator[list[Pool]]:
    """Servers of these models, all running, measured one after the other."""
    with ExitStack() as stack:
        pools: list[Pool] = []
        for name, own in cores.items():
            opened = serving(folder / f"{name}.gguf", slots=SLOTS, batched_tok=BATCHED_TOK, cores=own)
            server = find_server(stack.enter_context(opened), timeout_s=120)
            pools.append(Pool(name, _MODELS[name], server, _measured(server, told)))
        yield pools


def _measured(server: Server, told: Told) -> LinearFit:
    return fit_linear(measure(server, PLANS["short"], None, told).rows, BATCHED_TOK)


@contextmanager
def _kept_busy(server: Server, lengths: Asked) -> Iterator[None]:
    """The server at work with such requests, one after the other, while the context lasts."""
    ended = threading.Event()

    def ask() -> None:
        for i in cycle(range(len(lengths))):
            if ended.is_set():
                return
            server.ask(server.prompt(int(lengths.prompt_tok[i]), i), int(lengths.output_tok[i]))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _on_core(cores: tuple[int, ...]) -> Iterator[None]:
    """This process on these cores, where the system can do that: the server has its own."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _told_pool(pool: Pool) -> dict[str, Any]:
    return {
        "name": pool.name,
        "params": pool.shape.params,
        "coefficients": dict(pool.fit.coefficients),
        "request_s": pool.fit.request_s,
        "errors": [error._asdict() for error in pool.fit.errors],
        "beside": None if pool.beside is None else dict(pool.beside.coefficients),
    }


def _told_compared(each: Compared) -> dict[str, Any]:
    return asdict(each) | {"spread": each.spread, "error": each.error, "bar": each.bar}
