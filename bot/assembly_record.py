"""The advisers' record put together: its follower, its loop, and where its standing is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bot.assembly_base import Base
from bot.book import SettingsBook
from bot.loops import REAL_PAUSE_S, SHADOWS_S
from bot.record_keeper import Counting, RecordKeeper
from bot.settings import Settings
from bot.settings_table import ADVISER_NAMES
from bot.supervisor import Loop, Supervisor
from core.advice.figures import Record
from core.advice.strategy_voice import role_of
from core.opinion import Role
from core.trading.opinion_following import OpinionFollower


def keep_record(base: Base, book: SettingsBook, supervisor: Supervisor) -> RecordKeeper:
    """Decisions are judged by its standing from its first count on."""
    stage = base.stage
    follower = OpinionFollower(base.journal, base.market, stage.clock, stage.account)
    keeper = RecordKeeper(
        base.journal, follower, stage.clock, stage.account, lambda: taking_part(book.settings), in_thread
    )
    book.standing = keeper.standing
    every_s = max(SHADOWS_S, REAL_PAUSE_S * stage.speed)
    supervisor.add(Loop("record", keeper.pass_once, lambda: every_s, is_critical=False))
    return keeper


def taking_part(settings: Settings) -> Mapping[str, Role]:
    """Role of each adviser that is asked, strategies by what they have a say in."""
    names = (ADVISER_NAMES[provider] for provider in settings.advisers)
    use = settings.strategies_in_use
    strategies = {part.name: role_of(part.name, use, settings.decider) for part in use.parts}
    return {name: settings.roles[name] for name in names} | strategies


async def in_thread(count: Counting) -> Record:
    return await asyncio.to_thread(count)
