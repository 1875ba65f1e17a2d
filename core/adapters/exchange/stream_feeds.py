"""What Binance's three streams carry: the account's events, the mark prices and the touch of the books."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from core.adapters.exchange.binance import venue_id
from core.adapters.exchange.calls import SCANNING, BadShape, Calls, Refusal, expect_dict
from core.adapters.exchange.stream_line import Patience
from core.adapters.exchange.stream_words import KEY_EXPIRED, PricePart, What, changes_in, event_name, price_in
from core.errors import NotAllowed, PerpilotError

Hint = Callable[[str | None, What], None]

KEY_LIFE_S = 3600.0
KEY_MARGIN_S = 300.0


class AccountFeed:
    """Orders, positions and balance, heard with a listen key that is renewed here and not by ccxt.

    `calls` belongs to the streams' own client; making and renewing a key may be repeated without harm.
    """

    name = "account"
    is_wanted = True

    def __init__(self, pro: Any, calls: Calls, hint: Hint, patience: Patience) -> None:
        self._pro, self._calls, self._hint, self._patience = pro, calls, hint, patience
        self._key = ""
        self._is_expired = False
        self._owed_since: float | None = None
        self.events = 0
        """Events heard so far."""

    async def address(self) -> str:
        self._key = await self._calls.read(
            "listen key", 1, SCANNING, self._pro.fapiPrivatePostListenKey, _listen_key
        )
        url: str = self._pro.get_private_ws_url("linear", self._key)
        return url

    def connected(self) -> None:
        self._is_expired, self._owed_since = False, None
        self._hint(None, What.CONNECTED)

    def lost(self) -> None:
        self._hint(None, What.LOST)

    def to_send(self) -> list[dict[str, Any]]:
        return []

    def heard(self, frame: Any) -> None:
        name = event_name(frame)
        if name == KEY_EXPIRED:
            self._is_expired = frame.get("listenKey") in (
                None,
                "",
                self._key,
            )  # an old key's end may come late
            return
        changes = changes_in(frame)
        if not changes:
            return
        self.events += 1
        self._owed_since = None
        for symbol, what in changes:
            self._hint(symbol, what)

    def owe(self) -> None:
        """An event must come within `owed_s`."""
        if self._owed_since is None:
            self._owed_since = _now()

    def fault(self, silence_s: float) -> str:
        if self._is_expired:
            return "the listen key expired"
        if silence_s > self._patience.account_s:
            return f"nothing heard for {silence_s:.0f} s, not even a pong"
        now = _now()
        if self._owed_since is not None and now - self._owed_since > self._patience.owed_s:
            return f"an order was taken {now - self._owed_since:.0f} s ago and no event came"
        return ""

    async def tend(self) -> str:
        until = _now() + KEY_LIFE_S
        pause_s = self._patience.renew_s
        while True:
            await asyncio.sleep(pause_s)
            asked = _now()
            try:
                key = await self._calls.read(
                    "listen key renewal", 1, SCANNING, self._pro.fapiPrivatePutListenKey, _renewed
                )
            except (Refusal, NotAllowed):
                return "the listen key could not be renewed"
            except PerpilotError:
                if asked >= until - KEY_MARGIN_S:
                    return "the listen key was not renewed in time"
                pause_s = self._patience.renew_again_s
            else:
                if key not in ("", self._key):
                    return "the listen key was replaced"
                until, pause_s = asked + KEY_LIFE_S, self._patience.renew_s


class PriceFeed:
    """One kind of price of the held symbols; `tell` gets each part newer than the last of its symbol."""

    def __init__(
        self,
        name: str,
        address: Callable[[], str],
        channel: str,
        silent_s: float,
        tell: Callable[[PricePart], None],
        lost: Callable[[], None],
    ) -> None:
        self.name = name
        self._address, self._channel, self._silent_s = address, channel, silent_s
        self._tell, self._lost = tell, lost
        self._held: frozenset[str] = frozenset()
        self._stirred_at: dict[str, float] = {}
        """When a symbol was last asked for, or last had a new price."""
        self._newest: dict[str, tuple[int, int]] = {}
        self._fresh_at = 0.0
        self._requests = 0

    @property
    def is_wanted(self) -> bool:
        return bool(self._held)

    def hold(self, symbols: frozenset[str]) -> None:
        self._held = symbols

    async def address(self) -> str:
        return self._address()

    def connected(self) -> None:
        self._stirred_at.clear()
        self._newest.clear()
        self._fresh_at = _now()

    def lost(self) -> None:
        self._lost()

    def to_send(self) -> list[dict[str, Any]]:
        """Asks again for a symbol that stays silent while others are heard."""
        now = _now()
        gone = self._stirred_at.keys() - self._held
        wanted = {
            each for each in self._held if now - self._stirred_at.get(each, -self._silent_s) >= self._silent_s
        }
        for symbol in gone:
            del self._stirred_at[symbol]
            self._newest.pop(symbol, None)
        self._stirred_at |= dict.fromkeys(wanted, now)
        asked = (("UNSUBSCRIBE", gone), ("SUBSCRIBE", wanted))
        return [self._request(method, sorted(symbols)) for method, symbols in asked if symbols]

    def heard(self, frame: Any) -> None:
        part = price_in(frame)
        if part is None or part.symbol not in self._held:
            return
        if part.serial <= self._newest.get(part.symbol, (0, 0)):
            return
        self._newest[part.symbol] = part.serial
        self._fresh_at = self._stirred_at[part.symbol] = _now()
        self._tell(part)

    def fault(self, silence_s: float) -> str:
        """By new prices, not by frames: a stream that repeats one moment is silent too."""
        quiet_s = max(silence_s, _now() - self._fresh_at)
        return f"no new price for {quiet_s:.0f} s" if quiet_s > self._silent_s else ""

    async def tend(self) -> str:
        await asyncio.Event().wait()
        return ""

    def _request(self, method: str, symbols: list[str]) -> dict[str, Any]:
        self._requests += 1
        names = [f"{venue_id(symbol).lower()}@{self._channel}" for symbol in symbols]
        return {"method": method, "params": names, "id": self._requests}


def _now() -> float:
    return asyncio.get_running_loop().time()


def _listen_key(raw: Any) -> str:
    key = expect_dict(raw).get("listenKey")
    if not isinstance(key, str) or not key:
        raise BadShape("no listen key")
    return key


def _renewed(raw: Any) -> str:
    """The key that lives on; empty where the venue doesn't name it."""
    return str(expect_dict(raw).get("listenKey") or "")
