"""Routers and the gate, in order."""

from __future__ import annotations

from dataclasses import dataclass

from aiogram import Dispatcher

from bot.gate import Gate, People
from core.desk import Buttons, Desk
from core.journal import OutboxJournal
from core.ports import Clock
from handlers.account import ACCOUNT_ACTIONS, account_router
from handlers.analysis import analysis_router
from handlers.background import Background
from handlers.backtest import BACKTEST_ACTIONS, backtest_router
from handlers.breakers import BREAKERS_ACTIONS, breakers_router
from handlers.closing import CLOSING_ACTIONS, closing_router
from handlers.commands import menu, viewer_may
from handlers.costs import costs_router
from handlers.drafts import Drafts, drafts_router
from handlers.foreign import FOREIGN_ACTIONS, foreign_router
from handlers.ideas import IDEAS_ACTIONS, ideas_router
from handlers.machine import machine_router
from handlers.models import models_router
from handlers.pictures import Pictures
from handlers.profiles import PROFILE_ACTIONS, profiles_router
from handlers.readiness import readiness_router
from handlers.replay import replay_router
from handlers.results import results_router
from handlers.risk import risk_router
from handlers.scanning import scanning_router
from handlers.settings import SETTINGS_ACTIONS, settings_router
from handlers.start import start_router
from handlers.status import status_router
from handlers.steering import STEERING_ACTIONS, steering_router
from handlers.taps import Office, taps_router
from handlers.trading import TRADING_ACTIONS, trading_router
from handlers.unknown import unknown_router

ACTIONS = {
    **ACCOUNT_ACTIONS,
    **BACKTEST_ACTIONS,
    **BREAKERS_ACTIONS,
    **CLOSING_ACTIONS,
    **FOREIGN_ACTIONS,
    **IDEAS_ACTIONS,
    **PROFILE_ACTIONS,
    **SETTINGS_ACTIONS,
    **STEERING_ACTIONS,
    **TRADING_ACTIONS,
}


@dataclass(frozen=True, slots=True)
class Switchboard:
    """The bot's side of the chat, ready to be fed with updates."""

    dispatcher: Dispatcher
    gate: Gate
    background: Background

    async def close(self) -> None:
        """Cancels work in the background."""
        await self.background.close()


def build_switchboard(
    *,
    desk: Desk,
    buttons: Buttons,
    journal: OutboxJournal,
    pictures: Pictures,
    clock: Clock,
    people: People,
) -> Switchboard:
    background = Background()
    dispatcher = Dispatcher(
        desk=desk,
        buttons=buttons,
        pictures=pictures,
        background=background,
        drafts=Drafts(),
        office=Office(desk, buttons, background),
        disable_fsm=True,
    )
    gate = Gate(people, journal, clock, viewer_may)
    dispatcher.update.outer_middleware(gate)
    dispatcher.include_routers(
        start_router(),
        status_router(),
        closing_router(),
        steering_router(),
        foreign_router(),
        trading_router(),
        scanning_router(),
        analysis_router(),
        backtest_router(),
        results_router(),
        account_router(),
        costs_router(),
        models_router(),
        replay_router(),
        risk_router(),
        readiness_router(),
        profiles_router(),
        settings_router(),
        breakers_router(),
        ideas_router(),
        machine_router(),
        drafts_router(),
        taps_router(ACTIONS),
        unknown_router(),
    )
    return Switchboard(dispatcher, gate, background)


def command_menu(for_owner: bool) -> list[tuple[str, str]]:
    """(command, description) pairs for `bot.telegram.register_menu`."""
    return list(menu(for_owner))
