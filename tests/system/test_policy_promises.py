"""What every policy promises: those that do not keep it are told of in one clear line."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from system_policies import BestOf, Hedge, Refine, Vote
from system_world import Simulate, own, scenario

from simulator import check_policy
from simulator.engine.replication import PolicyError
from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Finish, FleetView, Query, Wait

POOLS = ("edge", "cloud")


KEEPERS = [Hedge("edge", "cloud", 0.0), Vote(POOLS), BestOf("edge", 3), Refine("edge", "cloud")]


@pytest.mark.parametrize("policy", KEEPERS, ids=repr)
def test_a_policy_of_a_users_own_can_keep_them_too(policy: Any):
    check_policy(policy, POOLS)


# Each breaks one promise. `check_policy` and the run both say so.


@dataclass(frozen=True)
class WaitsForNothing:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Wait()


@dataclass(frozen=True)
class AsksNobody:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Ask(())


@dataclass(frozen=True)
class AsksAPoolThatIsNotThere:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Ask((Call("clowd"),))


@dataclass(frozen=True)
class FinishesWithAForeignAnswer:
    def decide(self, query: Query, view: FleetView) -> Decision:
        if not query.outcomes:
            return Ask((Call("edge"),)) if not query.asked else Wait()
        return Finish(Answer("edge", "answer", 1.0, 5, 0.0))


@dataclass(frozen=True)
class VerifiesBeforeThereIsAnAnswer:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Ask((Call("judge", kind="verify"),))


@dataclass(frozen=True)
class VerifiesAtAPool:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Ask((Call("edge", kind="verify" if query.outcomes else "answer"),))


@dataclass(frozen=True)
class HasAVerifierAnswer:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Ask((Call("judge"),))


@dataclass(frozen=True)
class RefinesNothing:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Ask((Call("edge", kind="refine"),))


@dataclass(frozen=True)
class AsksForNoSamples:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Ask((Call("edge", samples=0),))


@dataclass(frozen=True)
class NamesAReplicaThatIsNotThere:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Ask((Call("edge", replica=1),))


@dataclass(frozen=True)
class Mumbles:
    def decide(self, query: Query, view: FleetView) -> Any:
        return "edge"


@dataclass(frozen=True)
class NeverEnds:
    def decide(self, query: Query, view: FleetView) -> Decision:
        return Ask((Call("edge"),))


@dataclass(frozen=True)
class FlipsItsMind:
    turns: Any = field(default_factory=count)

    def decide(self, query: Query, view: FleetView) -> Decision:
        return Drop("no") if next(self.turns) % 2 else Ask((Call("edge", final=True),))


@dataclass(frozen=True)
class Tampers:
    def decide(self, query: Query, view: FleetView) -> Decision:
        query.asked += ("edge",)
        return Drop("no")


BROKEN = {
    WaitsForNothing: "waits for an outcome of query 0",
    AsksNobody: "query 0",
    AsksAPoolThatIsNotThere: "asks 'clowd'; there are edge, cloud, judge",
    FinishesWithAForeignAnswer: "finishes query 0 with",
    VerifiesBeforeThereIsAnAnswer: "answer",
    VerifiesAtAPool: "makes a 'verify' call to 'edge'",
    HasAVerifierAnswer: "makes a 'answer' call to 'judge'",
    RefinesNothing: "query 0, which has no answer yet",
    AsksForNoSamples: "asks 'edge' for 0 samples",
    NamesAReplicaThatIsNotThere: "asks replica 1 of 'edge', which has ",
    Mumbles: "decides 'edge': not one of Ask, Wait, Finish, Drop",
    NeverEnds: "does not end query 0 within",
}
QUIETLY_BROKEN = {FlipsItsMind: "about the same query", Tampers: "changes query 0"}  # a run cannot tell


@pytest.mark.parametrize(("policy", "says"), [*BROKEN.items(), *QUIETLY_BROKEN.items()])
def test_check_policy_tells_of_a_broken_promise(policy: type, says: str):
    with pytest.raises(AssertionError) as caught:
        check_policy(policy(), POOLS, verifiers=("judge",))
    text = str(caught.value)
    assert policy.__name__ in text
    assert "\n" not in text
    assert says in text


@pytest.mark.parametrize(("policy", "says"), BROKEN.items())
def test_a_run_stops_at_a_broken_promise(policy: type, says: str, simulate: Simulate):
    fleet = {"edge": own(), "cloud": own("large")}
    question = scenario({"use": f"test_policy_promises:{policy.__name__}"}, fleet, verifiers={"judge": {"time_s": 0.1}})
    with pytest.raises(PolicyError) as caught:
        simulate({**question, "run": {"queries": 1, "replications": 1}})
    text = str(caught.value)
    assert policy.__name__ in text
    assert "\n" not in text
    assert says in text
