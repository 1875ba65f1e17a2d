"""Watching one bot from outside its code: every request on the wire, every transaction of its journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp

from core.ports import ComponentHealth
from db.session import Database, Work

T = TypeVar("T")


@dataclass
class Span:
    """`name` from `begun` to `ended`, seconds of `time.perf_counter`."""

    name: str
    begun: float
    ended: float = float("inf")
    processor_s: float = 0.0
    """This process's processor time until `ended`."""


@dataclass
class Watch:
    requests: list[Span] = field(default_factory=list)
    """Named "METHOD /path", until the last byte of the answer came."""
    reads: list[Span] = field(default_factory=list)
    writes: list[Span] = field(default_factory=list)
    signing: list[Span] = field(default_factory=list)
    """Building a request: address, query, signature."""

    def client(self, client: Any) -> None:
        """Hears every request of a ccxt client from now on."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._begin)
        trace.on_request_end.append(self._end)
        trace.on_request_exception.append(self._end)
        trace.on_response_chunk_received.append(self._end)
        trace.freeze()
        client.session.trace_configs.append(trace)
        client.sign = self._timed(client.sign)

    def between(self, first: str, last: str) -> tuple[Span, Span]:
        """The first request named `first`, and the first named `last` that began after its answer."""
        one = next(span for span in self.requests if span.name == first)
        return one, next(span for span in self.requests if span.name == last and span.begun >= one.ended)

    async def _begin(self, session: Any, context: SimpleNamespace, params: Any) -> None:
        context.span = Span(f"{params.method} {params.url.path}", time.perf_counter())
        self.requests.append(context.span)

    async def _end(self, session: Any, context: SimpleNamespace, params: Any) -> None:
        context.span.ended, context.span.processor_s = time.perf_counter(), time.process_time()

    def _timed(self, sign: Callable[..., Any]) -> Callable[..., Any]:
        def signed(*args: Any, **kwargs: Any) -> Any:
            span = Span("sign", time.perf_counter())
            try:
                return sign(*args, **kwargs)
            finally:
                span.ended = time.perf_counter()
                self.signing.append(span)

        return signed


class WatchedDatabase:
    """Implements `db.session.Database` over another one."""

    def __init__(self, inner: Database, watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    async def write(self, work: Work[T]) -> T:
        return await self._spanned(self._inner.write(work), self._watch.writes)

    async def read(self, work: Work[T]) -> T:
        return await self._spanned(self._inner.read(work), self._watch.reads)

    async def close(self) -> None:
        await self._inner.close()

    def health(self) -> ComponentHealth:
        return self._inner.health()

    async def _spanned(self, work: Any, spans: list[Span]) -> Any:
        span = Span("journal", time.perf_counter())
        try:
            return await work
        finally:
            span.ended = time.perf_counter()
            spans.append(span)


def covered_s(spans: Iterable[Span], begun: float, ended: float) -> float:
    """Seconds between the two in which at least one of the spans lasted."""
    total, reached = 0.0, begun
    for span in sorted(spans, key=lambda each: each.begun):
        since, until = max(span.begun, reached), min(span.ended, ended)
        if until > since:
            total += until - since
            reached = until
    return total


def within(spans: Iterable[Span], begun: float, ended: float) -> list[Span]:
    """Those that begin between the two."""
    return [span for span in spans if begun <= span.begun < ended]
