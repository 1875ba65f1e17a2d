"""How long a position is bare by our doing: from the entry's answer to the answer to its stop.

The exchange runs in a process of its own. While at least one request is under way we wait for the venue, on a
loopback for the stand-in's processor time; everything else is our own share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from core.adapters.clock import ScaledClock
from core.adapters.exchange.client import Access
from core.adapters.exchange.wire import Deadlines
from core.trade import ExitReason
from db.session import open_database
from db.setup import prepare
from tests.benchmarks.rig import PROJECT, ended, median, percentile, show, verdict
from tests.live.faces import BINANCE, KEY, SECRET
from tests.live.stage import FAR_FROM_FUNDING, Bot, D, before, compose
from tests.live.watched import Watch, WatchedDatabase, covered_s, within
from tests.simulation.world import CALM_LIMITS

ENTRIES, WARM_UP = 60, 3
SPEED = 8.0
"""Of the clock: closing waits for agreeing looks; between the two answers nothing sleeps."""
MOST_OWN_MS = 20.0
ENTRY, STOP = "POST /fapi/v1/order", "POST /fapi/v1/algoOrder"


@dataclass(frozen=True)
class Sample:
    """Milliseconds, and how many."""

    whole: float
    waited: float
    reading: float
    committing: float
    signing: float
    processor: float
    """This process's processor time, whatever it was doing, waiting included."""
    requests: int
    commits: int

    @property
    def own(self) -> float:
        return self.whole - self.waited


async def bench_own_share_between_the_entrys_answer_and_the_resting_stop(tmp_path: Path) -> None:
    watch = Watch()
    async with running(tmp_path, watch) as bot:
        for _ in range(WARM_UP):
            await one_trade(bot, watch)
        samples = [await one_trade(bot, watch) for _ in range(ENTRIES)]
    own = median([each.own for each in samples])
    show(
        f"entry's answer to resting stop, {ENTRIES} entries over sockets, SQLite file",
        line("whole", [each.whole for each in samples]),
        line("waiting for the venue", [each.waited for each in samples]),
        f"{line('our own share', [each.own for each in samples])}"
        f"  (median at most {MOST_OWN_MS:.0f} ms) {verdict(own < MOST_OWN_MS)}",
        line("  journal: commits", [each.committing for each in samples]),
        line("  journal: reads", [each.reading for each in samples]),
        line("  signing requests", [each.signing for each in samples]),
        line("  the rest", [e.own - e.committing - e.reading - e.signing for e in samples]),
        line("processor time, all of it", [each.processor for each in samples]),
        f"requests after the entry {_counts([s.requests for s in samples])}, "
        f"commits {_counts([s.commits for s in samples])}",
    )
    assert own < MOST_OWN_MS


async def one_trade(bot: Bot, watch: Watch) -> Sample:
    """Entered by a scan, measured, closed."""
    for spans in (watch.requests, watch.reads, watch.writes, watch.signing):
        spans.clear()
    await bot.scan()
    entry, stop = watch.between(ENTRY, STOP)
    begun, end = entry.ended, stop.ended
    sample = Sample(
        whole=(end - begun) * 1000,
        waited=covered_s(watch.requests, begun, end) * 1000,
        reading=covered_s(watch.reads, begun, end) * 1000,
        committing=covered_s(watch.writes, begun, end) * 1000,
        signing=covered_s(watch.signing, begun, end) * 1000,
        processor=(stop.processor_s - entry.processor_s) * 1000,
        requests=len(within(watch.requests, begun, end)),
        commits=len(within(watch.writes, begun, end)),
    )
    await bot.kernel.guard.close(await bot.trades(), ExitReason.OWNER, D(1), "the bench")
    while await bot.trades():
        await bot.protect()
    return sample


@asynccontextmanager
async def running(home: Path, watch: Watch) -> AsyncIterator[Bot]:
    """Recovered, with a journal in a file; no loop runs, so that nothing but the entry asks."""
    clock = ScaledClock(FAR_FROM_FUNDING, SPEED, origin_monotonic=time.monotonic())
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(outside_account(clock))
        database = open_database(f"sqlite:///{home / 'journal.db'}")
        await prepare(database)
        access = Access(BINANCE.exchange_id, url=url, api_key=KEY, secret=SECRET)
        watched = WatchedDatabase(database, watch)
        bot = await before(BINANCE, access, None, clock, stack, Deadlines(), watched)
        watch.client(bot.client)
        compose(bot, lambda venue: venue, CALM_LIMITS)
        await bot.kernel.guard.watch()
        bot.kernel.gate.open("start")
        yield bot


@asynccontextmanager
async def outside_account(clock: ScaledClock) -> AsyncIterator[str]:
    """Its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.outside_account",
        f"--speed={clock.speed}", f"--origin-monotonic={clock.origin_monotonic}",
        cwd=PROJECT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline())["url"]
    finally:
        process.stdin.close()
        await ended(process)


def line(name: str, figures: list[float]) -> str:
    least, usual, most = min(figures), median(figures), percentile(figures, 0.9)
    return f"{name:<26} median {usual:6.1f} ms   p90 {most:6.1f} ms   least {least:5.1f} ms"


def _counts(figures: list[int]) -> str:
    return f"{min(figures)} to {max(figures)}"
