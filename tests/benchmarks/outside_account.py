"""An exchange with an account in a process of its own, on a clock that it shares with who started it.

Started as `python -m tests.benchmarks.outside_account`: one JSON line with its address, and an end when
standard input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from decimal import Decimal

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_signed import Credentials
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from core.adapters.clock import ScaledClock
from core.market import to_ms
from tests.benchmarks.outside import WEIGHT_LIMIT
from tests.live.faces import KEY, SECRET
from tests.live.stage import FAR_FROM_FUNDING

DEPOSIT = Decimal(1_000_000)


async def play(options: argparse.Namespace) -> None:
    clock = ScaledClock(FAR_FROM_FUNDING, options.speed, origin_monotonic=options.origin_monotonic)
    market = SeededMarket(lambda: to_ms(clock.now()), 3, instruments=LISTED[:4], scenario={}, history_days=2)
    exchange = ExchangeStandIn(
        market, credentials=Credentials(KEY, SECRET), deposit=DEPOSIT, weight_limit=WEIGHT_LIMIT
    )
    await exchange.start()
    sys.stdout.write(json.dumps({"url": exchange.url}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await exchange.stop()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.outside_account")
    parser.add_argument("--speed", type=float, required=True)
    parser.add_argument("--origin-monotonic", type=float, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(play(arguments()))
