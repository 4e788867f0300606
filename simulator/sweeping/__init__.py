"""Sweeps: many runs of one scenario with other values, on all cores or on a cluster, resumable."""
