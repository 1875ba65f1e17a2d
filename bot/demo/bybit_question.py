"""One request to the demo's Bybit: who asks, when, and with which parameters, checked as the venue does."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from bot.demo.bybit_unified import Unified
from bot.demo.exchange_asked import Asked
from bot.demo.exchange_faults import Faults
from bot.demo.exchange_signed import Credentials
from bot.demo.market import Market

Row = dict[str, Any]

USUAL_WINDOW_MS: Final = 5_000
EARLY_MS: Final = 1_000
WEEK_MS: Final = 7 * 86_400_000
NO_WEIGHT_LIMIT: Final = 0


class Told(Exception):
    """An answer with a `retCode` that is not 0; the HTTP status stays 200."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


@dataclass(frozen=True, slots=True)
class Wanted:
    """`at_ms` is the instant shown, `now_ms` the true one: they differ while data is frozen."""

    unified: Unified
    market: Market
    faults: Faults
    at_ms: int
    now_ms: int
    params: Mapping[str, str]

    def has(self, name: str) -> bool:
        return bool(self.params.get(name))

    def text(self, name: str) -> str:
        value = self.params.get(name, "")
        if not value:
            raise Told(10001, f"params error: {name} is required")
        return value

    def linear(self) -> None:
        """Other categories are not offered here."""
        if self.text("category") != "linear":
            raise Told(10001, "params error: Category is invalid")

    def symbol(self) -> str:
        symbol = self.text("symbol")
        if symbol not in self.market.instruments:
            raise Told(10001, "Not supported symbols")
        return symbol

    def symbols(self) -> tuple[str, ...]:
        """The symbol asked for, or all of them."""
        return (self.symbol(),) if self.has("symbol") else self.market.symbols()

    def whole(self, name: str, default: int) -> int:
        value = self.params.get(name)
        if value is None:
            return default
        if not value.isdigit() or len(value) > 16:
            raise Told(10001, f"params error: {name} invalid")
        return int(value)

    def amount(self, name: str) -> Decimal:
        try:
            number = Decimal(self.text(name))
        except InvalidOperation:
            number = Decimal("nan")
        if not number.is_finite() or number <= 0:
            raise Told(10001, f"params error: {name} invalid")
        return number

    def flag(self, name: str) -> bool:
        return self.params.get(name, "false").lower() == "true"

    def one_of(self, name: str, choices: Mapping[str, Any]) -> Any:
        value = self.text(name)
        if value not in choices:
            raise Told(10001, f"params error: {name} invalid")
        return choices[value]

    def limit(self, default: int, most: int) -> int:
        """More than the most is not refused: the venue answers with the most."""
        return max(1, min(self.whole("limit", default), most))

    def times(self, usual_ms: int) -> tuple[int, int]:
        """First and last instant asked for; at most seven days."""
        start, end = self.whole("startTime", 0), self.whole("endTime", 0)
        if start and end and not 0 <= end - start <= WEEK_MS:
            raise Told(10001, "The time range between startTime and endTime cannot exceed 7 days.")
        if start:
            return start, end or start + usual_ms
        end = end or self.now_ms
        return end - usual_ms, end

    def engine(self, params: Mapping[str, str]) -> Asked:
        """The same request in the words of the matching engine's own face."""
        market, faults, now = self.market, self.faults, self.now_ms
        return Asked(market, faults, now, now, params, NO_WEIGHT_LIMIT, self.unified.account)


def check_signed(credentials: Credentials, headers: Mapping[str, str], signed: str, now_ms: int) -> None:
    """`signed` is the raw query of a GET and the raw body of a POST. Raises `Told`."""
    key, stamp = headers.get("X-BAPI-API-KEY", ""), headers.get("X-BAPI-TIMESTAMP", "")
    window = headers.get("X-BAPI-RECV-WINDOW", str(USUAL_WINDOW_MS))
    if not hmac.compare_digest(key.encode(), credentials.key.encode()):
        raise Told(10003, "API key is invalid.")
    if not stamp.isdigit() or not window.isdigit():
        raise Told(10001, "Request parameter error.")
    meant = hmac.new(credentials.secret.encode(), f"{stamp}{key}{window}{signed}".encode(), hashlib.sha256)
    if not hmac.compare_digest(headers.get("X-BAPI-SIGN", "").encode(), meant.hexdigest().encode()):
        raise Told(10004, "Error sign, please check your signature generation algorithm.")
    if not now_ms - int(window) <= int(stamp) < now_ms + EARLY_MS:
        words = f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window}]"
        raise Told(
            10002, f"invalid request, please check your server timestamp or recv_window param. {words}"
        )
