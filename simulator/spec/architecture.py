"""Parameters of a language model by part, counted from its architecture."""

# ruff: noqa: D102 (what each key is stands in `profiles.ModelProfile`)
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

Found = Iterator[tuple[str, str]]


class Shape(Protocol):
    """What an architecture says of itself: a profile of a model, or the model as code reads it."""

    @property
    def layers(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def kv_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...
    @property
    def attention_gate(self) -> bool: ...
    @property
    def ffn(self) -> int: ...
    @property
    def ffn_matrices(self) -> int: ...
    @property
    def ffn_layers(self) -> int | None: ...
    @property
    def vocab(self) -> int: ...
    @property
    def tied(self) -> bool: ...
    @property
    def experts(self) -> int | None: ...
    @property
    def experts_per_tok(self) -> int | None: ...
    @property
    def expert_ffn(self) -> int | None: ...
    @property
    def shared_ffn(self) -> int: ...
    @property
    def dense_layers(self) -> int: ...
    @property
    def moe_every(self) -> int: ...
    @property
    def q_rank(self) -> int | None: ...
    @property
    def kv_rank(self) -> int | None: ...
    @property
    def rope_dim(self) -> int | None: ...
    @property
    def nope_dim(self) -> int | None: ...
    @property
    def v_dim(self) -> int | None: ...
    @property
    def window_tok(self) -> int | None: ...
    @property
    def window_layers(self) -> int: ...
    @property
    def linear_layers(self) -> int: ...
    @property
    def linear_layer_params(self) -> int | None: ...


class Published(Shape, Protocol):
    """An architecture with the totals that its makers publish."""

    @property
    def params_billion(self) -> float: ...
    @property
    def active_params_billion(self) -> float | None: ...
    @property
    def params_extra_billion(self) -> float: ...


class Parts(NamedTuple):
    """Parameters by part, of all layers together where nothing else is said; without norms and biases (0.1 %)."""

    embedding: int
    """The input embedding: looked up, not multiplied. 0 where the head is the same matrix."""
    head: int
    attention: int
    """Projections of attention, and what layers of linear attention, Mamba or convolution have in their stead."""
    dense_ffn: int
    shared: int
    """Experts that every token passes."""
    router: int
    expert: int
    """One expert of one layer."""
    moe_layers: int
    experts: int
    """Experts of one layer; 0 in a dense model."""
    experts_per_tok: int

    @property
    def total(self) -> int:
        """All parameters."""
        return self.embedding + self.always + self.expert * self.moe_layers * self.experts

    @property
    def multiplied(self) -> int:
        """Parameters multiplied for one token: all but the input embedding and the experts not chosen."""
        return self.always + self.expert * self.moe_layers * self.experts_per_tok

    @property
    def always(self) -> int:
        """Parameters that every token is multiplied with, whatever experts it goes to."""
        return self.head + self.attention + self.dense_ffn + self.shared + self.router


def parts(shape: Shape) -> Parts:
    """Parameters of this architecture by part."""
    moe_layers = _moe_layers(shape)
    dense_layers = (shape.layers if shape.ffn_layers is None else shape.ffn_layers) - moe_layers
    width = shape.ffn_matrices * shape.hidden
    ends = shape.vocab * shape.hidden
    mixing = attention_layer(shape)
    linear = mixing if shape.linear_layer_params is None else shape.linear_layer_params
    return Parts(
        embedding=0 if shape.tied else ends,
        head=ends,
        attention=(shape.layers - shape.linear_layers) * mixing + shape.linear_layers * linear,
        dense_ffn=dense_layers * width * shape.ffn,
        shared=moe_layers * width * shape.shared_ffn,
        router=moe_layers * shape.hidden * (shape.experts or 0),
        expert=width * (shape.ffn if shape.expert_ffn is None else shape.expert_ffn) if moe_layers else 0,
        moe_layers=moe_layers,
        experts=shape.experts or 0,
        experts_per_tok=shape.experts_per_tok or 0,
    )


def attention_layer(shape: Shape) -> int:
    """Parameters of the projections of one layer with attention."""
    if shape.kv_rank is None:
        queries = shape.heads * shape.head_dim * (2 if shape.attention_gate else 1)
        return shape.hidden * (queries + (2 * shape.kv_heads + shape.heads) * shape.head_dim)
    rope, nope, v = latent_dims(shape)
    queries = shape.heads * (nope + rope)
    query = shape.hidden * queries if shape.q_rank is None else shape.q_rank * (shape.hidden + queries)
    down = shape.hidden * (shape.kv_rank + rope)
    return query + down + shape.kv_rank * shape.heads * (nope + v) + shape.heads * v * shape.hidden


def latent_dims(shape: Shape) -> tuple[int, int, int]:
    """Widths of a head with a latent KV (MLA): rotated and plain part of its keys, its values."""
    return shape.rope_dim or 0, shape.nope_dim or 0, shape.v_dim or 0


def _moe_layers(shape: Shape) -> int:
    if shape.experts is None:
        return 0
    layers = shape.layers if shape.ffn_layers is None else shape.ffn_layers
    return (layers - shape.dense_layers) // shape.moe_every


def impossible(shape: Shape) -> Found:
    """Keys whose values cannot be together, and why."""
    layers = shape.layers
    if shape.heads % shape.kv_heads:
        yield "kv_heads", f"must divide heads, {shape.heads}, which {shape.kv_heads} does not"
    yield from _impossible_experts(shape)
    if shape.kv_rank is not None:
        for key in ("rope_dim", "nope_dim", "v_dim"):
            if getattr(shape, key) is None:
                yield "kv_rank", f"a latent KV needs {key}, too"
    else:
        for key in ("q_rank", "rope_dim", "nope_dim", "v_dim"):
            if getattr(shape, key) is not None:
                yield key, "is of a latent KV, which needs kv_rank"
    if shape.window_layers and shape.window_tok is None:
        yield "window_layers", "needs window_tok: the context of these layers"
    if shape.window_tok is not None and not shape.window_layers:
        yield "window_tok", "needs window_layers: how many layers have the window"
    if shape.window_layers + shape.linear_layers > layers:
        key = "window_layers" if shape.window_layers else "linear_layers"
        yield (
            key,
            f"more layers with a window or linear ones ({shape.window_layers + shape.linear_layers}) than {layers}",
        )
    if shape.linear_layer_params is not None and not shape.linear_layers:
        yield "linear_layer_params", "needs linear_layers"


def _impossible_experts(shape: Shape) -> Found:
    layers = shape.layers if shape.ffn_layers is None else shape.ffn_layers
    if layers > shape.layers:
        yield "ffn_layers", f"must be at most layers, {shape.layers}, not {layers}"
    if shape.experts is None:
        given = {"experts_per_tok": None, "expert_ffn": None, "shared_ffn": 0, "dense_layers": 0, "moe_every": 1}
        for key, default in given.items():
            if getattr(shape, key) != default:
                yield key, "is of a mixture of experts, which needs experts"
        return
    if shape.experts_per_tok is None:
        yield "experts", "needs experts_per_tok: how many of them a token goes to"
    elif shape.experts_per_tok > shape.experts:
        yield "experts_per_tok", f"must be at most experts, {shape.experts}, not {shape.experts_per_tok}"
    if shape.dense_layers >= layers:
        yield "dense_layers", f"leaves none of {layers} layers for the experts"
    elif not _moe_layers(shape):
        yield "moe_every", f"leaves none of {layers - shape.dense_layers} layers for the experts"


def miscounted(model: Published, tolerance: float = 0.1) -> Found:
    """Published totals that are not those of the architecture, and what it says."""
    counted = parts(model)
    total = counted.total / 1e9 + model.params_extra_billion
    if not abs(model.params_billion / total - 1) <= tolerance:
        extra = f" with the {model.params_extra_billion:g} billion extra" if model.params_extra_billion else ""
        yield "params_billion", f"is {model.params_billion:g}, but layers, widths and vocab make {total:.4g}{extra}"
    if model.active_params_billion is None:
        return
    low, high = counted.multiplied / 1e9, (counted.multiplied + counted.embedding) / 1e9
    if not low * (1 - tolerance) <= model.active_params_billion <= high * (1 + tolerance):
        text = f"is {model.active_params_billion:g}, but layers, widths and experts_per_tok make {low:.4g}"
        yield "active_params_billion", text
