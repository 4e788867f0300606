"""Names -> profiles, pools, links, policy: after `build`, nothing is looked up by name."""

from simulator.engine.build.system import System, build

__all__ = ["System", "build"]
