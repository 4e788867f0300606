"""`multillm profile score` and `profile engines` on a folder of small tables."""

from pathlib import Path

import pytest
from made_tables import SPEED, TABLES, write_tables
from scoring_world import Shell

from simulator.physics import values
from simulator.records.scores import SETTINGS, read_scores
from simulator.scoring.engines import GIVEN
from simulator.scoring.points import Names
from simulator.scoring.tables import read_points
from simulator.spec.library import Library, library

OTHERS = {  # a second device and model, so that each can be left out
    **TABLES,
    "measured_llm_speed": [
        *TABLES["measured_llm_speed"],
        {**SPEED, "device": "l40s", "decode_tok_s": 110, "prefill_tok_s": 7000},
        {**SPEED, "model": "Llama-3.2-3B", "decode_tok_s": 220, "prefill_tok_s": 15000},
    ],
}


def test_scores_of_every_setting_are_written_with_two_pages(shell: Shell, tmp_path: Path):
    said = shell("profile", "score", write_tables(tmp_path / "tables", OTHERS), "-o", "out", "-j", "1")
    assert said.code == 0, said.err
    assert {path.name for path in Path("out").iterdir()} == {"scores.csv", "validation.md", "validation.html"}
    scores = read_scores(Path("out/scores.csv"))
    assert set(scores.setting) == set(SETTINGS)
    assert set(scores.table) == set(OTHERS)
    in_sample = scores[scores.setting == "in-sample"]
    assert not in_sample.duplicated(["row", "quantity"]).any()


@pytest.mark.parametrize("command", ["score", "engines"])
def test_a_folder_that_says_nothing_is_told_in_a_line_and_nothing_is_written(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
):
    monkeypatch.delenv("MULTILLM_DATA", raising=False)
    Path("empty").mkdir()
    unknown = write_tables(tmp_path / "unknown", {"measured_llm_speed": [{**SPEED, "device": "no-such-box"}]})
    for args, telling in (
        (["empty"], "no table of measurements"),
        ([unknown], "no table of measurements"),
        (["missing"], "no such folder"),
        ([], "MULTILLM_DATA"),
    ):
        said = shell("profile", command, *args, "-o", "out")
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert telling in said.err
        assert not Path("out").exists()


def test_engines_written_are_read_back_and_the_same_when_written_again(shell: Shell, tmp_path: Path):
    tables = write_tables(tmp_path / "tables", OTHERS)
    for out in ("one/engines", "two/engines"):
        assert shell("profile", "engines", tables, "-o", out).code == 0
    written = sorted(Path("one/engines").iterdir())
    assert written
    assert [p.read_bytes() for p in written] == [p.read_bytes() for p in sorted(Path("two/engines").iterdir())]
    shelf = Library((Path("one"), *library([]).dirs))
    for point in read_points(tables, Names(library([]))):
        layers = shelf.layers(point.device, point.engine)
        device = values.device(point.device, layers)
        assert layers[0].name in {path.stem for path in written}
        assert shelf.path("engines", layers[0].name).parent == Path("one/engines")
        for key, value in layers[0].model_dump(exclude_none=True).items():
            if key.endswith("_frac") and getattr(point.device, key, None) is None:
                assert getattr(device, key) == value
        assert device.runtime_bytes == GIVEN[point.engine]["runtime_gb"] * 1e9


def test_numbers_that_nothing_was_measured_for_are_left_out(shell: Shell, tmp_path: Path):
    """Speeds of one sequence on one device: nothing of links, experts or joules."""
    tables = write_tables(tmp_path / "tables", {"measured_llm_speed": OTHERS["measured_llm_speed"]})
    assert shell("profile", "engines", tables, "-o", "made/engines").code == 0
    shelf = Library((Path("made"), *library([]).dirs))
    told = shelf.read("engines", "llama.cpp").model_dump(exclude_none=True)
    assert "bandwidth_frac" in told
    for key in ("allreduce_us", "interconnect_frac", "split_frac", "expert_frac", "active_power_frac"):
        assert key not in told
