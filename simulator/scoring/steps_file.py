"""A steps profile as a file: as commands write it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from simulator.scoring.linear_fit import LinearFit
from simulator.spec.errors import Problem, SpecError
from simulator.spec.profiles import StepsProfile
from simulator.spec.writer import to_yaml


def steps_profile(name: str, fit: LinearFit, ref: str, *, model: str | None = None, device: str | None = None) -> str:
    """The text of a profile of fitted steps; `ref` says where the measurements are from."""
    notes = [
        f"{e.quantity}: median error {e.median:.1%} of {e.n}, left out {e.left_out_median:.1%}" for e in fit.errors
    ]
    if fit.request_s > 0:
        notes.append(f"a request costs {fit.request_s * 1e3:.3g} ms outside its passes")
    if fit.unknown:
        notes.append(f"not told apart by these rows: {', '.join(fit.unknown)}")
    known = {"name": name, "title": f"Fitted to {fit.rows} rows", "model": model, "device": device, "use": "linear"}
    data = {key: value for key, value in known.items() if value is not None} | {
        "args": {key: float(f"{value:.6g}") for key, value in fit.coefficients.items()},
        "sources": [
            {"kind": "fitted", "ref": f"{ref}, {datetime.now(UTC).date().isoformat()}", "note": "; ".join(notes)}
        ],
    }
    StepsProfile.model_validate(data)
    return to_yaml(data)


def check_new(path: Path, force: bool) -> None:
    """Raise SpecError now where a file could not be written later."""
    if path.is_dir():
        raise SpecError([Problem(str(path), "", "is a folder")])
    if path.exists() and not force:
        raise SpecError([Problem(str(path), "", "exists, and is left as it is (--force overwrites it)")])
