"""What estimators and encoders have told of items, kept on the disk by content: numbers, never code.

The folder is `MULTILLM_CACHE`, else the user's cache folder; `MULTILLM_CACHE=off` keeps nothing. A file that cannot be
read or written is as if there were none.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from simulator.learning.core import Encoder, Estimator, Floats, Items, Lesson
from simulator.learning.predict import predictions

WORTH_S = 0.1
"""What takes less is not kept."""
DIGEST = 32
LIBRARIES = ("numpy", "scipy", "scikit-learn")


def told(estimator: Estimator, lesson: Lesson, items: Items) -> Floats:
    """`predictions` of the estimator, kept."""
    content = [lesson.target, *_of_items(lesson.items), *_of_items(items), "/".join(lesson.models), str(lesson.seed)]
    if lesson.samples is not None:
        content.append(lesson.samples)
    return kept(estimator, content, lambda: predictions(estimator, lesson, items))


def encoded(encoder: Encoder, lesson: Lesson, items: Items) -> Floats:
    """Features of `items` by what the encoder learns of the lesson's, kept."""
    content = [*_of_items(lesson.items), *_of_items(items), str(lesson.seed)]
    return kept(encoder, content, lambda: np.round(lesson.encode(encoder)(items), 9))


def kept(part: object, content: Iterable[Any], compute: Callable[[], Floats]) -> Floats:
    """`compute()`, a matrix, or what it was for the same part and content before.

    Parts of other packages are computed each time: their `repr` does not say what their code does.
    """
    place = folder()
    if place is None or not _is_ours(part):
        return compute()
    path = place / f"{_digest([_code(), repr(part), *content]).hex()}.told"
    found = _read(path)
    if found is None:
        started_s = time.perf_counter()
        found = compute()
        if time.perf_counter() - started_s > WORTH_S:
            _write(path, found)
    return found


def folder() -> Path | None:
    """Where things are kept, made or not; None: nowhere."""
    said = os.environ.get("MULTILLM_CACHE", "")
    if said:
        return None if said.lower() == "off" else Path(said)
    try:
        home = Path.home()
    except RuntimeError:  # a user without one
        return None
    by_system = {"win32": ("LOCALAPPDATA", home / "AppData" / "Local"), "darwin": ("", home / "Library" / "Caches")}
    name, usual = by_system.get(sys.platform, ("XDG_CACHE_HOME", home / ".cache"))
    return Path(os.environ.get(name) or usual) / "multillm"


def _is_ours(part: object) -> bool:
    """Whether the part and all that it holds are of this package."""
    if isinstance(part, tuple):
        return all(_is_ours(each) for each in part)
    if not is_dataclass(part):
        return True
    own = type(part).__module__.startswith(f"{__package__}.")
    return own and all(_is_ours(getattr(part, field.name)) for field in fields(part))


def _of_items(items: Items) -> list[Any]:
    content: list[Any] = ["\0".join(items.names), "\0".join(items.tasks), items.task, items.prompt_tok]
    content += ["none" if items.prompts is None else "\0".join(items.prompts)]
    content += ["none" if items.embedding is None else items.embedding]
    for name, scores in items.recorded.items():
        content += [name, scores]
    return content


def _digest(content: Iterable[Any]) -> bytes:
    """Of texts and arrays, each with its length or shape."""
    digest = blake2b(digest_size=DIGEST)
    for each in content:
        data = each.encode() if isinstance(each, str) else np.ascontiguousarray(each).tobytes()
        shape = len(data) if isinstance(each, str) else (each.shape, each.dtype.str)
        digest.update(f"{shape}:".encode())
        digest.update(data)
    return digest.digest()


@cache
def _code() -> str:
    """What the numbers come of beside their content: this package's code, and the libraries' versions."""
    code = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))]
    return _digest([*code, *(version(library) for library in LIBRARIES)]).hex()


def _read(path: Path) -> Floats | None:
    """What is kept at `path`; None where nothing is, or not what was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, body = data[:DIGEST], data[DIGEST:]
    if len(body) < 16 or head != blake2b(body, digest_size=DIGEST).digest():
        return None
    rows, columns = np.frombuffer(body[:16], dtype="<i8")
    return np.frombuffer(body[16:], dtype="<f8").astype(np.float64).reshape(rows, columns)


def _write(path: Path, matrix: Floats) -> None:
    """All of it or nothing, whoever else writes: the checksum, the shape, the numbers."""
    body = np.array(matrix.shape, dtype="<i8").tobytes() + np.ascontiguousarray(matrix, dtype="<f8").tobytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    except OSError:
        return
    try:
        with os.fdopen(number, "wb") as file:
            file.write(blake2b(body, digest_size=DIGEST).digest() + body)
        os.replace(name, path)
    except OSError:  # the disk is full, say
        Path(name).unlink(missing_ok=True)
