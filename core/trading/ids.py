"""Ids that say what they are for. The same meaning always gives the same id, whatever the clock says."""

from __future__ import annotations

import base64
import hashlib

from core.trade import Purpose

PREFIX = "pp"
"""Orders that carry it are ours."""
LENGTH = 28
"""With the prefix 30 characters: under the 32 that every venue takes, letters and digits only."""


def derived(*parts: object) -> str:
    """120 bits of SHA-256 over the parts, lower-case base32."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return base64.b32encode(digest[:15]).decode().lower()


def client_id(account: str, trade_id: str, purpose: Purpose, attempt: int) -> str:
    """The order's id at the venue; ≤ 32 characters, [a-z0-9]."""
    digest = hashlib.sha256(f"{account}\x1f{trade_id}\x1f{purpose.value}\x1f{attempt}".encode()).digest()
    return PREFIX + base64.b32encode(digest[:18]).decode().lower().rstrip("=")[:LENGTH]


def is_ours(order_client_id: str) -> bool:
    return order_client_id.startswith(PREFIX) and len(order_client_id) == len(PREFIX) + LENGTH
