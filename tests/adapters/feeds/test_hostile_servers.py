"""Feeds over real sockets, from servers that mean harm."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from core.adapters.feeds.fear_greed import FearGreedIndex, index_of
from core.adapters.feeds.fetching import MAX_BYTES, Page, fetch, source_name
from core.adapters.feeds.rss import RssFeed, parsed
from core.advice.mood import Entry, items_of
from core.advice.mood_keeping import SourceSilent
from core.sim.clock import VirtualClock

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ITEM = "<item><title>Bitcoin hacked</title><pubDate>Fri, 20 Nov 2026 11:00:00 GMT</pubDate></item>"


def rss(items: str = ITEM, head: str = '<?xml version="1.0"?>') -> bytes:
    return f'{head}<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()


async def inline(work: Callable[[], tuple[Entry, ...]]) -> tuple[Entry, ...]:
    return work()


class Server:
    """Answers by path; counts what was asked."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.url = ""
        self.forever = asyncio.Event()
        self.answers: dict[str, Callable[[web.Request], web.StreamResponse]] = {}
        self.runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        self.forever.set()
        assert self.runner is not None
        await self.runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        name = request.match_info["path"]
        if name == "hang":
            await self.forever.wait()
        if name == "drip":
            return await self._drip(request)
        return self.answers[name](request)

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not self.forever.is_set():
            await response.write(b"<")
            await asyncio.sleep(0.05)
        return response


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.start()
    yield made
    await made.stop()


def feed(server: Server, path: str) -> RssFeed:
    return RssFeed(f"{server.url}/{path}", VirtualClock(NOW), inline)


@pytest.mark.parametrize("path", ["hang", "drip"])
async def test_a_server_that_never_finishes_is_given_up_in_time(server: Server, path: str) -> None:
    began = time.monotonic()

    with pytest.raises(SourceSilent, match="no whole answer within"):
        await fetch(f"{server.url}/{path}", total_s=0.3)

    assert time.monotonic() - began < 3


async def test_a_body_that_is_too_large_is_not_read_to_its_end(server: Server) -> None:
    server.answers["big"] = lambda request: web.Response(body=b"x" * 5_000_000)

    with pytest.raises(SourceSilent, match="larger than"):
        await fetch(f"{server.url}/big")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_small_file_that_unpacks_to_a_huge_one_is_met_at_the_limit(
    server: Server, encoding: str
) -> None:
    bomb = gzip.compress(bytes(60_000_000)) if encoding == "gzip" else zlib.compress(bytes(60_000_000))
    server.answers["bomb"] = lambda request: web.Response(body=bomb, headers={"Content-Encoding": encoding})
    assert len(bomb) < MAX_BYTES

    with pytest.raises(SourceSilent, match="larger than"):
        await fetch(f"{server.url}/bomb")


async def test_a_packed_feed_is_read(server: Server) -> None:
    packed = gzip.compress(rss())
    server.answers["rss"] = lambda request: web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    assert [one.title for one in await feed(server, "rss").entries()] == ["Bitcoin hacked"]


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_a_packing_that_was_not_asked_for_is_refused(server: Server, encoding: str) -> None:
    server.answers["odd"] = lambda request: web.Response(body=b"x", headers={"Content-Encoding": encoding})

    with pytest.raises(SourceSilent):
        await fetch(f"{server.url}/odd")


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://example.org/feed",
        "gopher://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:9/feed",
        "http://localhost:9/feed",
        "http://[::1]:9/",
        "http://[::ffff:169.254.169.254]/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://0.0.0.0:9/",
        "http://2130706433:9/",
        "http://0x7f.1:9/",
        "http://127.1:9/",
        "//169.254.169.254/",
        "javascript:alert(1)",
        "",
    ],
)
async def test_a_redirect_never_leads_into_the_machine_or_its_network(server: Server, target: str) -> None:
    server.answers["away"] = lambda request: web.Response(status=302, headers={"Location": target})

    with pytest.raises(SourceSilent) as silent:
        await fetch(f"{server.url}/away")

    assert "passwd" not in str(silent.value) and len(server.asked) <= 4


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
async def test_another_server_of_this_machine_is_never_asked_for_a_stranger(
    server: Server, host: str
) -> None:
    inner = Server()
    await inner.start()
    inner.answers["secret"] = lambda request: web.Response(body=rss())
    target = f"http://{host}:{inner.url.rpartition(':')[2]}/secret"
    server.answers["away"] = lambda request: web.Response(status=302, headers={"Location": target})

    with pytest.raises(SourceSilent):
        await fetch(f"{server.url}/away")

    await inner.stop()
    assert inner.asked == []


async def test_a_redirect_on_the_same_server_is_followed_and_a_circle_is_not(server: Server) -> None:
    server.answers["old"] = lambda request: web.Response(status=301, headers={"Location": "/new"})
    server.answers["new"] = lambda request: web.Response(body=rss())
    server.answers["round"] = lambda request: web.Response(status=302, headers={"Location": "/round"})

    assert (await fetch(f"{server.url}/old")).body == rss()
    with pytest.raises(SourceSilent, match="more than 3 redirects"):
        await fetch(f"{server.url}/round")


@pytest.mark.parametrize("status", [204, 301, 403, 404, 429, 500])
async def test_every_other_status_is_silence_without_the_address(server: Server, status: int) -> None:
    server.answers["feed"] = lambda request: web.Response(status=status)

    with pytest.raises(SourceSilent) as silent:
        await fetch(f"{server.url}/feed?key=secret-of-the-feed")

    assert "secret-of-the-feed" not in str(silent.value) and server.url not in str(silent.value)


async def test_an_unreachable_server_is_silence_without_the_address() -> None:
    with pytest.raises(SourceSilent, match=r"could not be read \(\w+\)$"):
        await fetch("http://127.0.0.1:1/feed?key=secret")


async def test_a_feed_is_asked_politely_and_says_what_it_has(server: Server) -> None:
    marks = {"ETag": '"7"', "Last-Modified": "Fri, 20 Nov 2026 11:00:00 GMT"}

    def answer(request: web.Request) -> web.Response:
        known = request.headers.get("If-None-Match") == '"7"'
        return web.Response(status=304) if known else web.Response(body=rss(), headers=marks)

    server.answers["rss"] = answer
    clock = VirtualClock(NOW)
    source = RssFeed(f"{server.url}/rss", clock, inline)

    first, at_once = await source.entries(), await source.entries()
    clock.advance(300)
    later = await source.entries()

    assert first == at_once == later and len(first) == 1
    assert len(server.asked) == 2
    assert server.asked[1].headers["If-Modified-Since"] == marks["Last-Modified"]


async def test_a_feed_that_failed_is_not_hammered_and_forgets_nothing_it_should_ask(server: Server) -> None:
    server.answers["rss"] = lambda request: web.Response(status=500)
    clock = VirtualClock(NOW)
    source = RssFeed(f"{server.url}/rss", clock, inline)
    for _ in range(3):
        with pytest.raises(SourceSilent, match="answered 500"):
            await source.entries()
    server.answers["rss"] = lambda request: web.Response(body=rss())
    clock.advance(300)

    found = await source.entries()

    assert len(found) == 1 and len(server.asked) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00" * 100,
        b"not a feed",
        b"<html><body>Log in</body></html>",
        b"{}",
        rss(head='<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'),
        rss(
            head='<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            items="<item><title>&x;</title></item>",
        ),
        rss(head='<?xml version="1.0" encoding="utf-16"?><!DOCTYPE r [<!ENTITY a "b">]>')
        .decode()
        .encode("utf-16"),
        rss(items="<a>" * 30_000),
    ],
)
def test_what_is_no_sound_feed_is_silence(body: bytes) -> None:
    with pytest.raises(SourceSilent):
        parsed(body)


def test_a_body_that_names_a_file_or_an_address_opens_neither(tmp_path: Path) -> None:
    planted = tmp_path / "planted.xml"
    planted.write_bytes(rss())

    for body in (str(planted).encode(), b"http://127.0.0.1:1/feed", b"file://" + str(planted).encode()):
        with pytest.raises(SourceSilent, match="no RSS or Atom"):
            parsed(body)


def test_a_feed_that_is_broken_or_wrongly_labelled_gives_what_can_be_read() -> None:
    broken = rss(items=ITEM + "<item><title>Bitcoin & more</title>")
    wrong = rss(head='<?xml version="1.0" encoding="utf-7"?>')
    latin = b'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>' + (
        "<item><title>Bitcoin fällt</title></item></channel></rss>".encode("latin-1")
    )

    assert parsed(broken)[0].title == "Bitcoin hacked"
    assert parsed(wrong)[0].title == "Bitcoin hacked"
    assert parsed(latin)[0].title.startswith("Bitcoin f")


def test_dates_that_are_none_are_none() -> None:
    items = "".join(
        f"<item><title>Bitcoin {n}</title><pubDate>{when}</pubDate></item>"
        for n, when in enumerate(["", "yesterday", "99 Foo 99999", "Fri, 20 Nov 9999 11:00:00 GMT", "0"])
    )

    found = parsed(rss(items=items))

    assert items_of(found, NOW).items == ()
    assert len(found) == 5


def test_an_atom_feed_as_crowds_offer_it_is_read() -> None:
    body = (
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>new</title><entry><title>$SOL?</title>'
        b'<content type="html">&lt;p&gt;Selling&lt;/p&gt;</content>'
        b"<updated>2026-11-20T11:30:00+00:00</updated></entry></feed>"
    )

    item = items_of(parsed(body), NOW).items[0]

    assert item.text.startswith("$SOL?") and item.published_at == datetime(2026, 11, 20, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"data":[]}',
        b'{"data":[{"value":"101","timestamp":"1763596800"}]}',
        b'{"data":[{"value":"-1","timestamp":"1763596800"}]}',
        b'{"data":[{"value":"4.5","timestamp":"1763596800"}]}',
        b'{"data":[{"value":"NaN","timestamp":"1763596800"}]}',
        b'{"data":[{"value":"39","timestamp":"soon"}]}',
        b'{"data":[{"value":"39"}]}',
        b'{"data":[{"value":"\xd9\xa3\xd9\xa9","timestamp":"1763596800"}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_index_is_silence(body: bytes) -> None:
    with pytest.raises(SourceSilent):
        index_of(body)


async def test_the_index_is_read_and_asked_rarely() -> None:
    asked: list[str] = []

    async def fetching_it(address: str, etag: str = "", last_modified: str = "") -> Page:
        asked.append(address)
        return Page(b'{"data":[{"value":"39","value_classification":"Fear","timestamp":"1763596800"}]}')

    index = FearGreedIndex("https://index.example/fng/", VirtualClock(NOW), fetching_it)

    assert await index.reading() == (39, datetime(2025, 11, 20, tzinfo=UTC))
    assert await index.reading() == await index.reading()
    assert len(asked) == 1


def test_a_source_is_shown_by_its_host_only() -> None:
    assert source_name("https://user:pw@feeds.example/private/rss?key=1") == "feeds.example"
    assert source_name("http://127.0.0.1:8080/x") == "127.0.0.1:8080"
