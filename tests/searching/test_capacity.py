from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from searching_world import TINY, MadePoints, summary

from simulator.cli.app import command
from simulator.searching.capacity import capacity
from simulator.spec.errors import SpecError

RATE = "workload.chat.arrivals.rate_per_s"  # 2 in the scenario


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("searching")


def points(folder: Path, most: float) -> MadePoints:
    """A system of four devices that holds up to the rate `most`."""
    return MadePoints(lambda values: (summary(0.5 if values[RATE] <= most else 2.0), 4), folder)


@given(most=st.floats(0.01, 1000), tolerance=st.sampled_from([0.1, 0.02, 0.005]))
def test_the_highest_rate_is_found_to_the_tolerance(folder: Path, most: float, tolerance: float) -> None:
    found = capacity(points(folder, most), tolerance=tolerance)  # type: ignore[arg-type]
    assert found.rate <= most <= found.rate * (1 + tolerance)
    assert found.best.values[RATE] == found.rate
    assert found.above.values[RATE] > most
    assert found.bound.text == "e2e_s is 2, not <= 1"
    assert found.per_device == found.rate / 4
    assert not found.notes


def test_given_ends_bound_the_search(folder: Path) -> None:
    made = points(folder, 5.0)
    found = capacity(made, low=4.0, high=6.0)  # type: ignore[arg-type]
    assert found.rate <= 5.0 <= found.rate * 1.02
    assert all(4.0 <= one.values[RATE] <= 6.0 for one in made.tried)


def test_a_hole_below_the_answer_is_told(folder: Path) -> None:
    made = MadePoints(lambda v: (summary(2.0 if v[RATE] > 8 or 7.2 < v[RATE] < 7.8 else 0.5), 1), folder)
    found = capacity(made)  # type: ignore[arg-type]
    assert found.rate == pytest.approx(8, rel=0.02)
    assert found.notes[0].startswith("a lower rate does not hold: at ")


@pytest.mark.parametrize(
    ("most", "given", "told"),
    [
        (0.0, {}, "no rate holds the limits: at workload.chat.arrivals.rate_per_s=0.00195312, e2e_s is 2, not <= 1"),
        (1e9, {}, "every rate up to workload.chat.arrivals.rate_per_s=2048 holds the limits"),
        (1e9, {"high": 10.0}, "every rate up to workload.chat.arrivals.rate_per_s=10 holds the limits: raise --to"),
        (1.0, {"low": 3.0}, "no rate holds the limits: at workload.chat.arrivals.rate_per_s=3"),
        (1.0, {"low": 3.0, "high": 2.0}, "--from 3 --to 2: is no range of rates"),
        (1.0, {"key": "workload.chat.arrivals.rate"}, "--over workload.chat.arrivals.rate: is no number above 0"),
        (1.0, {"tolerance": 0.0}, "--tolerance 0: must be above 0"),
    ],
)
def test_there_may_be_no_answer(folder: Path, most: float, given: dict[str, float], told: str) -> None:
    with pytest.raises(SpecError) as caught:
        capacity(points(folder, most), **given)  # type: ignore[arg-type]
    assert told in str(caught.value)


def test_a_search_refuses_a_folder_that_is_somebody_elses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    mine = tmp_path / "photos" / "cat.jpg"
    mine.parent.mkdir()
    mine.write_text("a cat")
    assert command(["capacity", str(tmp_path / "tiny.yaml"), "--out", str(mine.parent)]) == 2
    assert "photos: is not the folder of a sweep" in capsys.readouterr().err
    assert [path.name for path in mine.parent.iterdir()] == ["cat.jpg"]
