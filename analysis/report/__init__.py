"""Reports: result folders made into HTML pages that a person reads."""
