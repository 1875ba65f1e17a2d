"""One world that outlives its bot: exchange, account, chat, and the real program in a folder of its own."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from random import Random

from bot.demo.exchange_answers import WEIGHT_LIMIT
from bot.demo.exchange_faults import WeightMeter
from bot.demo.exchange_signed import Credentials
from bot.demo.market import SeededMarket
from bot.demo.telegram import Message, TelegramStandIn
from core.risk.arming import OVERRIDE
from tests.end_to_end.theatre import OWNER, BotProcess, free_port
from tests.kills.exchange import WatchedExchange, uncovered
from tests.kills.judge import Books, read_books

DEPOSIT = Decimal(10_000)
COINS = ("BTC", "ETH", "SOL", "XRP", "ADA")
LOOK_S = 0.08
"""Between two looks at the books: looking takes the time of a processor that the program needs, too."""
ARMED_S, ANSWER_S = 60.0, 20.0
"""Longest waits; a busy machine needs several times what an idle one does."""

SETTINGS: Mapping[str, str] = {
    "EXCHANGE": "binanceusdm",
    "EXCHANGE_API_KEY": "kills-key",
    "EXCHANGE_SECRET": "kills-secret",
    "USE_PAPER_TRADING": "false",
    "DATABASE_URL": "sqlite+aiosqlite:///data/perpilot.db",
    "SYMBOLS": ",".join(COINS),
    "INITIAL_CAPITAL": str(DEPOSIT),
    "DECIDER": "rules",
    "TRADING_MODE": "auto",
    "SCAN_INTERVAL_SECONDS": "30",
    "MIN_OPPORTUNITY_SCORE": "40",
    "POSITION_COOLDOWN_MINUTES": "0",
    "MAX_OPEN_POSITIONS": "5",
    "MAX_CONSECUTIVE_LOSSES": "20",
    "DAILY_LOSS_LIMIT_PERCENT": "0.5",
    "MAX_DRAWDOWN_PERCENT": "0.9",
    "PRICE_SHOCK_ATR": "50",
    "EXCHANGE_ERRORS": "100",
    "HTTP_PORT": "0",
}
"""Prices that jump at the driver's word and a bot that is killed all the time trip no breaker."""


class Stage:
    def __init__(self, home: Path, seed: int, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.dice = Random(seed)
        token = f"{1_000_000_000 + seed % 1_000_000_000}:{'k' * 30}"
        self.chat = TelegramStandIn(token, OWNER)
        self.market = SeededMarket(lambda: time.time_ns() // 1_000_000, seed % 1_000)
        credentials = Credentials(SETTINGS["EXCHANGE_API_KEY"], SETTINGS["EXCHANGE_SECRET"])
        self.exchange = WatchedExchange(
            self.market, port=free_port(), credentials=credentials, deposit=DEPOSIT
        )
        self._token = token
        self._more = dict(settings or {})
        self.bot = BotProcess(home, {})

    async def open(self) -> None:
        await asyncio.gather(self.chat.start(), self.exchange.start())
        addresses = {
            "TELEGRAM_BOT_TOKEN": self._token,
            "TELEGRAM_CHAT_ID": str(OWNER.id),
            "TELEGRAM_API_URL": self.chat.url,
            "EXCHANGE_URL": self.exchange.url,
            "EXCHANGE_WS_URL": self.exchange.ws_url,
        }
        self.bot = BotProcess(self.home, {**SETTINGS, **addresses, **self._more})

    async def close(self) -> None:
        if self.bot.is_running:
            await self.bot.kill9()
        told = "\n\n".join(message.body for message in self.chat.messages)
        await asyncio.to_thread((self.home / "chat.txt").write_text, told)
        await asyncio.gather(self.chat.stop(), self.exchange.stop())

    # ------------------------------------------------------------ seeing

    def rows(self, sql: str) -> list[sqlite3.Row]:
        """Nothing while there is no database yet."""
        with suppress(sqlite3.OperationalError):
            return self.bot.rows(sql)
        return []

    def books(self) -> Books:
        return read_books(self.exchange.account, self.rows)

    def held(self) -> list[str]:
        """Coins."""
        return sorted(symbol.removesuffix("USDT") for symbol in self.exchange.account.state.holdings)

    def flat(self) -> list[str]:
        return [coin for coin in COINS if coin not in self.held()]

    async def until(self, look: Callable[[], bool], within_s: float) -> bool:
        """Whether it came true in time."""
        deadline = time.monotonic() + within_s
        while not look():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    def waited_s(self) -> float:
        """How long the program's main thread was ready to run and had no processor, since its start; 0 where
        the machine does not say."""
        with suppress(OSError, ValueError, IndexError, AssertionError):
            return int(Path(f"/proc/{self.bot.pid}/schedstat").read_text().split()[1]) / 1e9
        return 0.0

    def covered(self) -> list[str]:
        """Symbols, as the exchange calls them."""
        bare = set(uncovered(self.exchange.account))
        return [symbol for symbol in self.exchange.account.state.holdings if symbol not in bare]

    @property
    def is_up(self) -> bool:
        """The newest start has recovered and says so."""
        return self.bot.is_running and "running: account=" in self.bot.output

    @property
    def is_paused(self) -> bool:
        """As the database has it."""
        return any(row["is_paused"] for row in self.rows("SELECT is_paused FROM accounts"))

    # ------------------------------------------------------------ doing

    async def arm(self) -> None:
        """The owner's typed sentence, once for all starts."""
        mark = self.chat.mark
        await self.chat.say(f"/golive {OVERRIDE} {DEPOSIT}")
        await self.chat.wait_for("Recorded: armed", ARMED_S, after=mark)

    async def launch(self) -> None:
        """Lets the program begin, in a minute of its own at the exchange: ten starts a minute would pass the
        limit of requests, and kills stand here for ones that are hours apart."""
        self.exchange.meter = WeightMeter(WEIGHT_LIMIT)
        await self.bot.launch()

    def kill(self) -> None:
        if self.bot.is_running:
            self.bot.send(signal.SIGKILL)

    async def propose(self, coin: str) -> None:
        """`/long` or `/short`, and the tap, as soon as there is something to tap."""
        mark, word = self.chat.mark, self.dice.choice(("long", "short"))
        await self.chat.say(f"/{word} {coin} 0.5%")
        card = await self.chat.wait_for(
            lambda m: bool(m.buttons) and "Answer by" in m.body and coin in m.body, ANSWER_S, after=mark
        )
        await self.tap(card, "Approve")

    async def close_part(self, coin: str, percent: int) -> None:
        mark = self.chat.mark
        await self.chat.say(f"/close {coin} {percent}")
        await self.tap(await self._asked(f"Close {coin}", mark), f"Close {coin}")

    async def panic(self) -> None:
        mark = self.chat.mark
        await self.chat.say("/panic")
        await self.tap(await self._asked("Panic", mark), "Panic")
        mark = self.chat.mark
        await self.tap(await self._asked("Yes, everything", mark - 1), "Yes, everything")

    async def allow_entries(self) -> None:
        """What the owner does before anything else is asked for: a panic paused, a gap tripped a breaker."""
        with suppress(TimeoutError):  # also where nothing is paused: so many starts look like a crash loop
            await self.chat.ask("/resume", ANSWER_S)
        await self.pause(False)
        open_ones = "SELECT name FROM circuit_breaker_events WHERE resolved_at IS NULL"
        for row in self.rows(open_ones):
            mark = self.chat.mark
            await self.chat.say(f"/breakers ack {row['name']} over")
            with suppress(TimeoutError):
                await self.tap(await self._asked("Yes, clear it", mark), "Yes, clear it")
        await self.until(lambda: not self.rows(open_ones), ANSWER_S)

    async def pause(self, wanted: bool) -> None:
        if self.is_paused != wanted:
            await self.chat.say("/pause" if wanted else "/resume")
            await self.until(lambda: self.is_paused == wanted, ANSWER_S)

    async def tap(self, message: Message, button: str) -> None:
        """Waits for no answer: nobody may be left to give one."""
        await self.chat.tap_data(message, message.button(button)["callback_data"], within_s=0.0)

    async def _asked(self, label: str, mark: int) -> Message:
        return await self.chat.wait_for(
            lambda m: any(label in each for each in m.buttons), ANSWER_S, after=mark
        )

    def move(self, coin: str, fraction: float) -> None:
        """A gap from the present price."""
        symbol = f"{coin}USDT"
        now = self.market.price(symbol, self.market.now_ms())
        self.market.set_price(symbol, now * (1 + Decimal(str(round(fraction, 4)))))

    def hit_stop(self, coin: str) -> None:
        """A gap to just beyond it."""
        symbol = f"{coin}USDT"
        held = self.exchange.account.state.holdings.get(symbol)
        algos = self.exchange.account.open_algos(symbol)
        triggers = [each.trigger for each in algos if each.type.startswith("STOP")]
        if held is not None and triggers:
            self.market.set_price(symbol, triggers[0] * (1 - held.side.sign * Decimal("0.004")))

    def favour(self, coin: str, fraction: float) -> None:
        """A gap to the position's advantage; against it when negative."""
        held = self.exchange.account.state.holdings.get(f"{coin}USDT")
        if held is not None:
            self.move(coin, fraction * held.side.sign)

    def take_away_stop(self, coin: str) -> None:
        for algo in self.exchange.account.open_algos(f"{coin}USDT"):
            if algo.type.startswith("STOP"):
                self.exchange.hands.cancel(algo.client_id)

    def close_by_hand(self, coin: str) -> None:
        if f"{coin}USDT" in self.exchange.account.state.holdings:
            self.exchange.hands.close(f"{coin}USDT")


@asynccontextmanager
async def stage(home: Path, seed: int, **settings: str) -> AsyncIterator[Stage]:
    """Open stand-ins and a bot that is not started yet."""
    opened = Stage(home, seed, settings)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()
