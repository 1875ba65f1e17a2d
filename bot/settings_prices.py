"""The setting in which a person states what models cost that the price table does not know."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from bot.settings_values import Kind, decimal_text
from core.spending import Price

MAX_MODELS = 50
MOST_USD = Decimal(10_000)
"""Per million tokens: above it somebody meant something else."""
_ONE = re.compile(r"([!-+\--<>-~]{1,100})=([0-9.]{1,12})/([0-9.]{1,12})/([0-9.]{1,12})")
"""A model id without comma and equals sign, then three numbers."""
_FORM = "model=in/out/cached, USD per million tokens, comma separated"

StatedPrices = tuple[tuple[str, Price], ...]
"""By model id, each once."""


def model_prices() -> Kind:
    return Kind(_read, _FORM, _write)


def _read(text: str) -> StatedPrices:
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if len(entries) > MAX_MODELS:
        raise ValueError(f"must name at most {MAX_MODELS} models")
    found = tuple(_one(entry) for entry in entries)
    if len({model for model, _ in found}) != len(found):
        raise ValueError("names a model twice")
    return found


def _one(entry: str) -> tuple[str, Price]:
    parts = _ONE.fullmatch(entry)
    if parts is None:
        raise ValueError(f"must be {_FORM}, such as my-model=0.10/0.50/0.01")
    return parts[1], Price(*(_amount(parts[place]) for place in (2, 3, 4)))


def _amount(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("has a price that is no number") from error
    if not 0 <= value <= MOST_USD:
        raise ValueError(f"has a price that is not between 0 and {MOST_USD:,}")
    return value


def _write(prices: StatedPrices) -> str:
    return ",".join(
        f"{model}={decimal_text(price.fresh)}/{decimal_text(price.out)}/{decimal_text(price.cached)}"
        for model, price in prices
    )
