"""`python -m simulator`, and what the command `multillm` calls."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

QUICK_START = {  # what makes imports slower and has no use here, a fifth of the time of `validate`
    "OPENBLAS_NUM_THREADS": "1",
    "PYDANTIC_DISABLE_PLUGINS": "1",
}


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    for name, value in QUICK_START.items():
        os.environ.setdefault(name, value)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends us in silence, as it ends any command
    try:
        sys.path.append("")  # `use: mine:Policy` finds mine.py where we are; last, so that no file here hides a module
        from simulator.cli.app import command  # here, so that Ctrl-C while modules are loaded is met, too

        code = command(sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: Ctrl-C has nothing to interrupt any more
    sys.exit(code)


if __name__ == "__main__":
    main()
