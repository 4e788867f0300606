"""A run as the laws look at it: what was asked, what came of it, and what the scenario says of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from system_world import Scenario

from simulator.engine.build import System
from simulator.records.result import Result
from simulator.workload.traffic import World

SLACK_S = 1e-7  # of sums and differences of times of some hundred seconds
SITE = "site"
STAGES = ("uplink_s", "queue_s", "prefill_s", "decode_s", "downlink_s")


@dataclass(frozen=True)
class Told:
    """A run of one replication: what was asked, and what came of it."""

    scenario: Scenario
    system: System
    result: Result

    @cached_property
    def world(self) -> World:
        return self.system.world(0)

    @cached_property
    def queries(self) -> pd.DataFrame:
        return self.result.tables.queries.set_index("query")

    @cached_property
    def calls(self) -> pd.DataFrame:
        return self.result.tables.calls.set_index("call")

    @cached_property
    def ledger(self) -> pd.DataFrame:
        return self.result.tables.ledger

    @cached_property
    def timeline(self) -> pd.DataFrame:
        return self.result.tables.timeline

    @cached_property
    def end_s(self) -> float:
        """When the run was over."""
        return float((self.timeline["start_s"] + self.timeline["width_s"]).max())

    @property
    def horizon_s(self) -> float | None:
        return self.scenario["run"].get("duration_s")

    @property
    def own(self) -> dict[str, Scenario]:
        return {name: pool for name, pool in self.scenario["fleet"].items() if "hosted" not in pool}

    @property
    def hosted(self) -> dict[str, Scenario]:
        return {name: pool for name, pool in self.scenario["fleet"].items() if "hosted" in pool}

    def replicas(self, pool: str) -> int:
        return int(self.own[pool].get("replicas", 1))

    def place(self, pool: str) -> str:
        spec = self.scenario["fleet"][pool]
        if "host" in spec:
            return str(self.scenario["hosts"][spec["host"]].get("place", "here"))
        return str(spec.get("place", "here"))

    @property
    def router_place(self) -> str:
        """Where decisions are made: where queries begin, unless a router stands elsewhere."""
        host = (self.scenario.get("router") or {}).get("host")
        return "home" if host is None else str(self.scenario["hosts"][host]["place"])

    @cached_property
    def hosts(self) -> dict[str, str]:
        """Every machine, and where it stands."""
        shared = {
            f"{name}-{i}": host.get("place", "here")
            for name, host in self.scenario.get("hosts", {}).items()
            for i in range(host.get("count", 1))
        }
        alone = {
            f"{name}-{i}": self.place(name)
            for name, pool in self.own.items()
            if "device" in pool
            for i in range(self.replicas(name))
        }
        return shared | alone

    def calls_of(self, pool: str) -> pd.DataFrame:
        return self.calls[(self.calls["pool"] == pool).to_numpy()]

    def rows(self, kind: str, **where: str) -> pd.DataFrame:
        """Rows of the ledger."""
        keep = np.logical_and.reduce([self.ledger[name] == value for name, value in {"kind": kind, **where}.items()])
        return self.ledger[keep]

    @property
    def is_patient(self) -> bool:
        """No query ever gives up."""
        return not any({"timeout_s", "abandon_s"} & cls.keys() for cls in self.scenario["workload"].values())

    @cached_property
    def is_further(self) -> pd.Series:
        """Which calls are further samples of a prompt that another has sent and prefilled.

        Samples are asked at one moment, and with the first all are refused. One that is taken though the first was not
        has been asked anew, at the very moment of the refusal.
        """
        calls = self.calls.sort_index()
        refused = calls["reason"].isin(["full", "too-long", "rate-limit"])
        of_one = [calls[name] for name in ("query", "pool", "kind", "asked_s")]
        first_refused = refused.groupby(of_one, observed=True).transform("first")
        later = calls.groupby(["query", "pool", "kind", "asked_s"], observed=True).cumcount() > 0
        return (later & (refused | ~first_refused)).reindex(self.calls.index)

    @cached_property
    def context_tok(self) -> pd.Series:
        """Tokens of each call's whole prompt, whoever prefilled them."""
        of_one = self.calls.groupby(["query", "pool", "kind", "asked_s"], observed=True)
        return of_one["prompt_tok"].transform("max")

    @cached_property
    def is_plain(self) -> bool:
        """Every call was answered, and no work was done twice."""
        return bool((self.calls["fate"] == "answered").all() and (self.calls["preemptions"] == 0).all())


def close(found: object, expected: object, rel: float = 1e-9, abs: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), rtol=rel, atol=abs)
