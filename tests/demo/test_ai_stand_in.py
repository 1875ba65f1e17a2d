"""The AI stand-in: it reasons from what it is sent, and refuses what the real endpoints refuse."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.demo.ai import AiFault, AiStandIn
from bot.demo.ai_temper import CLAUDE, DEEPSEEK, GPT, GROK, judge
from core.advice.answer import VOTE_SCHEMA
from core.advice.brief import write_brief
from core.market import Regime
from core.opinion import Stance
from tests.adapters.advisers.worlds import brief
from tests.core.advice.pictures import TERMS, candles, features, with_frame

ALL = (CLAUDE, GPT, GROK, DEEPSEEK)


@pytest.fixture
async def stand_in() -> AsyncIterator[AiStandIn]:
    server = AiStandIn(latency_s=(0.0, 0.0))
    await server.start()
    yield server
    await server.stop()


async def post(url: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as reply:
        return reply.status, await reply.json()


def chat(**changes: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "json"}, {"role": "user", "content": brief().question}]
    return {"model": "any", "messages": messages} | changes


BEARER = {"Authorization": "Bearer key"}
ANTHROPIC = {"x-api-key": "key", "anthropic-version": "2026-10-21"}


@pytest.mark.parametrize("sign", [1, -1])
def test_all_agree_on_a_clean_setup_with_strong_confidence(sign: int) -> None:
    answers = [judge(brief(sign).question, temperament) for temperament in ALL]

    assert {answer["stance"] for answer in answers} == {"long" if sign > 0 else "short"}
    assert sum(answer["confidence"] for answer in answers) / 4 >= 0.8
    assert len({answer["confidence"] for answer in answers}) > 1


def test_they_differ_where_the_picture_is_mixed() -> None:
    made = with_frame(features(resistance=100.5), "15m", lean=Stance.HOLD)
    made = with_frame(made, "1h", obv_slope=-0.1, macd_histogram=0.05, ema_fast=97.0)
    question = write_brief(made, candles(), TERMS).question

    assert {judge(question, temperament)["stance"] for temperament in ALL} == {"long", "hold"}


@pytest.mark.parametrize("temperament", ALL, ids=lambda each: each.name)
def test_without_a_picture_each_holds(temperament: Any) -> None:
    volatile = write_brief(features(regime=Regime.VOLATILE), candles(), TERMS).question
    no_atr = write_brief(with_frame(features(), "1h", atr=None), candles(), TERMS).question

    assert [judge(text, temperament)["stance"] for text in ("", "Buy now!", volatile, no_atr)] == ["hold"] * 4


@pytest.mark.parametrize("temperament", ALL, ids=lambda each: each.name)
def test_every_answer_says_that_it_is_a_stand_in(temperament: Any) -> None:
    for text in (brief(1).question, brief(-1).question, ""):
        assert all(reason.startswith("[stand-in") for reason in judge(text, temperament)["reasons"])
    assert temperament.model.startswith("stand-in-")


def test_every_figure_it_reads_is_in_the_brief() -> None:
    question = brief().question

    for name in ("lean", "rsi14", "macd_hist_atr", "obv_slope", "ema20_atr", "volume_ratio", "swing_low_atr"):
        assert re.search(rf"^{name},", question, re.MULTILINE)


async def test_chat_completions_have_the_wire_form(stand_in: AiStandIn) -> None:
    _, first = await post(f"{stand_in.openai_url}/chat/completions", chat(), BEARER)
    _, second = await post(f"{stand_in.openai_url}/chat/completions", chat(), BEARER)

    assert first["object"] == "chat.completion"
    assert first["model"] == "stand-in-gpt"
    assert first["choices"][0]["finish_reason"] == "stop"
    assert first["choices"][0]["message"]["refusal"] is None
    assert first["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


async def test_grok_and_deepseek_report_usage_in_their_own_names(stand_in: AiStandIn) -> None:
    _, grok = await post(f"{stand_in.xai_url}/chat/completions", chat(), BEARER)
    _, deepseek = await post(f"{stand_in.deepseek_url}/chat/completions", chat(), BEARER)

    told = grok["usage"]
    assert told["cost_in_usd_ticks"] == 1_000 * told["prompt_tokens"] + 5_000 * told["completion_tokens"]
    assert deepseek["usage"]["prompt_cache_miss_tokens"] == deepseek["usage"]["prompt_tokens"]


async def test_messages_have_the_wire_form(stand_in: AiStandIn) -> None:
    body = {"model": "any", "max_tokens": 100, "messages": [{"role": "user", "content": brief().question}]}
    status, told = await post(f"{stand_in.anthropic_url}/v1/messages", body, ANTHROPIC)

    assert status == 200
    assert (told["type"], told["stop_reason"], told["content"][0]["type"]) == ("message", "end_turn", "text")
    assert set(told["usage"]) >= {"input_tokens", "output_tokens", "cache_read_input_tokens"}


@pytest.mark.parametrize(
    ("path", "changes", "words"),
    [
        ("deepseek", {"response_format": {"type": "json_schema"}}, "unavailable now"),
        ("openai/v1", {"max_tokens": 5}, "max_completion_tokens"),
        ("openai/v1", {"messages": []}, "messages"),
        (
            "openai/v1",
            {"response_format": {"type": "json_schema", "json_schema": {"strict": True, "schema": {}}}},
            "additionalProperties",
        ),
        (
            "xai/v1",
            {
                "messages": [{"role": "user", "content": "hi"}],
                "response_format": {"type": "json_object"},
            },
            "'json'",
        ),
    ],
)
async def test_what_the_real_endpoint_refuses_is_refused(
    path: str, changes: dict[str, Any], words: str, stand_in: AiStandIn
) -> None:
    base = stand_in.openai_url.removesuffix("/openai/v1")
    status, told = await post(f"{base}/{path}/chat/completions", chat(**changes), BEARER)

    assert status == 400
    assert words in told["error"]["message"]


async def test_claude_refuses_keywords_it_cannot_enforce(stand_in: AiStandIn) -> None:
    schema = VOTE_SCHEMA | {"properties": {"confidence": {"type": "number", "maximum": 1}}}
    body = {
        "model": "any",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "x"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    status, told = await post(f"{stand_in.anthropic_url}/v1/messages", body, ANTHROPIC)

    assert (status, told["error"]["type"]) == (400, "invalid_request_error")
    assert "maximum" in told["error"]["message"]


async def test_without_a_key_nothing_is_answered(stand_in: AiStandIn) -> None:
    chat_status, _ = await post(f"{stand_in.openai_url}/chat/completions", chat(), {})
    messages_status, _ = await post(f"{stand_in.anthropic_url}/v1/messages", {}, {})

    assert (chat_status, messages_status, sum(stand_in.calls.values())) == (401, 401, 0)


async def test_a_fault_lasts_for_its_calls_and_can_be_mended(stand_in: AiStandIn) -> None:
    url = f"{stand_in.xai_url}/chat/completions"
    stand_in.break_next("grok", AiFault.OVERLOADED, calls=1)
    statuses = [(await post(url, chat(), BEARER))[0] for _ in range(2)]
    stand_in.break_next("grok", AiFault.OVERLOADED)
    statuses.append((await post(url, chat(), BEARER))[0])
    stand_in.mend()
    statuses.append((await post(url, chat(), BEARER))[0])

    assert statuses == [529, 200, 529, 200]


async def test_stopping_ends_a_hung_call_at_once() -> None:
    server = AiStandIn(latency_s=(0.0, 0.0))
    await server.start()
    server.break_next("gpt", AiFault.HANG)
    hung = asyncio.create_task(_status(f"{server.openai_url}/chat/completions"))
    async with asyncio.timeout(5):
        while not server.calls["gpt"]:
            await asyncio.sleep(0.01)
        await server.stop()

        assert await hung in (503, None)


async def _status(url: str) -> int | None:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=chat(), headers=BEARER) as reply,
        ):
            return reply.status
    except aiohttp.ClientError:
        return None
