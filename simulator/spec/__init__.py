"""Files -> immutable, checked values."""
