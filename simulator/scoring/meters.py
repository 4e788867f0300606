"""Meters of joules: NVML, RAPL, or a command that prints watts. Whole devices, idle included."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from simulator.spec.errors import SpecError, shown

RAPL = Path("/sys/class/powercap")
EVERY_S = 0.1  # between two readings of watts
_COMMAND_S = 10.0  # that a power command may take


class Meter(Protocol):
    """What has drawn so many joules since some time in the past."""

    source: str

    def read(self) -> tuple[float, float]:
        """Joules so far, and when that was, on the clock of `time.perf_counter`."""
        ...


@dataclass
class Counter:
    """A counter of joules that the hardware keeps."""

    source: str
    read_j: Callable[[], float]

    def read(self) -> tuple[float, float]:
        """As the counter says now."""
        return self.read_j(), time.perf_counter()


@dataclass
class Integrated:
    """Watts read every so often, summed in a thread of its own."""

    source: str
    read_w: Callable[[], float]
    _total_j: float = 0.0
    _at_s: float = 0.0
    _failed: Exception | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)

    def read(self) -> tuple[float, float]:
        """The sum up to a reading made now."""
        if self._failed is not None:
            raise self._failed
        return self._sample()

    def _sample(self) -> tuple[float, float]:
        with self._lock:
            watts, now_s = self.read_w(), time.perf_counter()
            self._total_j += watts * (now_s - self._at_s) if self._at_s else 0.0
            self._at_s = now_s
            return self._total_j, now_s

    def run(self) -> None:
        """Read until `stop`."""
        while not self._ended.wait(EVERY_S):
            try:
                self._sample()
            except SpecError as error:
                self._failed = error
                return

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()


@contextmanager
def integrating(source: str, read_w: Callable[[], float]) -> Iterator[Meter]:
    """A meter that sums watts while the context lasts."""
    meter = Integrated(source, read_w)
    meter.read()
    thread = threading.Thread(target=meter.run, daemon=True)
    thread.start()
    try:
        yield meter
    finally:
        meter.stop()


def power_command(command: str) -> AbstractContextManager[Meter]:
    """The watts that a shell command prints, a number alone on its last line."""

    def read_w() -> float:
        try:
            said = subprocess.run(command, shell=True, capture_output=True, timeout=_COMMAND_S, text=True)
        except subprocess.TimeoutExpired:
            raise SpecError(f"--power-command: {command!r} took more than {_COMMAND_S:g} s") from None
        lines = said.stdout.strip().splitlines()
        try:
            watts = float(lines[-1]) if said.returncode == 0 else -1.0
        except (ValueError, IndexError):
            watts = -1.0
        if not 0 <= watts < float("inf"):
            text = f"printed {shown(said.stdout.strip())}, not watts (exit code {said.returncode})"
            raise SpecError(f"--power-command: {command!r} {text}")
        return watts

    return integrating(f"the command {command!r}", read_w)


@contextmanager
def rapl(folder: Path = RAPL) -> Iterator[Meter]:
    """The CPU packages of this machine, by Intel's (and AMD's) running average power limit. Counters may wrap once."""
    zones = [zone for zone in sorted(folder.glob("intel-rapl:*")) if zone.name.count(":") == 1]
    if not zones:
        raise SpecError(f"--rapl: no counter in {folder}: the machine (or its virtual one) has none")
    most = {zone: _read_uj(zone / "max_energy_range_uj") for zone in zones}
    last = {zone: _read_uj(zone / "energy_uj") for zone in zones}
    total_uj = 0

    def read_j() -> float:
        nonlocal total_uj
        for zone in zones:
            now = _read_uj(zone / "energy_uj")
            total_uj += (now - last[zone]) % (most[zone] + 1)
            last[zone] = now
        return total_uj * 1e-6

    yield Counter(f"RAPL, {len(zones)} package(s)", read_j)


@contextmanager
def nvml() -> Iterator[Meter]:
    """All NVIDIA GPUs of this machine."""
    try:
        import pynvml
    except ImportError:
        raise SpecError("--nvml: needs the package nvidia-ml-py: pip install 'multillm-sim[nvml]'") from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise SpecError(f"--nvml: {error}") from None
    gpus = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    try:
        yield Counter(
            f"NVML, {len(gpus)} GPU(s)", lambda: sum(pynvml.nvmlDeviceGetTotalEnergyConsumption(g) for g in gpus) * 1e-3
        )
    except pynvml.NVMLError as error:  # older than Volta: no counter
        raise SpecError(f"--nvml: {error}") from None
    finally:
        pynvml.nvmlShutdown()


def _read_uj(file: Path) -> int:
    try:
        return int(file.read_text())
    except OSError as error:
        raise SpecError(f"--rapl: {file}: {error.strerror}") from None
