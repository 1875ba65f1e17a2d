"""What Perpilot knows about trading. No clock, no dice, no environment, no sockets outside `adapters/`."""
