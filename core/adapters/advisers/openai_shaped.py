"""Advisers behind the chat-completions form: GPT, Grok, DeepSeek and any compatible server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from core.adapters.advisers.asking import ModelAdviser, ModelLook, Text
from core.adapters.advisers.failures import (
    CallFailed,
    UnfitReply,
    kept_headers,
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
    from openai import AsyncOpenAI

MAX_LISTED = 5_000


class OpenAIShaped(ModelAdviser):
    _client: AsyncOpenAI | None = None

    def _request_body(self, text: Text) -> dict[str, Any]:
        can = self._can
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": text.system},
                {"role": "user", "content": text.question},
            ],
            can.max_tokens_parameter: can.max_tokens,
            **can.extra,
        }
        if form := _response_format(can.answer_form, text):
            body["response_format"] = form
        if effort := can.effort_for(self._model):
            body["reasoning_effort"] = effort
        if can.prompt_cache_key:
            body["prompt_cache_key"] = f"perpilot-{text.version}"
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
            http_client=DefaultAsyncHttpxClient(**client_options(self._base_url)),
        )
        # these load the resources' modules here, not in the event loop
        _ = client.chat.completions.with_raw_response, client.models.with_raw_response
        self._client = client

    async def _send(self, body: dict[str, Any]) -> Answer:
        assert self._client is not None, "ask prepares the client"
        create = self._client.chat.completions.with_raw_response.create
        rest = {name: value for name, value in body.items() if name not in ("model", "messages")}
        return await self._sorted(
            lambda: create(model=body["model"], messages=body["messages"], extra_body=rest)
        )

    async def _look(self) -> ModelLook:
        assert self._client is not None, "look prepares the client"
        answer = await self._sorted(self._client.models.with_raw_response.list)
        rows = read_envelope(answer.body).get("data")
        if not isinstance(rows, list) or not rows:
            raise CallFailed(Silence.MALFORMED, "the list of models is empty or no list", is_transient=False)
        ids = {str(row.get("id")) for row in rows[:MAX_LISTED] if isinstance(row, dict)}
        return ModelLook(self._model in ids)

    async def _sorted(self, request: Callable[[], Awaitable[Any]]) -> Answer:
        """Every way in which the SDK can fail, as a `CallFailed`."""
        import openai

        try:
            raw = await request()
        except openai.APIStatusError as error:
            response = error.response
            raise rejected(
                response.status_code, response.text, response.headers, self._clock.now()
            ) from error
        except openai.APITimeoutError as error:
            raise timed_out(self._limits.timeout_s, error) from error
        except (openai.APIConnectionError, UnfitReply) as error:
            raise unreachable(error) from error
        except openai.OpenAIError as error:
            raise CallFailed(Silence.FAILED, type(error).__name__, is_transient=False) from error
        got = raw.http_response
        return Answer(got.status_code, got.text, kept_headers(got.headers))

    async def _close_client(self) -> None:
        if self._client is not None:
            await self._client.close()


def _response_format(form: AnswerForm, text: Text) -> dict[str, Any] | None:
    if form is AnswerForm.TEXT:
        return None
    if form is AnswerForm.OBJECT:
        return {"type": "json_object"}
    schema = {"name": text.name, "strict": True, "schema": text.schema}
    return {"type": "json_schema", "json_schema": schema}
