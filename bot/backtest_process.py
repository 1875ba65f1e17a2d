"""A process of its own that plays one backtest, and what goes over its pipes.

Laws:
- Nothing heavy happens here: candles are fetched, read, played and drawn over there, at the lowest priority.
- Every request that the process makes of the venue is granted out of the bot's own budget, and only while
  trading leaves more than half of it.
- It gets no setting by its environment, so no key and no token.
- However a run ends (done, refused, stopped, cancelled, late), its process is gone and reaped.

Lines of JSON, both ways. To the process: the request, then answers to `take`. From it: `told`, `take`,
`heard`, `silence`, and at the end `refused` or `done`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from bot.settings import environment_of_others
from core.backtest_views import BacktestStep
from core.codec import from_plain
from core.errors import PerpilotError, Throttled
from core.ports import Clock

log = logging.getLogger("perpilot.backtest")

COMMAND = (sys.executable, "-m", "bot.cli.backtest_child")
PROJECT_ROOT = Path(__file__).resolve().parents[1]
TIME_LIMIT_S = 900.0
"""For all of it, downloading too. What was fetched stays, so the same command gets further."""
STOP_S = 0.4
"""Grace to save what was fetched; the bot's own shutdown waits a second for all such work."""
MOST_LINE_BYTES = 16_000_000
BUDGET_SHARE = 0.4
"""Of the venue's requests; scans have a third above it, and guarding its quarter above that."""
LONGEST_LOAN_WAIT_S = 60.0
LOAN_PAUSE_S = 1.0

Told = Callable[[BacktestStep], None]


class BacktestFailed(PerpilotError):
    """No result; says why in a sentence."""


class Budget(Protocol):
    """The venue's, as the bot keeps it."""

    limit: int

    @property
    def used(self) -> int: ...

    async def take(self, weight: int, *, urgent: bool) -> None:
        """Raises `Throttled`."""
        ...

    def heard(self, used: int) -> None: ...

    def silence(self, until: datetime) -> None: ...


class Lender:
    """Grants requests out of what trading leaves."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget, self._clock = budget, clock

    async def lend(self, weight: int) -> None:
        """Raises `Throttled` when there is no room for a minute, or the venue wants silence."""
        waited = 0.0
        while self._budget.used + weight > self._budget.limit * BUDGET_SHARE:
            if waited >= LONGEST_LOAN_WAIT_S:
                used = f"{self._budget.used} of {self._budget.limit}"
                raise Throttled(f"trading needs the exchange's request budget itself ({used})")
            await self._clock.sleep(LOAN_PAUSE_S)
            waited += LOAN_PAUSE_S
        await self._budget.take(weight, urgent=False)

    def heard(self, used: int) -> None:
        self._budget.heard(used)

    def silence(self, until: datetime) -> None:
        self._budget.silence(until)


class BacktestProcess:
    """Starts one for every run: a backtest is rare, and its memory goes back at once."""

    def __init__(
        self, lender: Lender, command: Sequence[str] = COMMAND, time_limit_s: float = TIME_LIMIT_S
    ) -> None:
        self._lender = lender
        self._command = tuple(command)
        self._time_limit_s = time_limit_s
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the one that runs; None where none does."""
        return self._process.pid if self._process is not None else None

    async def play(self, request: str, told: Told) -> tuple[dict[str, Any], bytes | None]:
        """(what was found, a PNG). Raises `BacktestFailed`."""
        process = self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=PROJECT_ROOT,
            env=environment_of_others(),
            start_new_session=True,  # Ctrl-C is the bot's
            limit=MOST_LINE_BYTES,
        )
        try:
            async with asyncio.timeout(self._time_limit_s):
                return await self._conversation(process, request, told)
        except TimeoutError:
            raise BacktestFailed(
                f"the backtest was ended after {self._time_limit_s / 60:.0f} minutes; what was fetched is "
                "kept, and the same command goes on from there"
            ) from None
        except (OSError, ValueError, KeyError) as error:
            raise BacktestFailed(f"the backtest's process failed ({type(error).__name__})") from error
        finally:
            self._process = None
            await _ended(process)

    async def _conversation(
        self, process: asyncio.subprocess.Process, request: str, told: Told
    ) -> tuple[dict[str, Any], bytes | None]:
        assert process.stdin is not None and process.stdout is not None
        await _say(process.stdin, request)
        while line := await process.stdout.readline():
            said = from_plain(dict[str, Any], json.loads(line))
            if "told" in said:
                told(from_plain(BacktestStep, said["told"]))
            elif "take" in said:
                await _say(process.stdin, json.dumps(await self._granted(from_plain(int, said["take"]))))
            elif "heard" in said:
                self._lender.heard(from_plain(int, said["heard"]))
            elif "silence" in said:
                self._lender.silence(from_plain(datetime, said["silence"]))
            elif "refused" in said:
                raise BacktestFailed(str(said["refused"]))
            else:
                return from_plain(dict[str, Any], said["done"]), _picture(str(said.get("picture", "")))
        raise BacktestFailed(f"the backtest's process {await _how_it_ended(process)}; nothing came of it")

    async def _granted(self, weight: int) -> dict[str, str]:
        try:
            await self._lender.lend(weight)
        except Throttled as error:
            until = error.until.isoformat() if error.until is not None else ""
            return {"throttled": str(error), "until": until}
        return {}


def _picture(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) or None
    except binascii.Error:
        return None


async def _say(pipe: asyncio.StreamWriter, line: str) -> None:
    pipe.write(line.encode() + b"\n")
    await pipe.drain()


async def _how_it_ended(process: asyncio.subprocess.Process) -> str:
    code = await process.wait()
    log.warning("backtest process ended by itself: code=%s", code)
    if code == -9:
        return "was killed, perhaps because the machine is short of memory"
    return f"ended by itself (code {code}), the log of the bot's console says why"


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Asked to save and end, then killed; at once where this is cancelled in turn. Reaped either way."""
    ending = asyncio.ensure_future(_asked_to_end(process))
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        _kill(process)
        await ending
        raise


async def _asked_to_end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await process.wait()
    _kill(process)
    with contextlib.suppress(OSError):
        await process.communicate()  # also drains and closes both pipes


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
