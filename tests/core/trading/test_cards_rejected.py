"""A rejection and the guard's own pass over the cards, at the same moment."""

from __future__ import annotations

from typing import Any

from core.journal import ApprovalState
from core.notice import NoticeKind
from tests.core.trading.world import World


async def test_a_rejection_under_way_is_not_settled_by_the_guard() -> None:
    world = await World().open()
    card = await world.card()
    real = world.journal.settle_approval

    async def settle(*args: Any) -> Any:
        world.journal.settle_approval = real  # type: ignore[method-assign]
        await world.kernel.approvals.expire()
        return await real(*args)

    world.journal.settle_approval = settle  # type: ignore[method-assign]
    tap = await world.kernel.approvals.reject(card.id, "owner")
    settled = await world.journal.approval(card.id)

    assert tap.is_done and settled is not None
    assert (settled.state, settled.settled_by) == (ApprovalState.REJECTED, "owner")
    assert len(await world.told(NoticeKind.APPROVAL_CLOSED)) == 1


async def test_a_rejection_while_the_card_is_being_traded_is_not_called_done() -> None:
    world = await World().open()
    card = await world.card()
    taps: list[Any] = []
    real = world.market.quote

    async def meanwhile(symbol: str) -> Any:
        if not taps:
            taps.append(await world.kernel.approvals.reject(card.id, "owner"))
        return await real(symbol)

    world.market.quote = meanwhile  # type: ignore[method-assign]
    traded = await world.tap(card)

    assert traded.is_done and not taps[0].is_done
    assert len(await world.trades()) == 1
