"""Built-in workloads: synthetic ones, fitted to public traces, that need no file. Each is a profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from pydantic import model_validator

from simulator.spec.base import Positive
from simulator.spec.errors import fault
from simulator.spec.library import library, read_profile
from simulator.spec.profiles import Profile
from simulator.workload.arrivals import OnOff
from simulator.workload.conversations import Chats, CodingSessions
from simulator.workload.lengths import LogNormal, Quantiles
from simulator.workload.streams import below
from simulator.workload.synthetic import Mixture, Week
from simulator.workload.traffic import Arrivals, Demand, Ints, Lengths, Streams, Traffic

_KINDS = ("mixture", "on_off", "chats", "coding_sessions", "week")


class WorkloadProfile(Profile):
    """A synthetic workload: one kind of arrivals, and the lengths of single queries."""

    mean_rate_per_s: Positive
    """Of queries, over all sessions."""
    lengths: Quantiles | LogNormal
    """Those of all queries; drawn apart from time where the arrivals bring none of their own."""
    mixture: Mixture | None = None
    on_off: OnOff | None = None
    chats: Chats | None = None
    coding_sessions: CodingSessions | None = None
    week: Week | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> WorkloadProfile:
        if sum(getattr(self, kind) is not None for kind in _KINDS) != 1:
            raise fault(f"give one of {', '.join(_KINDS)}")
        return self

    @property
    def arrivals(self) -> Arrivals:
        """The kind that is given."""
        arrivals: Arrivals = next(part for kind in _KINDS if (part := getattr(self, kind)) is not None)
        return arrivals


@dataclass(frozen=True, slots=True)
class BuiltinArrivals:
    """Arrivals of a built-in workload, with its lengths. Of sessions, only the starts are scaled to the rate."""

    name: str
    rate_per_s: Positive | None = None
    """Mean rate of queries, over all sessions; as fitted where it is not given."""

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows with lengths."""
        workload = workload_profile(self.name)
        slower = 1.0 if self.rate_per_s is None else workload.mean_rate_per_s / self.rate_per_s
        until_s = None if demand.until_s is None else demand.until_s / slower
        rows = workload.arrivals.draw(replace(demand, until_s=until_s), streams)
        due_s = None if rows.due_s is None else rows.due_s * slower
        rows = replace(rows, arrive_s=rows.arrive_s * slower, due_s=due_s)
        if rows.prompt_tok is not None:
            return rows
        prompt_tok, output_tok = workload.lengths.draw(len(rows), below(streams, "lengths"))
        return replace(rows, prompt_tok=prompt_tok, output_tok=output_tok)


@dataclass(frozen=True, slots=True)
class BuiltinLengths:
    """Lengths of a built-in workload's queries, each drawn by itself: without drift, without sessions."""

    name: str

    def draw(self, n: int, streams: Streams) -> tuple[Ints, Ints]:
        """Prompt and output tokens, each (n,)."""
        lengths: Lengths = workload_profile(self.name).lengths
        return lengths.draw(n, streams)


@cache
def workload_profile(name: str) -> WorkloadProfile:
    """A shipped workload, by name. Raises SpecError with near names where there is none."""
    return read_profile(WorkloadProfile, library(()).path("workloads", name))
