"""What a machine's memory holds: weights once for each replica, and what they leave as KV cache, shared evenly."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import build, load
from simulator.engine.build import System
from simulator.engine.pool import PoolPlan
from simulator.spec.errors import SpecError

SCENARIO = """\
name: memory
run: {queries: 1, replications: 1}
workload: {chat: {arrivals: {use: poisson, rate_per_s: 1}, lengths: {use: fixed, prompt_tok: 9, output_tok: 9}}}
hosts: {box: {device: h100-sxm, devices: 1}}
fleet:
"""


def built(folder: Path, fleet: str) -> System:
    path = folder / "memory.yaml"
    path.write_text(SCENARIO + fleet + "policy: {use: least-loaded}\n", encoding="utf-8")
    return build(load(path))


@pytest.mark.parametrize(
    ("pool", "says"),
    [
        ("model: llama-3.1-8b, device: jetson-orin-nano-super, max_seqs: 4", "what helps: weights of 4 bits"),
        ("model: llama-3.1-70b, device: jetson-orin-nano-super", "what helps: a smaller model"),
        ("model: llama-3.1-70b, device: h100-sxm", "what helps: .*3 devices or more"),  # 141 GB of 70 each
        ("model: llama-3.1-8b, device: h100-sxm, max_batched_tok: 800000", "what helps: fewer max_batched_tok"),
    ],
)
def test_what_does_not_fit_says_what_would_help(tmp_path: Path, pool: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        built(tmp_path, f"  a: {{{pool}}}\n")


def kv_tok(system: System) -> list[int]:
    plans = [pool.plan for pool in system.pools]
    return [plan.limits.kv_tok or 0 for plan in plans if isinstance(plan, PoolPlan)]


def test_what_does_not_fit_says_by_how_much(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"16\.1 GB of weights .* do not fit in .* 'jetson-orin-nano-super': 9\.[23] GB short"
    ):
        built(tmp_path, "  a: {model: llama-3.1-8b, device: jetson-orin-nano-super}\n")


SMALL = "model: llama-3.1-8b, max_seqs: 4, max_batched_tok: 64"  # so that activations are next to nothing


def test_kv_takes_what_the_weights_leave(tmp_path: Path) -> None:
    (one,) = kv_tok(built(tmp_path, f"  a: {{{SMALL}, device: h100-sxm}}\n"))
    (two,) = kv_tok(built(tmp_path, f"  a: {{{SMALL}, device: h100-sxm, tensor_parallel: 2}}\n"))
    weights_tok = 2 * 8.03e9 / 131072  # published: parameters of two bytes, bytes of KV a token
    assert two == pytest.approx(2 * one + weights_tok, rel=1e-3)


def test_replicas_on_one_host_share_what_their_weights_leave(tmp_path: Path) -> None:
    (alone,) = kv_tok(built(tmp_path, f"  a: {{{SMALL}, host: box}}\n"))
    shared = kv_tok(built(tmp_path, f"  a: {{{SMALL}, host: box}}\n  b: {{{SMALL}, host: box}}\n"))
    weights_tok = 2 * 8.03e9 / 131072
    assert shared == [pytest.approx((alone - weights_tok) / 2, rel=1e-3)] * 2
