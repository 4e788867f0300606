"""How a replica is split over devices."""

from __future__ import annotations

from typing import NamedTuple


class Split(NamedTuple):
    """Each layer over `tensor` devices, the layers over `pipeline` stages, the experts over `expert` devices.

    Experts are on the devices of the tensor split, each expert whole on one of them where `expert` is above 1.
    """

    tensor: int = 1
    pipeline: int = 1
    expert: int = 1

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tensor * self.pipeline
