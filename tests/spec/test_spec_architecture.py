from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spec_world import MODEL, SOURCES

from simulator.spec.architecture import parts
from simulator.spec.errors import SpecError
from simulator.spec.library import read_profile
from simulator.spec.profiles import ModelProfile

MOE = "experts: 8\nexperts_per_tok: 2\nexpert_ffn: 1024\n"


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], ModelProfile]:
    def _read(text: str) -> ModelProfile:
        path = tmp_path / "model-s.yaml"
        path.write_text(f"name: model-s\n{text}{SOURCES}", encoding="utf-8")
        return read_profile(ModelProfile, path)

    return _read


@pytest.mark.parametrize(
    ("change", "place", "text"),
    [
        (("kv_heads: 8", "kv_heads: 5"), "6:11: kv_heads", "must divide heads, 32, which 5 does not"),
        (("tied: true", "experts: 8"), "10:10: experts", "needs experts_per_tok"),
        (("tied: true", "experts_per_tok: 2"), "10:18: experts_per_tok", "needs experts"),
        (("tied: true", "shared_ffn: 2"), "10:13: shared_ffn", "needs experts"),
        (("tied: true", "window_layers: 17\nwindow_tok: 9"), "10:16: window_layers", "more layers"),
        (("tied: true", "window_layers: 1"), "10:16: window_layers", "needs window_tok"),
        (("tied: true", "window_tok: 9"), "10:13: window_tok", "needs window_layers"),
        (("tied: true", "kv_rank: 9"), "10:10: kv_rank", "needs rope_dim"),
        (("tied: true", "rope_dim: 9"), "10:11: rope_dim", "needs kv_rank"),
        (("tied: true", "linear_layer_params: 9"), "10:22: linear_layer_params", "needs linear_layers"),
        (("tied: true", "ffn_layers: 17"), "10:13: ffn_layers", "must be at most layers, 16, not 17"),
        (("tied: true", f"{MOE}dense_layers: 16"), "13:15: dense_layers", "leaves none of 16 layers"),
        (("tied: true", f"{MOE}moe_every: 17"), "13:12: moe_every", "leaves none of 16 layers"),
        (("params_billion: 1.24", "params_billion: 1240"), "2:17: params_billion", "is 1240, but .* make 1.236"),
        (("tied: true", "tied: true\nactive_params_billion: 0.5"), "11:24: active_params_billion", "make 1.236"),
        (("ffn: 8192", "ffn: 8192\nffn_matrices: 4"), "9:15: ffn_matrices", "must be less than or equal to 3, not 4"),
    ],
)
def test_an_impossible_architecture_is_told_at_its_key(
    read: Callable[[str], ModelProfile], change: tuple[str, str], place: str, text: str
) -> None:
    assert change[0] in MODEL
    with pytest.raises(SpecError, match=rf"model-s\.yaml:{place}: .*{text}"):
        read(MODEL.replace(*change))


def test_parts_a_pass_does_not_use_may_be_counted_apart(read: Callable[[str], ModelProfile]) -> None:
    assert read(MODEL.replace("params_billion: 1.24", "params_billion: 2.24\nparams_extra_billion: 1"))


counts = st.integers(1, 64)


@given(
    layers=counts, hidden=counts, kv_heads=counts, group=counts, head_dim=counts, ffn=counts, vocab=counts,
    matrices=st.sampled_from([2, 3]), tied=st.booleans(), experts=st.integers(2, 9), shared=st.integers(0, 9),
    dense=st.integers(0, 3), every=st.integers(1, 3), linear=st.integers(0, 9),
)  # fmt: skip
def test_the_parts_are_the_layers_one_by_one(
    layers: int, hidden: int, kv_heads: int, group: int, head_dim: int, ffn: int, vocab: int, matrices: int,
    tied: bool, experts: int, shared: int, dense: int, every: int, linear: int,
) -> None:  # fmt: skip
    layers += dense + every + linear
    shape = ModelProfile.model_construct(
        layers=layers, hidden=hidden, heads=group * kv_heads, kv_heads=kv_heads, head_dim=head_dim, ffn=ffn,
        ffn_matrices=matrices, vocab=vocab, tied=tied, experts=experts, experts_per_tok=2, expert_ffn=7,
        shared_ffn=shared, dense_layers=dense, moe_every=every, linear_layers=linear, linear_layer_params=11,
    )  # fmt: skip
    total = used = 0
    for layer in range(layers):
        q, kv = group * kv_heads * head_dim, kv_heads * head_dim
        mixing = 11 if layer < linear else hidden * q + 2 * hidden * kv + q * hidden
        if layer >= dense and (layer - dense) % every == every - 1:
            fixed, expert = hidden * experts + matrices * hidden * shared, matrices * hidden * 7
            total, used = total + mixing + fixed + experts * expert, used + mixing + fixed + 2 * expert
        else:
            total, used = total + mixing + matrices * hidden * ffn, used + mixing + matrices * hidden * ffn
    ends = vocab * hidden
    assert parts(shape).total == total + (ends if tied else 2 * ends)
    assert parts(shape).multiplied == used + ends
