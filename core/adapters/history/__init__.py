"""Recorded markets: found in a folder by `reading.read_history`, fetched from a venue by `downloading`."""
