"""The trading core over its ports: venue, market, advisers and journal of one account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

from bot.arming import LiveArming
from bot.assembly_advice import entries_closed, open_purse, price_book, staged_panel
from bot.assembly_base import Base, open_account, teller
from bot.assembly_mood import build_moods
from bot.assembly_replay import code_version
from bot.book import SettingsBook
from bot.settings import Settings
from core.adapters.advisers.asking import ModelAdviser
from core.adapters.advisers.build import AdviserAccess, build_advisers
from core.adapters.advisers.capabilities import Provider
from core.adapters.advisers.line import AdviserLimits, Around
from core.advice.mood_keeping import MoodKeeper
from core.advice.rules import RulesAdviser
from core.journal import AccountState
from core.opinion import Decider, Features
from core.ports import Adviser, Venue
from core.sim.feed import PriceFeed
from core.sim.venue import SimVenue
from core.trading.decide import trade_terms
from core.trading.kernel import Kernel, Ports, build_kernel
from core.trading.perbar import PerBarMarket


@dataclass(frozen=True, slots=True)
class Core:
    """The trading core and what it was built from."""

    state: AccountState
    venue: Venue
    feed: PriceFeed | None
    models: tuple[ModelAdviser, ...]
    advisers: tuple[str, ...]
    """All but the strategies, which may change."""
    book: SettingsBook
    kernel: Kernel
    arming: LiveArming | None
    """None on paper."""
    moods: MoodKeeper | None = None
    """None where no source of news or mood is configured."""


async def build_core(base: Base) -> Core:
    """A live account's gates are closed before anything runs."""
    settings, stage, journal, market, live = base.settings, base.stage, base.journal, base.market, base.live
    state = await open_account(base)
    venue, feed = _venue(base, state.initial_capital)
    book = SettingsBook(settings, journal, market, stage.clock, stage.account)
    purse, prices = open_purse(base, book), price_book(settings)
    models = _models(settings, Around(journal, stage.clock, purse, _adviser_limits(settings), prices))
    deadline_s = float(settings.ai_deadline_seconds) * stage.speed  # a person's seconds, not the clock's
    asked = _panel(settings, models, book)
    names = tuple(one.name for one in asked)
    panel = staged_panel(asked, models, prices, stage.clock, deadline_s, book.rules)
    scanned, guarded = PerBarMarket(market, stage.clock), market.guarding()
    moods = build_moods(base, models, prices, book)
    account, version = stage.account, code_version()
    ports = Ports(scanned, guarded, venue, panel, journal, stage.clock, in_thread, account, moods, version)
    if live is None:
        kernel = build_kernel(ports, book.rules, book.course)
        purse.watch(entries_closed(kernel))
        return Core(state, venue, feed, models, names, book, kernel, None, moods)
    arming = LiveArming(journal, stage.account, lambda: book.settings.live_capital_cap, live.marks)
    kernel = build_kernel(ports, book.rules, book.course, arming.capital)
    arming.hold(kernel.gate)
    await arming.read()
    purse.watch(entries_closed(kernel))
    live.watch_over(kernel.gate, arming.overrides_unknown_key, lambda: arming.is_for_another, teller(journal))
    return Core(state, venue, feed, models, names, book, kernel, arming, moods)


def _venue(base: Base, deposit: Decimal) -> tuple[Venue, PriceFeed | None]:
    if base.live is not None:
        return base.live.venue, None
    stage, prices = base.stage, base.market.guarding()
    venue = SimVenue(stage.account, deposit, prices.quote, prices.instrument, stage.clock.now, base.journal)
    return venue, PriceFeed(venue, prices, stage.clock)


def _models(settings: Settings, around: Around) -> tuple[ModelAdviser, ...]:
    """Those with a key."""
    return build_advisers([access_of(settings, name) for name in settings.advisers], around)


def _adviser_limits(settings: Settings) -> AdviserLimits:
    return AdviserLimits(
        timeout_s=float(settings.ai_timeout_seconds),
        tries=settings.ai_max_retries,
        cache_s=float(settings.ai_cache_seconds),
        rest_s=settings.ai_rest_minutes * 60.0,
    )


def _panel(settings: Settings, models: tuple[ModelAdviser, ...], book: SettingsBook) -> tuple[Adviser, ...]:
    """With the rule-based adviser where it decides, or where nobody else is there; strategies that work
    alone take its place."""
    if settings.strategies_in_use.is_alone:
        return models
    if settings.decider is not Decider.RULES and models:
        return models
    return (*models, RulesAdviser(lambda: trade_terms(book.rules().limits)))


def access_of(settings: Settings, name: str) -> AdviserAccess:
    values = {key: getattr(settings, f"{name}_{key}") for key in ("api_key", "model", "base_url")}
    stated = getattr(settings, f"{name}_capabilities")
    return AdviserAccess(Provider(name), **values, dialect={} if stated is None else stated.fields)


_COMPUTING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="features")
"""One: Python computes on one thread at a time anyway, and the event loop would have to queue behind each."""


async def in_thread(work: Callable[[], Features]) -> Features:
    """Features are computed off the event loop, so that the chat never waits for them."""
    return await asyncio.get_running_loop().run_in_executor(_COMPUTING, work)
