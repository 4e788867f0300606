"""Readers of published tables of measurements: rows that profiles can be found for, as points."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.physics.split import Split
from simulator.scoring.points import Names, Point

Row = Any
"""A row of a table, as `DataFrame.itertuples` gives it."""

# What tables call quantisations -> the names of formats.
_WEIGHTS = {
    "Q4_K_M": "q4_k_m", "Q4_0": "q4_0", "Q4_1": "q4_1", "Q6_K": "q6_k", "Q8_0": "q8_0", "F16": "fp16", "BF16": "bf16",
    "INT4": "int4", "INT4-AWQ": "awq-4", "GPTQ-Int4": "gptq-4", "NVFP4": "nvfp4", "MXFP4": "mxfp4", "w4a16": "w4a16",
    "w4": "w4", "SpinQuant 4w8a": "spinquant", "QAT+LoRA 4w8a": "spinquant", "4-bit groupwise": "spinquant",
    "4-bit": "q4_0", "W16A16": "bf16", "W8A16": "w8a16", "W4A16": "awq-4",
}  # fmt: skip
_ENGINES = (  # the first that occurs in what a table says
    ("ExecuTorch", "executorch"), ("MLC", "mlc"), ("TensorRT Edge", "tensorrt-edge"), ("vLLM", "vllm"),
    ("Genie", "genie"), ("QNN", "genie"), ("Hexagon", "llama.cpp"), ("OpenCL", "llama.cpp"), ("Ollama", "llama.cpp"),
    ("llama.cpp", "llama.cpp"),
)  # fmt: skip
_UNITS = {"OpenCL": "gpu", "Hexagon": "npu", "CPU": "cpu", "Genie": "npu", "QNN": "npu"}  # of a phone's SoC
_CHUNK_TOK = {"llama.cpp": 512, "genie": 128, "vllm": 8192, "trtllm": 8192, "sglang": 8192}
_PRECISIONS = {"fp8": "fp8", "fp4": "nvfp4", "bf16": "bf16", "int4": "int4-ffn"}
_TASK_PROMPT_TOK = {"lm-arena-chat": 150.0, "gpqa": 350.0, "sourcegraph-fim": 1500.0}  # assumed: not in the table
_V2_PROMPT_TOK = 200.0  # assumed, of ShareGPT-like chat


def read_points(folder: Path, names: Names) -> list[Point]:
    """All points of the tables in this folder that are known; those that are not there give none."""
    readers: dict[str, Callable[[Row, Names], Iterator[Point]]] = {
        "measured_llm_speed": _speed,
        "silicon_ttft_tpot": _silicon,
        "mlenergy_v3_llm": _mlenergy_v3,
        "mlenergy_v2_chat": _mlenergy_v2,
        "splitwise_perf_power": _splitwise,
    }
    points: list[Point] = []
    for stem, reader in readers.items():
        for file in sorted(folder.rglob(f"{stem}.csv")):
            table = pd.read_csv(file, low_memory=False)
            for line, row in enumerate(table.itertuples(), 2):
                points += [replace(point, table=stem, row=f"{stem}:{line}") for point in reader(row, names)]
    return points


def _speed(row: Row, names: Names) -> Iterator[Point]:
    """One sequence: tokens a second of prompt and answer, measured apart (llama-bench), each from an empty context."""
    if str(row.batch) != "1" or row.n_devices != 1:
        return names.skip("measured_llm_speed: batches and several devices")
    engine = next((name for text, name in _ENGINES if text in row.engine), None)
    weights = _WEIGHTS.get(str(row.quant))
    device = names.device(_unit(row.device, row.engine))
    model = names.model(str(row.model))
    if engine is None or weights is None or device is None or model is None:
        return names.skip(f"measured_llm_speed: engine {row.engine} or weights {row.quant}")
    if row.power_scope == "rail VDD_CPU_GPU_CV" and "25 W" not in str(row.note) and not _is_fastest(row):
        return names.skip("measured_llm_speed: slower power modes of a board")
    point = Point(
        row.source, "", "", "batch 1", "decode_s", 1.0, device, engine, model, weights,
        chunk_tok=_CHUNK_TOK.get(engine, 2048),
    )  # fmt: skip
    if row.decode_tok_s > 0:
        yield replace(point, measured=1 / row.decode_tok_s, output_tok=_or(row.gen_tokens, 128.0))
    if row.prefill_tok_s > 0:
        tok = _or(row.prompt_tokens, 512.0)
        yield replace(point, quantity="prefill_s", measured=tok / row.prefill_tok_s, prompt_tok=tok)


def _is_fastest(row: Row) -> bool:
    """Of the modes of the Orin Nano Super only MAXN is the device of the profile; it draws most."""
    return bool(row.power_w >= 5.7)


def _unit(device: str, engine: str) -> str:
    """A phone's SoC is several devices: the engine says which."""
    unit = next((unit for text, unit in _UNITS.items() if text in engine), None)
    names = {"sd-8elite": "snapdragon-8-elite", "sd-8gen3": "snapdragon-8-gen-3", "sd-8gen2": "snapdragon-8-gen-2"}
    usual = {"sd-8elite": "npu", "sd-8gen3": "cpu", "sd-8elite-gen5": "npu", "sd-x-elite": "gpu", "sd-8gen2": ""}
    if unit is None or device not in usual or usual[device] == unit:
        return device
    return f"{names.get(device, device)}-{unit}"


def _silicon(row: Row, names: Names) -> Iterator[Point]:
    """A closed loop of so many clients at one replica."""
    if row.mode != "agg":
        return names.skip("silicon: prefill and decode apart")
    if _or(row.attention_dp_size, 1.0) > 1 or _or(row.pp_size, 1.0) > 1:
        return names.skip("silicon: attention split by data")
    device, model = names.device(row.system), names.model(row.model)
    precision = str(row.precision) if isinstance(row.precision, str) else "fp8"
    if device is None or model is None:
        return
    tp, ep = int(row.tp_size), int(_or(row.moe_ep_size, 1.0))
    split = Split(tp, 1, tp if ep > 1 and model.experts and ep == tp else 1)
    weights = "mxfp4" if "gpt-oss" in row.model else _PRECISIONS[precision]
    if weights == "nvfp4" and "deepseek" in model.name:
        weights = "nvfp4-ffn"
    point = Point(
        row.source.split(" (")[0], "", "", "serving", "tpot_s", row.tpot_ms / 1e3, device, row.backend, model, weights,
        kv_value_bytes=2.0 if precision == "bf16" or weights == "mxfp4" else 1.0, split=split,
        seqs=int(row.concurrency), prompt_tok=row.isl, output_tok=row.osl, chunk_tok=_CHUNK_TOK[row.backend],
    )  # fmt: skip
    if row.tpot_ms > 0:
        yield point
    if row.ttft_ms > 0:
        yield replace(point, quantity="ttft_s", measured=row.ttft_ms / 1e3)


def _mlenergy_v3(row: Row, names: Names) -> Iterator[Point]:
    """A closed loop at `max_num_seqs`; its inter-token latency, power and joules a token."""
    device, model = names.device(row.gpu), names.model(row.model)
    if device is None or model is None:
        return
    if row.dp > 1:
        return names.skip("mlenergy_v3: attention split by data")
    tp = int(row.num_gpus)
    weights = {"bfloat16": "bf16", "fp8": "fp8", "mxfp4": "mxfp4"}[row.weight_precision]
    point = Point(
        "ml-energy/leaderboard@0cd52da", "", "", "serving", "tpot_s", row.itl_p50_ms / 1e3, device, "vllm", model,
        weights, kv_value_bytes=2.0, split=Split(tp, 1, tp if row.ep > 1 else 1),
        seqs=max(1, round(row.avg_batch_size)), prompt_tok=_TASK_PROMPT_TOK[row.task],
        output_tok=row.avg_output_len, chunk_tok=8192, is_median=True,
    )  # fmt: skip
    yield point
    energy = replace(point, group="energy")
    yield replace(energy, quantity="power_w", measured=row.avg_power_w_all_gpus)
    yield replace(energy, quantity="energy_j_per_tok", measured=row.joule_per_output_token)


def _mlenergy_v2(row: Row, names: Names) -> Iterator[Point]:
    """An older vLLM, chat: mean time between tokens, power and joules a token."""
    device, model = names.device(row.gpu), names.model(row.model)
    if device is None or model is None:
        return
    point = Point(
        "ml-energy/leaderboard-v2@c3af7f3", "", "", "serving, 2024", "tpot_s", row.avg_tpot_s, device, "vllm-2024",
        model, "bf16", kv_value_bytes=2.0, split=Split(int(row.tp), int(row.pp)), seqs=max(1, round(row.avg_batch)),
        prompt_tok=_V2_PROMPT_TOK, output_tok=row.avg_output_tokens, chunk_tok=2048,
    )  # fmt: skip
    yield point
    energy = replace(point, group="energy, 2024")
    yield replace(energy, quantity="power_w", measured=row.avg_power_w_all_gpus_derived)
    yield replace(energy, quantity="energy_j_per_tok", measured=row.joule_per_output_token)


def _splitwise(row: Row, names: Names) -> Iterator[Point]:
    """One batch: the time of its prompts in one pass, and of one token of each."""
    if "pcap" in row.hardware:
        return names.skip("splitwise: capped power")
    device, model = names.device(row.hardware), names.model(row.model)
    if device is None or model is None:
        return
    odd = re.fullmatch("llama2-70b", row.model) and row.batch_size == 64 and row.tensor_parallel == 2
    point = Point(
        "Mutinifni/splitwise-sim (Patel et al., ISCA 2024)", "", "", "splitwise", "prompt_s", row.prompt_time_ms / 1e3,
        device, "vllm-2023", model, "fp16", kv_value_bytes=2.0, split=Split(int(row.tensor_parallel)),
        seqs=int(row.batch_size), prompt_tok=row.prompt_size, output_tok=row.token_size, chunk_tok=1 << 20,
        cause="batch of 64 with short prompts, as the source says" if odd else "",
    )  # fmt: skip
    yield point
    yield replace(point, quantity="token_s", measured=row.token_time_ms / 1e3)


def _or(value: float, otherwise: float) -> float:
    """A number, or another where the table has none."""
    return otherwise if pd.isna(value) else float(value)
