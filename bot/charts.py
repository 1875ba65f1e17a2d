"""Pictures for the chat, drawn by a process of their own (`bot.charts_worker`).

Laws:
- Nothing here draws or imports matplotlib: the event loop never stalls for a picture and the bot never
  carries the library's memory.
- A picture is a courtesy. Whatever goes wrong is `ChartUnavailable`, and the caller sends its text alone.
- One picture at a time; a worker that is late, dead or left mid-answer is killed, never spoken to again.

Frames, both ways: four bytes big-endian length, a JSON header of that length, then as many bytes as the
header's `body_bytes` says: little-endian float64 rows to the worker, a PNG back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import struct
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from bot.cards_models import Panel
from core.desk import Bar
from core.errors import PerpilotError
from core.growth import CurvePoint
from core.market import Candles, to_ms

log = logging.getLogger(__name__)

WORKER_COMMAND = (sys.executable, "-m", "bot.charts_worker")
PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""Where `-m bot.charts_worker` is found, wherever the bot was started from."""
TIMEOUT_S = 15.0
"""Per picture, waiting for an earlier one excluded. The first one also imports matplotlib, about 2 s."""
IDLE_S = 60.0
"""A worker without work gives its memory back after this."""
STOP_S = 2.0
"""Grace for a worker whose input was closed, before it is killed."""
MAX_BARS = 1_500
MAX_POINTS = 5_000
MAX_LINES = 20
MAX_RISK_BARS = 14
"""As many as stay readable on a phone."""
MAX_PANELS = 4
MAX_TEXT = 120
MAX_PICTURE_BYTES = 8_000_000
"""Telegram takes photos of up to 10 MB."""


class ChartUnavailable(PerpilotError):
    """No picture this time; send the words alone."""


class ChartWorker:
    """Implements `core.ports.Charts`. Starts its process with the first picture."""

    def __init__(
        self,
        command: Sequence[str] = WORKER_COMMAND,
        timeout_s: float = TIMEOUT_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self._command = tuple(command)
        self._timeout_s = timeout_s
        self._idle_s = idle_s
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._retirement: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """Of the running worker; None where there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def candles_png(
        self, candles: Candles, lines: Sequence[tuple[str, Decimal, str]], title: str, subtitle: str = ""
    ) -> bytes:
        """`lines` are (label, price, role): entry, stop, target, liquidation; another role is drawn grey.

        The newest bars are shown, older ones warm the averages up. Raises `ChartUnavailable`.
        """
        rows = candles.rows[-MAX_BARS:]
        header = {
            "kind": "candles",
            "timeframe": candles.timeframe,
            "title": _short(title),
            "subtitle": _short(subtitle),
            "lines": [(_short(label), str(price), role) for label, price, role in lines[:MAX_LINES]],
        }
        return await self._draw(header, rows)

    async def equity_png(self, points: Sequence[CurvePoint], title: str) -> bytes:
        """Equity above, the drawdown of its growth below; oldest first, moments aware.

        Fewer than two say that there is no closed trade yet. Raises `ChartUnavailable`.
        """
        if any(point.at.tzinfo is None for point in points):
            raise ValueError("the moments of an equity curve must carry their time zone")
        numbers = [(to_ms(point.at), point.equity, point.flows, point.growth) for point in points]
        rows = np.array(numbers, dtype=np.float64).reshape(-1, 4)
        return await self._draw({"kind": "equity", "title": _short(title)}, _thinned(rows))

    async def risk_png(self, bars: Sequence[Bar], title: str, subtitle: str) -> bytes:
        """Horizontal bars under the headings of their groups, in the order given; at most `MAX_RISK_BARS`.

        Raises `ChartUnavailable`.
        """
        shown = [
            (_short(bar.group), _short(bar.label), _finite(bar.share), _short(bar.words), bar.role)
            for bar in bars[:MAX_RISK_BARS]
        ]
        header = {"kind": "risk", "title": _short(title), "subtitle": _short(subtitle), "bars": shown}
        return await self._draw(header, np.empty((0, 1)))

    async def models_png(self, panels: Sequence[Panel], title: str, subtitle: str) -> bytes:
        """What each adviser stated against what came true, at most `MAX_PANELS`.

        Raises `ChartUnavailable`.
        """
        shown = [
            (_short(name), _short(words), [tuple(map(float, point)) for point in points])
            for name, words, points in panels[:MAX_PANELS]
        ]
        header = {"kind": "models", "title": _short(title), "subtitle": _short(subtitle), "panels": shown}
        return await self._draw(header, np.empty((0, 1)))

    async def close(self) -> None:
        """Waits for the picture being drawn, then ends the process. Later pictures are refused."""
        self._is_closed = True
        async with self._lock:
            self._keep_awake()
            await self._stop()

    async def _draw(self, header: dict[str, Any], rows: np.ndarray[Any, np.dtype[np.float64]]) -> bytes:
        if not np.isfinite(rows).all():
            raise ChartUnavailable("the chart's numbers are not all finite")
        request = _frame({**header, "shape": rows.shape}, rows.astype("<f8").tobytes())
        async with self._lock:
            if self._is_closed:
                raise ChartUnavailable("charts are closed")
            self._keep_awake()
            answer, picture = await self._exchange_in_time(request)
            self._retirement = asyncio.create_task(self._retire_when_idle())
        if not picture:
            raise ChartUnavailable(f"the chart could not be drawn: {answer.get('error', 'no reason given')}")
        return picture

    async def _exchange_in_time(self, request: bytes) -> tuple[dict[str, Any], bytes]:
        """Whatever ends it early, a cancelled caller too, ends the worker: half an answer is in its pipe."""
        is_whole = False
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._exchange(request)
            is_whole = True
            return answer
        except TimeoutError:
            raise ChartUnavailable(f"the chart took longer than {self._timeout_s:g} s") from None
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise ChartUnavailable(f"the chart worker failed: {type(error).__name__}") from error
        finally:
            if not is_whole:
                await self._kill()

    async def _exchange(self, request: bytes) -> tuple[dict[str, Any], bytes]:
        """One that was at work before and is found dead may have died idle: a fresh one gets one try."""
        if self.pid is not None:
            try:
                return await self._ask(request)
            except (OSError, asyncio.IncompleteReadError):
                log.warning("chart_worker_died code=%s", self._process and self._process.returncode)
        await self._kill()
        await self._start()
        return await self._ask(request)

    async def _ask(self, request: bytes) -> tuple[dict[str, Any], bytes]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request)
        await process.stdin.drain()
        (length,) = struct.unpack(">I", await process.stdout.readexactly(4))
        if length > MAX_PICTURE_BYTES:
            raise ValueError("not a frame")
        answer: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
        body_bytes: int = answer.get("body_bytes", -1)
        if not 0 <= body_bytes <= MAX_PICTURE_BYTES:
            raise ValueError("not a picture")
        return answer, await process.stdout.readexactly(body_bytes)

    async def _start(self) -> None:
        """Errors of the worker go to the bot's standard error. A session of its own keeps Ctrl-C from it."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=PROJECT_ROOT,
            start_new_session=True,
        )

    def _keep_awake(self) -> None:
        if self._retirement is not None:
            self._retirement.cancel()
            self._retirement = None

    async def _retire_when_idle(self) -> None:
        await asyncio.sleep(self._idle_s)
        async with self._lock:
            await self._stop()

    async def _stop(self) -> None:
        """The worker ends by itself once its input is closed."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await process.wait()
        await self._kill()

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        # communicate() rather than wait(): it also drains and closes both pipes.
        with contextlib.suppress(OSError):
            await process.communicate()


def _short(words: str) -> str:
    """On one line."""
    return " ".join(words[:MAX_TEXT].split())


def _finite(share: float | None) -> float | None:
    return share if share is not None and math.isfinite(share) else None


def _frame(header: dict[str, Any], body: bytes) -> bytes:
    text = json.dumps({**header, "body_bytes": len(body)}).encode()
    return struct.pack(">I", len(text)) + text + body


def _thinned(rows: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """At most `MAX_POINTS` rows, evenly taken, first and last among them."""
    if len(rows) <= MAX_POINTS:
        return rows
    picks = np.linspace(0, len(rows) - 1, MAX_POINTS).astype(int)
    thinned: np.ndarray[Any, np.dtype[np.float64]] = rows[picks]
    return thinned
