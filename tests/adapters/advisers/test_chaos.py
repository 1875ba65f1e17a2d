"""Every fault of every provider over real sockets: a named outcome, a number of requests, no opinion."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from bot.demo.ai import AiFault, AiStandIn
from core.adapters.advisers import PROVIDERS, AdviserLimits, Provider
from core.adapters.advisers.dialects import opinion_from
from core.advice.panel import ParallelPanel
from core.advice.verdict import agree
from core.opinion import Abstention, Decider, Flags, Opinion, Panel, Silence, Stance
from tests.adapters.advisers.worlds import (
    DEADLINE_S,
    LIMITS,
    QUICK,
    MemoryJournal,
    NeverWaits,
    advisers,
    brief,
)

NAMES = {provider: can.adviser for provider, can in PROVIDERS.items()}
FREE, UNKNOWN = Decimal(0), None


@dataclass(frozen=True)
class Cell:
    """What a fault must come to. `bill`: 0 surely free, None unknown, "told" as the reply states it."""

    fault: AiFault
    why: Silence
    requests: int
    bill: Decimal | str | None
    waits: tuple[float, ...] = ()
    retry_after_s: float | None = None


CELLS = (
    Cell(AiFault.THROTTLED, Silence.THROTTLED, 3, FREE, (7.0, 7.0), retry_after_s=7.0),
    Cell(AiFault.NO_QUOTA, Silence.OUT_OF_CREDIT, 1, FREE),
    Cell(AiFault.NO_CREDIT, Silence.OUT_OF_CREDIT, 1, FREE),
    Cell(AiFault.BAD_KEY, Silence.NOT_ALLOWED, 1, FREE),
    Cell(AiFault.SERVER_ERROR, Silence.UNREACHABLE, 3, FREE, (1.0, 2.0)),
    Cell(AiFault.OVERLOADED, Silence.THROTTLED, 3, FREE, (1.0, 2.0)),
    Cell(AiFault.RESET, Silence.UNREACHABLE, 3, UNKNOWN, (1.0, 2.0)),
    Cell(AiFault.HALF_BODY, Silence.UNREACHABLE, 3, UNKNOWN, (1.0, 2.0)),
    Cell(AiFault.SLOW_DRIP, Silence.TIMEOUT, 3, UNKNOWN, (1.0, 2.0)),
    Cell(AiFault.HANG, Silence.TIMEOUT, 3, UNKNOWN, (1.0, 2.0)),
    Cell(AiFault.GIGANTIC, Silence.MALFORMED, 1, UNKNOWN),
    Cell(AiFault.PACKED, Silence.MALFORMED, 1, UNKNOWN),
    Cell(AiFault.NOT_JSON, Silence.MALFORMED, 1, UNKNOWN),
    Cell(AiFault.ENVELOPE_KEY_TWICE, Silence.MALFORMED, 1, UNKNOWN),
    Cell(AiFault.WRONG_TYPE, Silence.MALFORMED, 1, "told"),
    Cell(AiFault.TWO_ANSWERS, Silence.MALFORMED, 1, "told"),
    Cell(AiFault.CUT, Silence.TRUNCATED, 1, "told"),
    Cell(AiFault.REFUSAL, Silence.REFUSED, 1, "told"),
    Cell(AiFault.WHITESPACE, Silence.MALFORMED, 1, "told"),
    Cell(AiFault.FENCED, Silence.MALFORMED, 1, "told"),
    Cell(AiFault.GARBAGE, Silence.MALFORMED, 1, "told"),
    Cell(AiFault.WRONG_SCALE, Silence.INVALID, 1, "told"),
    Cell(AiFault.NOT_A_NUMBER, Silence.INVALID, 1, "told"),
    Cell(AiFault.DUPLICATE_KEYS, Silence.INVALID, 1, "told"),
    Cell(AiFault.CONTRADICTORY, Silence.INVALID, 1, "told"),
    Cell(AiFault.FABRICATED, Silence.FABRICATED, 1, "told"),
    Cell(AiFault.SWAPPED, Silence.SWAPPED, 1, "told"),
)


@pytest.mark.parametrize("provider", list(Provider))
@pytest.mark.parametrize("cell", CELLS, ids=[cell.fault.name for cell in CELLS])
async def test_every_fault_comes_to_its_named_outcome_after_an_exact_number_of_requests(
    cell: Cell, provider: Provider, stand_in: AiStandIn, journal: MemoryJournal
) -> None:
    name, clock, question = NAMES[provider], NeverWaits(), brief()
    limits = QUICK if cell.why is Silence.TIMEOUT else LIMITS
    (adviser,) = advisers(stand_in, journal, clock, limits, [provider])
    journal.served[name, adviser.model] = f"stand-in-{name}"
    stand_in.break_next(name, cell.fault, retry_after_s=cell.retry_after_s)
    answer = await adviser.ask(question, DEADLINE_S)
    await adviser.close()
    last = journal.calls[-1]

    assert isinstance(answer, Abstention)
    assert (answer.why, answer.call_id) == (cell.why, last.id)
    assert stand_in.calls[name] == cell.requests
    assert [call.attempt for call in journal.calls] == list(range(1, cell.requests + 1))
    assert tuple(clock.sleeps) == cell.waits
    assert journal.answers == {}
    assert (last.cost_usd or 0) > 0 if cell.bill == "told" else last.cost_usd == cell.bill
    assert opinion_from(last, question.question, PROVIDERS[provider].shape) == answer
    assert agree(Panel((), (answer,)), Flags(), Decider.AI).stance is Stance.HOLD


def test_the_matrix_holds_every_fault_that_the_stand_in_knows() -> None:
    assert {cell.fault for cell in CELLS} == set(AiFault)


async def test_a_decision_with_three_broken_advisers_ends_at_its_deadline_and_leaves_no_task(
    stand_in: AiStandIn, journal: MemoryJournal
) -> None:
    class RealTime(NeverWaits):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds)

        def monotonic(self) -> float:
            return time.monotonic()

    deadline_s, clock = 1.0, RealTime()
    stand_in.break_next("claude", AiFault.HANG)
    stand_in.break_next("gpt", AiFault.SERVER_ERROR)
    stand_in.break_next("deepseek", AiFault.GARBAGE)
    asked = advisers(stand_in, journal, clock, AdviserLimits(timeout_s=30))
    await asyncio.gather(*(adviser.prepare() for adviser in asked))
    panel, before = ParallelPanel(asked, clock, deadline_s), asyncio.all_tasks()
    begun = time.monotonic()
    opinions, abstentions = await panel.ask(brief())
    took_s = time.monotonic() - begun
    late = [task.get_name() for task in _ours() - before]
    await asyncio.gather(*(adviser.close() for adviser in asked))
    sys.stdout.write(f"one hung, one failing, one garbled: {took_s:.3f} s, deadline {deadline_s:g} s\n")

    assert took_s <= deadline_s + 0.1
    assert [opinion.adviser for opinion in opinions] == ["grok"]
    assert {silent.adviser: silent.why for silent in abstentions} == {
        "claude": Silence.DEADLINE,
        "gpt": Silence.UNREACHABLE,
        "deepseek": Silence.MALFORMED,
    }
    assert [name.split("-")[0] for name in late] == ["request claude"]
    assert _ours() - before == set()


def _ours() -> set[asyncio.Task[object]]:
    """Without the server's own."""
    return {task for task in asyncio.all_tasks() if "aiohttp" not in repr(task)}


async def test_a_reply_beyond_what_is_kept_is_no_answer_though_its_beginning_were_one(
    stand_in: AiStandIn, journal: MemoryJournal
) -> None:
    (adviser,) = advisers(stand_in, journal, NeverWaits(), LIMITS, [Provider.OPENAI])
    await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()
    (call,) = journal.calls
    kept = adviser._line._kept_body((call.raw or "") + " " * 400_000)
    shape = PROVIDERS[Provider.OPENAI].shape

    assert isinstance(opinion_from(call, brief().question, shape), Opinion)
    answer = opinion_from(replace(call, raw=kept), brief().question, shape)
    assert isinstance(answer, Abstention)
    assert (answer.why, answer.detail) == (Silence.MALFORMED, "the reply is longer than 400000 characters")


@pytest.mark.parametrize("provider", list(Provider))
async def test_an_endless_body_is_not_read_to_its_end(
    provider: Provider, stand_in: AiStandIn, journal: MemoryJournal
) -> None:
    stand_in.break_next(NAMES[provider], AiFault.GIGANTIC)
    (adviser,) = advisers(stand_in, journal, NeverWaits(), LIMITS, [provider])
    answer = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()

    assert isinstance(answer, Abstention)
    assert answer.detail == "the reply is longer than 2000000 bytes"
    assert journal.calls[0].raw is None
