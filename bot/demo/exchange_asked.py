"""One signed request to the demo exchange: its parameters, and the account that it is about."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from bot.demo.exchange_account import Account
from bot.demo.exchange_question import Question, Refused
from bot.demo.exchange_records import AlgoRecord, OrderRecord

CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


@dataclass(frozen=True, slots=True)
class Asked(Question):
    account: Account

    def amount(self, name: str) -> Decimal | None:
        """A finite number, or None where it is not sent."""
        text = self.params.get(name)
        if text is None:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("nan")
        if not number.is_finite():
            raise malformed(name)
        return number

    def needed(self, name: str) -> Decimal:
        number = self.amount(name)
        if number is None:
            raise malformed(name)
        return number

    def flag(self, name: str) -> bool:
        text = self.params.get(name, "false").lower()
        if text not in ("true", "false"):
            raise malformed(name)
        return text == "true"

    def client_id(self, name: str) -> str:
        """As sent; empty where the venue shall make one."""
        text = self.params.get(name, "")
        if text and not CLIENT_ID.fullmatch(text):
            raise Refused(-4015, "Client order id is not valid.")
        return text

    def is_visible(self, record: OrderRecord | AlgoRecord) -> bool:
        """Queries may lag behind what was taken."""
        return record.created_ms + self.faults.query_lag_ms <= self.now_ms

    def times(self, longest_ms: int, default_ms: int) -> tuple[int, int]:
        """First and last instant asked for."""
        start, end = self.whole("startTime", 0), self.whole("endTime", 0)
        if start and end and (end < start or end - start > longest_ms):
            raise Refused(-4165, "Invalid time interval.")
        if start:
            return start, end or start + longest_ms
        end = end or self.now_ms
        return end - default_ms, end


@dataclass(frozen=True, slots=True)
class AccountEndpoint:
    """`is_trade`: needs the permission to trade futures, not only to read."""

    answer: Callable[[Asked], Any]
    weight: int = 1
    weight_without_symbol: int = 0
    is_trade: bool = False
    is_signed: bool = True


def malformed(name: str) -> Refused:
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
