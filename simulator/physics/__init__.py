"""Time, joules, bytes, dollars and grams, as pure functions of profiles."""
