"""Names -> profiles, pools, links, policy: after `build`, nothing is looked up by name."""

from simulator.engine.build.system import Grid, System, build

__all__ = ["Grid", "System", "build"]
