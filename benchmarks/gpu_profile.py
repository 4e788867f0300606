"""The plan of `multillm profile measure` on this machine's GPU, with PyTorch and random weights, and NVML's joules.

Not measured yet: no figure of it is shipped. It needs torch and transformers, which the project does not depend on:

    pip install torch transformers nvidia-ml-py
    python benchmarks/gpu_profile.py --shape llama-3.1-8b            # and --shape qwen2.5-1.5b
    python benchmarks/gpu_profile.py --device cpu --shape tiny       # does it run here?

Writes SHAPE-measured.csv and SHAPE-measured.yaml, a steps profile. What it measures is the eager model, a lower bound
of what a serving engine reaches: no CUDA graphs, no fused kernels beyond those that transformers picks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from simulator.records.files import write_text
from simulator.scoring.linear_fit import fit_linear
from simulator.scoring.measure import PLANS, Plan
from simulator.scoring.measurements import Measurement, measurements_text
from simulator.scoring.meters import Meter, nvml
from simulator.scoring.steps_file import steps_profile

SHAPES: dict[str, dict[str, Any]] = {  # as the config.json of each says
    "llama-3.1-8b": {"layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8, "ffn": 14336, "vocab": 128256},
    "qwen2.5-1.5b": {"layers": 28, "hidden": 1536, "heads": 12, "kv_heads": 2, "ffn": 8960, "vocab": 151936},
    "tiny": {"layers": 2, "hidden": 128, "heads": 4, "kv_heads": 2, "ffn": 256, "vocab": 512},
}
TINY_PLAN = Plan((16, 32, 64), (1, 2, 4), (16, 64), 8, (), 2)
IDLE_S = 5.0


def main() -> None:
    """Measure, fit, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shape", choices=SHAPES, default="llama-3.1-8b")
    options.add_argument("--device", default="cuda")
    options.add_argument("--plan", choices=PLANS, default="long")
    options.add_argument("--out", type=Path, default=Path())
    given = options.parse_args()
    try:
        import torch
        import transformers
    except ImportError as error:
        sys.exit(f"needs {error.name}: pip install torch transformers")
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("no CUDA device here: --device cpu --shape tiny shows whether it runs")
    model = random_model(torch, transformers, SHAPES[given.shape], given.device)
    plan = TINY_PLAN if given.shape == "tiny" else PLANS[given.plan]
    with nvml() if given.device.startswith("cuda") else nullcontext() as meter:
        rows = measured(torch, model, given.device, plan, SHAPES[given.shape]["vocab"], meter)
    largest_tok = 1 << 30  # all prompts of a burst are one pass here
    name = f"{given.shape}-measured"
    ref = f"benchmarks/gpu_profile.py, eager transformers {transformers.__version__}, torch {torch.__version__}"
    what = torch.cuda.get_device_name(0) if given.device.startswith("cuda") else given.device
    fit = fit_linear(rows, largest_tok)
    write_text(given.out / f"{name}.csv", measurements_text(rows))
    write_text(given.out / f"{name}.yaml", steps_profile(name, fit, f"{ref}, on {what}"))
    for each in fit.errors:
        print(f"{each.quantity}: median error {each.median:.1%} of {each.n}, row left out {each.left_out_median:.1%}")


def random_model(torch: Any, transformers: Any, shape: dict[str, Any], device: str) -> Any:
    """A Llama of this shape with random 16-bit weights; how fast it is does not depend on what they are."""
    config = transformers.LlamaConfig(
        num_hidden_layers=shape["layers"],
        hidden_size=shape["hidden"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape["kv_heads"],
        intermediate_size=shape["ffn"],
        vocab_size=shape["vocab"],
    )
    torch.manual_seed(0)
    with torch.device(device):
        return transformers.LlamaForCausalLM(config).to(torch.bfloat16).eval()


def measured(torch: Any, model: Any, device: str, plan: Plan, vocab: int, meter: Meter | None) -> list[Measurement]:
    """The plan's bursts, medians kept; requests start together, as one batch. Nothing joins others that decode."""
    sync: Callable[[], None] = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    idle_w = 0.0
    if meter is not None:
        began_j, began_s = meter.read()
        time.sleep(IDLE_S)
        end_j, end_s = meter.read()
        idle_w = (end_j - began_j) / (end_s - began_s)
    bursts = [Measurement(tok, 1) for tok in plan.alone_tok]
    bursts += [Measurement(tok, plan.decode_tok, seqs) for seqs in plan.decodes for tok in plan.decode_prompt_tok]
    rows: list[Measurement] = []
    for burst in bursts:
        tries = [one(torch, model, device, burst, vocab, meter, idle_w, sync) for _ in range(plan.repeats + 1)][1:]
        found = {key: median(each[key] for each in tries) for key in tries[0]}
        rows.append(Measurement(burst.prompt_tok, burst.output_tok, burst.concurrency, 0, found))
        print(f"{burst.concurrency} x {burst.prompt_tok} + {burst.output_tok}: {found}", file=sys.stderr, flush=True)
    return rows


def one(
    torch: Any,
    model: Any,
    device: str,
    burst: Measurement,
    vocab: int,
    meter: Meter | None,
    idle_w: float,
    sync: Callable[[], None],
) -> dict[str, float]:
    """Quantities of one batch: its prompts in one pass, then token by token."""
    ids = torch.randint(0, vocab, (burst.concurrency, burst.prompt_tok), device=device)
    sync()
    began_j, metered_s = (0.0, 0.0) if meter is None else meter.read()
    began_s = time.perf_counter()
    with torch.inference_mode():
        said = model(ids, use_cache=True, logits_to_keep=1)
        sync()
        first_s = time.perf_counter()
        for _ in range(burst.output_tok - 1):
            said = model(said.logits[:, -1:].argmax(-1), past_key_values=said.past_key_values, use_cache=True)
        sync()
    end_s = time.perf_counter()
    found = {"ttft_s": first_s - began_s}
    if burst.output_tok > 1:
        found["tpot_s"] = (end_s - first_s) / (burst.output_tok - 1)
    if meter is not None:
        end_j, until_s = meter.read()
        above_j = end_j - began_j - idle_w * (until_s - metered_s)
        if above_j > 0:
            found["energy_j"] = above_j
    return found


if __name__ == "__main__":
    main()
