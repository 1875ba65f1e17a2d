"""The real bot as a process of its own, over real sockets, in a world that the test holds in its hands."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from bot.demo.ai import AiStandIn
from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_signed import Credentials
from bot.demo.market import SeededMarket
from bot.demo.telegram import CallbackAnswer, Message, Person, TelegramStandIn

T = TypeVar("T")

PROJECT = Path(__file__).parents[2]
OWNER = Person(4711, "Olga")
STRANGER = Person(666, "Mallory")
KEY, SECRET = "canary-exchange-key-77", "canary-exchange-secret-88"
DEPOSIT = Decimal(10_000)
"""Of the live account at the stand-in exchange."""
START_S = 30.0
"""Longest wait for a start; a busy machine needs several times what an idle one does."""
TELL_S = 10.0
OURS = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV")
"""What the bot's process takes over from this one's environment."""

CALM: Mapping[str, str] = {
    "EXCHANGE": "binanceusdm",
    "SYMBOLS": "BTC,ETH,SOL",
    "INITIAL_CAPITAL": "10000",
    "TRADING_MODE": "semi_auto",
    "SCAN_INTERVAL_SECONDS": "86400",
    "POSITION_CHECK_SECONDS": "1",
    "MIN_OPPORTUNITY_SCORE": "100",
    "MAX_OPEN_POSITIONS": "5",
    "POSITION_COOLDOWN_MINUTES": "0",
    "RISK_PER_TRADE": "0.02",
    "MAX_CONSECUTIVE_LOSSES": "20",
    "PRICE_SHOCK_ATR": "50",
    "EXCHANGE_ERRORS": "100",
    "HTTP_PORT": "0",
}
"""Scans propose nothing (no idea scores 100), so what happens is what the test does; ideas come by /long.
Prices that jump at a test's word and exchanges that fall silent trip no breaker that the next test meets."""


async def until(look: Callable[[], T | None], within_s: float = TELL_S, what: str = "") -> T:
    """The first true answer of `look`, asked again and again; fails with what it was waiting for."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what or look}")
        await asyncio.sleep(0.03)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Ended:
    code: int
    output: str
    seconds: float


class BotProcess:
    """`python main.py` in a folder of its own; started again in it, it finds what it left."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        self.home = home
        self.settings = dict(settings)
        self.started_at = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._starts = 0
        home.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def stdout(self) -> str:
        """Everything that all starts in this folder printed."""
        return "".join(path.read_text() for path in sorted(self.home.glob("stdout-*.txt")))

    @property
    def output(self) -> str:
        """What the newest start printed."""
        return (self.home / f"stdout-{self._starts:02d}.txt").read_text()

    @property
    def log(self) -> str:
        files = sorted((self.home / "data" / "logs").glob("perpilot.log*"))
        return "".join(path.read_text() for path in files)

    @property
    def database(self) -> Path:
        return self.home / "data" / "perpilot.db"

    @property
    def http(self) -> str:
        found = re.search(r"http server listens: host=(\S+) port=(\d+)", self.output)
        assert found, self.output
        return f"http://{found[1]}:{found[2]}"

    async def start(self, **changes: str) -> None:
        """Until it says that it runs; `changes` stay for later starts."""
        await self.launch(**changes)
        await until(self._is_up, START_S, "the bot runs")

    async def launch(self, *arguments: str, **changes: str) -> None:
        """Only lets the process begin."""
        assert not self.is_running
        self.settings |= changes
        self._starts += 1
        self.started_at = time.monotonic()
        self._process = await self._spawn(self.home / f"stdout-{self._starts:02d}.txt", *arguments)

    async def command(self, *arguments: str, within_s: float = START_S, **environment: str) -> Ended:
        """Another `python main.py ARGUMENTS` in the same folder, run to its end."""
        path = self.home / f"command-{time.monotonic_ns()}.txt"
        began = time.monotonic()
        process = await self._spawn(path, *arguments, **environment)
        return await self._ended(process, path, began, within_s)

    async def end(self, within_s: float = START_S) -> Ended:
        """Waits for a process that ends by itself."""
        path = self.home / f"stdout-{self._starts:02d}.txt"
        return await self._ended(self._running(), path, self.started_at, within_s)

    async def kill9(self) -> None:
        process = self._running()
        process.kill()
        await process.wait()

    async def terminate(self, sign: signal.Signals = signal.SIGTERM, within_s: float = 12.0) -> Ended:
        process, began = self._running(), time.monotonic()
        process.send_signal(sign)
        return await self._ended(process, self.home / f"stdout-{self._starts:02d}.txt", began, within_s)

    def send(self, sign: signal.Signals) -> None:
        self._running().send_signal(sign)

    async def restart(self, **changes: str) -> None:
        if self.is_running:
            await self.terminate()
        await self.start(**changes)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """What another program reads in the database."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)
        try:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def _is_up(self) -> bool:
        if not self.is_running:
            raise AssertionError(f"the bot ended: {self.output}")
        return "running: account=" in self.output

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the bot was never started"
        return self._process

    async def _spawn(
        self, output: Path, *arguments: str, **more_environment: str
    ) -> asyncio.subprocess.Process:
        env_file = self.home / "bot.env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        environment = {name: os.environ[name] for name in OURS if name in os.environ}
        environment |= {"TMPDIR": str(self.home)} | more_environment
        with output.open("w") as file:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                str(PROJECT / "main.py"),
                *(("--env", str(env_file)) if "demo" not in arguments else ()),
                *arguments,
                cwd=self.home,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
            )

    async def _ended(
        self, process: asyncio.subprocess.Process, path: Path, began: float, within_s: float
    ) -> Ended:
        try:
            code = await asyncio.wait_for(process.wait(), within_s)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise AssertionError(f"still running after {within_s} s: {path.read_text()}") from None
        return Ended(code, path.read_text(), time.monotonic() - began)


class Theatre:
    """Stand-ins in this process, the bot in another."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        token = f"{abs(hash(home)) % 10**9 + 1}:{'t' * 30}"
        self.token = token
        self.chat = TelegramStandIn(token, OWNER, others=[STRANGER])
        self.market = SeededMarket(lambda: time.time_ns() // 1_000_000)
        self.exchange = ExchangeStandIn(
            self.market, port=free_port(), credentials=Credentials(KEY, SECRET), deposit=DEPOSIT
        )
        self.ai = AiStandIn(latency_s=(0.02, 0.1))
        self._home = home
        self._asked = dict(settings)
        self.bot = BotProcess(home, {})

    async def open(self) -> None:
        """The stand-ins listen; the bot is not started yet."""
        await asyncio.gather(self.chat.start(), self.exchange.start(), self.ai.start())
        self.bot = BotProcess(self._home, CALM | self.addresses() | self._asked)

    def addresses(self) -> dict[str, str]:
        return {
            "TELEGRAM_BOT_TOKEN": self.token,
            "TELEGRAM_CHAT_ID": str(OWNER.id),
            "TELEGRAM_API_URL": self.chat.url,
            "EXCHANGE_URL": self.exchange.url,
            "EXCHANGE_WS_URL": self.exchange.ws_url,
            "EXCHANGE_API_KEY": KEY,
            "EXCHANGE_SECRET": SECRET,
            "ANTHROPIC_API_KEY": "key-of-claude",
            "ANTHROPIC_BASE_URL": self.ai.anthropic_url,
            "OPENAI_API_KEY": "key-of-gpt",
            "OPENAI_BASE_URL": self.ai.openai_url,
            "DEEPSEEK_API_KEY": "key-of-deepseek",
            "DEEPSEEK_BASE_URL": self.ai.deepseek_url,
            "XAI_API_KEY": "key-of-grok",
            "XAI_BASE_URL": self.ai.xai_url,
            "ENABLE_GROK": "true",
        }

    async def close(self) -> None:
        if self.bot.is_running:
            await self.bot.kill9()
        await asyncio.gather(self.chat.stop(), self.exchange.stop(), self.ai.stop())

    # asking

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.bot.http + path, headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    async def get_json(self, path: str) -> dict[str, Any]:
        body: dict[str, Any] = json.loads((await self.get(path))[1])
        return body

    async def positions(self) -> dict[str, dict[str, Any]]:
        """By coin, as /status over HTTP shows them."""
        return {row["symbol"].partition("/")[0]: row for row in (await self.get_json("/status"))["positions"]}

    async def until_health(self, component: str, *wanted: str, within_s: float = 40.0) -> dict[str, Any]:
        """/health when the component is in one of these states."""
        deadline = time.monotonic() + within_s
        while True:
            health = await self.get_json("/health")
            if health["components"][component]["status"] in wanted:
                return health
            assert time.monotonic() < deadline, health
            await asyncio.sleep(0.1)

    async def until_state(self, wanted: str, within_s: float = TELL_S) -> None:
        """Until /status over HTTP says this trading state."""
        deadline = time.monotonic() + within_s
        while (state := (await self.get_json("/status"))["trading_state"]) != wanted:
            assert time.monotonic() < deadline, f"{state}, not {wanted}, after {within_s} s"
            await asyncio.sleep(0.1)

    def trades(self, coin: str) -> list[sqlite3.Row]:
        """Every trade of a coin that was ever recorded, oldest first."""
        sql = "SELECT * FROM trades WHERE symbol = ? ORDER BY created_at"
        return self.bot.rows(sql, f"{coin}/USDT:USDT")

    def approvals(self, coin: str) -> list[sqlite3.Row]:
        sql = "SELECT * FROM approvals WHERE symbol = ? ORDER BY created_at"
        return self.bot.rows(sql, f"{coin}/USDT:USDT")

    def resting(self, coin: str, kind: str = "stop_market") -> list[dict[str, Any]]:
        """Open orders of a coin at the paper venue, as its saved book has them."""
        found = self.bot.rows("SELECT content FROM blobs WHERE name = 'venue:paper'")
        orders = json.loads(found[0]["content"])["orders"] if found else []
        wanted = {"symbol": f"{coin}/USDT:USDT", "status": "open", "kind": kind}
        return [one for one in orders if all(one[name] == value for name, value in wanted.items())]

    def held(self, coin: str) -> dict[str, Any] | None:
        """The coin's position at the paper venue; None when there is none."""
        found = self.bot.rows("SELECT content FROM blobs WHERE name = 'venue:paper'")
        holdings: dict[str, Any] = json.loads(found[0]["content"])["holdings"] if found else {}
        return holdings.get(f"{coin}/USDT:USDT")

    # acting

    async def start(self, **changes: str) -> None:
        """The bot runs, and its owner was told so."""
        mark = self.chat.mark
        await self.bot.start(**changes)
        await self.chat.wait_for("Perpilot is running", TELL_S, after=mark)

    async def ask(self, text: str, wanted: str = "", within_s: float = TELL_S) -> Message:
        """Says it and waits for a message, new or edited, with these words in it."""
        mark = self.chat.mark
        await self.chat.say(text)
        return await self.chat.wait_for(wanted, within_s, after=mark)

    async def card(self, words: str, within_s: float = TELL_S) -> Message:
        """`/long SOL ...` and the card that follows from it."""
        mark, coin = self.chat.mark, words.split()[1]
        said = await self.ask(words, coin, within_s)
        assert "follows" in said.body or "Answer by" in said.body, said.body
        return await self.chat.wait_for(
            lambda m: "Answer by" in m.body and coin in m.body and bool(m.buttons), within_s, after=mark
        )

    async def tap(self, message: Message, button: str, within_s: float = TELL_S) -> CallbackAnswer:
        answer = await self.chat.tap(message, button, within_s=within_s)
        assert answer is not None, f"the tap on {button!r} was not answered within {within_s} s"
        return answer

    async def enter(self, words: str) -> Message:
        """A position by /long or /short and a tap; returns what told that it is open."""
        card, coin, mark = await self.card(words), words.split()[1], self.chat.mark
        answer = await self.tap(card, "Approve")
        assert "Approved" in answer.text, answer.text
        return await self.chat.wait_for(lambda m: "Opened" in m.body and coin in m.body, TELL_S, after=mark)

    def move(self, coin: str, fraction: float) -> None:
        """A gap from the present price."""
        symbol = f"{coin}USDT"
        now = self.market.price(symbol, self.market.now_ms())
        self.market.set_price(symbol, now * (1 + Decimal(str(fraction))))


@asynccontextmanager
async def theatre(home: Path, **settings: str) -> AsyncIterator[Theatre]:
    """Open stand-ins and a bot that is not started yet."""
    stage = Theatre(home, settings)
    await stage.open()
    try:
        yield stage
    finally:
        await stage.close()
