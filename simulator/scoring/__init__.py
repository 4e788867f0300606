"""The model against measurements: fits of step models, a plan that measures a server, errors of what was fitted."""
