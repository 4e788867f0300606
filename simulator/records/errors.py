"""What goes wrong with result folders."""

from __future__ import annotations


class ResultError(Exception):
    """A result folder that cannot be read or written: one line that names it, shown without a traceback."""
