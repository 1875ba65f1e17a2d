"""How the addresses of feeds are read: several of them, a query included, for many feeds need one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bot.settings_values import MAX_TEXT, Kind, masked_url

MAX_FEEDS = 10
READERS = ("auto", "off", "anthropic", "openai", "xai", "deepseek")
_BOUNDS = "an address that starts with http:// or https://"


def feed_address() -> Kind:
    return Kind(_address, _BOUNDS, masked_url)


def feed_addresses() -> Kind:
    bounds = f"up to {MAX_FEEDS} addresses that start with http:// or https://, comma separated"

    def read(text: str) -> tuple[str, ...]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not 1 <= len(parts) <= MAX_FEEDS:
            raise ValueError(f"must be {bounds}")
        return tuple(dict.fromkeys(_address(part) for part in parts))

    return Kind(read, bounds, lambda value: ",".join(masked_url(one) for one in value))


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port  # reads, and so checks, the port
    except ValueError as error:
        raise ValueError("must be a complete address with a valid port") from error
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    if not is_web or re.search(r"[\s\\]", text) or len(text) > MAX_TEXT:
        raise ValueError(f"must be {_BOUNDS}")
    if parts.username or parts.password:
        raise ValueError("must hold no user and password: feeds are asked without")
    return text
