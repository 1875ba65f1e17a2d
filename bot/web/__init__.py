"""The HTTP server: health, status, metrics."""
