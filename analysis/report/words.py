"""What all reports say in the same words: verdicts as chips, and what evidence is."""

from __future__ import annotations

from simulator.records.metrics import ACRONYMS

CHIPS = {"STABLE": "good", "BACKLOGGED": "bad", "OVERLOADED": "bad"}
EVIDENCE = (
    f"{ACRONYMS} Evidence is the weakest kind that a number rests on (measured, fitted, datasheet, assumed), and the "
    "share of the value that does."
)


def chip(verdict: str, more: str = "") -> str:
    """A verdict as HTML, with `more` after it."""
    return f'<strong class="chip {CHIPS[verdict]}">{verdict}{more}</strong>'
