"""What a call asks for: which sample of its pool's answers, a draft to refine, an answer to judge."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from simulator.engine.hosted import HostedPool
from simulator.engine.job import Job
from simulator.engine.life import Life
from simulator.engine.pool import Pool, Uniform
from simulator.policies.core import Call

if TYPE_CHECKING:
    from simulator.engine.plan import JudgePlan


class PolicyError(Exception):
    """A policy broke its promises: it waits for nothing, or asks a pool that is not there."""


def check_replica(call: Call, pool: Pool | HostedPool) -> None:
    """PolicyError where the replica that `call` names cannot be had."""
    name, replicas = pool.facts.name, pool.facts.replicas
    if call.replica >= replicas:
        raise PolicyError(f"asks replica {call.replica} of {name!r}, which has {replicas}, counted from 0")
    if isinstance(pool, Pool) and pool.shared is not None and replicas > 1:
        raise PolicyError(f"asks replica {call.replica} of {name!r}, whose replicas pull calls from one queue")


def answers_asked(life: Life, pool: str) -> int:
    """How many answers of a pool have been asked for, drafts to refine left out."""
    refined = sum(outcome.kind == "refine" and outcome.pool == pool for outcome in life.query.outcomes)
    refined += sum(job.call.kind == "refine" and job.call.pool == pool for job in life.flying)
    return life.query.asked.count(pool) - refined


def sampled_tok(life: Life, pool: int, sample: int, output_tok: int) -> int:
    """Tokens of this sample, `output_tok` where none are recorded. PolicyError where there are not so many samples."""
    samples = life.cls.samples[pool]
    if samples is None or life.item < 0:
        return output_tok
    recorded = len(samples.score[life.item])
    if sample >= recorded:
        raise PolicyError(f"asks for {sample + 1} samples of query {life.row} at one pool; {recorded} are recorded")
    return output_tok if samples.output_tok is None else samples.output_tok[life.item][sample]


def group_of(job: Job) -> int:
    """What marks this answer as equal to others; -1 where that is not known."""
    life = job.life
    samples = life.cls.samples[job.pool] if life.cls.samples and job.sample >= 0 else None
    if samples is not None:
        return samples.group[life.item][job.sample]
    groups = life.cls.group[job.pool] if life.cls.group else None
    return -1 if groups is None else groups[life.item]


def confidence_of(job: Job) -> float:
    """The score that a policy sees of an answer: the sample's own where it is recorded; NaN where none is."""
    cls, item = job.life.cls, job.life.item
    samples = cls.samples[job.pool] if cls.samples and job.sample >= 0 else None
    if samples is not None and samples.confidence is not None:
        return samples.confidence[item][job.sample]
    scores = cls.confidence[job.pool]
    return nan if scores is None else scores[item]


def read_tok(life: Life, call: Call, judge: JudgePlan | None) -> int:
    """Tokens that are read beside the query's prompt: the newest answer, and a judge's instruction."""
    draft = newest(life)
    if draft is None:
        raise PolicyError(f"asks {call.pool!r} to refine query {life.row}, which has no answer yet")
    return draft.output_tok + (0 if judge is None else judge.prompt_tok)


def newest(life: Life) -> Job | None:
    """The call that gave the newest answer (not a verification), if there is one."""
    return next((job for answer, job in reversed(life.answers) if answer.kind != "verify"), None)


def score_of(life: Life) -> float:
    """The confidence of the newest answer."""
    return next(answer.score for answer, _ in reversed(life.answers) if answer.kind != "verify")


def vote(judge: JudgePlan, life: Life, attempt: int, uniform: Uniform) -> float:
    """What a judge says of the newest answer: 1 or 0 by chance, as often as its kind is called right; or its score.

    An answer that is right in part is judged as a right one with that probability.
    """
    if judge.right is None or judge.wrong is None:
        return score_of(life)
    right = truth_of(newest(life))
    accepts = right * judge.right + (1.0 - right) * judge.wrong
    return float(uniform(f"verify/{judge.name}", life.row, attempt) < accepts)


def truth_of(job: Job | None) -> float:
    """How right an answer is, NaN where no table says so: for judges, not for policies."""
    if job is None or job.life.item < 0:
        return nan
    cls, item = job.life.cls, job.life.item
    samples = cls.samples[job.pool] if cls.samples and job.sample >= 0 else None
    if samples is not None:
        return samples.score[item][job.sample]
    scores = cls.score[job.pool]
    return nan if scores is None else scores[item]
