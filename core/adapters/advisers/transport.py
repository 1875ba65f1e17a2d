"""The bounds of a connection to a provider: what a reply may weigh, and that it comes as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from core.adapters.advisers.failures import UnfitReply

if TYPE_CHECKING:
    from httpx2 import AsyncByteStream, Response

MAX_BODY_BYTES = 2_000_000
"""Read at most; a reply is about 3,000 and a list of models some 50,000."""


def client_options(base_url: str) -> Mapping[str, Any]:
    """For the SDKs' own clients. A redirect would carry the key to a host nobody named; a packed body could
    weigh a thousand times what came over the line."""
    return {
        "base_url": base_url,
        "follow_redirects": False,
        "headers": {"accept-encoding": "identity"},
        "event_hooks": {"response": [_bounded]},
    }


async def _bounded(response: Response) -> None:
    """Raises `UnfitReply`, now or while the body is read. JSON is UTF-8, whatever charset the reply names: as
    such Python would take one that unpacks a bomb, or none that it can decode with."""
    response.encoding = "utf-8"
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnfitReply("the reply is packed")
    response.stream = _counting(response.stream)


def _counting(stream: Any) -> AsyncByteStream:
    from httpx2 import AsyncByteStream

    class Counting(AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            weight = 0
            async for chunk in stream:
                weight += len(chunk)
                if weight > MAX_BODY_BYTES:
                    raise UnfitReply(f"the reply is longer than {MAX_BODY_BYTES} bytes")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Counting()
