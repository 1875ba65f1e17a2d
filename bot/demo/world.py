"""The demo's outside world in one process: Telegram with its chat page, exchange, AI endpoints, feeds.

Started as `python -m bot.demo.world` by `bot.cli.demo`: one JSON line with the addresses on standard
output when everything listens, and an end when standard input closes (the bot is gone) or on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from bot.demo.ai import AiStandIn
from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_answers import WEIGHT_LIMIT
from bot.demo.exchange_signed import Credentials
from bot.demo.feeds import HACKED, FeedsStandIn
from bot.demo.market import Market, ScaledClock, SeededMarket
from bot.demo.replay import ReplayMarket
from bot.demo.replay_files import BadCandleFile
from bot.demo.telegram import Control, Person, TelegramStandIn
from bot.demo.world_exchange import exchange_controls

OWNER = Person(id=1001, first_name="You")
TOKEN = "1000000001:demo-token-of-the-local-stand-in"  # noqa: S105 - opens nothing but the stand-in
KEY, SECRET = "demo-exchange-key", "demo-exchange-secret"
"""Of the stand-in's one account; it exists where a deposit was named."""
FIRST_PORT = 8090
PORTS_TRIED = 20
NUDGE_S = 20.0
"""Seconds over which a market control moves the price."""


def real_ms() -> int:
    return time.time_ns() // 1_000_000


def build_market(options: argparse.Namespace, clock: Callable[[], int]) -> Market:
    """Raises `BadCandleFile` for a folder that cannot be replayed."""
    if options.replay is None:
        return SeededMarket(clock, options.seed)
    start = datetime.fromisoformat(options.start_from).replace(tzinfo=UTC) if options.start_from else None
    return ReplayMarket(Path(options.replay), now_ms=clock, start_from=start)


def market_controls(market: Market) -> list[Control]:
    """Buttons of the page that move the market: for trying out stops, targets and breakers."""

    def move(fraction: float) -> Callable[[], object]:
        async def run() -> str:
            for symbol in market.symbols():
                market.nudge(symbol, fraction, NUDGE_S)
            return f"The whole market moves {fraction:+.0%} within {NUDGE_S:.0f} s."

        return run

    moves = (("Rise 2 %", 0.02), ("Fall 2 %", -0.02), ("Rise 8 %", 0.08), ("Crash 8 %", -0.08))
    return [Control(label, move(fraction)) for label, fraction in moves]  # type: ignore[arg-type]


def news_control(feeds: FeedsStandIn) -> Control:
    """A button that plants a headline which refuses trades once it was read."""

    async def run() -> str:
        feeds.plant(HACKED)
        return f"The news feed says: {HACKED}. It holds from the next 15-minute bar on."

    return Control("News: hack", run)


async def listen(telegram: TelegramStandIn, port: int) -> None:
    """The asked-for port, or the first free one after the usual."""
    if port:
        await telegram.start(port=port)
        return
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        with contextlib.suppress(OSError):
            await telegram.start(port=candidate)
            return
    await telegram.start(port=0)


async def play(options: argparse.Namespace) -> None:
    origin_ms = options.origin_ms or real_ms()
    clock = ScaledClock(origin_ms, options.speed) if options.speed != 1 else real_ms
    market = build_market(options, clock)
    exchange = ExchangeStandIn(
        market,
        weight_limit=int(WEIGHT_LIMIT * max(options.speed, 1)),
        credentials=Credentials(KEY, SECRET) if options.deposit else None,
        deposit=Decimal(options.deposit or 0),
    )
    advisers = AiStandIn(seed=options.seed, latency_s=_latency(options.speed))
    feeds = FeedsStandIn(clock, [coin.removesuffix("USDT") for coin in market.symbols()], seed=options.seed)
    controls = [*market_controls(market), news_control(feeds)]
    if options.deposit:
        controls += exchange_controls(exchange)
    telegram = TelegramStandIn(TOKEN, OWNER, controls=controls)
    await asyncio.gather(exchange.start(), advisers.start(), feeds.start(), listen(telegram, options.port))
    addresses = {
        "page": telegram.page_url,
        "telegram": telegram.url,
        "exchange": exchange.url,
        "exchange_ws": exchange.ws_url,
        "key": KEY,
        "secret": SECRET,
        "anthropic": advisers.anthropic_url,
        "openai": advisers.openai_url,
        "xai": advisers.xai_url,
        "deepseek": advisers.deepseek_url,
        "news": feeds.news_url,
        "social": feeds.social_url,
        "fear_greed": feeds.fear_greed_url,
        "owner": OWNER.id,
        "token": TOKEN,
        "origin_ms": origin_ms,
        "symbols": list(market.symbols()),
    }
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()
    watching = asyncio.create_task(tell_the_end(market), name="end of the replay")
    await _until_told()
    watching.cancel()
    await asyncio.gather(telegram.stop(), exchange.stop(), advisers.stop(), feeds.stop())


async def tell_the_end(market: Market) -> None:
    """Says once on the console that the market has stopped, when it has."""
    while (notice := market.notice(market.now_ms())) is None:  # noqa: ASYNC110 - a market tells nobody
        await asyncio.sleep(1.0)
    sys.stderr.write(f"{notice}\n")
    sys.stderr.flush()


def _latency(speed: float) -> tuple[float, float]:
    """Real seconds; under a faster clock the advisers' deadlines come sooner, so answers do too."""
    return (0.5, 2.0) if speed == 1 else (0.02, 0.1)


async def _until_told() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    closed = asyncio.create_task(reader.read())
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({closed, told}, return_when=asyncio.FIRST_COMPLETED)
    for task in (closed, told):
        task.cancel()


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bot.demo.world")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--replay")
    parser.add_argument("--start-from")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--deposit", default="")
    parser.add_argument("--origin-ms", type=int, default=0)
    return parser


def main() -> int:
    try:
        asyncio.run(play(arguments().parse_args()))
    except OSError as error:
        options = arguments().parse_args()
        taken = error.errno == errno.EADDRINUSE and options.port
        text = (
            f"port {options.port} is taken: choose another with --port, or leave it out"
            if taken
            else str(error)
        )
        sys.stdout.write(json.dumps({"error": text}) + "\n")
        return 1
    except BadCandleFile as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
