"""The shipped devices: how many, by which names, and equal to the public table of their facts."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from simulator.spec.library import library
from simulator.spec.profiles import Achieved, DeviceProfile

SHELF = library(())
DEVICES = {name: SHELF.read("devices", name) for name in SHELF.names("devices")}
DATA = os.environ.get("MULTILLM_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="MULTILLM_DATA is not set")
COLUMNS = {
    "memory_gb": "memory_gb",
    "bandwidth_gb_per_s": "memory_bw_gb_s",
    "peak_fp16_tflop_per_s": "peak_fp16_dense_tflops",
    "peak_fp8_tflop_per_s": "peak_fp8_dense_tflops",
    "peak_int8_top_per_s": "peak_int8_dense_tops",
    "peak_fp4_tflop_per_s": "peak_fp4_dense_tflops",
    "tdp_w": "tdp_w",
    "bare_idle_w": "idle_w",
    "idle_w": "idle_loaded_w",
}
# Tables of measurements, and their columns that name devices.
MEASURED = {
    "measured_llm_speed": "device",
    "mlenergy_v3_llm": "gpu",
    "mlenergy_v2_chat": "gpu",
    "silicon_ttft_tpot": "system",
    "splitwise_perf_power": "hardware",
    "wilkins_hf_energy": "device",
    "kernel_gemm_efficiency": "device",
}
NO_DEVICE = {"", "h100-80gb-pcap"}  # not stated; a card that was capped below its TDP


def rows(table: str) -> list[dict[str, str]]:
    with Path(DATA or "", "hardware", f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def by_any_name() -> dict[str, DeviceProfile]:
    return {name: device for device in DEVICES.values() for name in (device.name, *device.aliases)}


def test_there_are_eighty_devices_and_more() -> None:
    assert len(DEVICES) >= 80
    assert {device.kind for device in DEVICES.values()} >= {
        "datacenter",
        "workstation",
        "edge",
        "phone",
        "laptop",
        "cpu",
    }


def test_no_name_is_of_two_devices() -> None:
    claims = Counter(name for device in DEVICES.values() for name in (device.name, *device.aliases))
    assert [name for name, times in claims.items() if times > 1] == []


@pytest.mark.parametrize("name", DEVICES)
def test_a_shipped_device_has_facts_only(name: str) -> None:
    achieved = set(Achieved.model_fields) - {"name", "title", "sources"}
    assert DEVICES[name].model_fields_set & achieved == set()


def test_units_of_one_chip_share_its_memory_and_battery() -> None:
    shared = ("memory_gb", "bandwidth_gb_per_s", "battery_wh", "load_gb_per_s", "embodied_kg", "life_years", "year")
    units = [(name, name.rpartition("-")) for name in DEVICES if name.endswith(("-cpu", "-gpu", "-npu"))]
    pairs = [(DEVICES[name], DEVICES[soc]) for name, (soc, _, _) in units if soc in DEVICES and soc != "xeon6"]
    assert len(pairs) >= 10
    for unit, chip in pairs:
        assert [getattr(unit, key) for key in shared] == [getattr(chip, key) for key in shared], unit.name


@needs_data
def test_facts_are_those_of_the_public_table() -> None:
    known = by_any_name()
    wrong = []
    for row in rows("devices"):
        device = known[row["device"]]
        # The table gives the int8 rate of the NPU, or of all units together, beside the fp16 rate of the GPU of these.
        of_one_unit = device.kind in ("phone", "laptop")
        for key, column in COLUMNS.items():
            ours = getattr(device, key)
            if not row[column] or (of_one_unit and key == "peak_int8_top_per_s"):
                continue
            measured_loaded = key == "idle_w" or row["idle_loaded_w"] or row["device"] == "dgx-spark-gb10"
            if key == "bare_idle_w" and not measured_loaded:
                continue
            if ours != pytest.approx(float(row[column])):
                wrong.append(f"{device.name}: {key} {ours}, not {row[column]}")
    assert wrong == []


@needs_data
@pytest.mark.parametrize("table", MEASURED)
def test_every_device_that_was_measured_has_a_profile(table: str) -> None:
    measured = {row[MEASURED[table]] for row in rows(table)} - NO_DEVICE
    assert measured - set(by_any_name()) == set()
