"""What the benchmarks share: a chat in this process, the world in a second, the bot in a third."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.demo.telegram import Message, Person, TelegramStandIn

PROJECT = Path(__file__).parents[2]
OWNER = Person(4711, "Olga")
TOKEN = "4711001:benchmark-token-of-the-local-stand-in"
FIFTEEN = "BTC,ETH,SOL,BNB,XRP,DOGE,ADA,AVAX,LINK,LTC,BCH,TRX,DOT,NEAR,SUI"
TEN = "BTC,ETH,SOL,BNB,XRP,DOGE,ADA,AVAX,LINK,LTC"
KEYS = {
    "ANTHROPIC_API_KEY": "key-of-claude",
    "OPENAI_API_KEY": "key-of-gpt",
    "DEEPSEEK_API_KEY": "key-of-deepseek",
    "XAI_API_KEY": "key-of-grok",
    "ENABLE_GROK": "true",
    "AI_CACHE_SECONDS": "0",
}
"""Four advisers that are asked anew in every scan."""
BASE = {
    "EXCHANGE": "binanceusdm",
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "TELEGRAM_CHAT_ID": str(OWNER.id),
    "INITIAL_CAPITAL": "100000",
    "TRADING_MODE": "semi_auto",
    "SCAN_INTERVAL_SECONDS": "86400",
    "MIN_OPPORTUNITY_SCORE": "100",
    "MAX_OPEN_POSITIONS": "5",
    "HTTP_PORT": "0",
}
"""Only the scan that belongs to the start runs by itself; nothing is proposed, since no idea scores 100."""
ANSWER_S = 120.0

Json = dict[str, Any]


class Observed:
    """The observed bot: one command, one answer."""

    def __init__(self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader) -> None:
        self._process = process
        self._reader = reader

    @property
    def pid(self) -> int:
        return self._process.pid

    async def do(self, verb: str, **more: Any) -> Json:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": verb, **more}).encode() + b"\n")
        return await self.answer()

    async def answer(self) -> Json:
        line = await asyncio.wait_for(self._reader.readline(), ANSWER_S)
        assert line, "the observed bot ended; its words are in stdout.txt of its folder"
        answer: Json = json.loads(line)
        return answer


@asynccontextmanager
async def outside(**options: float) -> AsyncIterator[dict[str, str]]:
    """The world's addresses, as settings; `exchange_s`, `fastest_s`, `slowest_s`, `speed`, `origin_ms`."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.outside", *flags, cwd=PROJECT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        process.stdin.close()
        await ended(process)


@asynccontextmanager
async def chat() -> AsyncIterator[TelegramStandIn]:
    telegram = TelegramStandIn(TOKEN, OWNER)
    await telegram.start()
    try:
        yield telegram
    finally:
        await telegram.stop()


@asynccontextmanager
async def observed(
    home: Path, settings: Mapping[str, str], origin_ms: int = 0, speed: float = 1.0
) -> AsyncIterator[Observed]:
    """The bot in `home`, started, its first scan over."""
    home.mkdir(parents=True, exist_ok=True)
    source, sink = os.pipe()
    with (home / "stdout.txt").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.observed", str(write_env(home, settings)), str(sink),
            str(origin_ms), str(speed),
            cwd=home, env=surroundings(home), pass_fds=[sink],
            stdin=asyncio.subprocess.PIPE, stdout=log, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
    os.close(sink)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(source, "rb")
    )
    bot = Observed(process, reader)
    try:
        await bot.answer()
        yield bot
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await ended(process)


@asynccontextmanager
async def plain(home: Path, settings: Mapping[str, str], starter: Sequence[str] = ()) -> AsyncIterator[int]:
    """`python main.py` in `home`, only spawned; gives its process id."""
    home.mkdir(parents=True, exist_ok=True)
    command = starter or [str(PROJECT / "main.py")]
    with (home / "stdout.txt").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--env", str(write_env(home, settings)),
            cwd=home, env=surroundings(home),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await ended(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), 12)
    except TimeoutError:
        process.kill()
        await process.wait()


def write_env(home: Path, settings: Mapping[str, str]) -> Path:
    path = home / "bot.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return path


def surroundings(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"TMPDIR": str(home), "PYTHONPATH": str(PROJECT)}


async def status_s(telegram: TelegramStandIn) -> float:
    """Seconds from the owner's /status to the answer in the chat."""
    started = time.perf_counter()
    said = await telegram.say("/status")

    def is_answer(message: Message) -> bool:
        return message.message_id > said.message_id and "Refresh" in str(message.buttons)

    await telegram.wait_for(is_answer, 60)
    return time.perf_counter() - started


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def load() -> str:
    """Others on this machine make every figure worse; said beside them."""
    return f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"


def verdict(is_kept: bool) -> str:
    return "PASS" if is_kept else "FAIL"


def show(title: str, *lines: str) -> None:
    print(f"\n{title}   [{load()}]")
    for line in lines:
        print(f"  {line}")
