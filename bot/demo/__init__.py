"""Stand-ins for the outside world, used by `demo` and by the end-to-end tests."""
