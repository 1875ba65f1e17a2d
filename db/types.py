"""Column types that keep money exact and times aware on both databases.

On SQLite money is text, because its only fractional number is a binary float. Text compares letter by letter
("9" > "10"), so a query that sorts or adds says `CAST(net_pnl AS REAL)`; PostgreSQL needs no cast.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Numeric, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits on both: SQLite numbers rows by itself only in a column of type INTEGER."""


class Exact(TypeDecorator[Decimal]):
    """A finite `Decimal`, digit for digit: text on SQLite, NUMERIC without bounds on PostgreSQL."""

    impl = Text
    cache_ok = True

    min_places = 0
    """Digits after the point that are always written."""

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(asdecimal=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            what = "NaN or infinity" if isinstance(value, Decimal) else type(value).__name__
            raise ValueError(f"money must be a finite Decimal, not {what}")
        text = self._plain(value)
        return Decimal(text) if dialect.name == "postgresql" else text

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)

    def _plain(self, value: Decimal) -> str:
        text = format(value if value else value.copy_abs(), "f")  # no -0: PostgreSQL has none
        if not self.min_places:
            return text
        whole, _, places = text.partition(".")
        return f"{whole}.{places.ljust(self.min_places, '0')}"


class Money(Exact):
    """USDT: `Exact`, written with at least two places (100.00)."""

    cache_ok = True
    min_places = 2


class Instant(TypeDecorator[datetime]):
    """An aware moment in UTC: timestamptz on PostgreSQL; on SQLite ISO 8601 text that sorts."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be recorded")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)
