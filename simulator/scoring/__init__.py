"""How good the numbers are: measured tables against the models, and models fitted to measurements."""
