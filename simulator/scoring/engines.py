"""Engine profiles written from measured points: what ships in `profiles/engines`, made again by one command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.physics import values
from simulator.physics.values import Device
from simulator.records.files import write_text
from simulator.scoring.achieved import Achieved, Level, fit, levels_of
from simulator.scoring.points import Point, by_engine
from simulator.scoring.power_fit import Power, fit_power
from simulator.spec.library import ANY_ENGINE, Library
from simulator.spec.profiles import EngineProfile, Source
from simulator.spec.writer import to_yaml

TITLES = {
    "vllm": "vLLM",
    "vllm-2024": "vLLM as of 2024",
    "vllm-2023": "The engine of the Splitwise measurements (2023)",
    "trtllm": "TensorRT-LLM",
    "sglang": "SGLang",
    "llama.cpp": "llama.cpp, and Ollama on top of it",
    "mlc": "MLC LLM",
    "executorch": "ExecuTorch (XNNPACK, on the CPU)",
    "genie": "Qualcomm Genie and QNN, on the NPU",
    "tensorrt-edge": "TensorRT Edge-LLM",
}
# What no table of speeds says. vLLM and its kin use 0.9 of the memory by default; NCCL and runtime take 3.5 GB.
_SERVERS = {"runtime_gb": 3.5, "memory_frac": 0.9, "pass_overhead_ms": 0.0}
_LOCAL = {"runtime_gb": 0.5, "memory_frac": 0.95, "pass_overhead_ms": 0.0}
GIVEN: Mapping[str, Mapping[str, float | int]] = {
    **dict.fromkeys(("vllm", "vllm-2024", "vllm-2023", "trtllm", "sglang"), _SERVERS),
    **dict.fromkeys(("llama.cpp", "mlc", "executorch", "tensorrt-edge"), _LOCAL),
    "genie": {**_LOCAL, "chunk_quantum_tok": 128},
}
_FEW = 8  # clients that hardly meet each other's prompts
_NAMED = 5  # sources that a profile names
_ENOUGH = 0.15  # points' worth of time that a number must stand for to be told at a level


@dataclass(frozen=True)
class Fitted:
    """An engine's numbers and its devices' power, by level."""

    achieved: Achieved
    power: Mapping[Level, Power]

    def numbers(self, point: Point) -> dict[str, float]:
        """What holds for a point, by key, of the most particular level that says it."""
        found: dict[str, float] = {}
        for level in reversed(levels_of(point)):
            if level in self.achieved.levels:
                found |= told(self.achieved, level)
            if level in self.power:
                found |= self.power[level]._asdict()
        return found

    def device(self, point: Point, library: Library) -> Device:
        """A point's device with these numbers, and with what is assumed of any engine where there are none."""
        known = {**GIVEN[point.engine], **self.numbers(point)}
        source = Source(kind="fitted", ref="points of others")
        mine = EngineProfile(name="fitted", engine=point.engine, sources=(source,), **known)
        return values.device(point.device, [mine, library.read("engines", ANY_ENGINE)])

    def level(self, point: Point) -> str:
        """The most particular level that anything of a point's device is fitted at."""
        return next((level[0] for level in levels_of(point) if level in self.achieved.levels), "none")


def fitted(points: Sequence[Point]) -> Fitted:
    """All numbers of one engine from points of it: times first, then power by the measured times."""
    timed = [point for point in points if is_timed(point)]
    pass_s = {point.row: point.measured for point in points if point.quantity == "tpot_s"}
    metered = [point for point in points if point.quantity == "power_w" and point.row in pass_s]
    power: dict[Level, Power] = {}
    for level in {level for point in metered for level in levels_of(point)}:
        mine = [point for point in metered if level in levels_of(point)]
        power[level] = fit_power(mine, [pass_s[point.row] for point in mine])
    return Fitted(fit(timed), power)


def is_timed(point: Point) -> bool:
    """Whether times are fitted to a point: of those to the first token, to the ones that few clients see."""
    if point.quantity == "ttft_s":
        return point.seqs <= _FEW
    return point.quantity not in ("power_w", "energy_j_per_tok")


def told(achieved: Achieved, level: Level) -> dict[str, float]:
    """Numbers of a level that something was measured for there."""
    support = achieved.support[level]
    return {key: value for key, value in achieved.levels[level].items() if support[key] >= _ENOUGH}


def write(points: Sequence[Point], folder: Path) -> list[Path]:
    """Write the profile of each engine, of each family and of each device that was measured under it."""
    written = []
    for engine, mine in by_engine(list(points)):
        made = fitted(mine)
        for level in made.achieved.levels:
            of = [point for point in mine if level in levels_of(point)]
            name = engine if level[0] == "engine" else f"{engine}-{level[1]}"
            path = folder / f"{name}.yaml"
            write_text(path, to_yaml(_profile(name, engine, level, made, of)))
            written.append(path)
    return written


def _profile(name: str, engine: str, level: Level, made: Fitted, points: Sequence[Point]) -> dict[str, Any]:
    numbers = {key: float(f"{value:.3g}") for key, value in told(made.achieved, level).items()}
    watts = made.power.get(level)
    power = {} if watts is None else {key: round(value, 3) for key, value in watts._asdict().items()}
    given = dict(GIVEN[engine]) if level[0] == "engine" else {}
    where = {} if level[0] == "engine" else {level[0]: level[1]}
    on = {"engine": "devices of families that nobody measured", "family": f"the family {level[1]}"}
    title = f"{TITLES[engine]} on {on.get(level[0], level[1])}"
    repositories = sorted({point.source.split(" ")[0].rstrip(",") for point in points})
    refs = ", ".join(repositories[:_NAMED]) + (" and others" if len(repositories) > _NAMED else "")
    kind = "assumed" if level[0] == "engine" else "fitted"
    count = sum(map(is_timed, points))
    devices = sorted({point.device.name for point in points})
    ref = f"{count} points of {', '.join(devices) if len(devices) < 6 else f'{len(devices)} devices'}: {refs}"
    sources: list[dict[str, Any]] = [{"kind": kind, "of": [*numbers, *power], "ref": ref}]
    if given:
        sources.append({"kind": "assumed", "of": list(given), "ref": "defaults of such engines; not measured"})
    return {"name": name, "title": title, "engine": engine, **where, **numbers, **power, **given, "sources": sources}
