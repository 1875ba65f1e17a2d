"""The bot of a kill: the storm's process with its desk, and its settings as the journal has them at start."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from bot.book import SettingsBook, chat_changes
from bot.desk import TradingDesk
from bot.limits import limits_of
from bot.settings import Settings, load_settings
from core.journal import Mode
from core.risk.limits import Limits
from core.trading.decide import Rules
from core.trading.engine import Course
from db.journal import SqlJournal
from tests.simulation.exchange import at_once
from tests.simulation.world import ACCOUNT, Process

if TYPE_CHECKING:
    from tests.simulation.world import World


class Bot(Process):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        rows = SqlJournal(world.database, world.clock.now)
        self.book = SettingsBook(
            settings_of(tuple(sorted(chat_changes(at_once(rows.setting_changes(ACCOUNT))).items()))),
            self.journal,
            self.kernel.circle.market,
            world.clock,
            ACCOUNT,
        )
        board = SimpleNamespace(rows=(), forget=lambda ids: None)
        reach: Any = SimpleNamespace(
            book=self.book, board=board, wake=lambda loop: None, readiness=SimpleNamespace(note_risk=_nothing)
        )
        self.desk = TradingDesk(self.kernel, self.journal, world.clock, reach, ACCOUNT)
        self._remember(rows)

    def _remember(self, rows: SqlJournal) -> None:
        """As the application does before anybody can ask: the mode that was asked for last, and the pause."""
        now, state = self.world.clock.now(), at_once(rows.account_state(ACCOUNT))
        asked = self.book.settings.chat.get("TRADING_MODE", state.mode.value)
        if asked != state.mode.value:
            at_once(rows.set_mode(ACCOUNT, Mode(asked), "chat", now))
        if state.is_paused:
            self.kernel.gate.close("pause", f"paused by {state.paused_by}")

    def _rules(self) -> Rules:
        rules, named = super()._rules(), _limits(tuple(sorted(self.book.settings.chat.items())))
        limits = replace(rules.limits, risk_per_trade=named.risk_per_trade, exits=named.exits)
        return replace(rules, limits=limits)

    async def _course(self) -> Course:
        course = await super()._course()
        return replace(course, symbols=tuple(self.world.prices))


@cache
def settings_of(changes: tuple[tuple[str, str], ...]) -> Settings:
    return load_settings({}, dict(changes))


@cache
def _limits(changes: tuple[tuple[str, str], ...]) -> Limits:
    return limits_of(settings_of(changes))


async def _nothing() -> None:
    """Nobody reads this figure here."""
