"""A system without its load: what a policy comes to on an idle fleet, at once, and whole curves of such points."""

from simulator.replaying.replay import Replayed, replay

__all__ = ["Replayed", "replay"]
