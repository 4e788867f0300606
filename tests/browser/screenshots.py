"""What reports look like, as pictures for people who have none yet: `make screenshots`."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from .opened import Opened, launched

SIZE = (1180, 900)  # of the window
COLOURS = 192  # of a picture; a page has few


class Shot(NamedTuple):
    """A picture: its name, the commands that make the report (`multillm ...`), and the sections that it shows."""

    name: str
    commands: tuple[str, ...]
    sections: tuple[str, ...]


SHOTS = (
    Shot("run", ("run quickstart --out made --no-report", "report made -o report.html"), ("fleet", "cdf-e2e")),
    Shot("sweep", ("sweep sweep-threshold --out made --no-report", "report made -o report.html"), ("pareto",)),
    Shot(
        "comparison",
        (
            "run quickstart --out default --no-report",
            "run quickstart --set policy.accept.edge=-0.1 --out choosy --no-report",
            "report default choosy -o report.html",
        ),
        ("differences",),
    ),
)


def main(into: Path) -> None:
    """Make each report and write its picture as `into`/NAME.png."""
    into.mkdir(parents=True, exist_ok=True)
    with launched() as browser:
        for shot in SHOTS:
            with tempfile.TemporaryDirectory() as folder:
                for command in shot.commands:
                    call = [sys.executable, "-m", "simulator", *command.split()]
                    subprocess.run(call, cwd=folder, check=True, stdout=subprocess.DEVNULL)
                page = Opened(browser, Path(folder, "report.html"), SIZE)
            kept = ", ".join(f"#{name}" for name in shot.sections)
            page.page.add_style_tag(content=f"nav, section:not({kept}) {{ display: none }}")
            picture = Image.open(io.BytesIO(page.page.screenshot(full_page=True)))
            few = picture.quantize(COLOURS, dither=Image.Dither.NONE)
            few.save(into / f"{shot.name}.png", optimize=True)
            print(into / f"{shot.name}.png")
            page.context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
