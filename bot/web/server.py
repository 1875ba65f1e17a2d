"""The HTTP server. Reading only: nothing here changes anything, but the webhook hands updates on."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from bot.web.doors import has_token, is_from_here, is_loopback
from bot.web.prometheus import OPEN_METRICS, TEXT, render
from bot.web.shapes import Json, health_json, metrics_json, status_json
from core.desk import Desk
from core.errors import NotAllowed, PerpilotError
from core.ports import Clock, ComponentHealth

log = logging.getLogger(__name__)

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

ENDPOINTS = {
    "/health": "is everything running; needs no token",
    "/status": "state, capital, positions, breakers",
    "/metrics": "results; Prometheus text with ?format=prometheus or Accept: text/plain",
}
MAX_BODY = 1_000_000
STOP_S = 1.0
JSON_TYPES = ("application/json", "text/html", "application/*", "*/*")
"""What asks for JSON, or takes anything."""


class HealthSource(Protocol):
    def health(self) -> Mapping[str, ComponentHealth]:
        """By component: database, exchange, telegram, ai_models, scanner, monitor. From memory."""
        ...


@dataclass(frozen=True, slots=True)
class WebSettings:
    host: str
    port: int
    """0 takes any free one."""
    token: str | None = None
    is_loopback_published: bool = False
    """The port is published on the host's loopback only."""

    def __post_init__(self) -> None:
        if not self.token and not self.is_local:
            raise NotAllowed(
                f"HTTP_HOST {self.host} is reachable from elsewhere: set HTTP_TOKEN, or HTTP_HOST=127.0.0.1."
            )

    @property
    def is_local(self) -> bool:
        return is_loopback(self.host) or self.is_loopback_published


class WebServer:
    def __init__(
        self,
        settings: WebSettings,
        desk: Desk,
        health: HealthSource,
        clock: Clock,
        webhook: tuple[str, Callable[[web.Request], Awaitable[web.Response]]] | None = None,
    ) -> None:
        """`webhook`: the path that Telegram calls, and who answers (`bot.telegram.Webhook`)."""
        self._settings = settings
        self._desk = desk
        self._health = health
        self._clock = clock
        self._webhook_path = webhook[0] if webhook else None
        self._app = web.Application(middlewares=[self._doorkeeper], client_max_size=MAX_BODY)
        self._app.router.add_get("/", self._index)
        self._app.router.add_get("/health", self._get_health)
        self._app.router.add_get("/status", self._get_status)
        self._app.router.add_get("/metrics", self._get_metrics)
        if webhook:
            self._app.router.add_post(webhook[0], webhook[1])
        self._runner: web.AppRunner | None = None
        self.port = settings.port

    async def start(self) -> None:
        """Raises `PerpilotError` with the mend when the port can't be had."""
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=STOP_S)
        await runner.setup()
        site = web.TCPSite(runner, self._settings.host, self._settings.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise PerpilotError(self._refusal(error)) from None
        self._runner = runner
        self.port = int(runner.addresses[0][1])
        log.info("http server listens: host=%s port=%d", self._settings.host, self.port)

    async def stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @property
    def url(self) -> str:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"http://{host}:{self.port}"

    def _refusal(self, error: OSError) -> str:
        where = f"{self._settings.host}:{self._settings.port}"
        if error.errno == errno.EADDRINUSE:
            return f"HTTP port {where} is taken: stop the program that has it, or set HTTP_PORT to another."
        if error.errno == errno.EACCES:
            return f"HTTP port {where} is not allowed for this user: set HTTP_PORT to 1024 or more."
        return f"HTTP can't listen on {where} ({error.strerror or type(error).__name__}): check HTTP_HOST."

    # doors

    @web.middleware
    async def _doorkeeper(self, request: web.Request, handler: Respond) -> web.StreamResponse:
        refusal = self._door(request)
        if refusal is not None:
            return refusal
        try:
            answer = await handler(request)
        except web.HTTPException as error:
            answer = _json({"error": error.reason, "endpoints": ENDPOINTS}, error.status)
        except PerpilotError as error:
            log.warning("http answer unknown: path=%s error=%s", request.path, error)
            answer = _json({"error": "not known right now"}, 503)
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    def _door(self, request: web.Request) -> web.StreamResponse | None:
        """None: come in."""
        if request.path in ("/health", self._webhook_path) or self._knows(request):
            return None
        if self._settings.token:
            refusal = _json({"error": "needs Authorization: Bearer HTTP_TOKEN"}, 401)
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        return _json({"error": "only for this machine; set HTTP_TOKEN to ask from elsewhere"}, 403)

    def _knows(self, request: web.Request) -> bool:
        if self._settings.token:
            return has_token(request.headers, self._settings.token)
        return self._settings.is_local and is_from_here(request.headers)

    # answers

    async def _index(self, request: web.Request) -> web.Response:
        version = self._desk.version()
        return _json({"name": "perpilot", "version": version.version, "endpoints": ENDPOINTS})

    async def _get_health(self, request: web.Request) -> web.Response:
        components = self._health.health()
        uptime_s = self._desk.version().uptime_s
        body = health_json(components, self._clock.now(), uptime_s, self._knows(request))
        return _json(body, 503 if body["status"] == "unhealthy" else 200)

    async def _get_status(self, request: web.Request) -> web.Response:
        return _json(status_json(self._desk.status()))

    async def _get_metrics(self, request: web.Request) -> web.Response:
        kind = wanted_type(request.headers.get("Accept", ""), request.query.get("format", ""))
        view = await self._desk.metrics()
        if kind == "application/json":
            return _json(metrics_json(view))
        is_open = kind == "application/openmetrics-text"
        text = render(view, self._desk.status(), is_open)
        headers = {"Content-Type": OPEN_METRICS if is_open else TEXT}
        return web.Response(body=text.encode(), headers=headers)


def wanted_type(accept: str, asked: str) -> str:
    """`application/json`, `text/plain` or `application/openmetrics-text`: the best the asker named."""
    if asked.lower() in ("prometheus", "text"):
        return "text/plain"
    if asked.lower() == "openmetrics":
        return "application/openmetrics-text"
    named = sorted(_accepted(accept), key=lambda item: -item[1])
    for kind, quality in named:
        if quality <= 0:
            continue
        if kind in ("text/plain", "application/openmetrics-text"):
            return kind
        if kind in JSON_TYPES:
            return "application/json"
    return "application/json"


def _accepted(accept: str) -> list[tuple[str, float]]:
    found = []
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        found.append((kind, quality))
    return found


def _json(body: Json, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, dumps=_dumps)


def _dumps(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, allow_nan=False)
