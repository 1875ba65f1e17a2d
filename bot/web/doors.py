"""Who may ask over HTTP.

Laws:
- A token that is set is needed, everywhere but for /health and the webhook (which has its own secret).
- Without a token only this machine may ask: the server listens on loopback, or its port is published on the
  host's loopback only. Then the Host header must name this machine, or a web page could ask through the
  owner's browser (DNS rebinding); and nothing may show that a proxy has brought the request from elsewhere.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

PROXY_MARKS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain"})


def is_loopback(host: str) -> bool:
    """An address or name that only this machine reaches."""
    name = host.strip("[]").lower().rstrip(".")
    if name in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def names_this_machine(host_header: str) -> bool:
    """`127.0.0.1:8000`, `localhost`, `[::1]:8000`."""
    try:
        name = urlsplit(f"//{host_header}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)


def has_token(headers: Mapping[str, str], token: str) -> bool:
    kind, _, given = headers.get("Authorization", "").partition(" ")
    is_right = hmac.compare_digest(given.strip().encode(), token.encode())
    return kind.lower() == "bearer" and is_right


def is_from_here(headers: Mapping[str, str]) -> bool:
    return names_this_machine(headers.get("Host", "")) and not any(mark in headers for mark in PROXY_MARKS)
