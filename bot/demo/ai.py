"""A stand-in for the AI providers: chat completions and messages in their exact wire forms, on loopback.

Laws
- It reasons from the question it was sent (`ai_temper`); model id and reasons say that it is a stand-in.
- It refuses what the real endpoint refuses: no key, a form the provider doesn't take.
- Keys are looked at and forgotten: nothing that is kept or answered holds one.
- Latency follows from the seed, the endpoint and the count of calls. A hung call ends when the server stops.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.demo.ai_faults import STATUS_OF, AiFault, spoilt
from bot.demo.ai_reading import read_items
from bot.demo.ai_temper import judge
from bot.demo.ai_wire import (
    CLAUDE_POINT,
    DEEPSEEK_POINT,
    GPT_POINT,
    GROK_POINT,
    Endpoint,
    Json,
    chat_error,
    chat_reply,
    messages_error,
    messages_reply,
    whole,
)

__all__ = ["AiFault", "AiStandIn"]

LISTED = ("claude-haiku-5-5", "gpt-6-luna", "grok-4.3", "deepseek-flash")
DRIP_S = 0.02
CHARS_PER_TOKEN = 2.6
"""Of figures and English mixed; only so that usage looks like usage."""
KEPT_BODIES = 20
FOREVER = 10**9


@dataclass
class Breakage:
    fault: AiFault
    calls_left: int
    retry_after_s: float | None = None


class AiStandIn:
    """`calls` counts requests by endpoint, `bodies` keeps the last ones."""

    def __init__(self, *, seed: int = 1, latency_s: tuple[float, float] = (0.5, 2.0)) -> None:
        self.latency_s = latency_s
        self.calls: Counter[str] = Counter()
        self.bodies: defaultdict[str, deque[Json]] = defaultdict(lambda: deque(maxlen=KEPT_BODIES))
        self.listed = set(LISTED)
        self.lifecycles: dict[str, str] = {}
        self._seed = seed
        self._broken: dict[str, Breakage] = {}
        self._known_prefixes: set[tuple[str, str]] = set()
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._url = ""

    @property
    def openai_url(self) -> str:
        return f"{self._url}/openai/v1"

    @property
    def xai_url(self) -> str:
        return f"{self._url}/xai/v1"

    @property
    def deepseek_url(self) -> str:
        return f"{self._url}/deepseek"

    @property
    def anthropic_url(self) -> str:
        return f"{self._url}/anthropic"

    async def start(self, port: int = 0) -> None:
        """Listens on loopback; port 0 takes a free one."""
        self._stopping.clear()
        app = web.Application()
        app.router.add_post("/openai/v1/chat/completions", self._chat(GPT_POINT))
        app.router.add_post("/xai/v1/chat/completions", self._chat(GROK_POINT))
        app.router.add_post("/deepseek/chat/completions", self._chat(DEEPSEEK_POINT))
        app.router.add_post("/anthropic/v1/messages", self._messages)
        for path in ("/openai/v1/models", "/xai/v1/models", "/deepseek/models"):
            app.router.add_get(path, self._list)
        app.router.add_get("/anthropic/v1/models/{id}", self._describe)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def break_next(
        self, endpoint: str, fault: AiFault, calls: int = FOREVER, retry_after_s: float | None = None
    ) -> None:
        """The next `calls` to claude, gpt, grok or deepseek meet `fault`."""
        self._broken[endpoint] = Breakage(fault, calls, retry_after_s)

    def mend(self, endpoint: str | None = None) -> None:
        """One endpoint, or all."""
        for name in [endpoint] if endpoint else list(self._broken):
            self._broken.pop(name, None)

    def _chat(self, point: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not _has_bearer(request):
                return chat_error(401, "invalid_request_error", "invalid_api_key", "No API key was given.")
            body = await self._receive(request, point)
            if complaint := _chat_complaint(body, point):
                return chat_error(400, "invalid_request_error", None, complaint)
            fault, retry_after_s = self._fault(point.name)
            if fault in STATUS_OF:
                status, kind, code = STATUS_OF[fault]
                return chat_error(status, kind, code, f"Stand-in fault: {fault}.", retry_after_s)
            if (broken := await self._broken_transport(request, fault)) is not None:
                return broken
            system, question = _chat_texts(body)
            text = spoilt(read_items(question) or judge(question, point.temperament), fault)
            usage = self._usage(point, system, question, text)
            return whole(chat_reply(point, text, usage, fault), fault)

        return handle

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        point = CLAUDE_POINT
        if not (request.headers.get("x-api-key") or _has_bearer(request)):
            return messages_error(401, "authentication_error", "x-api-key header is required")
        body = await self._receive(request, point)
        if complaint := _messages_complaint(body, request):
            return messages_error(400, "invalid_request_error", complaint)
        fault, retry_after_s = self._fault(point.name)
        if fault in STATUS_OF:
            status, kind, _ = STATUS_OF[fault]
            return messages_error(status, kind, f"Stand-in fault: {fault}.", retry_after_s)
        if (broken := await self._broken_transport(request, fault)) is not None:
            return broken
        system = "".join(block.get("text", "") for block in body.get("system", []))
        question = str(body["messages"][-1].get("content", ""))
        text = spoilt(read_items(question) or judge(question, point.temperament), fault)
        return whole(messages_reply(text, self._usage(point, system, question, text), fault), fault)

    async def _list(self, request: web.Request) -> web.Response:
        """Every model that was not unlisted; a stand-in serves any id under its own."""
        rows = [{"id": name, "object": "model", "owned_by": "stand-in"} for name in sorted(self.listed)]
        return web.json_response({"object": "list", "data": rows})

    async def _describe(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if name not in self.listed:
            return messages_error(404, "not_found_error", f"model: {name}")
        told = {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}
        return web.json_response(told | {"lifecycle": self.lifecycles.get(name, "active")})

    async def _receive(self, request: web.Request, point: Endpoint) -> Json:
        """The request's body, counted and kept, after the endpoint's latency."""
        self.calls[point.name] += 1
        try:
            body = await request.json()
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            body = {}
        self.bodies[point.name].append(body)
        dice = random.Random(f"{self._seed} {point.name} {self.calls[point.name]}")
        await self._pause(dice.uniform(*self.latency_s))
        return body

    async def _pause(self, seconds: float) -> None:
        """Ends early when the server stops."""
        if seconds <= 0:
            return
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def _fault(self, name: str) -> tuple[AiFault | None, float | None]:
        breakage = self._broken.get(name)
        if breakage is None or breakage.calls_left < 1:
            return None, None
        breakage.calls_left -= 1
        return breakage.fault, breakage.retry_after_s

    async def _broken_transport(
        self, request: web.Request, fault: AiFault | None
    ) -> web.StreamResponse | None:
        if fault is AiFault.HANG:
            await self._stopping.wait()
            return web.Response(status=503)
        if fault is AiFault.RESET:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        if fault is AiFault.HALF_BODY:
            return await _half_a_body(request)
        if fault is AiFault.SLOW_DRIP:
            return await self._drip(request)
        if fault is AiFault.NOT_JSON:
            return web.Response(
                text="<html>Stand-in fault: a gateway's page</html>", content_type="text/html"
            )
        return None

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        """Byte by byte until the other side has enough."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while not self._stopping.is_set() and request.transport is not None:
            try:
                await response.write(b" ")
            except ConnectionError:
                break
            await self._pause(DRIP_S)
        return response

    def _usage(self, point: Endpoint, system: str, question: str, answer: str) -> Json:
        """Tokens; the rubric counts as cached from its second call on, as providers do with prefixes."""
        prefix = (point.name, system)
        cached = _tokens(system) if prefix in self._known_prefixes else 0
        self._known_prefixes.add(prefix)
        return {"in": _tokens(system) + _tokens(question), "out": _tokens(answer), "cached": cached}


async def _half_a_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "5000"})
    await response.prepare(request)
    await response.write(b'{"model": "stand-in')
    if request.transport is not None:
        request.transport.abort()
    return response


def _has_bearer(request: web.Request) -> bool:
    """Current SDKs of all four send their key this way."""
    return request.headers.get("Authorization", "").startswith("Bearer ")


def _tokens(text: str) -> int:
    return round(len(text) / CHARS_PER_TOKEN)


def _chat_complaint(body: Json, point: Endpoint) -> str:
    """What the real endpoint would refuse; empty where it would not."""
    if not body.get("model") or not isinstance(body.get("messages"), list) or not body["messages"]:
        return "you must provide a model and messages"
    wanted = body.get("response_format", {})
    if wanted.get("type") == "json_schema" and not point.takes_json_schema:
        return "This response_format type is unavailable now"
    if wanted.get("type") == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        return (
            "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
        )
    schema = wanted.get("json_schema", {})
    if schema.get("strict") and (complaint := _strict_complaint(schema.get("schema", {}))):
        return f"Invalid schema for response_format '{schema.get('name')}': {complaint}"
    if point.takes_max_completion_tokens and "max_tokens" in body:
        return "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    return ""


def _strict_complaint(schema: Json) -> str:
    if schema.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    if set(schema.get("required", ())) != set(schema.get("properties", {})):
        return "'required' must be an array including every key in properties."
    return ""


def _messages_complaint(body: Json, request: web.Request) -> str:
    if not request.headers.get("anthropic-version"):
        return "anthropic-version: header is required"
    if not body.get("model") or not body.get("messages"):
        return "model and messages: Field required"
    if not isinstance(body.get("max_tokens"), int):
        return "max_tokens: Field required"
    if "temperature" in body:
        return "temperature: not supported by this model"
    schema = body.get("output_config", {}).get("format", {}).get("schema")
    if schema is not None and schema.get("additionalProperties") is not False:
        return "output_config.format.schema: additionalProperties must be false"
    if unsupported := {"minimum", "maximum", "maxItems", "maxLength"} & _keywords(schema):
        return f"output_config.format.schema: unsupported keywords {sorted(unsupported)}"
    return ""


def _keywords(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        return set(schema).union(*(_keywords(value) for value in schema.values()))
    if isinstance(schema, list):
        return set().union(*(_keywords(value) for value in schema))
    return set()


def _chat_texts(body: Json) -> tuple[str, str]:
    """The system text and the last thing the user said."""
    texts = {message.get("role"): str(message.get("content", "")) for message in body["messages"]}
    return texts.get("system", ""), texts.get("user", "")
