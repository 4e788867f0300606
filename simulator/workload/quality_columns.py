"""How a per-item quality table lies in its CSV: the profile's keys, and which go with long and with wide tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.spec.base import Spec
from simulator.spec.errors import near
from simulator.spec.profiles import Profile
from simulator.spec.units import to_base
from simulator.workload.quality import MEASURES
from simulator.workload.splits import HashSplit

Names = str | Annotated[tuple[str, ...], Field(min_length=1)]
PerModel = str | dict[str, str]
"""One column (long), a header with `{model}` in it (wide), or a header for each model (wide)."""


class ItemColumns(Spec):
    """Which column says what. Quantities carry their unit in the key."""

    item: Names
    """What names an item; several columns are joined by '/'."""
    task: Names | None = None
    """The item's task; several columns are joined by '/'."""
    split: str | None = None
    """Values `train` and `test`; without it the table is split by hash of the prompt."""
    split_by: Names | None = None
    """Items that agree here fall into one split: turns of a conversation, say. The prompt where it is not given."""
    prompt: str | None = None
    """Text of the question: items with equal prompts fall into one split. The item's name where it is not given."""
    embedding: Names | None = None
    """A vector of the item's prompt: its columns, or what the names of its columns begin with."""
    recorded: Mapping[str, str] = {}
    """Numbers of an item by a name of one's own: the score that a router gave to the query, say."""
    model: str | None = None
    """Long tables only: whose row it is."""
    sample: str | None = None
    """Long tables only: numbers the answers of a model to an item, from 0."""
    score: PerModel
    """0 or 1 for wrong or right, or a score from 0 to 1 (or in the profile's `score_range`)."""
    confidence: PerModel | None = None
    """Higher is surer; -inf and inf are allowed."""
    confidence_is: Literal["mean-log-prob"] | None = None
    """mean-log-prob: of the answer's tokens. The signal `sum` is then offered: the log-probability of the answer."""
    signals: Mapping[str, PerModel] = {}
    """Further confidences, by name: `items.confidence` of a scenario chooses one."""
    lower_is_surer: tuple[str, ...] = ()
    """Signals, or `confidence`, that fall the surer a model is (entropies, say): read with their sign changed."""
    output_tok: PerModel | None = None
    """Tokens of the answer."""
    prompt_tok: PerModel | None = None
    """Tokens of the prompt."""
    latency_s: PerModel | None = None
    """Seconds of the call as recorded: for pools with `latency: recorded`."""
    latency_ms: PerModel | None = None
    """The same in milliseconds."""
    cost_usd: PerModel | None = None
    """Dollars of the call as recorded: for pools with `price: recorded`."""
    energy_j_per_tok: PerModel | None = None
    """Per generated token."""
    group: PerModel | None = None
    """The answer itself, as any text: equal texts are equal answers."""

    @model_validator(mode="after")
    def _one_latency(self) -> ItemColumns:
        if self.latency_s is not None and self.latency_ms is not None:
            raise ValueError("give one of 'latency_s' and 'latency_ms'")
        return self

    @model_validator(mode="after")
    def _signals_are_told_apart(self) -> ItemColumns:
        named = [*self.signals, *(["confidence"] if self.confidence is not None else [])]
        if unknown := [name for name in self.lower_is_surer if name not in named]:
            raise ValueError(f"'lower_is_surer': {near(unknown[0], named, ' among the signals')}")
        if "confidence" in self.signals or ("sum" in self.signals and self.confidence_is):
            raise ValueError("'signals': 'confidence' has a key of its own, and 'sum' follows from 'confidence_is'")
        if self.confidence_is and (self.confidence is None or self.output_tok is None):
            raise ValueError("'confidence_is' needs 'confidence' and 'output_tok'")
        return self

    def of(self, measure: str) -> tuple[PerModel | None, float]:
        """Where one of `MEASURES`, the group or the energy is found, and the factor to its base unit."""
        if measure == "latency_s" and self.latency_ms is not None:
            return self.latency_ms, to_base("latency_ms", 1.0)[1]
        column: PerModel | None = getattr(self, measure)
        return column, 1.0

    def per_model(self) -> dict[str, PerModel | None]:
        """All that is told for each model, by key."""
        plain = {measure: self.of(measure)[0] for measure in (*MEASURES, "group", "energy_j_per_tok")}
        return plain | {f"signals.{name}": column for name, column in self.signals.items()}


class TextsFile(Spec):
    """A second file, with the prompts."""

    file: str
    """CSV, plain or gzip: beside the profile, or under the folder that MULTILLM_DATA names."""
    item: Names
    """What names an item, as in the table."""
    prompt: str
    """Column of the text."""


class ItemsProfile(Profile):
    """A table of measured outcomes, one for each item and model."""

    kind: Literal["items"]
    """A table of items."""
    file: str
    """CSV, plain or gzip: beside this file, or under the folder that MULTILLM_DATA names."""
    format: Literal["long", "wide"]
    """long: a row for each item and model; wide: a row for each item."""
    columns: ItemColumns
    """Which column says what."""
    texts: TextsFile | None = None
    """Where the prompts lie in a file of their own."""
    score_range: tuple[float, float] = (0.0, 1.0)
    """The worst and the best score in the file: scores are mapped to 0 to 1, linearly."""
    clip_scores: bool = False
    """Take a score outside of the range as the end that is near; else it is an error."""
    where: Mapping[str, Names] = {}
    """Only rows with these values in these columns."""
    models: tuple[str, ...] | dict[str, str] = ()
    """Models to read, or a map from a name of one's own to the table's; all, in a long table, where it is empty."""
    split: HashSplit = HashSplit()
    """Used where no column says the split."""
    always_right: str | None = None
    """A further model, taken to be right on every item: the remote one of hierarchical inference."""

    @model_validator(mode="after")
    def _columns_fit_format(self) -> ItemsProfile:
        columns = self.columns.per_model()
        if self.format == "long":
            if self.columns.model is None or any(isinstance(column, dict) for column in columns.values()):
                raise ValueError("a long table needs 'columns.model', and one column for each of the others")
            return self
        if self.columns.model is not None or self.columns.sample is not None or not self.models:
            raise ValueError("a wide table needs 'models', and no 'columns.model' or 'columns.sample'")
        for measure, column in columns.items():
            if isinstance(column, dict):
                if unknown := [name for name in column if name not in self.names()]:
                    raise ValueError(f"'columns.{measure}': {near(unknown[0], self.names(), ' in models')}")
            elif column is not None and "{model}" not in column and measure != "prompt_tok" and len(self.models) > 1:
                raise ValueError(f"'columns.{measure}': {column!r} needs '{{model}}' in it, or a column for each model")
        return self

    @model_validator(mode="after")
    def _scores_and_prompts_are_clear(self) -> ItemsProfile:
        if not self.score_range[0] < self.score_range[1]:
            raise ValueError("'score_range': the best score should be above the worst")
        if self.columns.split is not None and self.columns.split_by is not None:
            raise ValueError("give one of 'columns.split' and 'columns.split_by'")
        if self.texts is not None and self.columns.prompt is not None:
            raise ValueError("give one of 'texts' and 'columns.prompt'")
        return self

    @model_validator(mode="after")
    def _who_is_right_is_no_other(self) -> ItemsProfile:
        if self.always_right is not None and (self.always_right in self.models or self.columns.sample is not None):
            raise ValueError("'always_right' names a model that is not in the table, which has one answer a model")
        return self

    def names(self) -> dict[str, str]:
        """The table's own name of each model; empty where all models of a long table are taken."""
        return dict(self.models) if isinstance(self.models, dict) else {name: name for name in self.models}
