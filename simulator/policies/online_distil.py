"""Cache & Distil: a student that learns from the teacher's answers, and is asked first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Feedback, Finish, FleetView, Policy, Query
from simulator.policies.online_arms import LinearArms
from simulator.policies.online_hil import Scale, probability
from simulator.policies.setting import Needs, RouterCost, Setting
from simulator.spec.refs import PoolName


@dataclass(frozen=True)
class CacheDistil:
    """Ask the student, and take its answer if it is likely to be right; else ask the teacher: its answer is a label.

    A student gets better with labels: `students` are pools of models distilled from so many labels each, the first from
    0, and the newest that the labels kept so far are enough for is asked. With one pool, only the gate learns. The gate
    is a ridge regression, of each student, of whether its answer equals the teacher's (or, where its own was taken,
    of the score that comes back) on its confidence; an answer is taken if that says `accept` or more. The first
    `warmup` queries go to the teacher whatever the student says.
    Assumed: retraining takes no time, costs nothing here and ends at once, the table's columns say how good each
    student is (Cache & Distil's own curve is such a list), and that the gate sees no more than a confidence.
    Source: Cache & Distil, arXiv 2310.13561; it takes margins and entropies for confidence.
    """

    ROUTER: ClassVar = RouterCost(0.0001, source="assumed: one threshold")

    students: dict[PoolName, int]
    """Small pools by the labels that each was distilled from."""
    teacher: PoolName
    """The pool whose answers are labels."""
    accept: float = 0.8
    """The least P(right) at which a student's answer is taken."""
    warmup: int = 50
    """First queries that all go to the teacher."""
    ridge: float = 1.0
    """Penalty on squares of the linear model; larger learns more slowly."""
    scale: Scale = "probability"
    """What confidences are: probabilities, or logarithms of them."""

    def __post_init__(self) -> None:
        if not self.students or min(self.students.values()) != 0 or self.teacher in self.students:
            raise ValueError("'students' needs a pool with 0 labels, and none that is the teacher")
        if len(set(self.students.values())) < len(self.students):
            raise ValueError("'students' are told apart by their labels")

    @property
    def needs(self) -> Needs:
        """Confidences of the students, and answers to compare with the teacher's."""
        students = tuple(self.students)
        return Needs(scores_of=students, groups_of=(*students, self.teacher), feedback=True)

    def prepare(self, setting: Setting) -> Policy:
        """Students and teacher of one replication, with no labels."""
        return Distils(self)


class Distils:
    """`CacheDistil` with the labels and the gates that it has so far."""

    def __init__(self, rule: CacheDistil) -> None:
        self.rule = rule
        self.students = sorted(rule.students, key=rule.students.__getitem__)
        self.needed = [rule.students[pool] for pool in self.students]
        self.gates = LinearArms(len(self.students), 2, rule.ridge)
        self.asks = {pool: Ask((Call(pool),)) for pool in (*self.students, rule.teacher)}
        self.labels: set[int] = set()  # queries that the teacher has answered
        self.student: dict[int, int] = {}
        self.taken: dict[int, bool] = {}
        self.told: dict[int, float] = {}  # confidences of which it is not known yet whether they were right

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the newest student, then judge, then ask the teacher."""
        teacher = self.rule.teacher
        if not query.asked:
            newest = int(np.searchsorted(self.needed, len(self.labels), side="right")) - 1
            return self.asks[self.students[self.student.setdefault(query.id, newest)]]
        own = query.answers_from(self.students)
        if teacher not in query.asked:
            return Finish(own[0]) if own and self._takes(query.id, own[0]) else self.asks[teacher]
        labels = query.answers_from((teacher,))
        if not labels:
            return Finish(own[0]) if own else Drop(query.failure)
        self.labels.add(query.id)
        if own and own[0].group >= 0 and labels[0].group >= 0:
            self._learn(query.id, float(own[0].group == labels[0].group))
        return Finish(labels[0])

    def learn(self, feedback: Feedback) -> None:
        """Of a student's answer that was taken: how good it was."""
        if feedback.pool in self.rule.students and not math.isnan(feedback.score):
            self._learn(feedback.query, feedback.score)

    def _takes(self, query: int, answer: Answer) -> bool:
        if query not in self.taken:
            p = self.told[query] = probability(answer.score, self.rule.scale)
            expected = float(self.gates.theta[self.student[query]] @ (1.0, p))
            self.taken[query] = len(self.labels) >= self.rule.warmup and expected >= self.rule.accept
        return self.taken[query]

    def _learn(self, query: int, right: float) -> None:
        p = self.told.pop(query, None)
        if p is not None:
            self.gates.take(self.student[query], np.array([1.0, p]), right)
