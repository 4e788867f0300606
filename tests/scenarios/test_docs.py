"""What the documents show is what happens: their files are written, their code and commands run, tables compared."""

from __future__ import annotations

import gzip
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from joblib.externals.loky import get_reusable_executor

from simulator.cli.app import command
from simulator.spec.fields import anchor
from simulator.spec.library import shipped

ROOT = Path(__file__).parents[2]
TRACES = shipped("scenarios") / "traces"
BLOCK = re.compile(r"^<!-- (.+?) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

WHERE = re.compile(r"(result|sweep|report): ")  # the last lines of a command, whose paths are the test's own


class Block(NamedTuple):
    """A fenced block with its mark: `run`, `prints`, `file: PATH`, or `printed by: COMMAND`."""

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
            assert words[0] == "multillm", line
            assert command(words[1:]) == 0, line
    else:
        assert block.mark.startswith("printed by: "), block.mark


def assert_printed(shown: str, printed: str) -> None:
    """What is shown was printed, line by line; `...` stands for lines left out."""
    lines = [line.rstrip() for line in printed.splitlines()]
    for number, piece in enumerate(re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)):
        wanted = piece.splitlines()
        starts = [0] if number == 0 else range(len(lines) - len(wanted) + 1)
        start = next((start for start in starts if lines[start : start + len(wanted)] == wanted), None)
        assert start is not None, f"paste what was printed:\n{printed}"
        lines = lines[start + len(wanted) :]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "docs/answers.md",
        "docs/extending.md",
        "docs/sweeps.md",
        "docs/trace.md",
        "docs/tutorial.md",
        "scenarios/traces/README.md",
    ],
)
def test_a_document_does_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    get_reusable_executor().shutdown()  # workers of an earlier sweep would not look into this folder
    found = blocks(ROOT / name)
    assert found
    for block in found:
        if block.mark == "prints":
            assert_printed(block.text, capsys.readouterr().out)
        else:
            capsys.readouterr()
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
    sorted(
        str(path.relative_to(ROOT))
        for pattern in ("*.md", "docs/*.md", "scenarios/*.md")
        for path in ROOT.glob(pattern)
    ),
)
def test_links_between_documents_lead_somewhere(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    for target, place in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
        other = (ROOT / file).parent.joinpath(target) if target else ROOT / file
        assert other.exists(), target
        if place:
            headings = re.findall(r"^#+ (.+)$", other.read_text(encoding="utf-8"), re.MULTILINE)
            assert place in [anchor(heading) for heading in headings], (target, place)
