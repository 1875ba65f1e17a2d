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
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiohttp import web

from bot.demo.ai_temper import CLAUDE, DEEPSEEK, GPT, GROK, Temperament, judge

Json = dict[str, Any]

CHARS_PER_TOKEN = 2.6
"""Of figures and English mixed; only so that usage looks like usage."""
KEPT_BODIES = 20
FOREVER = 10**9


class AiFault(StrEnum):
    """What the next calls meet instead of an answer."""

    THROTTLED = "429"
    NO_CREDIT = "402"
    NO_QUOTA = "429 insufficient_quota"
    BAD_KEY = "401"
    SERVER_ERROR = "500"
    OVERLOADED = "529"
    REFUSAL = "refusal"
    CUT = "cut"
    FENCED = "fenced"
    WHITESPACE = "whitespace"
    GARBAGE = "garbage"
    WRONG_SCALE = "wrong scale"
    NOT_JSON = "not json"
    """A good status with a page of HTML."""
    HANG = "hang"
    RESET = "reset"


@dataclass
class Breakage:
    fault: AiFault
    calls_left: int
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Endpoint:
    """One provider: its name here is the adviser's."""

    name: str
    temperament: Temperament
    takes_json_schema: bool = True
    takes_max_completion_tokens: bool = True


CLAUDE_POINT = Endpoint("claude", CLAUDE)
GPT_POINT = Endpoint("gpt", GPT)
GROK_POINT = Endpoint("grok", GROK)
DEEPSEEK_POINT = Endpoint("deepseek", DEEPSEEK, takes_json_schema=False, takes_max_completion_tokens=False)

STATUS_OF = {
    AiFault.THROTTLED: (429, "rate_limit_error", "rate_limit_exceeded"),
    AiFault.NO_CREDIT: (402, "billing_error", "insufficient_balance"),
    AiFault.NO_QUOTA: (429, "insufficient_quota", "insufficient_quota"),
    AiFault.BAD_KEY: (401, "authentication_error", "invalid_api_key"),
    AiFault.SERVER_ERROR: (500, "api_error", "server_error"),
    AiFault.OVERLOADED: (529, "overloaded_error", "overloaded"),
}


class AiStandIn:
    """`calls` counts requests by endpoint, `bodies` keeps the last ones."""

    def __init__(self, *, seed: int = 1, latency_s: tuple[float, float] = (0.5, 2.0)) -> None:
        self.latency_s = latency_s
        self.calls: Counter[str] = Counter()
        self.bodies: defaultdict[str, deque[Json]] = defaultdict(lambda: deque(maxlen=KEPT_BODIES))
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
                return _chat_error(401, "invalid_request_error", "invalid_api_key", "No API key was given.")
            body = await self._receive(request, point)
            if complaint := _chat_complaint(body, point):
                return _chat_error(400, "invalid_request_error", None, complaint)
            fault, retry_after_s = self._fault(point.name)
            if fault in STATUS_OF:
                status, kind, code = STATUS_OF[fault]
                return _chat_error(status, kind, code, f"Stand-in fault: {fault}.", retry_after_s)
            if (broken := await self._broken_transport(request, fault)) is not None:
                return broken
            system, question = _chat_texts(body)
            text = _answer(question, point.temperament, fault)
            return web.json_response(
                _chat_reply(point, text, self._usage(point, system, question, text), fault)
            )

        return handle

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        point = CLAUDE_POINT
        if not (request.headers.get("x-api-key") or _has_bearer(request)):
            return _messages_error(401, "authentication_error", "x-api-key header is required")
        body = await self._receive(request, point)
        if complaint := _messages_complaint(body, request):
            return _messages_error(400, "invalid_request_error", complaint)
        fault, retry_after_s = self._fault(point.name)
        if fault in STATUS_OF:
            status, kind, _ = STATUS_OF[fault]
            return _messages_error(status, kind, f"Stand-in fault: {fault}.", retry_after_s)
        if (broken := await self._broken_transport(request, fault)) is not None:
            return broken
        system = "".join(block.get("text", "") for block in body.get("system", []))
        question = str(body["messages"][-1].get("content", ""))
        text = _answer(question, point.temperament, fault)
        return web.json_response(_messages_reply(text, self._usage(point, system, question, text), fault))

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
        if fault is AiFault.NOT_JSON:
            return web.Response(
                text="<html>Stand-in fault: a gateway's page</html>", content_type="text/html"
            )
        return None

    def _usage(self, point: Endpoint, system: str, question: str, answer: str) -> Json:
        """Tokens; the rubric counts as cached from its second call on, as providers do with prefixes."""
        prefix = (point.name, system)
        cached = _tokens(system) if prefix in self._known_prefixes else 0
        self._known_prefixes.add(prefix)
        return {"in": _tokens(system) + _tokens(question), "out": _tokens(answer), "cached": cached}


def _has_bearer(request: web.Request) -> bool:
    """Current SDKs of all four send their key this way."""
    return request.headers.get("Authorization", "").startswith("Bearer ")


def _tokens(text: str) -> int:
    return round(len(text) / CHARS_PER_TOKEN)


def _answer(question: str, temperament: Temperament, fault: AiFault | None) -> str:
    """The answer's text, spoilt where a fault asks for it."""
    fields = judge(question, temperament)
    if fault is AiFault.WRONG_SCALE:
        fields["confidence"] = round(fields["confidence"] * 100)
    text = json.dumps(fields, ensure_ascii=False)
    spoilt = {
        AiFault.CUT: text[: len(text) // 2],
        AiFault.FENCED: f"Here is my judgement:\n```json\n{text}\n```",
        AiFault.WHITESPACE: " " * 200,
        AiFault.GARBAGE: "I would rather go long here, maybe with 10x, but not now.",
        AiFault.REFUSAL: "I can't help with trading decisions.",
    }
    return spoilt.get(fault, text) if fault is not None else text


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


def _chat_reply(point: Endpoint, text: str, usage: Json, fault: AiFault | None) -> Json:
    is_refusal = fault is AiFault.REFUSAL
    message = {
        "role": "assistant",
        "content": None if is_refusal else text,
        "refusal": text if is_refusal else None,
    }
    finish = "length" if fault is AiFault.CUT else "stop"
    return {
        "id": f"chatcmpl-standin-{usage['in']}-{usage['out']}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": point.temperament.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": _chat_usage(point, usage),
        "system_fingerprint": "stand-in",
    }


def _chat_usage(point: Endpoint, usage: Json) -> Json:
    told = {
        "prompt_tokens": usage["in"],
        "completion_tokens": usage["out"],
        "total_tokens": usage["in"] + usage["out"],
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    if point is DEEPSEEK_POINT:
        missed = usage["in"] - usage["cached"]
        return told | {"prompt_cache_hit_tokens": usage["cached"], "prompt_cache_miss_tokens": missed}
    told["prompt_tokens_details"] = {"cached_tokens": usage["cached"]}
    return told | {"cost_in_usd_ticks": 0} if point is GROK_POINT else told


def _chat_error(
    status: int, kind: str, code: str | None, message: str, retry_after_s: float | None = None
) -> web.Response:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=_retry_headers(retry_after_s))


def _messages_reply(text: str, usage: Json, fault: AiFault | None) -> Json:
    reasons = {AiFault.CUT: "max_tokens", AiFault.REFUSAL: "refusal"}
    return {
        "id": f"msg_standin_{usage['in']}_{usage['out']}",
        "type": "message",
        "role": "assistant",
        "model": CLAUDE.model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": reasons.get(fault, "end_turn") if fault is not None else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage["in"] - usage["cached"],
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage["cached"],
            "output_tokens": usage["out"],
            "service_tier": "standard",
        },
    }


def _messages_error(status: int, kind: str, message: str, retry_after_s: float | None = None) -> web.Response:
    told = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_standin"}
    return web.json_response(told, status=status, headers=_retry_headers(retry_after_s))


def _retry_headers(retry_after_s: float | None) -> dict[str, str]:
    return {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
