"""A venue and a clock of our own: paper trading, full simulation, and later the search for faults."""
