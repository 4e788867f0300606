"""Measured points: what somebody measured of a model on a device under an engine, whatever table it is from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from simulator.physics import values
from simulator.physics.split import Split
from simulator.physics.values import Device, Model
from simulator.spec.errors import SpecError
from simulator.spec.library import Library
from simulator.spec.profiles import DeviceProfile

Quantity = Literal["decode_s", "prefill_s", "tpot_s", "ttft_s", "prompt_s", "token_s", "power_w", "energy_j_per_tok"]

ALONE: tuple[Quantity, ...] = ("decode_s", "prefill_s")  # one sequence, nobody else
BATCHED: tuple[Quantity, ...] = ("prompt_s", "token_s")  # one batch, nobody else
WHOLE = Split()
"""One device."""
SERVED: tuple[Quantity, ...] = ("tpot_s", "ttft_s", "power_w", "energy_j_per_tok")  # a closed loop


@dataclass(frozen=True)
class Point:
    """A measured number in base units, and the batch that it is of.

    `seqs` sequences at once, with `prompt_tok` each and `output_tok` after it; a pass takes up to `chunk_tok` tokens.
    """

    source: str
    table: str
    row: str
    group: str
    quantity: Quantity
    measured: float
    device: DeviceProfile = field(repr=False)
    engine: str
    model: Model = field(repr=False)
    weights: str
    kv_value_bytes: float | None = None
    split: Split = WHOLE
    seqs: int = 1
    prompt_tok: float = 0.0
    output_tok: float = 1.0
    chunk_tok: int = 2048
    is_median: bool = False
    """Of passes: those that hold prompts, fewer than half, do not show in it; means do show them."""
    cause: str = ""
    """Why it may be far off, where the table says."""

    @property
    def kind(self) -> str:
        """Whether the model is a mixture of experts."""
        return "moe" if self.model.experts else "dense"

    def key(self) -> tuple[str, ...]:
        """What rows of one curve have in common: each curve weighs the same, however many rows it has."""
        split = "/".join(map(str, self.split))
        return self.table, self.device.name, self.engine, self.model.name, self.weights, split, self.quantity


@dataclass
class Names:
    """Profiles by the names that tables use; what is not found is counted."""

    library: Library
    skipped: Counter[str] = field(default_factory=Counter)

    def device(self, name: str) -> DeviceProfile | None:
        """The device that a table calls so."""
        found = self.library.known_as("devices", name)
        if found is None:
            self.skip(f"no profile of device {name}")
            return None
        return self.library.read("devices", found)

    def model(self, name: str) -> Model | None:
        """The model that a table calls so."""
        found = self.library.known_as("models", name)
        if found is None:
            self.skip(f"no profile of model {name}")
            return None
        return values.model(self.library.read("models", found))

    def skip(self, why: str) -> None:
        """Count a row that is not used."""
        self.skipped[why] += 1


def device_under(library: Library, point: Point) -> tuple[Device, str]:
    """The device of a point under its engine as the profiles have it, and which profile of the engine that took."""
    try:
        layers = library.layers(point.device, point.engine)
    except SpecError:
        layers = [library.read("engines", "any")]
    return values.device(point.device, layers), layers[0].name


def by_engine(points: list[Point]) -> Iterator[tuple[str, list[Point]]]:
    """Points of each engine, by name."""
    for engine in sorted({point.engine for point in points}):
        yield engine, [point for point in points if point.engine == engine]
