"""Rows of published tables as points, by hand."""

from pathlib import Path

import pytest
from made_tables import SILICON, SPEED, SPLITWISE, TABLES, V2, V3, write_tables

from simulator.physics.split import Split
from simulator.scoring.points import Names, Point
from simulator.scoring.tables import read_points
from simulator.spec.library import library

SHELF = library([])


def read(folder: Path, **tables: list) -> tuple[dict[str, Point], Names]:
    """Points by quantity; the last of a quantity."""
    names = Names(SHELF)
    points = read_points(write_tables(folder / "tables", tables), names)
    return {point.quantity: point for point in points}, names


def test_speeds_of_one_sequence_are_seconds_of_a_token_and_of_a_prompt(tmp_path: Path):
    points, names = read(tmp_path, measured_llm_speed=[SPEED])
    assert points["decode_s"].measured == pytest.approx(0.008)
    assert points["prefill_s"].measured == pytest.approx(512 / 8000)
    for point in points.values():
        assert (point.device.name, point.engine, point.model.name) == ("rtx-4090", "llama.cpp", "llama-3.1-8b")
        assert (point.weights, point.seqs, point.split, point.row) == ("q4_k_m", 1, Split(), "measured_llm_speed:2")
    assert (points["decode_s"].prompt_tok, points["decode_s"].output_tok) == (0, 128)
    assert points["prefill_s"].prompt_tok == 512
    assert not names.skipped


def test_silicon_rows_are_served_times_in_seconds(tmp_path: Path):
    points, _ = read(tmp_path, silicon_ttft_tpot=[SILICON])
    assert points["tpot_s"].measured == pytest.approx(0.012)
    assert points["ttft_s"].measured == pytest.approx(0.080)
    point = points["tpot_s"]
    assert (point.device.name, point.weights, point.split, point.seqs) == ("h100-sxm", "fp8", Split(2), 16)
    assert (point.prompt_tok, point.output_tok, point.kv_value_bytes, point.source) == (1000, 100, 1.0, "b/made@2")


def test_mlenergy_rows_are_times_watts_and_joules_of_one_loop(tmp_path: Path):
    points, _ = read(tmp_path, mlenergy_v3_llm=[V3])
    assert {name: point.measured for name, point in points.items()} == pytest.approx(
        {"tpot_s": 0.0095, "power_w": 420.0, "energy_j_per_tok": 0.6}
    )
    point = points["tpot_s"]
    assert (point.weights, point.seqs, point.output_tok, point.is_median) == ("bf16", 8, 900, True)


def test_older_mlenergy_rows_are_means_in_seconds(tmp_path: Path):
    points, _ = read(tmp_path, mlenergy_v2_chat=[V2])
    assert {name: point.measured for name, point in points.items()} == pytest.approx(
        {"tpot_s": 0.015, "power_w": 500.0, "energy_j_per_tok": 0.3}
    )
    assert (points["tpot_s"].engine, points["tpot_s"].seqs, points["tpot_s"].is_median) == ("vllm-2024", 32, False)


def test_splitwise_rows_are_a_pass_of_prompts_and_one_of_tokens(tmp_path: Path):
    points, _ = read(tmp_path, splitwise_perf_power=[SPLITWISE])
    assert {name: point.measured for name, point in points.items()} == pytest.approx(
        {"prompt_s": 0.090, "token_s": 0.025}
    )
    assert (points["token_s"].split, points["token_s"].seqs, points["token_s"].weights) == (Split(4), 2, "fp16")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("measured_llm_speed", {"device": "no-such-box"}),
        ("measured_llm_speed", {"model": "no-such-model"}),
        ("measured_llm_speed", {"quant": "Q9_9"}),
        ("measured_llm_speed", {"engine": "no-such-engine"}),
        ("measured_llm_speed", {"batch": "8"}),
        ("silicon_ttft_tpot", {"system": "no-such-box"}),
        ("silicon_ttft_tpot", {"mode": "disagg"}),
        ("silicon_ttft_tpot", {"attention_dp_size": 4}),
        ("mlenergy_v3_llm", {"gpu": "no-such-box"}),
        ("mlenergy_v3_llm", {"dp": 2}),
        ("mlenergy_v2_chat", {"model": "no-such-model"}),
        ("splitwise_perf_power", {"hardware": "h100-80gb-pcap"}),
    ],
)
def test_rows_of_what_is_not_known_are_counted(tmp_path: Path, table: str, change: dict):
    points, names = read(tmp_path, **{table: [{**TABLES[table][0], **change}]})
    assert not points
    assert names.skipped.total() >= 1


def test_a_folder_without_tables_gives_no_points(tmp_path: Path):
    assert read_points(tmp_path, Names(SHELF)) == []
