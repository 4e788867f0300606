"""Published figures beside what comes of the same techniques here: `multillm replay`."""
