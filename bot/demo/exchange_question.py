"""One request to the demo exchange: its parameters, checked, and the instant it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.demo.exchange_faults import Faults
from bot.demo.market import Market


class Refused(Exception):
    """An answer with a code and a message instead of data."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, slots=True)
class Question:
    """One request: `at_ms` is the instant shown, `now_ms` the true one (they differ while data is frozen)."""

    market: Market
    faults: Faults
    at_ms: int
    now_ms: int
    params: Mapping[str, str]
    weight_limit: int
    """Of requests per minute, as the venue tells it and counts by it."""

    def text(self, name: str) -> str:
        value = self.params.get(name, "")
        if not value:
            raise Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def symbol(self, name: str = "symbol") -> str:
        symbol = self.text(name)
        if symbol not in self.market.instruments:
            raise Refused(-1121, "Invalid symbol.")
        return symbol

    def symbols(self) -> tuple[str, ...]:
        """The symbol asked for, or all of them."""
        return (self.symbol(),) if self.params.get("symbol") else self.market.symbols()

    def whole(self, name: str, default: int) -> int:
        value = self.params.get(name)
        if value is None:
            return default
        if not value.lstrip("-").isdigit() or len(value) > 16:
            raise Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return int(value)

    def limit(self, default: int, most: int) -> int:
        limit = self.whole("limit", default)
        if not 1 <= limit <= most:
            raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return limit

    def window(self, interval_ms: int, limit: int) -> tuple[int, int]:
        """Open times of the first and last row: onward from startTime, else back from the end."""
        end = min(self.whole("endTime", self.at_ms), self.at_ms)
        if "startTime" in self.params:
            first = -(-self.whole("startTime", 0) // interval_ms) * interval_ms
            return first, min(end, first + (limit - 1) * interval_ms)
        return end // interval_ms * interval_ms - (limit - 1) * interval_ms, end

    def one_of(self, name: str, choices: Mapping[str, int]) -> int:
        value = self.text(name)
        if value not in choices:
            raise Refused(-1120, "Invalid interval.")
        return choices[value]
