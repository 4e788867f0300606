"""Estimators: what a router has learned of models from the train split of a table, and says of a query it sees."""
