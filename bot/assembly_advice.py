"""Advisers under a budget: the purse that pays every request, the panel that asks in stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.assembly_base import Base
from bot.assembly_strategies import StrategyPanel, StrategyRunner
from bot.book import SettingsBook
from bot.settings import Settings
from core.adapters.advisers.asking import ModelAdviser
from core.adapters.advisers.prices import AS_OF, SOURCE, PriceBook
from core.advice.budget import BudgetPurse
from core.advice.staged import FREE, Cost, StagedPanel, Ways
from core.advice.verdict import RULES_NAME
from core.ports import Adviser, Clock
from core.risk.breakers import title_of
from core.strategy_use import Strategies
from core.trading.decide import Rules
from core.trading.kernel import Kernel

PRICES_TOLD = f"As of {AS_OF}, from {SOURCE}; a provider's own bill and AI_PRICES win."


def price_book(settings: Settings) -> PriceBook:
    return PriceBook(dict(settings.ai_prices or ()))


def open_purse(base: Base, book: SettingsBook) -> BudgetPurse:
    """Bars what serves entries until it watches a kernel."""
    return BudgetPurse(
        base.journal, base.stage.clock, base.stage.account, lambda: book.settings.ai_daily_budget_usd
    )


def staged_panel(
    advisers: Sequence[Adviser],
    models: Sequence[ModelAdviser],
    prices: PriceBook,
    clock: Clock,
    deadline_s: float,
    rules: Callable[[], Rules],
) -> StrategyPanel:
    """`advisers`: all but the strategies. Raises `BadStrategy` for one of these that can't be made."""
    costs = {RULES_NAME: FREE} | {model.name: _cost(prices, model.model) for model in models}

    def build(strategists: Sequence[Adviser], strategies: Strategies) -> StagedPanel:
        def ways() -> Ways:
            now = rules()
            return Ways(now.decider, now.roles, strategies)

        free = {strategist.name: FREE for strategist in strategists}
        return StagedPanel((*advisers, *strategists), clock, deadline_s, costs | free, ways)

    return StrategyPanel(build, lambda: rules().strategies, StrategyRunner())


def _cost(prices: PriceBook, model: str) -> Cost:
    price = prices.of(model)
    return Cost(prices.is_cheap(model), None if price is None else price.out)


def entries_closed(kernel: Kernel) -> Callable[[], str]:
    """Why no entry may be made now; empty where one may."""

    def why() -> str:
        if closed := kernel.gate.text:
            return closed
        if tripped := kernel.keeper.open_events:
            return "; ".join(f"the circuit breaker “{title_of(event.name)}” is open" for event in tripped)
        return "the drawdown forbids entries" if kernel.keeper.is_orange else ""

    return why
