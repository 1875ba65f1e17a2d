"""What can go wrong between us and a model, and how the stand-in's answer looks then."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any


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
    HALF_BODY = "half a body"
    """The connection ends in the middle of the answer."""
    SLOW_DRIP = "slow drip"
    """A body that comes byte by byte and never ends."""
    GIGANTIC = "gigantic"
    PACKED = "packed"
    """Compressed although nobody asked for that."""
    WRONG_TYPE = "wrong type"
    """A whole answer that is declared as plain text."""
    SWAPPED = "swapped"
    """Another model answers."""
    TWO_ANSWERS = "two answers"
    ENVELOPE_KEY_TWICE = "envelope key twice"
    DUPLICATE_KEYS = "duplicate keys"
    CONTRADICTORY = "contradictory"
    """A side without evidence, and nothing that would prove it wrong."""
    NOT_A_NUMBER = "not a number"
    FABRICATED = "fabricated"
    """It cites a figure that the question does not hold."""


STATUS_OF = {
    AiFault.THROTTLED: (429, "rate_limit_error", "rate_limit_exceeded"),
    AiFault.NO_CREDIT: (402, "billing_error", "insufficient_balance"),
    AiFault.NO_QUOTA: (429, "insufficient_quota", "insufficient_quota"),
    AiFault.BAD_KEY: (401, "authentication_error", "invalid_api_key"),
    AiFault.SERVER_ERROR: (500, "api_error", "server_error"),
    AiFault.OVERLOADED: (529, "overloaded_error", "overloaded"),
}


def spoilt(fields: dict[str, Any], fault: AiFault | None) -> str:
    """The answer's text, as `fault` wants it."""
    if fault is AiFault.WRONG_SCALE:
        fields = fields | {"confidence": round(fields["confidence"] * 100)}
    if fault is AiFault.NOT_A_NUMBER:
        fields = fields | {"confidence": float("nan")}
    if fault is AiFault.CONTRADICTORY:
        fields = fields | _side(fields) | {"evidence": [], "invalidation": ""}
    if fault is AiFault.FABRICATED:
        fields = fields | _side(fields) | {"evidence": ["1h.rsi14=99.9"]}
    text = json.dumps(fields, ensure_ascii=False)
    texts = {
        AiFault.CUT: text[: len(text) // 2],
        AiFault.FENCED: f"Here is my judgement:\n```json\n{text}\n```",
        AiFault.WHITESPACE: " " * 200,
        AiFault.GARBAGE: "I would rather go long here, maybe with 10x, but not now.",
        AiFault.REFUSAL: "I can't help with trading decisions.",
        AiFault.DUPLICATE_KEYS: text[:-1] + ', "stance": "short"}',
    }
    return text if fault is None else texts.get(fault, text)


def _side(fields: dict[str, Any]) -> dict[str, Any]:
    """A whole answer for one side, where the stand-in would hold."""
    if fields["stance"] != "hold":
        return {}
    distances = {"p_target_first": 0.6, "stop_atr": 2.0, "target_atr": 4.0, "horizon_bars": 16}
    return {"stance": "long", "invalidation": "1h closes below the last swing low."} | distances
