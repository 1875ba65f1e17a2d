"""The world outside, behind the ports: the only rooms that know ccxt, the AI SDKs and other services."""
