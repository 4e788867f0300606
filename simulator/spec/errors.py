"""What a user wrote wrong: one line each, saying where, what is there, and what could be there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

_LISTED = 8  # names that an error lists before it says ", ..."
_SHOWN = 40  # characters of a wrong value that an error shows


class Problem(NamedTuple):
    """One mistake. `origin` is `file:line:col` or `--set a.b=1`, `path` the dotted key; either may be empty."""

    origin: str
    path: str
    text: str

    def __str__(self) -> str:
        return one_line(": ".join(part for part in self if part))


class SpecError(Exception):
    """All mistakes of what a user gave, one line each. A text alone is a problem without a position."""

    def __init__(self, problems: str | Iterable[Problem]) -> None:
        self.problems = (Problem("", "", problems),) if isinstance(problems, str) else tuple(problems)
        assert self.problems, "an error without a problem"
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def near(wrong: str, known: Iterable[str], where: str = "") -> str:
    """Text about a name that does not exist: "no 'cascad'; did you mean 'cascade'? (one of always, cascade, ...)"."""
    names = list(dict.fromkeys(known))
    return f"no {wrong!r}{where}{did_you_mean(wrong, names)} ({_one_of(names)})"


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """ "; did you mean 'cascade'?", or nothing where no known name is near."""
    close = closest(wrong, known)
    return "" if close is None else f"; did you mean {close!r}?"


def closest(wrong: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a wrong one; None where none is much like it."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wrong.lower()[:100], by_lower, n=1)
    return by_lower[close[0]] if close else None


def _one_of(names: list[str]) -> str:
    if not names:
        return "there are none"
    return "one of " + ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")


def fault(text: str) -> PydanticCustomError:
    """The error with which a validator refuses a value; `text` is what the user reads."""
    return PydanticCustomError("spec", "{text}", {"text": text})


def shown(value: Any) -> str:
    """A wrong value as an error shows it: short, on one line, in YAML's words."""
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case dict():
            return "a map"
        case list() | tuple():
            return "a list"
        case _:
            text = repr(value)
            return text if len(text) <= _SHOWN else text[: _SHOWN - 4] + "..." + text[-1]


def one_line(text: str) -> str:
    """`text` with what would break a line, or a terminal, written as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
