"""What stands between an adviser and its provider: the purse, rests, late answers, swapped models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.demo.ai import AiFault, AiStandIn
from core.adapters.advisers import AdviserLimits, Provider, build_advisers
from core.adapters.advisers.capabilities import Shape
from core.adapters.advisers.dialects import opinion_from
from core.advice.reading import READING_SCHEMA, ReaderSilent
from core.opinion import Abstention, Opinion, Purpose, Silence
from core.ports import AdviserCall
from tests.adapters.advisers.worlds import (
    DEADLINE_S,
    KEY,
    LIMITS,
    MemoryJournal,
    NeverWaits,
    access,
    advisers,
    around,
    brief,
)

PATIENT = AdviserLimits(timeout_s=5.0)


@dataclass
class ScriptedPurse:
    """Says `words` to every reservation and asks `bars` before every request."""

    words: str = ""
    bars: Callable[[Purpose], str] = lambda purpose: ""
    reserved: list[tuple[str, Decimal | None]] = field(default_factory=list)
    is_held: asyncio.Event | None = None

    def barred(self, purpose: Purpose) -> str:
        return self.bars(purpose)

    async def reserve(self, call: AdviserCall, worst_usd: Decimal | None) -> str:
        self.reserved.append((call.id, worst_usd))
        if self.is_held is not None:
            await self.is_held.wait()
        return self.words


def why(answer: Opinion | Abstention) -> tuple[Silence, str]:
    assert isinstance(answer, Abstention)
    return answer.why, answer.detail


async def test_a_barred_request_never_leaves(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    purse = ScriptedPurse(bars=lambda purpose: "paused" if purpose is Purpose.ENTRY else "")
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI], purse)
    refused = await adviser.ask(brief(), DEADLINE_S)
    allowed = await adviser.ask(replace(brief(), purpose=Purpose.EXIT), DEADLINE_S)
    await adviser.close()

    assert why(refused) == (Silence.BARRED, "paused")
    assert isinstance(allowed, Opinion)
    assert (stand_in.calls["gpt"], len(purse.reserved), len(journal.calls)) == (1, 1, 1)


async def test_a_pause_between_two_tries_stops_the_second(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    stand_in.break_next("gpt", AiFault.SERVER_ERROR)
    purse = ScriptedPurse(bars=lambda purpose: "paused" if clock.sleeps else "")
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI], purse)
    answer = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()

    assert why(answer) == (Silence.BARRED, "paused")
    assert stand_in.calls["gpt"] == 1


async def test_a_pause_while_money_is_set_aside_stops_the_request_and_gives_the_money_back(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    purse = ScriptedPurse()
    purse.bars = lambda purpose: "paused" if purse.reserved else ""
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI], purse)
    answer = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()
    (call,) = journal.calls

    assert why(answer)[0] is Silence.BARRED
    assert stand_in.calls["gpt"] == 0
    assert (call.id, call.cost_usd, call.error) == (purse.reserved[0][0], Decimal(0), "barred: paused")


async def test_without_money_nothing_is_asked(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    purse = ScriptedPurse(words="0.0004 USD are left of 0.50")
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.ANTHROPIC], purse)
    answer = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()

    assert why(answer) == (Silence.BUDGET, "0.0004 USD are left of 0.50")
    assert (stand_in.calls["claude"], journal.calls) == (0, [])


@pytest.mark.parametrize("provider", list(Provider))
async def test_each_try_sets_aside_more_than_it_then_costs(
    provider: Provider, stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    purse = ScriptedPurse()
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [provider], purse)
    stand_in.break_next(adviser.name, AiFault.SERVER_ERROR, calls=1)
    answer = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()

    assert isinstance(answer, Opinion)
    assert [call.id for call in journal.calls] == [name for name, _ in purse.reserved]
    assert all(worst is not None and worst > answer.cost_usd > 0 for _, worst in purse.reserved)


async def test_a_model_without_a_price_is_put_to_the_purse_as_unknown(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    purse = ScriptedPurse(words="no price")
    given = [access(Provider.OPENAI, stand_in.openai_url, "llama-of-mine")]
    (adviser,) = build_advisers(given, around(journal, clock, PATIENT, purse))
    answer = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()

    assert why(answer)[0] is Silence.BUDGET
    assert [worst for _, worst in purse.reserved] == [None]


async def test_an_answer_after_the_deadline_is_recorded_with_its_cost_and_not_used(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    stand_in.latency_s = (0.3, 0.3)
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI])
    await adviser.prepare()
    answer = await adviser.ask(brief(), 0.1)
    await asyncio.wait_for(journal.recorded.wait(), 10)
    await adviser.close()
    (call,) = journal.calls

    assert why(answer) == (Silence.DEADLINE, "no answer within 0.1 s")
    assert (call.status, call.error) == (200, "deadline: the answer came after the deadline")
    assert call.raw is not None
    assert (call.cost_usd or 0) > 0
    assert journal.answers == {}
    assert why(opinion_from(call, brief().question, Shape.CHAT))[0] is Silence.DEADLINE


async def test_a_deadline_while_money_is_set_aside_sends_nothing_and_gives_the_money_back(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    purse = ScriptedPurse(is_held=asyncio.Event())
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI], purse)
    await adviser.prepare()
    answer = await adviser.ask(brief(), 0.05)
    assert purse.is_held is not None
    purse.is_held.set()
    await asyncio.wait_for(journal.recorded.wait(), 10)
    await adviser.close()
    (call,) = journal.calls

    assert why(answer)[0] is Silence.DEADLINE
    assert stand_in.calls["gpt"] == 0
    assert (call.cost_usd, call.error) == (0, "deadline: not sent: nobody waited for it any more")


async def test_closing_cuts_off_what_is_late_and_leaves_no_task(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    stand_in.break_next("gpt", AiFault.HANG)
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI])
    await adviser.prepare()
    for _ in range(10):
        await adviser.ask(brief(), 0.03)
    await asyncio.wait_for(journal.recorded.wait(), 10)
    running = _requests()
    await adviser.close()

    assert len(running) < 10
    assert _requests() == []
    assert {call.error for call in journal.calls} == {"deadline: given up before an answer came"}
    assert {call.cost_usd for call in journal.calls} == {None}


def _requests() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("request ")]


@pytest.mark.parametrize("fault", [AiFault.NO_CREDIT, AiFault.NO_QUOTA])
@pytest.mark.parametrize(("name", "provider"), [("claude", Provider.ANTHROPIC), ("gpt", Provider.OPENAI)])
async def test_a_provider_without_credit_rests_an_hour_and_is_told_of_once(
    fault: AiFault,
    name: str,
    provider: Provider,
    stand_in: AiStandIn,
    journal: MemoryJournal,
    clock: NeverWaits,
) -> None:
    stand_in.break_next(name, fault)
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [provider])
    first = await adviser.ask(brief(), DEADLINE_S)
    second = await adviser.ask(brief(), DEADLINE_S)
    clock.at += timedelta(minutes=60)
    third = await adviser.ask(brief(), DEADLINE_S)
    stand_in.mend()
    clock.at += timedelta(minutes=60)
    fourth = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()

    assert [why(answer)[0] for answer in (first, second, third)] == [
        Silence.OUT_OF_CREDIT,
        Silence.RESTING,
        Silence.OUT_OF_CREDIT,
    ]
    assert why(second)[1] == "quota or credit is used up; asked again after 13:01 UTC"
    assert isinstance(fourth, Opinion)
    assert stand_in.calls[name] == 3
    assert [notice.key for notice in journal.told] == [f"adviser:{name}:rests:2026-03-02"]


async def test_a_cached_answer_is_heard_while_the_provider_rests(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI])
    await adviser.ask(brief(1), DEADLINE_S)
    stand_in.break_next("gpt", AiFault.NO_CREDIT)
    await adviser.ask(brief(-1), DEADLINE_S)
    answer = await adviser.ask(brief(1), DEADLINE_S)
    await adviser.close()

    assert isinstance(answer, Opinion)
    assert answer.is_cached


async def test_a_swapped_model_abstains_once_and_the_owner_is_told_old_and_new(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    (adviser,) = advisers(stand_in, journal, clock, replace(PATIENT, cache_s=0), [Provider.XAI])
    first = await adviser.ask(brief(), DEADLINE_S)
    stand_in.break_next("grok", AiFault.SWAPPED)
    second = await adviser.ask(brief(), DEADLINE_S)
    third = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()

    assert isinstance(first, Opinion)
    assert why(second) == (Silence.SWAPPED, "stand-in-grok → stand-in-other")
    assert isinstance(third, Opinion)
    assert third.model == "stand-in-other"
    assert journal.served == {("grok", "grok-4.3"): "stand-in-other"}
    (notice,) = journal.told
    assert "stand-in-grok → stand-in-other (asked for: grok-4.3)" in notice.facts["text"]


async def test_a_swap_is_noticed_across_a_restart(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    journal.served["gpt", "gpt-6-luna"] = "gpt-6-luna-2026-10-01"
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI])
    answer = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()

    assert why(answer) == (Silence.SWAPPED, "gpt-6-luna-2026-10-01 → stand-in-gpt")
    assert journal.answers == {}


async def test_of_several_answers_at_once_only_one_is_the_swap(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    journal.served["gpt", "gpt-6-luna"] = "gpt-6-luna"
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI])
    answers = await asyncio.gather(*(adviser.ask(brief(sign), DEADLINE_S) for sign in (1, -1)))
    await adviser.close()

    assert sorted(isinstance(answer, Opinion) for answer in answers) == [False, True]
    assert len(journal.told) == 1


async def test_the_row_names_decision_purpose_and_the_telling_headers_only(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    stand_in.break_next("claude", AiFault.THROTTLED, calls=1, retry_after_s=3)
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.ANTHROPIC])
    await adviser.ask(replace(brief(), decision_id="d-1", purpose=Purpose.EXIT), DEADLINE_S)
    await adviser.close()
    refused, answered = journal.calls

    assert {(call.decision_id, call.purpose) for call in journal.calls} == {("d-1", Purpose.EXIT)}
    assert json.loads(refused.headers)["retry-after"] == "3"
    assert set(json.loads(answered.headers)) == {"content-type", "date"}


async def test_decision_and_purpose_are_no_part_of_the_question(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI])
    await adviser.ask(replace(brief(), decision_id="d-1"), DEADLINE_S)
    answer = await adviser.ask(replace(brief(), decision_id="d-2", purpose=Purpose.LOOK), DEADLINE_S)
    await adviser.close()

    assert isinstance(answer, Opinion)
    assert (answer.is_cached, stand_in.calls["gpt"]) == (True, 1)


async def test_a_short_key_of_a_local_server_spoils_no_reply(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    given = [replace(access(Provider.OPENAI, stand_in.openai_url), api_key="stand")]
    (adviser,) = build_advisers(given, around(journal, clock, LIMITS))
    answer = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()

    assert isinstance(answer, Opinion)
    assert KEY not in repr(journal)


@pytest.mark.parametrize("provider", list(Provider))
async def test_a_reader_is_asked_on_the_same_line_and_its_words_come_back_unread(
    provider: Provider, stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [provider])
    told = await adviser.ask_text("Answer in json.", "{}", READING_SCHEMA, Purpose.READING, DEADLINE_S)
    await adviser.close()
    (call,) = journal.calls

    assert json.loads(told)["stance"] == "hold"
    assert (call.purpose, call.symbol, call.decision_id) == (Purpose.READING, "", "")


async def test_a_silent_reader_says_why_without_the_key(
    stand_in: AiStandIn, journal: MemoryJournal, clock: NeverWaits
) -> None:
    stand_in.break_next("gpt", AiFault.REFUSAL)
    (adviser,) = advisers(stand_in, journal, clock, PATIENT, [Provider.OPENAI])
    with pytest.raises(ReaderSilent, match="gpt: refused: the model refused"):
        await adviser.ask_text("Answer in json.", "{}", READING_SCHEMA, Purpose.READING, DEADLINE_S)
    await adviser.close()
