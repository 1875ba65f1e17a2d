"""Account-wide modes: named, and changed only while flat, after somebody said so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from bot.demo.exchange_faults import Failure
from core.adapters.exchange.accounts import look_at_account, mend
from core.errors import NotAllowed, Unknown
from core.trade import OrderKind
from tests.adapters.exchange.venue_stage import SOL, Stage, on_stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as opened:
        yield opened


def posts(stage: Stage) -> list[str]:
    return [name for name in stage.exchange.requests if name.startswith("POST")]


async def test_an_account_as_it_should_be_has_no_obstacles(stage: Stage) -> None:
    report = await look_at_account(stage.venue)

    assert report.obstacles == ()
    assert "hedge mode: off" in report.lines
    assert "multi-asset margin: off" in report.lines


async def test_every_obstacle_is_named_at_once(stage: Stage) -> None:
    stage.exchange.account.is_hedged = stage.exchange.account.is_multi_assets = True

    report = await look_at_account(stage.venue)

    assert len(report.obstacles) == 2
    assert posts(stage) == []


async def test_modes_are_mended_while_flat_and_read_back(stage: Stage) -> None:
    stage.exchange.account.is_hedged = stage.exchange.account.is_multi_assets = True

    report = await mend(stage.venue)

    assert report.obstacles == ()
    assert not stage.exchange.account.is_hedged
    assert not stage.exchange.account.is_multi_assets


async def test_an_account_without_obstacles_is_left_alone(stage: Stage) -> None:
    await mend(stage.venue)

    assert posts(stage) == []


async def test_modes_stay_while_a_position_is_open(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))
    stage.exchange.requests.clear()
    stage.exchange.account.is_multi_assets = True

    with pytest.raises(NotAllowed, match="close SOL/USDT:USDT first"):
        await mend(stage.venue)
    assert posts(stage) == []


async def test_modes_stay_while_an_order_waits(stage: Stage) -> None:
    low = round(stage.mark() * Decimal("0.9"), 2)
    await stage.venue.submit(stage.request("pplimit1", kind=OrderKind.LIMIT, price=low))
    stage.exchange.requests.clear()
    stage.exchange.account.is_multi_assets = True

    with pytest.raises(NotAllowed, match="cancel the orders of SOL/USDT:USDT first"):
        await mend(stage.venue)
    assert posts(stage) == []


async def test_modes_stay_while_positions_cannot_be_read(stage: Stage) -> None:
    stage.exchange.account.is_hedged = True
    stage.exchange.faults.fail_next(20, Failure.HTML, path="/fapi/v3/positionRisk")

    with pytest.raises(Unknown):
        await mend(stage.venue)
    assert posts(stage) == []


async def test_a_change_whose_answer_is_lost_is_known_by_reading_it_back(stage: Stage) -> None:
    stage.exchange.account.is_hedged = True
    stage.exchange.faults.fail_next(1, Failure.LOST, path="/fapi/v1/positionSide/dual", method="POST")

    report = await mend(stage.venue)

    assert report.obstacles == ()


async def test_a_change_that_was_not_made_is_not_believed(stage: Stage) -> None:
    stage.exchange.account.is_hedged = True
    stage.exchange.faults.fail_next(1, Failure.UNKNOWN, path="/fapi/v1/positionSide/dual", method="POST")

    with pytest.raises(NotAllowed, match="one-way"):
        await mend(stage.venue)


@pytest.mark.parametrize("failure", [Failure.LOST, Failure.UNKNOWN_DONE])
async def test_leverage_whose_answer_is_lost_is_read_back(stage: Stage, failure: Failure) -> None:
    stage.exchange.faults.fail_next(1, failure, path="/fapi/v1/leverage", method="POST")

    assert await stage.venue.prepare(SOL, 5) == 5


async def test_leverage_that_was_not_set_is_told_as_it_is(stage: Stage) -> None:
    stage.exchange.faults.fail_next(1, Failure.UNKNOWN, path="/fapi/v1/leverage", method="POST")

    assert await stage.venue.prepare(SOL, 5) == 20  # the caller sees that it is not what was asked


async def test_a_margin_mode_that_was_not_set_stops_the_entry(stage: Stage) -> None:
    stage.exchange.faults.fail_next(1, Failure.UNKNOWN, path="/fapi/v1/marginType", method="POST")

    with pytest.raises(NotAllowed, match="stays on cross margin"):
        await stage.venue.prepare(SOL, 5)


async def test_a_margin_mode_that_was_so_already_is_no_fault(stage: Stage) -> None:
    words = "No need to change margin type."
    stage.exchange.faults.refuse_next(1, -4046, words, path="/fapi/v1/marginType", method="POST")

    with pytest.raises(NotAllowed, match="stays on cross margin"):  # what is read back counts, not the answer
        await stage.venue.prepare(SOL, 5)


async def test_a_leverage_that_the_venue_refuses_stops_the_entry(stage: Stage) -> None:
    with pytest.raises(NotAllowed, match="-4028"):
        await stage.venue.prepare(SOL, 126)
