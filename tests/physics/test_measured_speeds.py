"""The roofline of shipped profiles against published measurements, found through MULTILLM_DATA."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from physics_examples import shipped

from simulator.physics.roofline import Roofline

DATA = os.environ.get("MULTILLM_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="MULTILLM_DATA is not set: no measured speeds")

MODELS = {
    "Llama-2-7B": "llama-2-7b",
    "Llama-3-8B": "llama-3.1-8b",
    "Llama-3-70B": "llama-3.1-70b",
    "Llama-3.1-8B": "llama-3.1-8b",
    "Llama-3.1-70B": "llama-3.1-70b",
    "Llama-3.2-1B": "llama-3.2-1b",
    "Llama-3.2-3B": "llama-3.2-3b",
    "Qwen2.5-7B": "qwen2.5-7b",
    "Gemma-2-2B": "gemma-2-2b",
    "Gemma-2-9B": "gemma-2-9b",
}
FOUR_BIT = ("Q4_0", "INT4", "w4a16", "4-bit groupwise", "SpinQuant 4w8a", "QAT+LoRA 4w8a")  # head and embedding too
WEIGHTS = {"Q4_K_M": "q4_k_m", "F16": "fp16", "BF16": "bf16", "INT4-AWQ": "awq-4"} | dict.fromkeys(FOUR_BIT, "q4_0")
DEVICES = {  # of the table -> profile, engine, band of the median relative error of decode time
    "h100-sxm": ("h100-sxm", "vLLM", 0.40),  # an older vLLM than the one fitted
    "a100-80-pcie": ("a100-80-sxm", "vLLM", 0.20),  # 5 % less bandwidth
    "l40s": ("l40s", "vLLM|llama.cpp", 0.20),
    "rtx-4090": ("rtx-4090", "llama.cpp \\(", 0.15),
    "jetson-agx-orin-64": ("jetson-agx-orin", "MLC", 0.25),
    "jetson-orin-nano-super-8": ("jetson-orin-nano-super", "MLC", 0.25),
    "jetson-agx-thor": ("jetson-agx-thor", "TensorRT", 0.25),
    "dgx-spark-gb10": ("dgx-spark", "Ollama", 0.25),
    "apple-m2-ultra": ("m2-ultra", "llama.cpp", 0.15),
    "apple-m3-ultra": ("m3-ultra", "Ollama", 0.15),
    "sd-8gen3": ("snapdragon-8-gen-3", "ExecuTorch", 0.20),
    "sd-8elite": ("snapdragon-8-elite", "Genie|QNN", 0.25),
    "rpi5-16gb": ("raspberry-pi-5", "Ollama", 0.20),
}


def measured() -> pd.DataFrame:
    rows = pd.read_csv(Path(DATA) / "hardware" / "measured_llm_speed.csv")
    known = rows.model.isin(MODELS) & rows.quant.isin(WEIGHTS) & (rows.n_devices == 1) & (rows.batch == "1")
    return rows[known & rows.decode_tok_s.notna()]


def decode_errors(name: str, engine: str, device: str) -> pd.Series:
    """Relative error of decode time of one sequence, by row: positive where the roofline is slower."""
    rows = measured()
    rows = rows[(rows.device == name) & rows.engine.str.contains(engine)]

    def error(row: pd.Series) -> float:
        context = np.nan_to_num(row.gen_tokens) / 2  # each measured from an empty context
        steps = Roofline(device=shipped("devices", device), model=shipped("models", MODELS[row.model]),
                         weights=WEIGHTS[row.quant], max_batched_tok=1, max_seqs=1)  # fmt: skip
        return steps.pace(1, int(context), 0, 0, 0.0)[0] * row.decode_tok_s - 1

    return rows.apply(error, axis=1)


@pytest.mark.parametrize("name", DEVICES)
def test_one_sequence_decodes_about_as_fast_as_measured(name):
    device, engine, band = DEVICES[name]
    errors = decode_errors(name, engine, device)
    print(f"{name}: {len(errors)} rows, median {errors.median():+.1%}, from {errors.min():+.1%} to {errors.max():+.1%}")
    assert len(errors) > 0
    assert abs(errors.median()) < band


SERVED = {"meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b", "meta-llama/Llama-3.1-70B-Instruct": "llama-3.1-70b",
          "Qwen/Qwen3-32B": "qwen3-32b", "Qwen/Qwen3-8B": "qwen3-8b"}  # fmt: skip


@pytest.mark.parametrize(("gpu", "device", "band"), [("H100", "h100-sxm", 0.15), ("B200", "b200", 0.25)])
def test_batches_decode_about_as_fast_as_served(gpu, device, band):
    """Median inter-token latency of ML.ENERGY v3 chat, 8 to 64 sequences, prompts of about 150 tokens."""
    rows = pd.read_csv(Path(DATA) / "hardware" / "mlenergy_v3_llm.csv")
    rows = rows[
        (rows.gpu == gpu) & (rows.task == "lm-arena-chat") & rows.model.isin(SERVED) & (rows.max_num_seqs <= 64)
    ]

    def error(row: pd.Series) -> float:
        steps = Roofline(device=shipped("devices", device), model=shipped("models", SERVED[row.model]),
                         tensor_parallel=int(row.num_gpus))  # fmt: skip
        seqs = round(row.avg_batch_size)
        context = int(seqs * (150 + row.avg_output_len / 2))
        return steps.pace(seqs, context, 0, 0, 0.0)[0] / (row.itl_p50_ms / 1e3) - 1

    errors = rows.apply(error, axis=1)
    print(f"{gpu}: {len(errors)} rows, median {errors.median():+.1%}, from {errors.min():+.1%} to {errors.max():+.1%}")
    assert abs(errors.median()) < band
    assert errors.abs().quantile(0.9) < 2 * band
