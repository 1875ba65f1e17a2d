"""Claude behind Anthropic's messages form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from core.adapters.advisers.asking import ModelAdviser, ModelLook, Text
from core.adapters.advisers.failures import (
    CallFailed,
    UnfitReply,
    kept_headers,
    printable,
    read_envelope,
    rejected,
    timed_out,
    unreachable,
)
from core.adapters.advisers.line import Answer
from core.adapters.advisers.transport import client_options
from core.advice.dialect import AnswerForm
from core.opinion import Silence

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

NOT_FOUND = 404


class AnthropicShaped(ModelAdviser):
    _client: AsyncAnthropic | None = None

    def _request_body(self, text: Text) -> dict[str, Any]:
        can, output = self._can, dict[str, Any]()
        if can.answer_form is AnswerForm.SCHEMA:
            output["format"] = {"type": "json_schema", "schema": text.schema}
        if effort := can.effort_for(self._model):
            output["effort"] = effort
        rubric: dict[str, Any] = {"type": "text", "text": text.system}
        if can.cache_ttl:
            rubric["cache_control"] = {"type": "ephemeral", "ttl": can.cache_ttl}
        body = {
            "model": self._model,
            "max_tokens": can.max_tokens,
            "system": [rubric],
            "messages": [{"role": "user", "content": text.question}],
            **can.extra,
        }
        return body | {"output_config": output} if output else body

    def _open_client(self) -> None:
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

        if self._client is not None:
            return
        client = AsyncAnthropic(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=self._limits.timeout_s,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(**client_options(self._base_url)),
        )
        # these load the resources' modules here, not in the event loop
        _ = client.messages.with_raw_response, client.models.with_raw_response
        self._client = client

    async def _send(self, body: dict[str, Any]) -> Answer:
        assert self._client is not None, "ask prepares the client"
        create = self._client.messages.with_raw_response.create
        sent = ("model", "messages", "max_tokens")
        rest = {name: value for name, value in body.items() if name not in sent}
        return await self._sorted(
            lambda: create(
                model=body["model"],
                messages=body["messages"],
                max_tokens=body["max_tokens"],
                extra_body=rest,
            )
        )

    async def _look(self) -> ModelLook:
        assert self._client is not None, "look prepares the client"
        retrieve = self._client.models.with_raw_response.retrieve
        try:
            answer = await self._sorted(lambda: retrieve(self._model))
        except CallFailed as failed:
            if failed.status == NOT_FOUND and self.is_own_address:
                return ModelLook(False)
            raise
        told = read_envelope(answer.body)
        if not told.get("id"):
            raise CallFailed(Silence.MALFORMED, "the provider described no model", is_transient=False)
        lifecycle, retires = told.get("lifecycle"), told.get("retires_at")
        return ModelLook(
            True,
            printable(lifecycle, 20) if isinstance(lifecycle, str) else "",
            printable(retires, 10) if isinstance(retires, str) else "",
        )

    async def _sorted(self, request: Callable[[], Awaitable[Any]]) -> Answer:
        """Every way in which the SDK can fail, as a `CallFailed`."""
        import anthropic

        try:
            raw = await request()
        except anthropic.APIStatusError as error:
            response = error.response
            raise rejected(
                response.status_code, response.text, response.headers, self._clock.now()
            ) from error
        except anthropic.APITimeoutError as error:
            raise timed_out(self._limits.timeout_s, error) from error
        except (anthropic.APIConnectionError, UnfitReply) as error:
            raise unreachable(error) from error
        except anthropic.AnthropicError as error:
            raise CallFailed(Silence.FAILED, type(error).__name__, is_transient=False) from error
        got = raw.http_response
        return Answer(got.status_code, got.text, kept_headers(got.headers))

    async def _close_client(self) -> None:
        if self._client is not None:
            await self._client.close()
