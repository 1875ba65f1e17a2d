"""A listed perpetual's rules in the words of the core, and the venue's brackets."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Final

from bot.demo.exchange_records import Row
from bot.demo.instruments import Instrument as Listed
from bot.demo.market import scaled
from core.market import Instrument, Tier
from core.money import exact

TAKER_FEE: Final = Decimal("0.0005")
MAKER_FEE: Final = Decimal("0.0002")


@cache
def rules_of(listed: Listed, is_active: bool = True) -> Instrument:
    tiers = tuple(
        Tier(
            Decimal(bracket.floor),
            Decimal(bracket.cap),
            bracket.leverage,
            exact(bracket.maintenance_fraction),
            exact(bracket.cumulative),
        )
        for bracket in listed.brackets
    )
    lot = scaled(1, listed.lot_decimals)
    return Instrument(
        symbol=listed.symbol,
        base=listed.base,
        tick=scaled(1, listed.price_decimals),
        lot=lot,
        min_quantity=lot,
        max_quantity=Decimal(listed.max_quantity),
        min_notional=Decimal(listed.min_notional_usdt),
        taker_fee=TAKER_FEE,
        maker_fee=MAKER_FEE,
        tiers=tiers,
        is_active=is_active,
    )


def bracket_rows(listed: Listed) -> Row:
    rows = [
        {
            "bracket": number,
            "initialLeverage": each.leverage,
            "notionalCap": each.cap,
            "notionalFloor": each.floor,
            "maintMarginRatio": each.maintenance_fraction,
            "cum": each.cumulative,
        }
        for number, each in enumerate(listed.brackets, start=1)
    ]
    return {"symbol": listed.symbol, "notionalCoef": 1.0, "brackets": rows}


def largest_notional(rules: Instrument, leverage: int) -> Decimal:
    """The cap of the last bracket that allows `leverage`, USDT."""
    return max((tier.cap for tier in rules.tiers if tier.max_leverage >= leverage), default=Decimal(0))
