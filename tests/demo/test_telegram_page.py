"""The chat page's server side, and the Bot API as any HTTP client sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.demo.telegram import Control, Person, TelegramStandIn
from bot.demo.telegram_page import STATIC
from bot.demo.telegram_state import MAX_FILES, World

TOKEN = "4242:test-token-of-the-stand-in"
OWNER = Person(1001, "Alex", "alex")
STRANGER = Person(2002, "Mallory")
BUTTON = {"inline_keyboard": [[{"text": "Approve", "callback_data": "a:1"}]]}


async def jump() -> str:
    return "BTC jumps 3 %."


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn(
        TOKEN, OWNER, others=[STRANGER], controls=[Control("BTC +3 %", jump)]
    ) as running:
        yield running


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def call(web: aiohttp.ClientSession, telegram: TelegramStandIn, method: str, **body: Any) -> Any:
    async with web.post(f"{telegram.url}/bot{TOKEN}/{method}", json=body) as answer:
        return await answer.json()


class Stream:
    """The events a connected page receives."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def next(self, kind: str) -> Any:
        """The next event of this kind; others before it are passed over."""
        while True:
            line = await asyncio.wait_for(self._answer.content.readline(), 5)
            if not line:
                raise EOFError("the stream ended")
            if line.startswith(b"data: ") and (event := json.loads(line[6:]))["type"] == kind:
                return event


@contextlib.asynccontextmanager
async def open_stream(web: aiohttp.ClientSession, telegram: TelegramStandIn) -> AsyncIterator[Stream]:
    async with web.get(telegram.page_url + "chat/events") as answer:
        yield Stream(answer)


async def test_the_page_and_everything_it_names_is_served_without_foreign_sources(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    async with web.get(telegram.page_url) as answer:
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    named = set(re.findall(r"/static/[\w.]+", page))
    for file in STATIC.iterdir():
        named |= set(re.findall(r"/static/[\w.]+", file.read_text()))
        named |= {f"/static/{name}" for name in re.findall(r'from "\./([\w.]+)"', file.read_text())}

    assert len(named) >= 9
    for path in named:
        async with web.get(telegram.page_url.rstrip("/") + path) as answer:
            assert answer.status == 200, path
    assert "default-src 'none'" in policy
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


async def test_the_page_never_builds_markup_from_text() -> None:
    scripts = [file for file in STATIC.iterdir() if file.suffix == ".js"]

    assert len(scripts) >= 5
    for script in scripts:
        code = re.sub(r"//.*", "", script.read_text())
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", code), script.name


async def test_what_the_owner_writes_reaches_the_bot(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    async with web.post(telegram.page_url + "chat/send", json={"text": " /status "}) as answer:
        assert answer.status == 200
    [update] = (await call(web, telegram, "getUpdates"))["result"]

    assert update["message"]["text"] == "/status"
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 7}]
    assert update["message"]["from"]["id"] == OWNER.id


async def test_a_text_too_long_for_one_message_becomes_several(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    async with web.post(telegram.page_url + "chat/send", json={"text": "x" * 5000}):
        updates = (await call(web, telegram, "getUpdates"))["result"]

    assert [len(update["message"]["text"]) for update in updates] == [4096, 904]


async def test_a_tap_on_the_page_brings_back_the_bots_answer(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    sent = (await call(web, telegram, "sendMessage", chat_id=OWNER.id, text="Buy?", reply_markup=BUTTON))[
        "result"
    ]
    body = {"message_id": sent["message_id"], "data": "a:1"}
    tap = asyncio.create_task(web.post(telegram.page_url + "chat/tap", json=body))
    [update] = (await call(web, telegram, "getUpdates", timeout=4))["result"]
    query_id = update["callback_query"]["id"]
    await call(
        web, telegram, "answerCallbackQuery", callback_query_id=query_id, text="Placed", show_alert=True
    )

    answer = await (await tap).json()
    assert answer == {"answer": {"text": "Placed", "show_alert": True, "url": ""}}


async def test_a_stream_starts_with_a_snapshot_and_follows_the_owners_chat_only(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    await telegram.say("/start")
    await telegram.say("hello", STRANGER)
    async with open_stream(web, telegram) as stream:
        snapshot = await stream.next("snapshot")
        await call(web, telegram, "sendMessage", chat_id=STRANGER.id, text="no")
        sent = (
            await call(web, telegram, "sendMessage", chat_id=OWNER.id, text="<b>hi</b>", parse_mode="HTML")
        )["result"]
        chat = {"chat_id": OWNER.id, "message_id": sent["message_id"]}
        await call(web, telegram, "pinChatMessage", **chat)
        await call(web, telegram, "editMessageText", text="bye", **chat)
        await call(web, telegram, "sendMessageDraft", chat_id=OWNER.id, draft_id=3, text="thinking")
        await call(web, telegram, "deleteMessage", **chat)

        assert [message["text"] for message in snapshot["messages"]] == ["/start"]
        assert [control["label"] for control in snapshot["controls"]][:2] == [
            "BTC +3 %",
            "Telegram outage 20 s",
        ]
        assert (await stream.next("message"))["message"]["text"] == "hi"
        assert (await stream.next("pinned"))["pinned"] == [sent["message_id"]]
        assert (await stream.next("edit"))["message"]["text"] == "bye"
        assert (await stream.next("draft"))["draft"]["text"] == "thinking"
        assert (await stream.next("delete"))["message_id"] == sent["message_id"]


async def test_the_page_hears_of_an_outage_and_its_end(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    async with open_stream(web, telegram) as stream:
        await telegram.outage(0.05)

        assert (await stream.next("connection"))["state"] == "outage"
        assert (await stream.next("connection"))["state"] == "waiting"
        assert (await call(web, telegram, "getMe"))["ok"]


async def test_a_control_runs_and_its_words_are_shown(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    async with web.post(telegram.page_url + "control/0", json={}) as answer:
        assert await answer.json() == {"note": "BTC jumps 3 %."}
    async with web.post(telegram.page_url + "control/99", json={}) as answer:
        assert answer.status == 404


async def test_the_stop_button_of_a_draft_reaches_the_bot(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    async with web.post(telegram.page_url + "chat/stop", json={"draft_id": 3}):
        [update] = (await call(web, telegram, "getUpdates"))["result"]

    assert update["stopped_message_generation"]["draft_id"] == 3


async def test_a_document_is_offered_for_saving_and_never_shown_inline(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    form = aiohttp.FormData({"chat_id": str(OWNER.id)})
    form.add_field("document", b"<script>alert(1)</script>", filename="x.html", content_type="text/html")
    async with web.post(f"{telegram.url}/bot{TOKEN}/sendDocument", data=form) as answer:
        assert (await answer.json())["ok"]
    async with web.get(telegram.page_url + "chat/state") as answer:
        link = (await answer.json())["messages"][-1]["document_file"]["url"]
    async with web.get(telegram.page_url.rstrip("/") + link) as answer:
        headers = answer.headers

    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
    ],
)
async def test_a_request_from_elsewhere_is_refused_and_changes_nothing(
    telegram: TelegramStandIn, web: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    sent = {"Content-Type": "application/json", **headers}
    async with web.post(telegram.page_url + "chat/send", data='{"text": "/panic"}', headers=sent) as answer:
        assert answer.status == 403

    assert (await call(web, telegram, "getUpdates"))["result"] == []


async def test_foreign_host_names_reach_neither_page_nor_bot_api(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    for url in (telegram.page_url, telegram.page_url + "chat/state", f"{telegram.url}/bot{TOKEN}/getMe"):
        async with web.get(url, headers={"Host": "rebound.example"}) as answer:
            assert answer.status == 403


async def test_a_stand_in_listens_on_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback only"):
        await TelegramStandIn(TOKEN, OWNER).start("0.0.0.0")


async def test_stopping_does_not_wait_for_open_pages(web: aiohttp.ClientSession) -> None:
    telegram = TelegramStandIn(TOKEN, OWNER)
    await telegram.start()
    async with open_stream(web, telegram) as stream:
        await stream.next("snapshot")

        await asyncio.wait_for(telegram.stop(), 3)
        with pytest.raises((EOFError, aiohttp.ClientPayloadError)):
            await stream.next("snapshot")


async def test_a_taken_port_is_an_error_and_leaves_nothing_open(telegram: TelegramStandIn) -> None:
    second = TelegramStandIn(TOKEN, OWNER)

    with pytest.raises(OSError, match="in use"):
        await second.start(port=int(telegram.page_url.rstrip("/").rpartition(":")[2]))


async def test_arguments_arrive_by_query_form_or_json_alike(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    url = f"{telegram.url}/bot{TOKEN}/SENDMESSAGE"
    fields = {"chat_id": str(OWNER.id), "text": "x"}
    for answer in (
        await web.get(url, params=fields),
        await web.post(url, data=fields),
        await web.post(url, json=fields | {"chat_id": OWNER.id}),
    ):
        assert (await answer.json())["result"]["text"] == "x"

    assert len(telegram.messages) == 3


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        ("/bot4242:wrong/getMe", 401, "Unauthorized"),
        ("/botnonsense/getMe", 404, "Not Found"),
        (f"/bot{TOKEN}/sendTelepathy", 404, "Not Found: method not found"),
        (f"/bot{TOKEN}/sendMessage?text=x", 400, "Bad Request: chat_id is empty"),
        (
            f"/bot{TOKEN}/sendMessage?text=x&chat_id=1001&parse_mode=MarkdownV2",
            400,
            "Bad Request: unsupported parse_mode",
        ),
        (
            f"/bot{TOKEN}/sendMessage?text=x&chat_id=1001&reply_markup=%7B",
            400,
            "Bad Request: can't parse reply markup JSON object",
        ),
        (f"/bot{TOKEN}/getFile?file_id=nothing", 400, "Bad Request: invalid file_id"),
        (
            f"/bot{TOKEN}/setWebhook?url=https://example.org/",
            400,
            "Bad Request: bad webhook: Failed to resolve host: Name or service not known",
        ),
        (f"/file/bot{TOKEN}/documents/none.csv", 404, "Not Found"),
        ("/", 404, "Not Found"),
    ],
)
async def test_wrong_requests_get_the_bot_apis_words(
    telegram: TelegramStandIn, web: aiohttp.ClientSession, path: str, status: int, description: str
) -> None:
    async with web.get(telegram.url + path) as answer:
        assert answer.status == status
        assert await answer.json() == {"ok": False, "error_code": status, "description": description}


async def test_malformed_arguments_are_a_bad_request_not_a_crash(
    telegram: TelegramStandIn, web: aiohttp.ClientSession
) -> None:
    answer = await call(web, telegram, "sendMessage", chat_id=OWNER.id, text="x", reply_parameters="[1]")

    assert answer["error_code"] == 400
    assert telegram.messages == []


def test_old_files_make_room_and_are_gone() -> None:
    world = World(Person(4242, "Perpilot", is_bot=True), OWNER)
    first = world.store("1.csv", "text/csv", b"x")
    for number in range(MAX_FILES):
        world.store(f"{number}.csv", "text/csv", b"x")

    assert len(world.files) == MAX_FILES
    assert first.file_id not in world.files
    assert (first.content, first.size) == (b"", 1)


def test_nothing_slow_is_imported() -> None:
    code = "import sys, bot.demo.telegram; print(*sys.modules)"
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)

    assert not {"aiogram", "pandas", "numpy", "ccxt", "matplotlib", "pydantic"} & set(ran.stdout.split())
