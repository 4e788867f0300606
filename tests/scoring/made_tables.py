"""The five tables of measurements with a few made-up rows each, under the names that tables use."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
SPEED: Row = {
    "device": "rtx-4090", "device_raw": "", "n_devices": 1, "model": "Llama-3.1-8B", "quant": "Q4_K_M",
    "engine": "llama.cpp (made)", "batch": "1", "prompt_tokens": 512, "gen_tokens": 128, "prefill_tok_s": 8000,
    "decode_tok_s": 125, "power_w": "", "power_scope": "", "source": "a/made@1 table", "note": "",
}  # fmt: skip
SILICON: Row = {
    "system": "h100_sxm", "model": "meta-llama/Llama-3.1-8B-Instruct", "precision": "fp8", "mode": "agg",
    "backend": "vllm", "isl": 1000, "osl": 100, "concurrency": 16, "tp_size": 2, "pp_size": 1,
    "attention_dp_size": 1, "moe_ep_size": 1, "ttft_ms": 80, "tpot_ms": 12, "source": "b/made@2 (more)",
}  # fmt: skip
V3: Row = {
    "model": "meta-llama/Llama-3.1-8B-Instruct", "task": "gpqa", "weight_precision": "bfloat16", "gpu": "H100",
    "num_gpus": 1, "ep": 1, "dp": 1, "avg_batch_size": 7.9, "avg_output_len": 900, "avg_power_w_all_gpus": 420,
    "joule_per_output_token": 0.6, "itl_p50_ms": 9.5,
}  # fmt: skip
V2: Row = {
    "model": "meta-llama/Llama-3.1-8B-Instruct", "gpu": "NVIDIA H100 80GB HBM3", "tp": 1, "pp": 1,
    "avg_batch": 31.6, "avg_output_tokens": 300, "avg_tpot_s": 0.015, "joule_per_output_token": 0.3,
    "avg_power_w_all_gpus_derived": 500,
}  # fmt: skip
SPLITWISE: Row = {
    "model": "llama2-70b", "hardware": "h100-80gb", "tensor_parallel": 4, "prompt_size": 512, "batch_size": 2,
    "token_size": 64, "prompt_time_ms": 90, "token_time_ms": 25,
}  # fmt: skip
TABLES: Mapping[str, list[Row]] = {
    "measured_llm_speed": [SPEED, {**SPEED, "prompt_tokens": 256, "prefill_tok_s": 6000}],
    "silicon_ttft_tpot": [SILICON, {**SILICON, "concurrency": 4, "tpot_ms": 9}],
    "mlenergy_v3_llm": [V3, {**V3, "avg_batch_size": 16, "itl_p50_ms": 10.5, "avg_power_w_all_gpus": 450}],
    "mlenergy_v2_chat": [V2],
    "splitwise_perf_power": [SPLITWISE],
}


def write_tables(folder: Path, tables: Mapping[str, list[Row]] = TABLES) -> Path:
    """The folder, with these tables in a folder of it."""
    (folder / "inner").mkdir(parents=True)
    for stem, rows in tables.items():
        with (folder / "inner" / f"{stem}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder
