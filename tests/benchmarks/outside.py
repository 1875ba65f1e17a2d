"""The world of a benchmark in a process of its own: an exchange and AI endpoints that take a given time.

Started as `python -m tests.benchmarks.outside`: one JSON line with the addresses, and an end when standard
input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

from bot.demo.ai import AiStandIn
from bot.demo.exchange import ExchangeStandIn
from bot.demo.market import ScaledClock, SeededMarket

WEIGHT_LIMIT = 1_000_000
"""A minute, as `observed.PLENTY`."""


async def play(options: argparse.Namespace) -> None:
    origin_ms = options.origin_ms or time.time_ns() // 1_000_000
    clock = ScaledClock(origin_ms, options.speed) if options.speed != 1 else _real_ms
    exchange = ExchangeStandIn(
        SeededMarket(clock, options.seed), latency_s=options.exchange_s, weight_limit=WEIGHT_LIMIT
    )
    advisers = AiStandIn(latency_s=(options.fastest_s, options.slowest_s))
    await asyncio.gather(exchange.start(), advisers.start())
    addresses = {
        "EXCHANGE_URL": exchange.url,
        "ANTHROPIC_BASE_URL": advisers.anthropic_url,
        "OPENAI_BASE_URL": advisers.openai_url,
        "DEEPSEEK_BASE_URL": advisers.deepseek_url,
        "XAI_BASE_URL": advisers.xai_url,
    }
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(exchange.stop(), advisers.stop())


def _real_ms() -> int:
    return time.time_ns() // 1_000_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.outside")
    parser.add_argument("--exchange-s", type=float, default=0.0)
    parser.add_argument("--fastest-s", type=float, default=0.5)
    parser.add_argument("--slowest-s", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--origin-ms", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(play(arguments()))
