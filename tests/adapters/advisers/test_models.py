"""Real SDKs against the stand-ins over real sockets: what is sent, kept, repeated and given up."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from bot.demo.ai import AiFault, AiStandIn
from core.adapters.advisers import AdviserLimits, ModelAdviser, Provider, build_advisers
from core.adapters.advisers.capabilities import PROVIDERS, Shape
from core.adapters.advisers.dialects import content_of, usage_of
from core.adapters.advisers.prices import Usage
from core.advice.answer import BadAnswer
from core.advice.panel import ParallelPanel
from core.opinion import Abstention, Opinion, Silence, Stance
from core.ports import AdviserCall
from tests.adapters.advisers.worlds import (
    DEADLINE_S,
    KEY,
    LIMITS,
    QUICK,
    MemoryJournal,
    NeverWaits,
    access,
    advisers,
    around,
    brief,
)

EVERY = [
    ("claude", Provider.ANTHROPIC),
    ("gpt", Provider.OPENAI),
    ("grok", Provider.XAI),
    ("deepseek", Provider.DEEPSEEK),
]
WIRE_FORMS = [("claude", Provider.ANTHROPIC), ("gpt", Provider.OPENAI)]


async def closed(*asked: ModelAdviser) -> None:
    for adviser in asked:
        await adviser.close()


async def ask(adviser: ModelAdviser, deadline_s: float = DEADLINE_S, sign: int = 1) -> Opinion | Abstention:
    try:
        return await adviser.ask(brief(sign), deadline_s)
    finally:
        await adviser.close()


@pytest.mark.parametrize(("name", "provider"), EVERY)
async def test_an_answer_becomes_an_opinion_and_a_row(
    name: str, provider: Provider, stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    (adviser,) = advisers(stand_in, journal, clock, providers=[provider])
    answer = await ask(adviser)

    assert isinstance(answer, Opinion)
    assert (answer.adviser, answer.stance, answer.model) == (name, Stance.LONG, f"stand-in-{name}")
    (call,) = journal.calls
    assert call.id == answer.call_id
    assert (call.status, call.error, call.attempt) == (200, "", 1)
    assert call.cost_usd == answer.cost_usd > 0
    assert call.model_returned == f"stand-in-{name}"
    assert (call.tokens_in or 0) > 1000
    assert call.raw is not None
    assert f"stand-in-{name}" in call.raw
    assert stand_in.calls[name] == 1


async def test_each_endpoint_is_sent_its_own_dialect(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    asked = advisers(stand_in, journal, clock)
    await asyncio.gather(*(ask(adviser) for adviser in asked))
    sent = {name: bodies[0] for name, bodies in stand_in.bodies.items()}

    assert sent["gpt"]["max_completion_tokens"] == 4000
    assert sent["gpt"]["response_format"]["json_schema"]["strict"] is True
    assert sent["gpt"]["reasoning_effort"] == "low"
    assert sent["deepseek"]["max_tokens"] == 1500
    assert sent["deepseek"]["response_format"] == {"type": "json_object"}
    assert sent["deepseek"]["thinking"] == {"type": "disabled"}
    assert "prompt_cache_key" not in sent["grok"]
    assert sent["claude"]["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert sent["claude"]["output_config"]["format"]["type"] == "json_schema"
    assert not {"temperature", "thinking"} & set(sent["claude"])


@pytest.mark.parametrize(("name", "provider"), EVERY)
async def test_the_journal_holds_exactly_what_was_sent(
    name: str, provider: Provider, stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    await ask(*advisers(stand_in, journal, clock, providers=[provider]))

    assert json.loads(journal.calls[0].request) == stand_in.bodies[name][0]


async def test_a_model_that_takes_no_effort_is_sent_none(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    accesses = [
        access(Provider.OPENAI, stand_in.openai_url, "gpt-4o"),
        access(Provider.ANTHROPIC, stand_in.anthropic_url, "claude-haiku-4-5"),
    ]
    for adviser in build_advisers(accesses, around(journal, clock)):
        await ask(adviser)

    assert "reasoning_effort" not in stand_in.bodies["gpt"][0]
    assert "effort" not in stand_in.bodies["claude"][0]["output_config"]


CELLS = [
    (AiFault.THROTTLED, Silence.THROTTLED, 3),
    (AiFault.SERVER_ERROR, Silence.UNREACHABLE, 3),
    (AiFault.OVERLOADED, Silence.THROTTLED, 3),
    (AiFault.RESET, Silence.UNREACHABLE, 3),
    (AiFault.HANG, Silence.TIMEOUT, 3),
    (AiFault.NO_CREDIT, Silence.OUT_OF_CREDIT, 1),
    (AiFault.NO_QUOTA, Silence.OUT_OF_CREDIT, 1),
    (AiFault.BAD_KEY, Silence.NOT_ALLOWED, 1),
    (AiFault.REFUSAL, Silence.REFUSED, 1),
    (AiFault.CUT, Silence.TRUNCATED, 1),
    (AiFault.FENCED, Silence.MALFORMED, 1),
    (AiFault.WHITESPACE, Silence.MALFORMED, 1),
    (AiFault.GARBAGE, Silence.MALFORMED, 1),
    (AiFault.NOT_JSON, Silence.MALFORMED, 1),
    (AiFault.WRONG_SCALE, Silence.INVALID, 1),
]


@pytest.mark.parametrize(("name", "provider"), WIRE_FORMS)
@pytest.mark.parametrize(("fault", "why", "requests"), CELLS, ids=[fault.name for fault, _, _ in CELLS])
async def test_a_fault_abstains_after_an_exact_number_of_requests(
    name: str,
    provider: Provider,
    fault: AiFault,
    why: Silence,
    requests: int,
    stand_in: AiStandIn,
    journal: MemoryJournal,
    clock: NeverWaits,
) -> None:
    stand_in.break_next(name, fault)
    limits = QUICK if fault is AiFault.HANG else LIMITS
    answer = await ask(*advisers(stand_in, journal, clock, limits, [provider]))

    assert isinstance(answer, Abstention)
    assert answer.why is why
    assert stand_in.calls[name] == requests
    assert [call.attempt for call in journal.calls] == list(range(1, requests + 1))
    assert answer.call_id == journal.calls[-1].id
    assert clock.sleeps == [1.0, 2.0][: requests - 1]
    assert journal.answers == {}


@pytest.mark.parametrize(("name", "provider"), EVERY)
async def test_a_provider_that_recovers_is_heard(
    name: str, provider: Provider, stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    stand_in.break_next(name, AiFault.SERVER_ERROR, calls=2)
    answer = await ask(*advisers(stand_in, journal, clock, providers=[provider]))

    assert isinstance(answer, Opinion)
    assert [call.status for call in journal.calls] == [500, 500, 200]
    assert journal.calls[0].error.startswith("unreachable: HTTP 500")
    assert len({call.id for call in journal.calls}) == 3


async def test_a_longer_retry_after_is_waited_for(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    stand_in.break_next("gpt", AiFault.THROTTLED, calls=2, retry_after_s=7)
    answer = await ask(*advisers(stand_in, journal, clock, providers=[Provider.OPENAI]))

    assert isinstance(answer, Opinion)
    assert clock.sleeps == [7.0, 7.0]


async def test_a_wait_that_would_pass_the_deadline_is_not_begun(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    stand_in.break_next("claude", AiFault.THROTTLED, retry_after_s=120)
    answer = await ask(*advisers(stand_in, journal, clock, providers=[Provider.ANTHROPIC]))

    assert isinstance(answer, Abstention)
    assert answer.why is Silence.THROTTLED
    assert (stand_in.calls["claude"], clock.sleeps) == (1, [])


async def test_past_its_deadline_a_hung_call_is_given_up_and_recorded(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    stand_in.break_next("gpt", AiFault.HANG)
    (adviser,) = advisers(stand_in, journal, clock, providers=[Provider.OPENAI])
    await adviser.prepare()
    answer = await ask(adviser, deadline_s=0.2)

    assert isinstance(answer, Abstention)
    assert answer.why is Silence.DEADLINE
    assert [call.error for call in journal.calls] == ["deadline: given up before an answer came"]


async def test_an_absent_endpoint_is_unreachable(journal: MemoryJournal, clock: NeverWaits) -> None:
    accesses = [
        access(Provider.OPENAI, "http://127.0.0.1:9/v1"),
        access(Provider.ANTHROPIC, "http://127.0.0.1:9"),
    ]
    answers = [await ask(adviser) for adviser in build_advisers(accesses, around(journal, clock))]

    assert [answer.why for answer in answers if isinstance(answer, Abstention)] == [Silence.UNREACHABLE] * 2
    assert len(journal.calls) == 6


async def test_the_same_question_is_answered_from_the_cache(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="perpilot.advisers")
    (adviser,) = advisers(stand_in, journal, clock, providers=[Provider.OPENAI])
    fresh = await adviser.ask(brief(), DEADLINE_S)
    again = await ask(adviser)

    assert isinstance(fresh, Opinion)
    assert isinstance(again, Opinion)
    assert stand_in.calls["gpt"] == 1
    assert again == replace(fresh, is_cached=True, cost_usd=Decimal(0), latency_s=0.0)
    assert [record.getMessage() for record in caplog.records] == ["Using cached AI analysis"]


async def test_another_question_model_or_endpoint_misses_the_cache(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    accesses = [
        access(Provider.OPENAI, stand_in.openai_url),
        access(Provider.OPENAI, stand_in.openai_url, "gpt-6-sol"),
        access(Provider.OPENAI, stand_in.openai_url + "/"),
    ]
    first, second, third = build_advisers(accesses, around(journal, clock))
    await first.ask(brief(1), DEADLINE_S)
    await first.ask(brief(-1), DEADLINE_S)
    await second.ask(brief(1), DEADLINE_S)
    await third.ask(brief(1), DEADLINE_S)
    await closed(first, second, third)

    assert stand_in.calls["gpt"] == 4
    assert len(journal.answers) == 4


@pytest.mark.parametrize(("cache_s", "minutes", "seconds"), [(900, 0, 840), (60, 0, 60), (900, 13, 60)])
async def test_an_answer_is_kept_until_the_bar_closes_and_no_longer_than_allowed(
    cache_s: float,
    minutes: int,
    seconds: int,
    stand_in: AiStandIn,
    journal: MemoryJournal,
    clock: NeverWaits,
) -> None:
    clock.at += timedelta(minutes=minutes)
    limits = replace(LIMITS, cache_s=cache_s)
    await ask(*advisers(stand_in, journal, clock, limits, [Provider.XAI]))
    (kept,) = journal.answers.values()

    assert kept.expires_at - kept.created_at == timedelta(seconds=seconds)


async def test_without_cache_seconds_nothing_is_kept(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    await ask(*advisers(stand_in, journal, clock, replace(LIMITS, cache_s=0), [Provider.XAI]))

    assert journal.answers == {}


async def test_an_answer_that_came_after_the_bar_closed_is_not_kept(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    clock.at += timedelta(minutes=13, seconds=59)
    stand_in.break_next("grok", AiFault.SERVER_ERROR, calls=1)
    answer = await ask(*advisers(stand_in, journal, clock, providers=[Provider.XAI]))

    assert isinstance(answer, Opinion)
    assert journal.answers == {}


async def test_a_kept_answer_that_is_no_longer_valid_is_asked_again(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    (adviser,) = advisers(stand_in, journal, clock, providers=[Provider.XAI])
    await adviser.ask(brief(), DEADLINE_S)
    journal.answers = {key: replace(kept, raw="{}") for key, kept in journal.answers.items()}
    answer = await ask(adviser)

    assert isinstance(answer, Opinion)
    assert (answer.is_cached, stand_in.calls["grok"]) == (False, 2)


async def test_an_answer_is_journalled_before_it_is_read(stand_in: AiStandIn, clock: NeverWaits) -> None:
    class Failing(MemoryJournal):
        async def record_call(self, call: AdviserCall) -> None:
            raise OSError("disk full")

    journal = Failing()
    (adviser,) = advisers(stand_in, journal, clock, providers=[Provider.OPENAI])
    with pytest.raises(OSError, match="disk full"):
        await ask(adviser)

    assert journal.answers == {}


@pytest.mark.parametrize("fault", [None, AiFault.BAD_KEY, AiFault.HANG, AiFault.RESET, AiFault.GARBAGE])
async def test_the_key_is_in_no_log_row_reply_or_repr(
    fault: AiFault | None,
    stand_in: AiStandIn,
    journal: MemoryJournal,
    clock: NeverWaits,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = advisers(stand_in, journal, clock, QUICK)
    for adviser in asked:
        if fault is not None:
            stand_in.break_next(adviser.name, fault)
    answers = await asyncio.gather(*(ask(adviser) for adviser in asked))
    shown = [caplog.text, repr(asked), repr(answers), repr(journal), repr(access(Provider.XAI, "http://x"))]

    assert len(answers) == 4
    assert journal.calls
    assert not [text for text in shown if KEY in text]


async def test_a_key_that_a_provider_repeats_is_cut_out(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    accesses = [replace(access(Provider.OPENAI, stand_in.openai_url), api_key="Stand-in")]
    stand_in.break_next("gpt", AiFault.BAD_KEY)
    answer = await ask(*build_advisers(accesses, around(journal, clock)))

    assert isinstance(answer, Abstention)
    assert "[key] fault" in answer.detail
    assert "Stand-in" not in repr(journal.calls)


async def test_a_redirect_is_not_followed_with_the_key(journal: MemoryJournal, clock: NeverWaits) -> None:
    reached: list[str] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append((await reader.readuntil(b"\r\n\r\n")).decode())
        target = f"Location: http://localhost:{port}/elsewhere\r\n" if len(reached) == 1 else ""
        writer.write(f"HTTP/1.1 307 Moved\r\n{target}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    accesses = [access(Provider.ANTHROPIC, f"http://127.0.0.1:{port}")]
    answer = await ask(*build_advisers(accesses, around(journal, clock)))
    server.close()
    await server.wait_closed()

    assert isinstance(answer, Abstention)
    assert (answer.why, len(reached)) == (Silence.FAILED, 1)


async def test_one_hung_one_failing_and_one_talking_adviser_leave_the_fourth_and_no_task(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    class RealTime(NeverWaits):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds)

    before = asyncio.all_tasks()
    stand_in.break_next("claude", AiFault.HANG)
    stand_in.break_next("gpt", AiFault.NO_CREDIT)
    stand_in.break_next("deepseek", AiFault.GARBAGE)
    asked = advisers(stand_in, journal, clock, AdviserLimits(timeout_s=30))
    await asyncio.gather(*(adviser.prepare() for adviser in asked))
    opinions, abstentions = await ParallelPanel(asked, RealTime(), deadline_s=1.5).ask(brief())
    await closed(*asked)
    left = {task for task in asyncio.all_tasks() - before if "aiohttp" not in repr(task)}

    assert [opinion.adviser for opinion in opinions] == ["grok"]
    assert {silent.adviser: silent.why for silent in abstentions} == {
        "claude": Silence.DEADLINE,
        "gpt": Silence.OUT_OF_CREDIT,
        "deepseek": Silence.MALFORMED,
    }
    assert len(journal.calls) == 4
    assert left == set()


async def test_building_advisers_loads_no_sdk() -> None:
    script = (
        "import sys; import core.adapters.advisers as a; "
        "a.build_advisers([a.AdviserAccess(p, 'k') for p in a.Provider], a.Around(None, None, None)); "
        "sys.exit(bool({'openai', 'anthropic'} & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)

    assert await process.wait() == 0


def test_a_provider_without_a_key_gives_no_adviser(journal: MemoryJournal, clock: NeverWaits) -> None:
    accesses = [replace(access(Provider.XAI, "http://x"), api_key=""), access(Provider.DEEPSEEK, "http://x")]

    assert [adviser.name for adviser in build_advisers(accesses, around(journal, clock))] == ["deepseek"]


async def test_two_questions_at_once_share_one_client(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    (adviser,) = advisers(stand_in, journal, clock, providers=[Provider.OPENAI])
    answers = await asyncio.gather(adviser.ask(brief(1), DEADLINE_S), adviser.ask(brief(-1), DEADLINE_S))
    await adviser.close()

    assert [answer.stance for answer in answers if isinstance(answer, Opinion)] == [Stance.LONG, Stance.SHORT]
    assert len({call.id for call in journal.calls}) == 2


async def test_loading_an_sdk_leaves_the_collector_as_it_was(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    asked = advisers(stand_in, journal, clock)
    await asyncio.gather(*(adviser.prepare() for adviser in asked))
    await closed(*asked)

    assert gc.isenabled()


@pytest.mark.parametrize(
    ("finish", "message", "why"),
    [
        ("length", {"content": "{}"}, Silence.TRUNCATED),
        ("insufficient_system_resource", {"content": "{}"}, Silence.TRUNCATED),
        ("content_filter", {"content": None}, Silence.REFUSED),
        ("stop", {"content": None, "refusal": "no"}, Silence.REFUSED),
        ("tool_calls", {"content": "{}"}, Silence.MALFORMED),
        (None, {"content": "{}"}, Silence.MALFORMED),
        ("stop", {"content": None}, Silence.MALFORMED),
        ("stop", {"content": [{"text": "{}"}]}, Silence.MALFORMED),
        ("stop", "text", Silence.MALFORMED),
    ],
)
def test_how_a_chat_ended_decides_before_its_text(finish: object, message: object, why: Silence) -> None:
    with pytest.raises(BadAnswer) as caught:
        content_of(Shape.CHAT, {"choices": [{"finish_reason": finish, "message": message}]})

    assert caught.value.why is why


@pytest.mark.parametrize(
    ("reason", "content", "why"),
    [
        ("max_tokens", [{"type": "text", "text": "{}"}], Silence.TRUNCATED),
        ("model_context_window_exceeded", [], Silence.TRUNCATED),
        ("refusal", [], Silence.REFUSED),
        ("pause_turn", [{"type": "text", "text": "{}"}], Silence.MALFORMED),
        ("end_turn", [{"type": "thinking", "thinking": "{}"}], Silence.MALFORMED),
        ("end_turn", [{"type": "text", "text": None}], Silence.MALFORMED),
        ("end_turn", None, Silence.MALFORMED),
        (["end_turn"], [], Silence.MALFORMED),
    ],
)
def test_how_a_message_ended_decides_before_its_text(reason: object, content: object, why: Silence) -> None:
    with pytest.raises(BadAnswer) as caught:
        content_of(Shape.MESSAGES, {"stop_reason": reason, "content": content})

    assert caught.value.why is why


def test_claude_thinking_before_it_answers_is_not_its_answer() -> None:
    blocks = [
        {"type": "thinking", "thinking": "{}"},
        {"type": "text", "text": "A"},
        {"type": "text", "text": "B"},
    ]

    assert content_of(Shape.MESSAGES, {"stop_reason": "end_turn", "content": blocks}) == "AB"


def test_usage_is_read_in_each_providers_words() -> None:
    claude, gpt, grok, deepseek = (partial(usage_of, PROVIDERS[provider]) for provider in Provider)
    read, written = "cache_read_input_tokens", "cache_creation_input_tokens"

    assert claude({"usage": {"input_tokens": 5, read: 20, written: 3, "output_tokens": 7}}) == Usage(
        tokens_in=28, tokens_out=7, tokens_cached=20, tokens_written=3
    )
    assert gpt(
        {
            "usage": {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 6},
            }
        }
    ) == Usage(tokens_in=9, tokens_out=4, tokens_cached=6)
    assert grok({"usage": {"cost_in_usd_ticks": 41_000_000}}).billed_usd == Decimal("0.0041")
    assert deepseek({"usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 8}}).tokens_cached == 8
    assert gpt({"usage": {"prompt_tokens": "many", "completion_tokens": -1}}) == Usage()
    assert claude({"usage": None}) == Usage()


async def test_a_body_with_a_nul_can_be_kept_as_text(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    (adviser,) = advisers(stand_in, journal, clock, providers=[Provider.OPENAI])

    assert adviser._line._kept_body(f"a\x00b{KEY}") == "a\\u0000b[key]"
