"""One slip, one line, at the key that has it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.spec.errors import SpecError
from simulator.spec.library import library, read_profile, shipped
from simulator.spec.profiles import DeviceProfile


def told(folder: Path, like: str, **changes: object) -> list[str]:
    """What is told of a shipped device with other numbers; the file is read as a user's is."""
    data = yaml.safe_load((shipped("profiles") / "devices" / f"{like}.yaml").read_text())
    file = folder / f"{like}.yaml"
    lines = [f"{key}: {value}" for key, value in (data | changes).items() if key not in ("sources", "title", "aliases")]
    file.write_text("\n".join([*lines, "sources: [{kind: assumed, ref: a test}]", ""]))
    try:
        read_profile(DeviceProfile, file)
    except SpecError as error:
        return [f"{problem.path}: {problem.text}" for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("like", "key", "value", "says"),
    [
        ("h100-sxm", "memory_gb", 80_000, "in MB?"),
        ("h100-sxm", "memory_gb", -80, "must be greater than 0"),
        ("h100-sxm", "memory_gb", ".nan", "finite"),
        ("h100-sxm", "bandwidth_gb_per_s", 3_350_000, "in MB/s"),
        ("h100-sxm", "bandwidth_gb_per_s", 8 * 3350, "bits for bytes (then 3350)"),
        ("rtx-4090", "bandwidth_gb_per_s", 8 * 1008, "bits for bytes (then 1008)"),
        ("h100-sxm", "peak_fp16_tflop_per_s", 989_000, "in GFLOP/s?"),
        ("h100-sxm", "peak_fp16_tflop_per_s", 1979, "a sparse peak given as dense (then 989.5)"),
        ("l40s", "peak_fp16_tflop_per_s", 733, "a sparse peak given as dense (then 366.5)"),
        ("a100-80-sxm", "peak_fp16_tflop_per_s", 624, "a sparse peak given as dense (then 312)"),
        ("jetson-agx-orin", "peak_fp16_tflop_per_s", 137.5, "a sparse peak given as dense"),
        ("jetson-agx-thor", "peak_fp16_tflop_per_s", 517, "a sparse peak given as dense (then 258.5)"),
        ("rtx-3090", "peak_fp16_tflop_per_s", 142, "fp16 accumulation, or sparse (then 71)"),
        ("rtx-4090", "peak_fp16_tflop_per_s", 330.3, "fp16 accumulation, or sparse (then 165.15)"),
        ("rtx-5090", "peak_fp16_tflop_per_s", 419, "fp16 accumulation, or sparse (then 209.5)"),
        ("h100-sxm", "peak_fp8_tflop_per_s", 3958, "4 times peak_fp16_tflop_per_s (989), not 1 to 2; a sparse peak"),
        ("h100-sxm", "peak_fp8_tflop_per_s", 1.979, "in other units"),
        ("a100-80-sxm", "peak_int8_top_per_s", 1248 * 2, "a sparse peak given as dense?"),
        ("rtx-5090", "peak_fp4_tflop_per_s", 3352, "not 1 to 8; a sparse peak given as dense?"),
        ("h100-sxm", "tdp_w", 700_000, "in mW"),
        ("h100-sxm", "tdp_w", 0.7, "in kW?"),
        ("h100-sxm", "idle_w", 1217, "1217 is above tdp_w (700)"),
        ("h100-sxm", "bare_idle_w", 200, "200 is above idle_w (121.7)"),
        ("h100-sxm", "host_idle_w", 150_000, "in mW"),
        ("h100-sxm", "load_gb_per_s", 5000, "above bandwidth_gb_per_s (3350)"),
        ("h100-sxm", "interconnect_gb_per_s", 3600, "above bandwidth_gb_per_s (3350)"),
        ("h100-sxm", "price_usd_per_h", 2100, "a month's"),
        ("h100-sxm", "embodied_kg", 164_000, "in g?"),
        ("h100-sxm", "life_years", 36, "in months?"),
        ("snapdragon-8-elite", "battery_wh", 19_400, "in mWh"),
        ("apple-a18-pro", "throttle_factor", 177, "in per cent?"),
        ("apple-a18-pro", "throttle_factor", 0.56, "must be greater than or equal to 1"),
        ("apple-a18-pro", "cool_s", 120_000, "in ms?"),
    ],
)
def test_an_impossible_number_is_told_once_at_its_key(
    tmp_path: Path, like: str, key: str, value: object, says: str
) -> None:
    (line,) = told(tmp_path, like, **{key: value})
    assert line.startswith(f"{key}: ")
    assert says in line


def test_the_line_has_the_place_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "l40s.yaml"
    text = (shipped("profiles") / "devices" / "l40s.yaml").read_text().replace("\nidle_w: 102", "\nidle_w: 1020")
    file.write_text(text)
    with pytest.raises(SpecError) as error:
        read_profile(DeviceProfile, file)
    row = text[: text.index("idle_w: 1020")].count("\n") + 1
    assert str(error.value).startswith(f"{file}:{row}:9: idle_w: 1020 is above tdp_w (350)")


@pytest.mark.parametrize("key", ["memory_gb", "bandwidth_gb_per_s", "peak_fp16_tflop_per_s", "tdp_w", "idle_w"])
def test_what_a_device_needs_is_missed(tmp_path: Path, key: str) -> None:
    file = tmp_path / "l40s.yaml"
    lines = (shipped("profiles") / "devices" / "l40s.yaml").read_text().splitlines()
    file.write_text("\n".join(line for line in lines if not line.startswith(f"{key}:")))
    with pytest.raises(SpecError, match=f"missing key '{key}'"):
        read_profile(DeviceProfile, file)


SHELF = library(())


@pytest.mark.parametrize("key", ["memory_gb", "bandwidth_gb_per_s", "peak_fp16_tflop_per_s"])
@pytest.mark.parametrize("name", SHELF.names("devices"))
def test_no_device_has_a_thousand_times_what_it_has(name: str, key: str) -> None:
    data = {key: value for key, value in SHELF.read("devices", name).model_dump().items() if value is not None}
    with pytest.raises(ValidationError) as error:
        DeviceProfile.model_validate(data | {key: 1000 * data[key]})
    assert error.value.errors()[0]["loc"] == (key,)


@given(name=st.sampled_from(SHELF.names("devices")), off=st.floats(0.97, 1.03))
def test_a_number_that_is_a_little_off_is_possible(name: str, off: float) -> None:
    data = SHELF.read("devices", name).model_dump()
    for key in ("memory_gb", "bandwidth_gb_per_s", "peak_fp16_tflop_per_s"):
        assert DeviceProfile.model_validate(data | {key: data[key] * off})
