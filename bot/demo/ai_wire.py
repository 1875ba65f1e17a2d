"""The exact wire forms of the providers' answers and errors."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.demo.ai_faults import AiFault
from bot.demo.ai_temper import CLAUDE, DEEPSEEK, GPT, GROK, Temperament

Json = dict[str, Any]

TICKS_IN, TICKS_OUT = 1_000, 5_000
"""10⁻¹⁰ USD a token: what a cheap model costs."""
OTHER_MODEL = "stand-in-other"
"""Who answers when a model was swapped."""


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


def chat_reply(point: Endpoint, text: str, usage: Json, fault: AiFault | None) -> Json:
    is_refusal = fault is AiFault.REFUSAL
    message = {
        "role": "assistant",
        "content": None if is_refusal else text,
        "refusal": text if is_refusal else None,
    }
    finish = "length" if fault is AiFault.CUT else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        "id": f"chatcmpl-standin-{usage['in']}-{usage['out']}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": OTHER_MODEL if fault is AiFault.SWAPPED else point.temperament.model,
        "choices": [choice | {"index": index} for index in range(2 if fault is AiFault.TWO_ANSWERS else 1)],
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
    ticks = usage["in"] * TICKS_IN + usage["out"] * TICKS_OUT
    return told | {"cost_in_usd_ticks": ticks} if point is GROK_POINT else told


def chat_error(
    status: int, kind: str, code: str | None, message: str, retry_after_s: float | None = None
) -> web.Response:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=_retry_headers(retry_after_s))


def messages_reply(text: str, usage: Json, fault: AiFault | None) -> Json:
    reasons = {AiFault.CUT: "max_tokens", AiFault.REFUSAL: "refusal"}
    return {
        "id": f"msg_standin_{usage['in']}_{usage['out']}",
        "type": "message",
        "role": "assistant",
        "model": OTHER_MODEL if fault is AiFault.SWAPPED else CLAUDE.model,
        "content": [{"type": "text", "text": text}] * (2 if fault is AiFault.TWO_ANSWERS else 1),
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


def messages_error(status: int, kind: str, message: str, retry_after_s: float | None = None) -> web.Response:
    told = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_standin"}
    return web.json_response(told, status=status, headers=_retry_headers(retry_after_s))


def _retry_headers(retry_after_s: float | None) -> dict[str, str]:
    return {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}


def whole(reply: Json, fault: AiFault | None) -> web.Response:
    """A reply with a good status, declared and written as `fault` wants it."""
    if fault is AiFault.WRONG_TYPE:
        return web.Response(text=json.dumps(reply), content_type="text/plain")
    if fault is AiFault.ENVELOPE_KEY_TWICE:
        text = json.dumps(reply)
        return web.Response(
            text=f'{text[:-1]}, "model": "{reply["model"]}"}}', content_type="application/json"
        )
    if fault is AiFault.GIGANTIC:
        padded = json.dumps(reply | {"padding": "x" * 3_000_000})
        return web.Response(text=padded, content_type="application/json")
    answer = web.json_response(reply)
    if fault is AiFault.PACKED:
        answer.enable_compression(web.ContentCoding.gzip)
    return answer
