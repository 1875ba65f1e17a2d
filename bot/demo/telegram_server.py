"""The Bot API over HTTP: `/bot<token>/<method>` and `/file/bot<token>/<path>` on a loopback port.

Laws
- The server listens on loopback only and answers only to loopback host names.
- While cut, nothing listens on the port and every open connection is torn down; what was sent before
  stays in effect.
"""

from __future__ import annotations

import hmac
import re
from urllib.parse import unquote

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from bot.demo.telegram_arguments import Arguments, read_arguments
from bot.demo.telegram_desk import Desk
from bot.demo.telegram_errors import ApiError, Json, bad_request, too_large, unauthorized
from bot.demo.telegram_methods import call, file_at
from bot.demo.telegram_state import MAX_FILE_BYTES
from bot.demo.telegram_updates import LOOPBACK_NAMES

SHUTDOWN_S = 0.5
CALLS_KEPT = 2_000


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns away requests that reach this machine under a foreign name (DNS rebinding)."""
    if host_name(request.headers.get(hdrs.HOST, "")) not in LOOPBACK_NAMES:
        raise web.HTTPForbidden(text="This server answers on loopback only.")
    return await handler(request)


def host_name(host: str) -> str:
    bracketed = re.fullmatch(r"\[([0-9a-fA-F:]+)\](?::\d+)?", host)
    return bracketed[1] if bracketed else host.rpartition(":")[0] or host


class Listener:
    """One aiohttp application on one loopback port, which can be closed and opened again."""

    def __init__(self, app: web.Application, host: str) -> None:
        if host not in LOOPBACK_NAMES:
            raise ValueError(f"a stand-in listens on loopback only, not on {host!r}")
        self.host = host
        self.port = 0
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S
        )
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.port}"

    async def open(self, port: int = 0) -> None:
        if self._runner.server is None:
            await self._runner.setup()
        self._site = web.TCPSite(self._runner, self.host, port or self.port, reuse_address=True)
        await self._site.start()
        self.port = int(self._runner.addresses[0][1])

    async def cut(self) -> None:
        """Refuses new connections and breaks the open ones, without a word to either."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
        server = self._runner.server
        for connection in list(server.connections) if server is not None else []:
            if connection.transport is not None:
                connection.transport.abort()

    async def close(self) -> None:
        await self._runner.cleanup()


class BotApi:
    """`calls` keeps the names of the methods called, oldest first, for tests."""

    def __init__(self, desk: Desk, token: str) -> None:
        self.calls: list[str] = []
        self._desk = desk
        self._token = token
        self.app = web.Application(middlewares=[loopback_only], client_max_size=MAX_FILE_BYTES)
        self.app.router.add_route("*", "/bot{token:[^/]+}/{method}", self._method)
        self.app.router.add_get("/file/bot{token:[^/]+}/{path:.+}", self._file)
        self.app.router.add_route("*", "/{rest:.*}", _nothing_here)

    async def _method(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        try:
            self._check_token(request)
            arguments = await _arguments(request)
            self._note(name)
            answer: Json = {"ok": True, "result": await self.perform(name, arguments)}
            status = 200
        except ApiError as refusal:
            answer, status = refusal.as_json(), refusal.code
        if self._desk.faults.loses_answer(name.lower()):
            _drop_connection(request)
        return web.json_response(answer, status=status)

    async def perform(self, name: str, arguments: Arguments) -> object:
        try:
            return await call(self._desk, name, arguments)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise bad_request(f"can't parse the arguments of {name}: {error!r}") from error

    async def perform_from_webhook(self, name: str, fields: Json) -> None:
        """Telegram drops the outcome of a method sent as the answer to a webhook."""
        if name.lower().startswith("get") or name.lower() in ("setwebhook", "deletewebhook"):
            return
        self._note(name)
        try:
            await self.perform(name, Arguments(fields))
        except ApiError:
            return

    async def _file(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_token(request)
        except ApiError as refusal:
            return web.json_response(refusal.as_json(), status=refusal.code)
        file = file_at(self._desk, request.match_info["path"])
        if file is None:
            return _not_found()
        return web.Response(body=file.content, content_type=file.mime)

    def _check_token(self, request: web.Request) -> None:
        token = unquote(request.match_info["token"])
        if not re.fullmatch(r"\d+:[\w-]+", token):
            raise ApiError(404, "Not Found")
        if not hmac.compare_digest(token, self._token):
            raise unauthorized()

    def _note(self, name: str) -> None:
        self.calls.append(name)
        del self.calls[:-CALLS_KEPT]


async def _arguments(request: web.Request) -> Arguments:
    try:
        return await read_arguments(request)
    except web.HTTPRequestEntityTooLarge:
        raise too_large() from None


def _drop_connection(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _not_found() -> web.Response:
    return web.json_response(ApiError(404, "Not Found").as_json(), status=404)


async def _nothing_here(request: web.Request) -> web.StreamResponse:
    return _not_found()
