"""Run a system: replications one after the other, tables from their logs, a summary from the tables."""

from simulator.running.run import run

__all__ = ["run"]
