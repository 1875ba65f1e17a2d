"""News feeds and mood gauges over HTTP; everything that comes is taken for hostile."""
