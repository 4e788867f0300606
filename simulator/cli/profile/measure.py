"""`multillm profile measure`: a short plan of requests to a server -> measurements, and the fitted steps profile."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.profile.fit import BatchedTok, DeviceName, Force, Out, target, tell

if TYPE_CHECKING:
    from simulator.scoring.meters import Meter


class PlanName(StrEnum):
    """How much is measured."""

    short = "short"
    long = "long"


def measure(
    url: Annotated[str, typer.Option("--url", help="The server: http://127.0.0.1:8080")],
    model: Annotated[str | None, typer.Option("--model", help="Its name at a server that has several.")] = None,
    name: Annotated[str, typer.Option("--name", help="The profile's name.")] = "measured",
    of_model: Annotated[
        str | None, typer.Option("--of-model", metavar="PROFILE", help="The model profile that it is of.")
    ] = None,
    device: DeviceName = None,
    plan: Annotated[PlanName, typer.Option("--plan", help="How many sizes and repeats.")] = PlanName.short,
    batched_tok: BatchedTok = 2048,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.01, help="Seconds that one request may take.")] = 120,
    power_command: Annotated[
        str | None, typer.Option("--power-command", metavar="CMD", help="Prints the watts of the device, now.")
    ] = None,
    nvml: Annotated[bool, typer.Option("--nvml", help="Joules of this machine's NVIDIA GPUs.")] = False,
    rapl: Annotated[bool, typer.Option("--rapl", help="Joules of this machine's CPU packages.")] = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Measure a llama.cpp or OpenAI-compatible server, and fit a steps profile.

    Sends prompts alone, requests that decode together, and prompts among decodes; some minutes on a small machine. The
    measurements go into a CSV beside the profile, for `multillm profile fit`. Nothing else should use the server.
    """
    from simulator.records.files import write_text
    from simulator.scoring.linear_fit import fit_linear
    from simulator.scoring.measure import PLANS
    from simulator.scoring.measure import measure as measured
    from simulator.scoring.measurements import measurements_text
    from simulator.scoring.server import find_server
    from simulator.scoring.steps_file import check_new, steps_profile

    name, file = target(out, name if out is None else None, name)
    table = file.with_suffix(".csv")
    for each in (file, table):
        check_new(each, force)
    with _meter(power_command, nvml, rapl) as meter:
        server = find_server(url, model, timeout_s)
        found = measured(server, PLANS[plan], meter, lambda text: print(text, file=sys.stderr, flush=True))
    fit = fit_linear(found.rows, batched_tok)
    metered = "" if meter is None else f", joules above {found.idle_w:.4g} W idle by {meter.source}"
    ref = f"multillm profile measure, {server.api} at {server.url}, {server.model or 'model not named'}{metered}"
    profile = steps_profile(name, fit, ref, model=of_model, device=device)
    write_text(table, measurements_text(found.rows))
    write_text(file, profile)
    tell(fit)
    print(f"wrote {table} and {file}: a pool takes it with `steps: {name}`")


def _meter(command: str | None, nvml: bool, rapl: bool) -> AbstractContextManager[Meter | None]:
    """The meter that the options name. SpecError for more than one."""
    from simulator.scoring import meters
    from simulator.spec.errors import SpecError

    if (command is not None) + nvml + rapl > 1:
        raise SpecError("give one of --power-command, --nvml and --rapl")
    if command is not None:
        return meters.power_command(command)
    return meters.nvml() if nvml else meters.rapl() if rapl else nullcontext()
