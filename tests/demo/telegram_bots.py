"""A real aiogram bot at the stand-in, as the tests of this room use it."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from struct import pack

from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bot.demo.telegram import Person, TelegramStandIn

TOKEN = "4242:test-token-of-the-stand-in"
OWNER = Person(1001, "Alex", "alex")
STRANGER = Person(2002, "Mallory")


def make_bot(telegram: TelegramStandIn, token: str = TOKEN, timeout_s: float = 5.0) -> Bot:
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url), timeout=timeout_s)
    return Bot(token, session=session, default=DefaultBotProperties(parse_mode="HTML"))


async def hang_up(bot: Bot) -> None:
    """Closes the connections without the quarter second aiogram waits for TLS, which isn't used here."""
    assert isinstance(bot.session, AiohttpSession)
    await (await bot.session.create_session()).close()


@contextlib.asynccontextmanager
async def polling(bot: Bot, dispatcher: Dispatcher) -> AsyncIterator[None]:
    task = asyncio.create_task(
        dispatcher.start_polling(bot, polling_timeout=2, handle_signals=False, close_bot_session=False)
    )
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):
            await dispatcher.stop_polling()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def png(width: int = 8, height: int = 4, grey: int = 128) -> bytes:
    rows = b"".join(b"\x00" + bytes([grey]) * width for _ in range(height))
    head = pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(pack(">I", len(d)) + k + d + pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + body
