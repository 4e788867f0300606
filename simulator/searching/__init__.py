"""Answers that need many runs: the smallest fleet, the highest rate, the best trade-offs. Runs are points of sweeps."""
