"""Metrics: functions from the tables of a run to numbers with intervals, limits, a verdict and evidence."""
