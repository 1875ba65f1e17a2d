"""Every fault over both faces of the exchange: what must hold whatever happened, by the venue's own records.

- One entry, or none where the fault forbids it.
- A position is covered by a resting reduce-only stop of its whole size within 10 s, or closed.
- Nothing rests beside a flat position, and the journal has no open trade.
- What the journal booked is what the venue executed: each quantity, the fees, the result, the wallet.
- The owner was told of the opening, the end, and of what the fault is about.

The cells mostly wait, so some are played at a time, before the first test; each test judges its own.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping
from decimal import Decimal

import pytest

from core.trade import ClosedTrade
from tests.live.faces import FACES, Face
from tests.live.faults import FAULTS, Fault
from tests.live.stage import DEPOSIT, Bot, on_stage

PENNY = Decimal("1e-8")
AT_A_TIME = 8
CELLS = [
    pytest.param(fault, face, id=f"{fault.name.replace(' ', '_')}-{face.exchange_id}")
    for fault in FAULTS
    for face in FACES
]

pytestmark = pytest.mark.timeout(400)
"""The first test waits for the whole table."""

Cell = tuple[str, str]


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Mapping[Cell, BaseException | None]:
    """What each selected cell ended with; None for well."""
    chosen = [
        (item.callspec.params["fault"], item.callspec.params["face"])
        for item in request.session.items
        if item.path == request.path and isinstance(item, pytest.Function) and hasattr(item, "callspec")
    ]
    return asyncio.run(played_all(chosen))


async def played_all(chosen: list[tuple[Fault, Face]]) -> Mapping[Cell, BaseException | None]:
    free = asyncio.Semaphore(AT_A_TIME)

    async def one(fault: Fault, face: Face) -> None:
        async with free:
            await play(fault, face)

    ended = await asyncio.gather(*(one(*each) for each in chosen), return_exceptions=True)
    return {(fault.name, face.exchange_id): end for (fault, face), end in zip(chosen, ended, strict=True)}


@pytest.mark.parametrize(("fault", "face"), CELLS)
def test_the_bot_survives(fault: Fault, face: Face, played: Mapping[Cell, BaseException | None]) -> None:
    error = played[fault.name, face.exchange_id]

    assert error is None, "".join(traceback.format_exception(error))


async def play(fault: Fault, face: Face) -> None:
    async with on_stage(face) as bot:
        await fault.play(bot)
        if bot.records.held:
            await bot.until(bot.records.is_at_rest)
            await bot.leave()
        await bot.until_over()

        assert_one_entry(bot, fault)
        assert_never_bare(bot, fault)
        assert_flat(bot)
        assert_booked(bot, fault, await bot.booked())
        await assert_told(bot, fault)


def assert_one_entry(bot: Bot, fault: Fault) -> None:
    assert len(bot.records.entries()) == fault.entries
    assert len([order for order in bot.records.entries() if order.filled]) == fault.entries


def assert_never_bare(bot: Bot, fault: Fault) -> None:
    assert bot.records.longest_bare_s <= fault.longest_bare_s


def assert_flat(bot: Bot) -> None:
    assert bot.records.held == 0
    assert bot.records.resting() == []


def assert_booked(bot: Bot, fault: Fault, booked: tuple[ClosedTrade, ...]) -> None:
    assert len(booked) == fault.entries
    for trade in booked:
        fills = bot.records.trades()
        assert trade.exit_reason in fault.reasons
        assert trade.quantity == sum(fill.quantity for fill in fills if fill.side == "BUY")
        assert trade.quantity == sum(fill.quantity for fill in fills if fill.side == "SELL")
        assert abs(trade.fees - sum(fill.fee for fill in fills)) <= PENNY
        assert abs(trade.gross_pnl - bot.records.income("REALIZED_PNL")) <= PENNY
        assert trade.funding == bot.records.income("FUNDING_FEE") == 0
    earned = bot.exchange.account.state.wallet - DEPOSIT
    assert abs(earned - sum((trade.net_pnl for trade in booked), Decimal(0))) <= PENNY


async def assert_told(bot: Bot, fault: Fault) -> None:
    assert await bot.hears("entry_sent")
    for trade in await bot.booked():
        assert await bot.hears("closed", trade.exit_reason.value)
    for words in fault.told:
        assert await bot.hears(*words), (words, list(await bot.told()))
