"""Planted bugs that only a death at the right point shows; beside `mutants`, which the storm must find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.desk import TradingDesk
from core.desk import Tap
from core.journal import ApprovalState
from core.money import floor_to
from core.trading import lifecycle
from core.trading.sending import send_exit
from core.trading.steps import Scene, Step, Wait
from db.journal import SqlJournal
from tests.simulation import points_bot
from tests.simulation.mutants import MUTANTS, Mutant

KNOWN = {mutant.name: mutant for mutant in MUTANTS}


def _repeat_the_part(patch: pytest.MonkeyPatch) -> None:
    """A partial exit of which nothing is heard is sent once more."""
    real = lifecycle._partial

    def partial(scene: Scene) -> Step | None:
        step = real(scene)
        if isinstance(step, Wait) and step.reason == "a partial close is on its way":
            share = scene.trade.close_share or Decimal(1)
            return send_exit(scene, floor_to(scene.held * share, scene.rules.lot))
        return step

    patch.setattr(lifecycle, "_partial", partial)


def _card_apart(patch: pytest.MonkeyPatch) -> None:
    """The trade in one transaction, its card in the next."""
    real = SqlJournal.open_trade

    async def open_trade(self: Any, trade: Any, plan: Any, card: str | None, by: str, told: Any) -> bool:
        is_new = await real(self, trade, plan, None, by, told)
        if is_new and card is not None:
            await self.settle_approval(card, ApprovalState.APPROVED, by, trade.created_at, (), ())
        return is_new

    patch.setattr(SqlJournal, "open_trade", open_trade)


def _pause_last(patch: pytest.MonkeyPatch) -> None:
    """Panic closes first, and is remembered when that is done."""

    async def panic(self: Any, by: str) -> Tap:
        self._kernel.gate.close("pause", f"paused by {by}")
        tap: Tap = await self._close_for_panic(by)
        await self.pause(by)
        await self._kernel.approvals.drop_all(by, "panic")
        return tap

    patch.setattr(TradingDesk, "panic", panic)


def _chat_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A start that reads the environment only."""
    patch.setattr(points_bot, "chat_changes", lambda changes: {})


POINT_MUTANTS: Sequence[tuple[Mutant, str]] = (
    (KNOWN["send before recording"], "calm"),
    (KNOWN["no check that the stop rests"], "calm"),
    (KNOWN["resend an unknown entry"], "faulty"),
    (KNOWN["dead before the receive window ends"], "faulty"),
    (replace(KNOWN["send before recording"], flows=("partial_fill",)), "calm"),
    (KNOWN["cancel before place"], "calm"),
    (Mutant("a part that is sent again", _repeat_the_part, ("partial_exit",)), "faulty"),
    (KNOWN["orders left behind"], "calm"),
    (Mutant("the pause comes last in panic", _pause_last, ("panic",)), "calm"),
    (Mutant("the card apart from its trade", _card_apart, ("approval",)), "calm"),
    (Mutant("settings of the chat are forgotten", _chat_is_forgotten, ("config",)), "calm"),
)
"""Each with the kills it must show in."""
