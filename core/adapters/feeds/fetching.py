"""One small text from a stranger's server.

Laws:
- Bounded in time, in bytes on the wire, in bytes unpacked and in redirects, whatever the server does.
- The owner's address is asked as it is written, a server on this machine or network included. A redirect
  leads to public addresses only (or stays at the same host and port), never to another scheme than http(s),
  and never from https to http. The check holds for the address that is connected to, not for a name.
- No error's text holds an address: it may carry a key.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import zlib
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from core.advice.mood_keeping import SourceSilent

MAX_BYTES = 1_000_000
"""Unpacked; large feeds have 300 kB."""
TOTAL_S, CONNECT_S = 15.0, 6.0
"""Real seconds for one address with all its redirects."""
MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK_BYTES = 16_384
AGENT = "Perpilot/1 (feed reader)"
ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, application/json;q=0.9, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes | None
    """None: not changed since the marks that were sent."""
    etag: str = ""
    last_modified: str = ""


class Fetch(Protocol):
    async def __call__(self, address: str, etag: str = "", last_modified: str = "") -> Page: ...


def source_name(address: str) -> str:
    """What may be shown of an address: its host, and its port where that is a number of its own."""
    url = URL(address)
    host = url.host or "feed"
    return host if url.is_default_port() else f"{host}:{url.port}"


async def fetch(address: str, etag: str = "", last_modified: str = "", total_s: float = TOTAL_S) -> Page:
    """Raises `SourceSilent`. `total_s`: real seconds."""
    try:
        async with asyncio.timeout(total_s):
            return await _follow(URL(address), _marks(etag, last_modified))
    except TimeoutError as error:
        raise SourceSilent(f"no whole answer within {total_s:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
        raise SourceSilent(f"could not be read ({type(error).__name__})") from error


def _marks(etag: str, last_modified: str) -> dict[str, str]:
    marks = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in marks.items() if value}


async def _follow(first: URL, marks: dict[str, str]) -> Page:
    url = first
    for _ in range(MAX_REDIRECTS + 1):
        found = await _one(url, marks, is_trusted=_place(url) == _place(first))
        if isinstance(found, Page):
            return found
        url = _next(url, found, first)
    raise SourceSilent(f"more than {MAX_REDIRECTS} redirects")


def _place(url: URL) -> tuple[str | None, int | None]:
    return url.host, url.port


def _next(url: URL, location: str, first: URL) -> URL:
    target = url.join(URL(location))
    if target.scheme not in ("http", "https") or not target.host:
        raise SourceSilent("redirects to something that is no web address")
    if url.scheme == "https" and target.scheme == "http":
        raise SourceSilent("redirects from https to http")
    if _place(target) != _place(first) and _is_literal(target.host) and not _is_public(target.host):
        raise SourceSilent("redirects into a private network")
    return target


async def _one(url: URL, marks: dict[str, str], *, is_trusted: bool) -> Page | str:
    """The page, or where it redirects to."""
    resolver = ThreadedResolver() if is_trusted else PublicOnly()
    connector = aiohttp.TCPConnector(resolver=resolver, limit=1, force_close=True)
    limit = aiohttp.ClientTimeout(total=TOTAL_S, sock_connect=CONNECT_S)
    headers = {"User-Agent": AGENT, "Accept": ACCEPT, "Accept-Encoding": "gzip, deflate", **marks}
    async with (
        aiohttp.ClientSession(
            connector=connector, timeout=limit, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as session,
        session.get(url, headers=headers, allow_redirects=False) as response,
    ):
        if response.status == 304:
            return Page(None)
        if response.status in REDIRECTS:
            return response.headers.get("Location", "")
        if response.status != 200:
            raise SourceSilent(f"answered {response.status}")
        body = await _body(response)
        told = response.headers
        return Page(body, _short(told.get("ETag", "")), _short(told.get("Last-Modified", "")))


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Unpacked piece by piece, so that a small file which grows is met at the limit."""
    unpack = _unpacker(response.headers.get("Content-Encoding", "").strip().lower())
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk if unpack is None else unpack.decompress(chunk, MAX_BYTES + 1 - len(body))
        if len(body) > MAX_BYTES:
            raise SourceSilent(f"is larger than {MAX_BYTES:,} bytes")
    return bytes(body)


def _unpacker(encoding: str) -> Any:
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(wbits=47)  # gzip or zlib, as its head says
    raise SourceSilent("is packed in a way that was not asked for")


def _short(mark: str) -> str:
    return mark if len(mark) <= 200 and mark.isprintable() else ""


class PublicOnly(AbstractResolver):
    """Names to public addresses; a name that leads into a private network leads nowhere."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        public = [one for one in found if _is_public(one["host"])]
        if not public:
            raise SourceSilent("redirects into a private network")
        return public

    async def close(self) -> None:
        await self._inner.close()


def _is_literal(host: str) -> bool:
    """An address in digits, odd spellings that a system's resolver would take included."""
    return (
        ":" in host
        or re.fullmatch(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+))*\.?", host, re.IGNORECASE) is not None
    )


def _is_public(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    shown = mapped if mapped is not None else address
    return shown.is_global and not shown.is_multicast
