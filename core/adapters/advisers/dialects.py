"""What a provider's reply says, read from its text alone: no client, no key, no network.

Laws:
- Pure. The answer of a journalled call is read by the very function that read it the first time.
- A reply's envelope is as strict as the answer in it: one JSON object, no key twice, one choice.
- How the model stopped is looked at before what it said.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from core.adapters.advisers.capabilities import PROVIDERS, Capabilities, Shape
from core.adapters.advisers.failures import printable, read_envelope
from core.adapters.advisers.prices import Usage
from core.advice.answer import BadAnswer, Source, opinion_of, read_vote
from core.opinion import Abstention, Opinion, Silence
from core.ports import AdviserCall

MAX_BODY_CHARS = 400_000
"""A reply is about 3,000; what is longer is cut in the journal and no answer."""
CUT_MARK = "\n[cut here]"
"""Behind a body that was cut: no JSON ends so."""
MAX_MODEL_CHARS = 100
MAX_TOKENS_TOLD, MAX_UNITS = 10**8, 10**15
JSON_TYPES = ("application/json", "text/json")


CHAT_CUTS = frozenset({"length", "insufficient_system_resource"})
"""The second is DeepSeek's: interrupted for lack of capacity."""
MESSAGE_CUTS = frozenset({"max_tokens", "model_context_window_exceeded"})
MESSAGE_ENDS = frozenset({"end_turn", "stop_sequence"})


def shape_of(adviser: str) -> Shape:
    """By the adviser's name in the journal; a name that no provider bears speaks as most do."""
    shapes = {can.adviser: can.shape for can in PROVIDERS.values()}
    return shapes.get(adviser, Shape.CHAT)


def opinion_from(
    call: AdviserCall, question: str, shape: Shape, *, is_cached: bool = False
) -> Opinion | Abstention:
    """What a finished call stands for. `question`: the text that the answer's citations are checked against;
    `is_cached`: this was a later use of the same answer, which cost and took nothing."""
    if call.error:
        return _failed(call)
    try:
        vote = read_vote(content_from(call, shape), question)
    except BadAnswer as bad:
        return Abstention(call.adviser, bad.why, bad.detail, call.id)
    cost = Decimal(0) if is_cached or call.cost_usd is None else call.cost_usd
    latency_s = 0.0 if is_cached else call.latency_s
    model = call.model_returned or call.model_asked
    return opinion_of(vote, Source(call.adviser, model, call.id, is_cached, cost, latency_s))


def content_from(call: AdviserCall, shape: Shape) -> str:
    """The answer's text in the body as journalled. Raises `BadAnswer`."""
    body = call.raw or ""
    if body.endswith(CUT_MARK):
        raise BadAnswer(Silence.MALFORMED, f"the reply is longer than {MAX_BODY_CHARS} characters")
    if not _is_json(call.headers):
        raise BadAnswer(Silence.MALFORMED, "the reply is declared as something else than JSON")
    return content_of(shape, read_envelope(body))


def error_text(why: Silence, detail: str) -> str:
    """`AdviserCall.error` of a call that is no answer; `opinion_from` reads it back."""
    return f"{why.value}: {detail}"


def _failed(call: AdviserCall) -> Abstention:
    why, _, detail = call.error.partition(": ")
    known = why in {silence.value for silence in Silence}
    return Abstention(
        call.adviser,
        Silence(why) if known else Silence.FAILED,
        detail if known else call.error,
        call.id,
    )


def _is_json(headers: str) -> bool:
    """Where no type is told, the body decides."""
    told = json.loads(headers).get("content-type", "")
    kind = str(told).partition(";")[0].strip().lower()
    return not kind or kind in JSON_TYPES or kind.endswith("+json")


def model_of(envelope: dict[str, Any]) -> str:
    """Which model the reply says it is from; empty where it does not say."""
    model = envelope.get("model")
    return printable(model, MAX_MODEL_CHARS) if isinstance(model, str) else ""


def content_of(shape: Shape, envelope: dict[str, Any]) -> str:
    """The answer's text. Raises `BadAnswer` for a refusal, a cut and a reply of another form."""
    return _message_content(envelope) if shape is Shape.MESSAGES else _chat_content(envelope)


def _chat_content(envelope: dict[str, Any]) -> str:
    choices = envelope.get("choices")
    choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise BadAnswer(Silence.MALFORMED, "the reply has no message, or several")
    _check_finish(choice.get("finish_reason"), message.get("refusal"))
    content = message.get("content")
    if not isinstance(content, str):
        raise BadAnswer(Silence.MALFORMED, "the message has no text")
    return content


def _check_finish(reason: Any, refusal: Any) -> None:
    if refusal or reason == "content_filter":
        raise BadAnswer(Silence.REFUSED, "the model refused" if refusal else "the provider's filter struck")
    if isinstance(reason, str) and reason in CHAT_CUTS:
        raise BadAnswer(Silence.TRUNCATED, f"the answer was cut: {reason}")
    if reason != "stop":
        raise BadAnswer(Silence.MALFORMED, "the reply ended for no reason we know")


def _message_content(envelope: dict[str, Any]) -> str:
    blocks = envelope.get("content")
    if not isinstance(blocks, list):
        raise BadAnswer(Silence.MALFORMED, "the reply has no content")
    _check_stop(envelope.get("stop_reason"))
    texts = [block.get("text") for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise BadAnswer(Silence.MALFORMED, "the reply has no text")
    return "".join(str(text) for text in texts)


def _check_stop(reason: Any) -> None:
    if reason == "refusal":
        raise BadAnswer(Silence.REFUSED, "the model refused")
    if isinstance(reason, str) and reason in MESSAGE_CUTS:
        raise BadAnswer(Silence.TRUNCATED, f"the answer was cut: {reason}")
    if not isinstance(reason, str) or reason not in MESSAGE_ENDS:
        raise BadAnswer(Silence.MALFORMED, "the reply ended for no reason we know")


def usage_of(can: Capabilities, envelope: dict[str, Any]) -> Usage:
    """Tokens as reported; None for what the reply does not say as a count."""
    usage = envelope.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    return _message_usage(usage, can) if can.shape is Shape.MESSAGES else _chat_usage(usage, can)


def _chat_usage(usage: dict[str, Any], can: Capabilities) -> Usage:
    units = count(_found(usage, can.cost_field), MAX_UNITS)
    return Usage(
        tokens_in=count(usage.get("prompt_tokens")),
        tokens_out=count(usage.get("completion_tokens")),
        tokens_cached=count(_found(usage, can.cached_tokens_field)),
        billed_usd=None if units is None else units * can.cost_unit_usd,
    )


def _message_usage(usage: dict[str, Any], can: Capabilities) -> Usage:
    """Anthropic's `input_tokens` leaves out what was read from and written to its cache."""
    fresh = count(usage.get("input_tokens"))
    read = count(_found(usage, can.cached_tokens_field))
    written = count(usage.get("cache_creation_input_tokens")) or 0
    return Usage(
        tokens_in=None if fresh is None else fresh + (read or 0) + written,
        tokens_out=count(usage.get("output_tokens")),
        tokens_cached=read,
        tokens_written=written,
    )


def _found(usage: dict[str, Any], path: str) -> Any:
    """`a.b` is the field `b` of the field `a`; None where there is no such field, and for no path."""
    value: Any = usage
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def count(value: Any, most: int = MAX_TOKENS_TOLD) -> int | None:
    """A count as reported; None for anything else, and for one beyond all sense."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None
