"""What was told before is told again from the disk, and a bad disk is no error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from planted import plane

import simulator.learning.cache as cache
from simulator.learning.cache import encoded, folder, told
from simulator.learning.core import Items, Lesson, Predict
from simulator.learning.features import Embedding
from simulator.learning.neighbours import Knn
from simulator.learning.predict import predictions


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder where everything is worth keeping."""
    monkeypatch.setenv("MULTILLM_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(cache, "WORTH_S", 0.0)
    return tmp_path / "kept"


KNN = Knn(3, features=Embedding())


def lesson(seed: int = 1) -> Lesson:
    return Lesson(plane(40), np.random.default_rng(9).random((40, 2)), seed, ("a", "b"))


def files(place: Path) -> list[Path]:
    return sorted(place.iterdir()) if place.exists() else []


def never(*given: object) -> np.ndarray:
    raise AssertionError("learned again")


def test_what_is_kept_is_what_was_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = told(KNN, lesson(), lesson().items)
    np.testing.assert_array_equal(first, predictions(KNN, lesson(), lesson().items))
    assert [file.suffix for file in files(place)] == [".told"]
    monkeypatch.setattr(cache, "predictions", never)
    again = told(KNN, lesson(), lesson().items)
    assert again.tobytes() == first.tobytes()
    assert again.shape == first.shape


def test_whatever_differs_is_told_anew(place: Path) -> None:
    base = lesson()
    other = Lesson(base.items, base.target + 1e-6, base.seed, base.models)
    few = base.items.take(np.arange(7))
    for estimator, taught, items in (
        (KNN, base, base.items),
        (Knn(4, features=Embedding()), base, base.items),
        (KNN, other, base.items),
        (KNN, lesson(seed=2), base.items),
        (KNN, base, few),
        (KNN, Lesson(base.items, base.target, base.seed, ("a", "c")), base.items),
    ):
        before = len(files(place))
        told(estimator, taught, items)
        assert len(files(place)) == before + 1
    encoded(Embedding(), base, base.items)
    assert len(files(place)) == 7


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_is_made_again(place: Path, damage: bytes | None) -> None:
    first = told(KNN, lesson(), lesson().items)
    (file,) = files(place)
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:] if damage is None else damage)
    assert told(KNN, lesson(), lesson().items).tobytes() == first.tobytes()
    assert file.read_bytes() == whole


def test_nothing_is_kept_where_it_is_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTILLM_CACHE", "off")
    assert folder() is None
    told(KNN, lesson(), lesson().items)
    assert files(place) == []


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MULTILLM_CACHE", str(tmp_path / "file" / "below"))
    assert told(KNN, lesson(), lesson().items).shape == (40, 2)


def test_a_full_disk_leaves_nothing_behind(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    assert told(KNN, lesson(), lesson().items).shape == (40, 2)
    assert files(place) == []


def test_what_is_quick_is_not_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WORTH_S", 100.0)
    told(KNN, lesson(), lesson().items)
    assert files(place) == []


@dataclass(frozen=True)
class Own:
    """A user's estimator, whose code no name tells."""

    def fit(self, lesson: Lesson) -> Predict:
        return lambda items: np.zeros((len(items), 2))


@dataclass(frozen=True)
class OwnFeatures:
    def encoding(self, items: Items, seed: int) -> Predict:
        return lambda items: np.zeros((len(items), 1))


def test_a_users_own_code_is_run_each_time(place: Path) -> None:
    told(Own(), lesson(), lesson().items)
    told(Knn(3, features=OwnFeatures()), lesson(), lesson().items)
    assert files(place) == []


def test_without_a_word_the_users_cache_folder_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MULTILLM_CACHE")
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder() == tmp_path / "multillm"
