"""While somebody else may have the token the desk takes less risk from anybody, and more from nobody."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.console import status_text
from bot.desk import TradingDesk
from bot.owner_line import INTRUDER, TOKEN_GATE
from core.desk import ManualIdea
from core.errors import NotAllowed
from core.journal import Mode
from core.market import Side
from core.risk.breakers import DAILY_LOSS
from core.trade import ExitReason
from tests.bot.test_book import a_book
from tests.bot.test_desk_foreign import Counter, at_the_desk
from tests.core.builders import PAPER, SOL, D
from tests.core.trading.world import World

RAISING: dict[str, Callable[[TradingDesk], Awaitable[Any]]] = {
    "resume": lambda desk: desk.resume("owner"),
    "mode": lambda desk: desk.set_mode(Mode.AUTO, "owner"),
    "idea": lambda desk: desk.propose_idea(ManualIdea(Side.LONG, SOL), "owner"),
    "golive": lambda desk: desk.go_live("yes", None, "owner"),
    "acknowledge": lambda desk: desk.acknowledge(DAILY_LOSS, "owner", "looked at"),
    "loosen": lambda desk: desk.move_stop(SOL, Decimal(90), "owner", may_loosen=True),
    "setting": lambda desk: desk.change_setting("RISK_PER_TRADE", "0.03", "owner"),
}


async def intruded(mode: Mode = Mode.SEMI_AUTO) -> Counter:
    world = await World(mode).open()
    await world.hold()
    return await held_back(world)


async def held_back(world: World) -> Counter:
    counter = await at_the_desk(world)
    reach = replace(counter.desk._reach, book=a_book()[0])
    journal: Any = world.journal
    counter.desk = TradingDesk(counter.kernel, journal, world.clock, reach, PAPER)
    counter.kernel.gate.close(TOKEN_GATE, INTRUDER)
    return counter


@pytest.mark.parametrize("what", list(RAISING))
async def test_what_raises_risk_is_refused_with_the_reason(what: str) -> None:
    counter = await intruded()

    with pytest.raises(NotAllowed, match="another program uses the bot's Telegram token"):
        await RAISING[what](counter.desk)


async def test_a_card_is_neither_taken_nor_lost() -> None:
    world = await World().open()
    card = await world.card()
    counter = await held_back(world)

    with pytest.raises(NotAllowed, match="another program"):
        await counter.desk.approve(card.id, D(1), "owner")

    assert world.venue.submitted == []
    assert [one.id for one in await world.journal.open_approvals(PAPER)] == [card.id]


async def test_pause_panic_and_a_lower_mode_still_work() -> None:
    counter = await intruded()

    lowered = await counter.desk.set_mode(Mode.WATCH, "owner")
    panicked = await counter.desk.panic("owner")

    assert lowered.is_done and panicked.is_done and counter.world.held == 0
    state = await counter.world.journal.account_state(PAPER)
    assert state.is_paused and state.mode is Mode.WATCH


async def test_a_stricter_setting_is_still_taken() -> None:
    counter = await intruded()

    with contextlib.suppress(AttributeError):  # the readiness desk, which is told of it, is absent here
        await counter.desk.change_setting("RISK_PER_TRADE", "0.01", "owner")

    assert counter.desk._reach.book.settings.risk_per_trade == D("0.01")


async def test_closing_still_works() -> None:
    counter = await intruded()

    tap = await counter.desk.close(SOL, D(1), "owner")

    assert tap.is_done and (await counter.world.history())[0].exit_reason is ExitReason.OWNER


async def test_the_console_says_why_nothing_is_opened() -> None:
    counter = await intruded()

    assert INTRUDER in status_text(counter.desk)


async def test_a_tripped_breaker_does_not_hide_the_other_reason() -> None:
    counter = await intruded()
    counter.world.venue.wallet = D(500)
    await counter.kernel.keeper.look()

    told = status_text(counter.desk)

    assert "circuit breaker open" in told and INTRUDER in told
