"""`multillm profile fit`: a table of measurements -> a steps profile, with its error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simulator.scoring.linear_fit import LinearFit

Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="FILE", help="The profile; profiles/steps/NAME.yaml where it is not given."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")]
ModelName = Annotated[
    str | None, typer.Option("--model", metavar="PROFILE", help="The model profile that it is of; others are refused.")
]
DeviceName = Annotated[
    str | None, typer.Option("--device", metavar="PROFILE", help="The device profile that it is of, likewise.")
]
BatchedTok = Annotated[
    int, typer.Option("--batched-tok", min=1, help="Tokens that the server puts into one pass at most.")
]


def fit(
    measured: Annotated[Path, typer.Argument(metavar="MEASURED.csv", help="A row for each burst of equal requests.")],
    out: Out = None,
    name: Annotated[str | None, typer.Option("--name", help="The profile's name; the table's, or the file's.")] = None,
    model: ModelName = None,
    device: DeviceName = None,
    batched_tok: BatchedTok = 2048,
    force: Force = False,
) -> None:
    """Fit a linear step model to measurements, and print its error.

    Columns: prompt_tok, output_tok, concurrency (1), joining_tok (0), and any of ttft_s, tpot_s, prefill_tok_per_s,
    decode_tok_per_s and energy_j (above idle). See docs/extending.md.
    """
    from simulator.records.files import write_text
    from simulator.scoring.linear_fit import fit_linear
    from simulator.scoring.measurements import read_measurements
    from simulator.scoring.steps_file import check_new, steps_profile
    from simulator.spec.errors import Problem, SpecError

    name, file = target(out, name, measured.stem)
    check_new(file, force)
    rows = read_measurements(measured)
    try:
        found = fit_linear(rows, batched_tok)
    except SpecError as error:
        raise SpecError([Problem(str(measured), "", problem.text) for problem in error.problems]) from None
    write_text(file, steps_profile(name, found, f"multillm profile fit {measured.name}", model=model, device=device))
    tell(found)
    print(f"wrote {file}: a pool takes it with `steps: {name}`")


def target(out: Path | None, name: str | None, default: str) -> tuple[str, Path]:
    """Name and file of a new profile. SpecError where they cannot go together."""
    import re

    from simulator.spec.errors import Problem, SpecError

    if out is not None and out.suffix != ".yaml":
        raise SpecError([Problem(f"-o {out}", "", "a profile is a file NAME.yaml")])
    if out is not None and name is not None and out.stem != name:
        raise SpecError([Problem(f"-o {out}", "", f"a profile is named as its file is: not {name!r}")])
    chosen = out.stem if out is not None else default if name is None else name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{,59}", chosen):
        raise SpecError([Problem("--name", "", f"no name for a profile: {chosen!r} (letters, digits, - _ and .)")])
    return chosen, Path("profiles") / "steps" / f"{chosen}.yaml" if out is None else out


def tell(found: LinearFit) -> None:
    """Coefficients and errors, as tables."""
    for key, value in found.coefficients.items():
        print(f"{key:14} {value:.4g}" + ("  (not told apart by these rows)" if key in found.unknown else ""))
    if found.request_s > 0:
        print(f"a request costs {found.request_s * 1e3:.3g} ms outside its passes: give its link that rtt_ms")
    print(f"\n{'error of':18}{'n':>4}{'median':>9}{'p90':>9}{'bias':>9}   row left out: {'median':>7}{'p90':>9}")
    for e in found.errors:
        inside = f"{e.n:4}{e.median:9.1%}{e.p90:9.1%}{e.bias:+9.1%}"
        print(f"{e.quantity:18}{inside}   {'':13} {e.left_out_median:7.1%}{e.left_out_p90:9.1%}")
