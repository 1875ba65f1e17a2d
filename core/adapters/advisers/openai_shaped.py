"""Advisers behind the chat-completions form: GPT, Grok, DeepSeek and any compatible server."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.adapters.advisers.asking import ModelAdviser, count
from core.adapters.advisers.capabilities import EFFORT
from core.adapters.advisers.failures import CallFailed, rejected, timed_out, unreachable
from core.adapters.advisers.prices import XAI_TICK_USD, Usage
from core.advice.answer import VOTE_SCHEMA, BadAnswer
from core.opinion import Brief, Silence

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CUT_REASONS = frozenset({"length", "insufficient_system_resource"})
"""The second is DeepSeek's: interrupted for lack of capacity."""


class OpenAIShaped(ModelAdviser):
    _client: AsyncOpenAI | None = None

    def _request_body(self, brief: Brief) -> dict[str, Any]:
        can = self._capabilities
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": brief.system},
                {"role": "user", "content": brief.question},
            ],
            can.max_tokens_parameter: can.max_tokens,
            "response_format": _response_format(can.has_json_schema),
            **can.extra,
        }
        if can.takes_effort(self._model):
            body["reasoning_effort"] = EFFORT
        if can.has_prompt_cache_key:
            body["prompt_cache_key"] = f"perpilot-{brief.version}"
        return body

    def _open_client(self) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        if self._client is not None:
            return
        client = AsyncOpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=self._limits.timeout_s,
            max_retries=0,
            # a redirect would carry the key to a host nobody named
            http_client=DefaultAsyncHttpxClient(base_url=self._base_url, follow_redirects=False),
        )
        _ = (
            client.chat.completions.with_raw_response
        )  # loads the resource's modules here, not in the event loop
        self._client = client

    async def _send(self, body: dict[str, Any]) -> tuple[int, str]:
        import openai

        assert self._client is not None, "ask prepares the client"
        rest = {name: value for name, value in body.items() if name not in ("model", "messages")}
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                model=body["model"], messages=body["messages"], extra_body=rest
            )
        except openai.APIStatusError as error:
            response = error.response
            raise rejected(
                response.status_code, response.text, response.headers, self._clock.now()
            ) from error
        except openai.APITimeoutError as error:
            raise timed_out(self._limits.timeout_s) from error
        except openai.APIConnectionError as error:
            raise unreachable(error) from error
        except openai.OpenAIError as error:
            raise CallFailed(Silence.FAILED, type(error).__name__, is_transient=False) from error
        return raw.http_response.status_code, raw.http_response.text

    def _usage(self, envelope: dict[str, Any]) -> Usage:
        usage = envelope.get("usage")
        if not isinstance(usage, dict):
            return Usage()
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else None
        if cached is None:
            cached = usage.get("prompt_cache_hit_tokens")  # DeepSeek's name
        ticks = count(usage.get("cost_in_usd_ticks"))  # xAI's actual bill
        return Usage(
            tokens_in=count(usage.get("prompt_tokens")),
            tokens_out=count(usage.get("completion_tokens")),
            tokens_cached=count(cached),
            billed_usd=None if ticks is None else Decimal(ticks) * XAI_TICK_USD,
        )

    def _content(self, envelope: dict[str, Any]) -> str:
        choices = envelope.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict):
            raise BadAnswer(Silence.MALFORMED, "the reply has no message")
        _check_finish(choice.get("finish_reason"), message.get("refusal"))
        content = message.get("content")
        if not isinstance(content, str):
            raise BadAnswer(Silence.MALFORMED, "the message has no text")
        return content

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def _response_format(has_json_schema: bool) -> dict[str, Any]:
    if not has_json_schema:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "vote", "strict": True, "schema": VOTE_SCHEMA}}


def _check_finish(reason: Any, refusal: Any) -> None:
    if refusal or reason == "content_filter":
        raise BadAnswer(Silence.REFUSED, "the model refused" if refusal else "the provider's filter struck")
    if isinstance(reason, str) and reason in CUT_REASONS:
        raise BadAnswer(Silence.TRUNCATED, f"the answer was cut: {reason}")
    if reason != "stop":
        raise BadAnswer(Silence.MALFORMED, "the reply ended for no reason we know")
