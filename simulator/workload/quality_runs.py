"""Quality tables of sampled runs from JSON lines: of each question, the answers that each run gave to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.spec.base import Positive
from simulator.spec.errors import near
from simulator.spec.profiles import Profile
from simulator.workload.csv_columns import file_error, find_file
from simulator.workload.jsonl import objects
from simulator.workload.quality import QualityTable, Samples
from simulator.workload.splits import HashSplit, hash_split


class RunsProfile(Profile):
    """Several answers of every run (a model with a prompt and a temperature) to each question.

    A line is `{query, question, answer, runs: {name: {answers: [...], chars: [...]}}}`: `answer` is the right one,
    `answers` are those extracted (null: none), `chars` their lengths with all reasoning.
    """

    kind: Literal["runs"]
    """Several answers of each run."""
    file: str
    """JSON lines, plain or gzip: beside this file, or under the folder that MULTILLM_DATA names."""
    models: Annotated[dict[str, str], Field(min_length=1)]
    """Which run each model's answers are."""
    chars_per_tok: Positive = 4.0
    """Characters of a token: makes output lengths of `chars`."""
    split: HashSplit = HashSplit()
    """How items are parted into train and test."""


class _Run(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)
    answers: Annotated[list[str | None], Field(min_length=1)]
    chars: list[Annotated[int, Field(ge=0)]]

    @model_validator(mode="after")
    def _a_length_each(self) -> _Run:
        if len(self.answers) != len(self.chars):
            raise ValueError(f"{len(self.answers)} answers, but {len(self.chars)} lengths")
        return self


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)
    query: int | str
    question: str
    answer: str
    runs: dict[str, _Run]


def read_runs(profile: RunsProfile, folder: Path) -> tuple[QualityTable, list[str]]:
    """The table of all questions, and their split by hash. A score is 1 where the text of an answer is the right one.

    The first answer of a run is the one in the plain matrices. Equal texts are one group, over runs; no answer is wrong
    and in no group. Output lengths are `chars / chars_per_tok`. Raises SpecError, with file and line, for a line of
    another shape, a question twice, and a run that is not there.
    """
    path = find_file(profile.file, folder)
    lines = _lines(profile, path)
    samples = _samples(profile, lines)
    prompts = tuple(line.question for line in lines)
    unknown = np.full(samples.score.shape[:2], np.nan)
    splits = hash_split(prompts, ["all"] * len(lines), profile.split)
    table = QualityTable(
        name=profile.name,
        models=tuple(profile.models),
        items=tuple(str(line.query) for line in lines),
        tasks=("all",),
        task=np.zeros(len(lines), dtype=np.int32),
        score=samples.score[:, :, 0],
        confidence=unknown,
        output_tok=samples.output_tok[:, :, 0],
        prompt_tok=unknown,
        latency_s=unknown,
        cost_usd=unknown,
        evidence=profile.evidence("file"),
        source="; ".join(source.ref for source in profile.sources),
        group=samples.group[:, :, 0],
        has_test="test" in splits,
        prompts=prompts,
        samples=samples,
    )
    return table, splits


def _lines(profile: RunsProfile, path: Path) -> list[_Line]:
    lines: dict[str, _Line] = {}
    for number, row in objects(path):
        try:
            line = _Line.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise file_error(path, f"{where}: {first['msg']}", number) from None
        if str(line.query) in lines:
            raise file_error(path, f"a second line for query {line.query!r}", number)
        if absent := [run for run in profile.models.values() if run not in line.runs]:
            raise file_error(path, near(absent[0], line.runs, " among the runs"), number)
        lines[str(line.query)] = line
    if not lines:
        raise file_error(path, "no lines")
    return list(lines.values())


def _samples(profile: RunsProfile, lines: list[_Line]) -> Samples:
    runs = [[line.runs[run] for run in profile.models.values()] for line in lines]
    shape = (len(lines), len(profile.models), max(len(run.answers) for of_line in runs for run in of_line))
    score, output_tok = np.full(shape, np.nan), np.full(shape, np.nan)
    group = np.full(shape, -1, dtype=np.int32)
    number: dict[str | None, int] = {None: -1, "": -1}
    for i, (line, of_line) in enumerate(zip(lines, runs, strict=True)):
        for j, run in enumerate(of_line):
            k = len(run.answers)
            score[i, j, :k] = [answer == line.answer for answer in run.answers]
            group[i, j, :k] = [number.setdefault(answer, len(number)) for answer in run.answers]
            output_tok[i, j, :k] = np.array(run.chars) / profile.chars_per_tok
    return Samples(score, group, output_tok)
