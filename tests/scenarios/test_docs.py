"""What the documents show is what happens: their files are written, their code and commands run, tables compared."""

from __future__ import annotations

import gzip
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from simulator.cli.app import command
from simulator.spec.library import shipped

ROOT = Path(__file__).parents[2]
TRACES = shipped("scenarios") / "traces"
BLOCK = re.compile(r"^<!-- (.+?) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

WHERE = re.compile(r"(result|sweep|report): ")  # the last lines of a command, whose paths are the test's own


class Block(NamedTuple):
    """A fenced block with its mark: `run`, `file: PATH`, or `printed by: COMMAND`."""

    mark: str
    language: str
    text: str


def blocks(file: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(file.read_text(encoding="utf-8"))]


def do(block: Block) -> None:
    """Write the block's file, or run it, where we are."""
    if block.mark.startswith("file: "):
        path = Path(block.mark.removeprefix("file: "))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    elif block.mark == "run" and block.language == "python":
        exec(compile(block.text, "block", "exec"), {"__name__": "block"})
    elif block.mark == "run" and block.language == "sh":
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line)
            while "=" in words[0]:  # PYTHONPATH=., which the test's own path stands for
                words = words[1:]
            assert words[0] == "multillm", line
            assert command(words[1:]) == 0, line
    else:
        assert block.mark.startswith("printed by: "), block.mark


@pytest.mark.parametrize(
    "name", ["README.md", "docs/answers.md", "docs/extending.md", "docs/sweeps.md", "scenarios/traces/README.md"]
)
def test_a_document_does_what_it_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = blocks(ROOT / name)
    assert found
    for block in found:
        do(block)


@pytest.mark.parametrize("name", ["README.md", "docs/sweeps.md"])
def test_a_document_shows_the_table_that_its_command_prints(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = [block for block in blocks(ROOT / name) if block.mark.startswith("printed by: ")]
    words = shlex.split(block.mark.removeprefix("printed by: "))
    assert command([*words[1:], "--out", str(tmp_path / "result")]) == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines() if not WHERE.match(line)]
    assert printed == block.text.splitlines(), f"paste what `{shlex.join(words)}` prints into {name}"


def test_the_shipped_trace_is_what_its_recipe_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (recipe,) = blocks(TRACES / "README.md")
    do(recipe)
    made, kept = (gzip.decompress((folder / "bursty-day.csv.gz").read_bytes()) for folder in (tmp_path, TRACES))
    assert made == kept


@pytest.mark.parametrize(
    "file",
    ["README.md", "docs/answers.md", "docs/model.md", "docs/extending.md", "docs/sweeps.md", "scenarios/README.md"],
)
def test_links_between_documents_lead_somewhere(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / file).parent.joinpath(target).exists(), target
