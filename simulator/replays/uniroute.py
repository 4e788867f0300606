"""UniRoute: clusters of prompts against neighbours and against no look at the prompt, with models that are new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simulator.metrics.frontiers import area, hull
from simulator.metrics.value import value_of
from simulator.replaying.curve import Curve
from simulator.replaying.sweep import NOTHING, curve
from simulator.replaying.vary import Over
from simulator.replays.core import Replay, Row, answer, relation
from simulator.replays.idle import Idle

SCENARIO = "replays/uniroute"
PAPER = "arXiv 2502.08773, EmbedLLM: area, a third of 112 models new"
PRICES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.5)
PUBLISHED: Mapping[str, str] = {"k-means": ".649", "learned map": ".652", "kNN": ".636", "zero router": ".607"}
QUALITY: Mapping[str, str] = {
    "k-means": "{use: kmeans, k: 20}",
    "learned map": "{use: learned-map, k: 20}",
    "kNN": "{use: knn, k: 200}",  # so that among the neighbours some have an answer of the new models
}
QNC: Mapping[str, str] = {"k-means": "33.7", "learned map": "33.1", "kNN": "45.9"}
"""Per cent, of EmbedLLM."""


def rows() -> Iterator[Row]:
    """Areas in order, and the cost at the quality of the most accurate model."""
    made = {
        name: curve(Idle(SCENARIO, f"policy.quality={quality}").question, Over("policy.price", PRICES), NOTHING, 0)
        for name, quality in QUALITY.items()
    }
    found = {name: one.metrics["area"].value or 0.0 for name, one in made.items()} | {
        "zero router": zero(next(iter(made.values())))
    }
    for first, second in (
        ("k-means", "zero router"),
        ("kNN", "zero router"),
        ("learned map", "zero router"),
        ("k-means", "kNN"),
        ("learned map", "kNN"),
    ):
        yield relation(
            f"area: {first} over {second}",
            f"{PUBLISHED[first]} > {PUBLISHED[second]}",
            f"{found[first]:.3f} {'>' if found[first] > found[second] else '<='} {found[second]:.3f}",
            found[first] > found[second],
            PAPER,
        )
    below = all((one.metrics["qnc"].value or 1.0) < 1 for one in made.values())
    told = ", ".join(f"{100 * (one.metrics['qnc'].value or 1.0):.0f}" for one in made.values())
    yield relation("QNC below 100 % (k-means, learned map, kNN)", ", ".join(QNC.values()), told, below, PAPER)
    known = curve(Idle(SCENARIO, "policy.labels=~").question, Over("policy.price", PRICES), NOTHING, 0)
    yield answer("area of k-means where all answers of all models are known", f"{known.metrics['area'].value or 0:.3f}")


def zero(made: Curve) -> float:
    """Area under the hull of the single models."""
    cost, accuracy = (made.singles[name].to_numpy() for name in ("cost_usd", "accuracy"))
    return value_of(area, *hull(cost, accuracy), float(cost.max())).value or 0.0


REPLAY = Replay(
    title="areas of UniRoute's clusters, of neighbours and of the zero router, every third model new, on nine models",
    scenarios=(SCENARIO,),
    rows=lambda: tuple(rows()),
    tables=("llmrouter-9",),
)
