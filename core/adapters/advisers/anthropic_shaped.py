"""Claude behind Anthropic's messages form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.adapters.advisers.asking import ModelAdviser, count
from core.adapters.advisers.capabilities import EFFORT
from core.adapters.advisers.failures import CallFailed, rejected, timed_out, unreachable
from core.adapters.advisers.prices import Usage
from core.advice.answer import VOTE_SCHEMA, BadAnswer
from core.opinion import Brief, Silence

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

CUT_REASONS = frozenset({"max_tokens", "model_context_window_exceeded"})
WHOLE_REASONS = frozenset({"end_turn", "stop_sequence"})
CACHE_TTL = "1h"
"""Bars close every 15 minutes: the default of 5 minutes would miss each time."""


class AnthropicShaped(ModelAdviser):
    _client: AsyncAnthropic | None = None

    def _request_body(self, brief: Brief) -> dict[str, Any]:
        can = self._capabilities
        output: dict[str, Any] = {"format": {"type": "json_schema", "schema": VOTE_SCHEMA}}
        if can.takes_effort(self._model):
            output["effort"] = EFFORT
        rubric = {
            "type": "text",
            "text": brief.system,
            "cache_control": {"type": "ephemeral", "ttl": CACHE_TTL},
        }
        return {
            "model": self._model,
            can.max_tokens_parameter: can.max_tokens,
            "system": [rubric],
            "messages": [{"role": "user", "content": brief.question}],
            "output_config": output,
            **can.extra,
        }

    def _open_client(self) -> None:
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

        if self._client is not None:
            return
        client = AsyncAnthropic(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=self._limits.timeout_s,
            max_retries=0,
            # a redirect would carry the key to a host nobody named
            http_client=DefaultAsyncHttpxClient(base_url=self._base_url, follow_redirects=False),
        )
        _ = client.messages.with_raw_response  # loads the resource's modules here, not in the event loop
        self._client = client

    async def _send(self, body: dict[str, Any]) -> tuple[int, str]:
        import anthropic

        assert self._client is not None, "ask prepares the client"
        sent = ("model", "messages", "max_tokens")
        rest = {name: value for name, value in body.items() if name not in sent}
        try:
            raw = await self._client.messages.with_raw_response.create(
                model=body["model"],
                messages=body["messages"],
                max_tokens=body["max_tokens"],
                extra_body=rest,
            )
        except anthropic.APIStatusError as error:
            response = error.response
            raise rejected(
                response.status_code, response.text, response.headers, self._clock.now()
            ) from error
        except anthropic.APITimeoutError as error:
            raise timed_out(self._limits.timeout_s) from error
        except anthropic.APIConnectionError as error:
            raise unreachable(error) from error
        except anthropic.AnthropicError as error:
            raise CallFailed(Silence.FAILED, type(error).__name__, is_transient=False) from error
        return raw.http_response.status_code, raw.http_response.text

    def _usage(self, envelope: dict[str, Any]) -> Usage:
        """Anthropic's `input_tokens` leaves out what was read from and written to its cache."""
        usage = envelope.get("usage")
        if not isinstance(usage, dict):
            return Usage()
        fresh = count(usage.get("input_tokens"))
        read = count(usage.get("cache_read_input_tokens"))
        written = count(usage.get("cache_creation_input_tokens")) or 0
        return Usage(
            tokens_in=None if fresh is None else fresh + (read or 0) + written,
            tokens_out=count(usage.get("output_tokens")),
            tokens_cached=read,
            tokens_written=written,
        )

    def _content(self, envelope: dict[str, Any]) -> str:
        blocks = envelope.get("content")
        if not isinstance(blocks, list):
            raise BadAnswer(Silence.MALFORMED, "the reply has no content")
        _check_stop(envelope.get("stop_reason"))
        texts = [
            block.get("text") for block in blocks if isinstance(block, dict) and block.get("type") == "text"
        ]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise BadAnswer(Silence.MALFORMED, "the reply has no text")
        return "".join(str(text) for text in texts)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def _check_stop(reason: Any) -> None:
    if reason == "refusal":
        raise BadAnswer(Silence.REFUSED, "the model refused")
    if isinstance(reason, str) and reason in CUT_REASONS:
        raise BadAnswer(Silence.TRUNCATED, f"the answer was cut: {reason}")
    if not isinstance(reason, str) or reason not in WHOLE_REASONS:
        raise BadAnswer(Silence.MALFORMED, "the reply ended for no reason we know")
