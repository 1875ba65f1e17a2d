"""What a call costs, from the tokens it reports, and the most it can cost, before it is sent.

Prices are USD per million tokens as of `AS_OF` from `SOURCE`; a provider's own statement of the bill wins.
A model that is not listed costs None: unknown is never zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.spending import Price

AS_OF = "2026-11-22"
SOURCE = "genai-prices 0.2.3, compared with litellm's table where both list a model"

MILLION = Decimal(1_000_000)
CACHE_WRITE_FACTOR = Decimal(2)
"""Anthropic's one-hour cache writes, relative to the price of input."""
DEEPSEEK_PEAK_HOURS_UTC = frozenset({1, 2, 3, 6, 7, 8, 9})
"""Prices double then; on Chinese weekdays only, but charged every day here: never too low."""
XAI_TICK_USD = Decimal("1e-10")
BYTES_PER_TOKEN = Decimal("1.6")
"""The densest that questions full of figures were measured at; prose has more."""
CHEAP_OUT = Decimal(1)
"""USD per million tokens of output; what costs more is asked about survivors only."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call as reported; None where the reply did not say."""

    tokens_in: int | None = None
    """All of the prompt, cached and written ones included."""
    tokens_out: int | None = None
    """Reasoning included."""
    tokens_cached: int | None = None
    tokens_written: int = 0
    """Put into the provider's cache by this call, where that is charged."""
    billed_usd: Decimal | None = None
    """The provider's own statement."""


def _price(fresh: str, out: str, cached: str) -> Price:
    return Price(Decimal(fresh), Decimal(out), Decimal(cached))


PRICES: dict[str, Price] = {
    "claude-haiku-5-5": _price("0.10", "0.50", "0.01"),
    "claude-sonnet-5-5": _price("2", "10", "0.10"),
    "claude-opus-5-5": _price("4", "20", "0.20"),
    "gpt-6-luna": _price("0.10", "0.50", "0.01"),
    "gpt-6-sol": _price("2", "10", "0.20"),
    "gpt-5.5": _price("5", "30", "0.5"),
    "grok-4.3": _price("1.25", "2.5", "0.2"),
    "grok-4.7": _price("2", "6", "0.5"),
    "deepseek-flash": _price("0.15", "0.60", "0.003"),
    "deepseek-v4-flash": _price("0.15", "0.60", "0.003"),
    "deepseek-v4-pro": _price("0.66", "1.98", "0.022"),
    "stand-in": _price("0.10", "0.50", "0.01"),
}
"""DeepSeek off peak. The demo's stand-ins are priced like a cheap model, so that costs can be seen."""

_DATED = re.compile(r"[-@]\d[\d-]*$")


@dataclass(frozen=True, slots=True)
class PriceBook:
    """The built-in table under what the owner states himself (`AI_PRICES`)."""

    own: Mapping[str, Price] = field(default_factory=dict)

    def of(self, model: str) -> Price | None:
        """By id, also with a date behind it."""
        stated = self.own.get(model) or self.own.get(_DATED.sub("", model))
        return stated or price_of(model)

    def cost(self, model: str, usage: Usage, at: datetime) -> Decimal | None:
        """None where the model or the tokens are unknown."""
        if usage.billed_usd is not None:
            return usage.billed_usd
        price = self.of(model)
        if price is None or usage.tokens_in is None or usage.tokens_out is None:
            return None
        cached = min(usage.tokens_cached or 0, usage.tokens_in)
        written = min(usage.tokens_written, usage.tokens_in - cached)
        fresh = usage.tokens_in - cached - written
        total = (
            price.fresh * (fresh + CACHE_WRITE_FACTOR * written)
            + price.cached * cached
            + price.out * usage.tokens_out
        )
        return total * self._factor(model, at) / MILLION

    def worst(self, model: str, request: str, max_tokens: int, at: datetime) -> Decimal | None:
        """The most that sending `request` can cost: nothing of it cached, the answer as long as `max_tokens`
        allows. None where the model is unknown."""
        price = self.of(model)
        if price is None:
            return None
        tokens_in = len(request.encode()) / BYTES_PER_TOKEN
        total = price.fresh * CACHE_WRITE_FACTOR * tokens_in + price.out * max_tokens
        return total * self._factor(model, at) / MILLION

    def is_cheap(self, model: str) -> bool:
        """False where no price is known."""
        price = self.of(model)
        return price is not None and price.out <= CHEAP_OUT

    def _factor(self, model: str, at: datetime) -> int:
        is_stated = model in self.own
        return 1 if is_stated else _peak_factor(model, at)


BUILT_IN = PriceBook()


def price_of(model: str) -> Price | None:
    """By id, also with a date behind it (`gpt-6-luna-2026-10-01`)."""
    if model.startswith("stand-in"):
        return PRICES["stand-in"]
    return PRICES.get(model) or PRICES.get(_DATED.sub("", model))


def cost_usd(model: str, usage: Usage, at: datetime, book: PriceBook = BUILT_IN) -> Decimal | None:
    """None where the model or the tokens are unknown."""
    return book.cost(model, usage, at)


def _peak_factor(model: str, at: datetime) -> int:
    return 2 if model.startswith("deepseek") and at.hour in DEEPSEEK_PEAK_HOURS_UTC else 1
