"""The real application in a process of its own, with gauges inside: what no outside view can measure.

Started as `python -m tests.benchmarks.observed ENV_FILE ANSWERS_FD`: commands come as JSON lines on standard
input, answers go as JSON lines to the given descriptor (standard output is the log's). It ends with its
input.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot import book
from bot.application import Application
from bot.logs import configure_logs, stop_logs
from bot.settings import environment, load_settings
from bot.stage import Stage
from core.adapters.clock import ScaledClock, SystemClock
from core.adapters.exchange.candle_cache import CandleCache
from core.analysis.flags import FlagLimits

TICK_S = 0.005
START_S = 60.0
PLENTY = 1_000_000
"""Request weight a minute: cold scans in a row are the benchmark's doing; waiting is not what it measures."""
FLAGS = ("rsi", "volume", "middle", "divergence", "volatile", "timeframes", "funding")

Json = dict[str, Any]


class Ticker:
    """How late a 5 ms timer of the event loop comes, and how much of that this process was computing."""

    def __init__(self) -> None:
        self.stalls: list[tuple[float, float]] = []
        """(seconds late, of which this process was computing)."""

    async def run(self) -> None:
        while True:
            busy, beat = time.process_time(), time.perf_counter()
            await asyncio.sleep(TICK_S)
            late = time.perf_counter() - beat - TICK_S
            self.stalls.append((late, min(late, time.process_time() - busy)))

    def taken(self) -> Json:
        """The worst since the last time."""
        stalls, self.stalls = self.stalls, []
        return {
            "worst_ms": max((late for late, _ in stalls), default=0.0) * 1000,
            "computing_ms": max((computing for _, computing in stalls), default=0.0) * 1000,
        }


class Observer:
    def __init__(self, application: Application) -> None:
        self._application = application
        self._ticker = Ticker()
        self._ticking: asyncio.Task[None] | None = None

    async def answer(self, command: Json) -> Json:
        verbs: dict[str, Callable[..., Awaitable[Json]]] = {
            "scan": self._scan,
            "idle": self._idle,
            "tick": self._tick,
            "size": self._size,
        }
        return await verbs[command.pop("do")](**command)

    async def ready(self) -> None:
        """The scan that belongs to the start is over and the advisers' libraries are loaded."""
        deadline = time.monotonic() + START_S
        while self._parts.board.last_scan is None or not self._is_warm():
            if time.monotonic() > deadline:
                raise TimeoutError("the start's own scan did not end")
            await asyncio.sleep(0.05)
        self._parts.market.budget.resize(PLENTY)

    async def _tick(self) -> Json:
        self._ticking = asyncio.create_task(self._ticker.run())
        return {}

    async def _scan(self, cold: bool = False) -> Json:
        """One scan; a cold one knows no candle, price or background yet."""
        if cold:
            self._forget()
        self._ticker.stalls.clear()
        busy, started = time.process_time(), time.perf_counter()
        await self._parts.desk.scan_now("benchmark")
        wall, cpu = time.perf_counter() - started, time.process_time() - busy
        scan = self._parts.kernel.engine.last_scan
        assert scan is not None
        verdicts = [decision.verdict for decision in scan.decisions if decision.verdict is not None]
        return {
            "wall_s": wall,
            "cpu_s": cpu,
            "funnel": dict(scan.record.funnel),
            "opinions": sum(len(verdict.opinions) for verdict in verdicts),
            "asked": len(verdicts),
            "stalls": self._ticker.taken(),
        }

    async def _idle(self, seconds: float) -> Json:
        self._ticker.stalls.clear()
        busy = time.process_time()
        await asyncio.sleep(seconds)
        return {"cpu_s": time.process_time() - busy, "stalls": self._ticker.taken()}

    async def _size(self) -> Json:
        parts = self._parts
        return {
            "rss_mb": resident_mb(os.getpid()),
            "children_mb": [resident_mb(pid) for pid in children(os.getpid())],
            "positions": len(parts.board.rows),
            "scans": parts.supervisor._loops["scanner"].passes,
        }

    @property
    def _parts(self) -> Any:
        assert self._application.parts is not None
        return self._application.parts

    def _is_warm(self) -> bool:
        return all(model._is_prepared for model in self._parts.models)

    def _forget(self) -> None:
        """What a new bar and a minute's pause would do, without waiting for them."""
        market, scanned = self._parts.market, self._parts.kernel.circle.market
        market._candles = CandleCache()
        market._backgrounds.clear()
        getattr(scanned, "_kept", {}).clear()
        for desk in (market._link.quotes, market._link.backgrounds):
            desk._boards.clear()


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def children(pid: int) -> list[int]:
    """Whichever of its threads began them."""
    return [
        int(one)
        for found in Path(f"/proc/{pid}/task").glob("*/children")
        for one in found.read_text().split()
    ]


def stage_from(origin_ms: int, speed: float) -> Stage:
    if speed == 1:
        return Stage("paper", True, SystemClock(), Path("data"), "paper")
    origin = datetime.fromtimestamp(origin_ms / 1000, tz=UTC)
    return Stage("paper", True, ScaledClock(origin, speed), Path("data"), "paper", speed)


async def serve(application: Application, answers: int) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await application.start()
    observer = Observer(application)
    try:
        await observer.ready()
        os.write(answers, b"{}\n")
        while line := await reader.readline():
            answer = await observer.answer(json.loads(line))
            os.write(answers, json.dumps(answer).encode() + b"\n")
    finally:
        await application.stop()


def without_flags() -> None:
    """No red flag strikes: every symbol goes the whole way, through every adviser, in any market."""
    off = {f"is_{name}_on": False for name in FLAGS}
    book.FlagLimits = functools.partial(FlagLimits, **off)  # type: ignore[misc]


def main(env: str, answers: str, origin_ms: str, speed: str) -> None:
    without_flags()
    settings = load_settings(environment(Path(env)), require=("telegram",))
    stage = stage_from(int(origin_ms), float(speed))
    counter = configure_logs(settings.log_level, stage.home / "logs", settings.secrets(), now=stage.clock.now)
    try:
        asyncio.run(serve(Application(settings, stage, counter), int(answers)))
    finally:
        stop_logs()


if __name__ == "__main__":
    main(*sys.argv[1:])
