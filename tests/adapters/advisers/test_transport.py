"""What a connection to a provider bears, over real sockets, and what its line records of it all the same."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from core.adapters.advisers import Provider, build_advisers
from core.adapters.advisers.capabilities import PROVIDERS
from core.adapters.advisers.line import Answer, Line, Question
from core.adapters.advisers.probing import probe
from core.adapters.advisers.served import Served
from core.errors import JournalError
from core.opinion import Abstention, Purpose, Silence
from core.ports import AdviserCall
from tests.adapters.advisers.worlds import (
    DEADLINE_S,
    KEY,
    LIMITS,
    MemoryJournal,
    NeverWaits,
    access,
    around,
    brief,
)

Send = Callable[[dict[str, Any]], Awaitable[Answer]]


@asynccontextmanager
async def serving(answer: Callable[[web.Request], web.Response]) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("provider", [Provider.ANTHROPIC, Provider.OPENAI])
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("charset", ["zlib_codec", "rot13", "unicode_escape"])
async def test_a_charset_that_unpacks_or_cannot_be_read_is_not_followed(
    charset: str, status: int, provider: Provider
) -> None:
    body = zlib.compress(b"0" * 1_000_000) if charset == "zlib_codec" else rb'{"model": "\ud800"}'
    journal, told = MemoryJournal(), {"Content-Type": f"application/json; charset={charset}"}
    async with serving(lambda _: web.Response(body=body, status=status, headers=told)) as url:
        (adviser,) = build_advisers([access(provider, url)], around(journal, NeverWaits(), LIMITS))
        answer = await adviser.ask(brief(), DEADLINE_S)
        await adviser.close()

    assert isinstance(answer, Abstention)
    assert answer.why is (Silence.MALFORMED if status == 200 else Silence.FAILED)
    (call,) = journal.calls
    assert (call.status, call.raw) == (status, body.decode("utf-8", "replace").replace("\x00", "\\u0000"))


async def test_a_provider_that_repeats_the_key_tells_it_to_nobody_who_looks_the_model_up() -> None:
    def repeat(request: web.Request) -> web.Response:
        said = f"unknown credentials {request.headers['Authorization']}"
        return web.json_response({"error": {"message": said}}, status=401)

    async with serving(repeat) as url:
        asked = build_advisers([access(Provider.OPENAI, url)], around(MemoryJournal(), NeverWaits()))
        (finding,) = await probe(asked, NeverWaits().now().date())
        await asked[0].close()

    assert "unknown credentials Bearer [key]" in finding.text
    assert KEY not in finding.text


class FailingOnce(MemoryJournal):
    is_full = True

    async def record_call(self, call: AdviserCall) -> None:
        if self.is_full:
            self.is_full = False
            raise JournalError("the disk is full")
        await super().record_call(call)


def line(journal: MemoryJournal, send: Send) -> Line:
    served = Served("gpt", "gpt-6-luna", is_own_address=False, journal=journal)
    can = PROVIDERS[Provider.OPENAI]
    return Line("gpt", "gpt-6-luna", KEY, can, around(journal, NeverWaits()), served, send)


def question() -> Question:
    return Question("SOL/USDT:USDT", "facts", {}, "key", NeverWaits().at, DEADLINE_S, Purpose.ENTRY, "d1")


async def test_what_breaks_unforeseen_after_it_was_sent_is_on_record() -> None:
    async def send(body: dict[str, Any]) -> Answer:
        raise LookupError("nobody thought of that")

    journal = MemoryJournal()
    with pytest.raises(LookupError):
        await line(journal, send).request(question(), 1)

    (call,) = journal.calls
    assert (call.error, call.status, call.cost_usd) == ("failed: LookupError", None, None)


async def test_a_swap_whose_row_could_not_be_written_is_a_swap_still_with_the_next_answer() -> None:
    async def send(body: dict[str, Any]) -> Answer:
        return Answer(200, json.dumps({"model": "gpt-6-sol"}), "{}")

    journal = FailingOnce(served={("gpt", "gpt-6-luna"): "gpt-6-luna"})
    asked = line(journal, send)
    with pytest.raises(JournalError):
        await asked.request(question(), 1)
    call = await asked.request(question(), 1)

    assert call.error == "swapped: gpt-6-luna → gpt-6-sol"
    assert len(journal.told) == 1
