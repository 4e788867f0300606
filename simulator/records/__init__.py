"""What happened: the columnar log, the tables of a run, its summary, and the folder they are kept in."""
