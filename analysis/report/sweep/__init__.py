"""What the report of a sweep says and draws."""
