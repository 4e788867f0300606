from __future__ import annotations

import time
from pathlib import Path

import pytest

from simulator.scoring import meters
from simulator.spec.errors import SpecError


def zone(folder: Path, name: str, uj: int, most: int = 1_000_000) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{uj}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{most}\n")


def test_rapl_sums_packages_and_not_their_parts_and_survives_a_wrap(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", 900_000)
    zone(tmp_path, "intel-rapl:1", 100_000)
    zone(tmp_path, "intel-rapl:0:0", 5)  # the cores of package 0, already in it
    with meters.rapl(tmp_path) as meter:
        began_j, _ = meter.read()
        zone(tmp_path, "intel-rapl:0", 99_999)  # 0.2 J on, past the end of the counter
        zone(tmp_path, "intel-rapl:1", 400_000)  # 0.3 J on
        assert meter.read()[0] - began_j == pytest.approx(0.5)


def test_a_machine_without_rapl_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--rapl: no counter in"), meters.rapl(tmp_path):
        pass


def test_watts_are_summed_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "EVERY_S", 1e-3)
    with meters.integrating("made up", lambda: 40.0) as meter:
        began_j, began_s = meter.read()
        time.sleep(0.1)
        end_j, end_s = meter.read()
    assert end_j - began_j == pytest.approx(40 * (end_s - began_s))
    assert end_s - began_s >= 0.1


def test_a_power_command_is_asked_and_its_failure_told() -> None:
    with meters.power_command("echo 12.5") as meter:
        assert meter.read()[0] >= 0
    with pytest.raises(SpecError, match=r"'exit 3' printed '', not watts \(exit code 3\)"):
        meters.power_command("exit 3").__enter__()
