"""The process that plays one backtest for the chat; see `bot.backtest_process` for what goes over its pipes.

Laws:
- Trading comes first: lowest priority, first to go when memory runs out, no request that was not granted.
- It ends when its input ends, so a bot that was killed leaves nothing behind; asked to end, it saves what was
  fetched.
- Standard output belongs to the answers; whatever else is said goes to standard error.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from bot.backtest_request import Request
from core.backtest_views import BacktestStep
from core.codec import from_text, to_plain
from core.errors import PerpilotError, Throttled, Unknown
from core.market import coin

NICENESS = 15
FIRST_TO_GO = "1000"
"""To the kernel, when it must end somebody for want of memory."""
TOLD_EVERY_S = 0.3
RUNNING = "running; the first time on a machine it compiles, up to a minute"
MOST_WAITS = 3
"""For an exchange that doesn't answer: someone sits before the chat, and old candles beat none."""


class Lines(Protocol):
    def readline(self) -> bytes: ...


class Parent:
    """The bot at the other end."""

    def __init__(self, source: Lines, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._answer: asyncio.Future[dict[str, str]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_at = 0.0
        self._words = ""

    def request(self) -> Request:
        request = from_text(Request, self._source.readline().decode())
        threading.Thread(target=self._listen, daemon=True).start()
        return request

    def tell(self, step: BacktestStep) -> None:
        """At most three times a second, but every new word at once."""
        now = time.monotonic()
        if step.words == self._words and step.done < step.of and now - self._told_at < TOLD_EVERY_S:
            return
        self._words, self._told_at = step.words, now
        self.send({"told": to_plain(step)})

    async def borrow(self, weight: int) -> None:
        """Returns once the bot grants it. Raises `Throttled`."""
        self._loop = asyncio.get_running_loop()
        self._answer = self._loop.create_future()
        self.send({"take": weight})
        answer = await self._answer
        if "throttled" in answer:
            until = answer.get("until", "")
            raise Throttled(answer["throttled"], datetime.fromisoformat(until) if until else None)

    def send(self, said: dict[str, Any]) -> None:
        self._sink.write(json.dumps(said).encode() + b"\n")
        self._sink.flush()

    def _listen(self) -> None:
        """Until the bot is gone, and then at once with it."""
        while line := self._source.readline():
            answer, loop = self._answer, self._loop
            if answer is not None and loop is not None:
                loop.call_soon_threadsafe(_settle, answer, json.loads(line))
        os._exit(1)


def _settle(answer: asyncio.Future[dict[str, str]], said: dict[str, str]) -> None:
    if not answer.done():
        answer.set_result(said)


def main() -> int:
    source = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115 - no lock at the end
    sink = sys.stdout.buffer
    sys.stdout = sys.stderr
    step_back()
    warnings.simplefilter("ignore")  # a missing glyph is drawn as a box
    logging.disable(logging.WARNING)  # what is in the way is told to the bot
    parent = Parent(source, sink)
    try:
        found, picture = play(parent.request(), parent)
    except PerpilotError as error:
        parent.send({"refused": str(error)})
        return 0
    except MemoryError:
        parent.send({"refused": "the machine has too little memory for this backtest; ask for fewer days"})
        return 0
    parent.send({"done": to_plain(found), "picture": base64.b64encode(picture).decode()})
    return 0


def step_back() -> None:
    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # not on every system
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)


def play(request: Request, parent: Parent) -> tuple[object, bytes]:
    """(`BacktestView` or `ComparisonView` without its picture, the picture). Raises `PerpilotError`."""
    from bot.cli.backtest_playing import Ground

    trouble = asyncio.run(_fetched(request, parent))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing is left to save
    parent.tell(BacktestStep(RUNNING))
    ground = Ground(request, trouble)
    return ground.judged(parent.tell) if len(request.variants) == 1 else ground.compared()


async def _fetched(request: Request, parent: Parent) -> PerpilotError | None:
    """What kept it from fetching all of it: what is there already may do. Raises what nothing mends."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await _download(request, parent)
    except (Throttled, Unknown) as error:
        return error
    except asyncio.CancelledError:
        os._exit(0)  # saved by now
    return None


async def _download(request: Request, parent: Parent) -> None:
    from core.adapters.clock import SystemClock
    from core.adapters.exchange.client import Access
    from core.adapters.history.borrowing import BorrowedBudget
    from core.adapters.history.downloading import Progress, Wanted, download
    from core.adapters.history.pages import Pages

    clock = SystemClock()
    budget = BorrowedBudget(
        clock,
        parent.borrow,
        lambda used: parent.send({"heard": used}),
        lambda until: parent.send({"silence": until.isoformat()}),
    )
    symbols = tuple(one.symbol for one in request.instruments)
    series, waits = list[str](), list[str]()

    def told(progress: Progress) -> None:
        if progress.note:
            waits.append(progress.note)
            if len(waits) >= MOST_WAITS:
                raise Unknown(progress.note.partition(";")[0])
            parent.tell(BacktestStep(f"waiting: {progress.note[:150]}"))
            return
        if progress.series not in series:
            series.append(progress.series)
        done = round(100 * (len(series) - 1 + min(progress.fraction, 1.0)))
        of = 100 * 3 * len(symbols)  # candles, mark prices and funding of each
        name = coin(symbols[min((len(series) - 1) // 3, len(symbols) - 1)])
        parent.tell(BacktestStep(f"fetching candles of {name}", min(done, of), of))

    parent.tell(BacktestStep("fetching candles"))
    pages = Pages(Access(request.exchange, request.url), clock, budget)
    wanted = Wanted(symbols, request.timeframe, request.since_ms, None)
    try:
        await download(pages, Path(request.folder), wanted, clock, told)
    finally:
        await pages.close()


if __name__ == "__main__":
    raise SystemExit(main())
