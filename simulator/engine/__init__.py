"""The discrete-event engine: the only part of the simulator that imports SimPy."""
