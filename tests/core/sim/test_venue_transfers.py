"""Money paid into and out of the simulated venue."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.codec import from_text
from core.errors import JournalError, NotAllowed
from core.sim.book import NEWEST_KEPT, VenueState, state_text
from tests.core.sim.stand import D, Stand


@pytest.mark.parametrize("amount", ["-1000.01", "0", "NaN", "-Infinity", "Infinity"])
async def test_what_is_not_there_or_no_amount_cannot_be_moved(amount: str) -> None:
    stand = Stand()

    with pytest.raises(NotAllowed):
        await stand.venue.transfer(D(amount))

    assert stand.venue.state == VenueState(deposited=D(1000))


async def test_margin_of_an_open_position_cannot_be_withdrawn() -> None:
    stand = Stand()
    await stand.buy(5)
    free = stand.venue.state.available

    with pytest.raises(NotAllowed, match="not bound"):
        await stand.venue.transfer(-free - D("0.01"))
    await stand.venue.transfer(-free)

    assert stand.venue.state.available == 0
    assert stand.venue.state.margin == 500


async def test_a_transfer_changes_the_wallet_and_nothing_that_was_earned() -> None:
    stand = Stand()
    await stand.buy(5)
    before = stand.venue.state

    await stand.venue.transfer(D(250))
    await stand.venue.transfer(D("-50.5"))

    after = stand.venue.state
    assert after.wallet - before.wallet == D("199.5")
    assert (after.realised, after.fees, after.unrealised) == (before.realised, before.fees, before.unrealised)


async def test_transfers_are_listed_since_a_time_with_an_id_of_their_own() -> None:
    stand = Stand()
    await stand.venue.transfer(D(1))
    stand.now += timedelta(hours=1)
    await stand.venue.transfer(D(2))

    everything = await stand.venue.transfers(stand.now - timedelta(days=1))

    assert [row.amount for row in everything] == [1, 2]
    assert len({row.id for row in everything}) == 2
    assert [row.amount for row in await stand.venue.transfers(stand.now)] == [2]


async def test_transfers_outlive_a_restart_and_a_failed_save_moves_nothing() -> None:
    stand = Stand()
    await stand.venue.transfer(D(7))
    stand.memory.is_failing = True
    with pytest.raises(JournalError):
        await stand.venue.transfer(D(100))
    stand.memory.is_failing = False

    other = await stand.restarted()

    assert other.venue.state == stand.venue.state
    assert [row.amount for row in await other.venue.transfers(stand.now)] == [7]
    assert from_text(VenueState, state_text(other.venue.state)) == other.venue.state


async def test_an_account_saved_before_there_were_transfers_is_read() -> None:
    stand = Stand()
    await stand.buy(1)
    text = state_text(stand.venue.state).replace(',"transfers":[]', "")
    assert "transfers" not in text

    assert from_text(VenueState, text) == stand.venue.state


async def test_only_the_newest_transfers_are_remembered() -> None:
    stand = Stand()
    for _ in range(NEWEST_KEPT + 5):
        await stand.venue.transfer(D(1))

    assert len(stand.venue.state.transfers) == NEWEST_KEPT
    assert stand.venue.state.wallet == 1000 + NEWEST_KEPT + 5
