"""Training on a table that does not fit in memory: read in blocks, counted, drawn from, fitted."""
