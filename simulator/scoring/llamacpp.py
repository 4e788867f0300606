"""A real llama.cpp server on this machine, with a model of random weights: what the simulator is held against.

Needs `xllamacpp` (llama.cpp and its server in a wheel) and `gguf` (writes its model files), both from PyPI, both only
for developers. The speed of a model does not depend on what its weights are.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simulator.spec.errors import SpecError

CONTEXT_TOK = 1024  # of a sequence
START_S = 60.0
_NO_WORDS = 3 + 256  # tokens that are marks or bytes


@dataclass(frozen=True)
class Shape:
    """The architecture of a small Llama."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int = 2048

    @property
    def params(self) -> int:
        """All parameters, input embedding and output head apart."""
        kv = self.hidden // self.heads * self.kv_heads
        layer = 2 * self.hidden * (self.hidden + kv) + 3 * self.hidden * self.ffn + 2 * self.hidden
        return self.layers * layer + 2 * self.vocab * self.hidden + self.hidden


TINY = Shape(layers=2, hidden=256, heads=4, kv_heads=2, ffn=768)
SMALL = Shape(layers=8, hidden=768, heads=12, kv_heads=4, ffn=2048)
LARGE = Shape(layers=12, hidden=1152, heads=18, kv_heads=6, ffn=3072)


def missing() -> str | None:
    """Why no server can be started here, or None."""
    absent = [name for name in ("xllamacpp", "gguf") if importlib.util.find_spec(name) is None]
    return f"{' and '.join(absent)} not installed (pip install '.[dev]')" if absent else None


def write_model(path: Path, shape: Shape, seed: int = 0) -> None:
    """A Llama of this shape with random 8-bit weights, the same for a seed; its tokens are bytes and made-up words."""
    import gguf

    file = gguf.GGUFWriter(path, "llama")
    file.add_context_length(CONTEXT_TOK)
    file.add_embedding_length(shape.hidden)
    file.add_block_count(shape.layers)
    file.add_feed_forward_length(shape.ffn)
    file.add_head_count(shape.heads)
    file.add_head_count_kv(shape.kv_heads)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(shape.hidden // shape.heads)
    file.add_vocab_size(shape.vocab)
    file.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    _add_tokenizer(file, shape.vocab)

    rng = np.random.default_rng(seed)

    def matrix(name: str, rows: int, columns: int, silent: int = 0) -> None:
        weights = rng.standard_normal((rows, columns), dtype=np.float32) / np.sqrt(columns, dtype=np.float32)
        weights[:silent] = 0
        kind = gguf.GGMLQuantizationType.Q8_0
        file.add_tensor(f"{name}.weight", gguf.quants.quantize(weights, kind), raw_dtype=kind)

    def ones(name: str) -> None:
        file.add_tensor(f"{name}.weight", np.ones(shape.hidden, np.float32))

    kv = shape.hidden // shape.heads * shape.kv_heads
    matrix("token_embd", shape.vocab, shape.hidden)
    ones("output_norm")
    matrix("output", shape.vocab, shape.hidden, silent=_NO_WORDS)  # never said: half a character would be held back
    for i in range(shape.layers):
        ones(f"blk.{i}.attn_norm")
        ones(f"blk.{i}.ffn_norm")
        for name, rows in (("q", shape.hidden), ("k", kv), ("v", kv), ("output", shape.hidden)):
            matrix(f"blk.{i}.attn_{name}", rows, shape.hidden)
        matrix(f"blk.{i}.ffn_gate", shape.ffn, shape.hidden)
        matrix(f"blk.{i}.ffn_up", shape.ffn, shape.hidden)
        matrix(f"blk.{i}.ffn_down", shape.hidden, shape.ffn)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


@contextmanager
def serving(
    model: Path, *, slots: int = 4, batched_tok: int = 256, cores: tuple[int, ...] = (), log: Path | None = None
) -> Iterator[str]:
    """The address of a server of the model in a process of its own, one thread, on `cores` where that can be had.

    One KV cache for all slots and a physical batch as large as the logical one: a pass then holds decodes and prompt
    chunks together, up to `batched_tok` tokens. SpecError where it does not start.
    """
    settings = [str(model), str(slots), str(batched_tok), str(slots * CONTEXT_TOK)]
    pinned = ["taskset", "-c", ",".join(map(str, cores))] if cores and shutil.which("taskset") else []
    with open(log or os.devnull, "wb") as said:
        process = subprocess.Popen(
            [*pinned, sys.executable, "-c", _SERVE, *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        try:
            assert process.stdout is not None
            address = process.stdout.readline().decode().strip()
            if not address:
                raise SpecError(f"{model}: llama.cpp did not start (exit code {process.wait(START_S)})")
            yield address
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


# The server lives as long as its standard input: it ends with whoever started it. Port 0 is any that is free.
_SERVE = """
import os, sys
model, slots, batched_tok, context_tok = sys.argv[1:]
told = os.dup(1)
os.dup2(2, 1)
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = model
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = int(context_tok)
params.n_parallel = int(slots)
params.n_batch = params.n_ubatch = int(batched_tok)
params.kv_unified = True
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.n_gpu_layers = 0
params.fit_params = False
params.cache_prompt = False
params.cache_idle_slots = False
params.cache_ram_mib = 0
params.n_ctx_checkpoints = 0
params.n_threads_http = int(slots) + 4
server = xllamacpp.Server(params)
os.write(told, (server.listening_address + "\\n").encode())
sys.stdin.buffer.read()
os._exit(0)
"""


def _add_tokenizer(file: Any, vocab: int) -> None:
    bytes_and_marks = [b"<unk>", b"<s>", b"</s>", *(b"<0x%02X>" % i for i in range(256))]
    words = [b"w%d" % i for i in range(vocab - _NO_WORDS)]
    file.add_tokenizer_model("llama")
    file.add_token_list([*bytes_and_marks, *words])
    file.add_token_scores([0.0] * _NO_WORDS + [-1.0 - i for i in range(len(words))])
    file.add_token_types([2, 3, 3] + [6] * 256 + [1] * len(words))
    file.add_bos_token_id(1)
    file.add_eos_token_id(2)
    file.add_unk_token_id(0)
    file.add_add_bos_token(False)
