"""The life of one running bot: started in order, recovered before it trades, stopped within eight seconds."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bot.assembly import Parts, compose, web_server
from bot.assembly_probe import tell_of_models
from bot.checkup import unsizeable_now
from bot.instance import LOCK_NAME, LockFile, place_name, process_name, token_lock
from bot.logs import ErrorCounter
from bot.loops import WATCHES_GATE
from bot.settings import Settings
from bot.stage import Stage
from bot.supervisor import Loop
from core.errors import NotAllowed, PerpilotError, Throttled, Unknown
from core.market import coin
from core.notice import Notice
from core.sim.venue import SimVenue
from core.trading import notices

if TYPE_CHECKING:
    from bot.chat import Chat
    from bot.web.server import WebServer

log = logging.getLogger("perpilot.application")

DRAIN_S = 1.5
"""Last words to Telegram; stopping never waits longer for it."""
CHAT_CHECK_S = 5.0
MARKET_S = 12.0
"""Longest wait for the instruments at the start: guarding needs the rules of what is open, no more."""
IN_FLIGHT_S = 5.0
"""Longest wait at the end for the answer to an order that has left."""


class Application:
    def __init__(self, settings: Settings, stage: Stage, counter: ErrorCounter) -> None:
        self._settings = settings
        self._stage = stage
        self._counter = counter
        self._locks: list[LockFile] = []
        self._warming: asyncio.Task[None] | None = None
        self.parts: Parts | None = None
        self.chat: Chat | None = None
        self.web: WebServer | None = None

    async def run(self, is_ready: Callable[[], None] | None = None) -> None:
        """Until SIGTERM or SIGINT. Raises `PerpilotError` when it cannot start."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)  # a second signal sets what is set already
        try:
            if await self._started_before(stop):
                if is_ready is not None:
                    is_ready()
                await stop.wait()
        finally:
            await self.stop()
            for name in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(name)
                signal.signal(name, signal.SIG_IGN)  # a closing loop would make a late second one deadly

    async def _started_before(self, stop: asyncio.Event) -> bool:
        """False when it was told to end meanwhile: a start may wait long for others."""
        starting, told = asyncio.ensure_future(self.start()), asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            if not starting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
        if starting.cancelled():
            return False
        starting.result()
        return True

    async def start(self) -> None:
        self._take_locks()
        importing = asyncio.create_task(asyncio.to_thread(importlib.import_module, "bot.chat"))
        try:
            self.parts = parts = await compose(self._settings, self._stage, self._counter.today)
            chat_module = await importing
        except BaseException:
            importing.cancel()
            raise
        journal, stage = parts.journal, self._stage
        self.chat = chat_module.Chat(parts.settings, stage, parts.desk, parts.buttons, journal, self._alarm)
        parts.late.telegram = self.chat.health
        parts.late.wake_outbox = self.chat.outbox.wake
        self.web = web_server(parts, self.chat.webhook_mount)
        await self.web.start()
        parts.supervisor.add(Loop("chat", self._check_chat, lambda: CHAT_CHECK_S))
        await self._remember(parts)
        await parts.starts.record()
        parts.late.recover = lambda: self._recover(parts)
        parts.supervisor.start()  # guarding waits for nobody, least of all for Telegram
        await self._start_chat(parts, self.chat)

    async def _start_chat(self, parts: Parts, chat: Chat) -> None:
        """Raises `NotAllowed` where Telegram refuses the bot; only what is open on a live account is guarded
        without a chat: at a paper account's start the sentence about its settings is worth more."""
        try:
            await chat.start()
        except NotAllowed as error:
            if parts.live is None or not await parts.kernel.keeper.open_trades():
                raise
            log.error("telegram refuses the bot, guarding goes on without a chat: %s", error)
            parts.kernel.gate.close("chat", f"Telegram refuses the bot: {error}; mend it and restart")

    async def stop(self) -> None:
        """Entries first, then tasks, last words, files. Stops stay on the venue."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        if self.parts is not None:
            await self._stop_parts(self.parts)
        for lock in self._locks:
            lock.release()

    async def _stop_parts(self, parts: Parts) -> None:
        parts.kernel.gate.close("stop", "the bot is stopping")
        _, unanswered = await asyncio.gather(
            parts.supervisor.stop(), parts.kernel.executor.settle_in_flight(IN_FLIGHT_S)
        )
        if unanswered:
            log.warning("orders without an answer: count=%d; the next start looks for them", unanswered)
        with contextlib.suppress(PerpilotError):
            await parts.starts.end()
        with contextlib.suppress(PerpilotError):
            await parts.journal.tell([await self._stopped(parts)])
        if self.chat is not None:
            await self.chat.stop(DRAIN_S)
        if self.web is not None:
            await self.web.stop()
        await asyncio.gather(*(model.close() for model in parts.models))
        if parts.streams is not None:
            await parts.streams.close()
        if parts.live is not None:
            await parts.live.close()
        await parts.market.close()
        with contextlib.suppress(PerpilotError):
            await parts.journal.release_lease("bot", place_name())
        await parts.database.close()

    async def _stopped(self, parts: Parts) -> Notice:
        """With what is open now, and which of it was last seen under a stop."""
        seen = {trade.id for trade, _, stop in parts.board.rows if stop is not None}
        trades = await parts.kernel.keeper.open_trades()
        bare = [coin(trade.symbol) for trade in trades if trade.id not in seen]
        key = f"stopped:{self._stage.clock.now().isoformat()}"
        return notices.stopped(key, len(trades) - len(bare), bare)

    # ------------------------------------------------------------ starting

    def _take_locks(self) -> None:
        token = self._settings.telegram_bot_token or ""
        locks = [LockFile(self._stage.home / LOCK_NAME)]
        locks.append(token_lock(token, self._settings.telegram_api_url, Path(tempfile.gettempdir())))
        for lock in locks:
            lock.take(process_name())
            self._locks.append(lock)

    async def _remember(self, parts: Parts) -> None:
        """What the journal knows before anybody can ask: pause, open trades not looked at yet."""
        state = await parts.journal.account_state(self._stage.account)
        if state.is_paused:
            parts.kernel.gate.close("pause", f"paused by {state.paused_by}")
        with contextlib.suppress(PerpilotError):
            trades = await parts.kernel.keeper.open_trades()
            parts.board.rows = tuple((trade, None, None) for trade in trades)

    async def _recover(self, parts: Parts) -> None:
        """Start is recovery: the guard's first pass. Raises until it is through; then entries open."""
        trouble = ""  # told in the start's message only: it may be over a minute later
        try:
            await parts.market.open(within_s=MARKET_S)
        except (Unknown, Throttled) as error:
            log.warning("exchange out of reach at start: %s", error)
            trouble = f"the exchange does not answer ({error}); check the network, EXCHANGE and EXCHANGE_URL"
        if isinstance(parts.venue, SimVenue):
            await parts.venue.open()
        if parts.feed is not None:
            await parts.feed.catch_up()
        await parts.kernel.guard.protect()  # before anything else: a position may be bare since the end
        await self._look_around(parts)
        await asyncio.to_thread(importlib.import_module, "ta.trend")  # and pandas: features need them
        await parts.kernel.approvals.recover()
        parts.board.rows = await parts.kernel.guard.watch(is_protected=True)
        parts.board.open_cards = len(await parts.journal.open_approvals(self._stage.account))
        parts.board.symbols = await parts.book.symbols()
        parts.board.unsizeable = await unsizeable_now(parts)
        gc.freeze()  # what was imported stays; walking through it again would hold the loop for 100 ms
        if parts.streams is not None:
            await parts.streams.open()
        parts.kernel.gate.open("start")
        self._say_started(parts)
        await parts.journal.tell([self._started(parts, trouble)])
        self._warming = asyncio.create_task(
            _warm_up(parts), name="advisers"
        )  # last: a pass that fails is repeated
        parts.late.wake("outbox")
        parts.late.wake("scanner")

    async def _look_around(self, parts: Parts) -> None:
        """What fails here closes entries until its own loop has worked through; recovery goes on."""
        try:
            await parts.watches.review()
        except PerpilotError as error:
            log.warning("a watch failed at start: %s", error)
            parts.kernel.gate.close(WATCHES_GATE, f"not everything could be looked at yet: {error}")
        if parts.live is not None:
            known = parts.board.warnings
            parts.board.warnings = (*known, *(text for text in parts.live.warnings if text not in known))

    def _started(self, parts: Parts, trouble: str) -> Notice:
        key = f"started:{self._stage.clock.now().isoformat()}"
        status = parts.desk.status()
        warnings = [*status.warnings, *filter(None, (status.why, trouble))]
        warnings += [
            f"{coin(name)} is too large for the present equity; it would need {mend}"
            for name, mend in status.unsizeable
        ]
        held = [
            f"{coin(p.symbol)} {p.side} is open, "
            + (f"its stop {p.stop} rests on the venue" if p.stop is not None else "its stop is being placed")
            for p in status.positions
        ]
        if status.open_cards:
            held.append(f"{status.open_cards} idea(s) still wait for a tap")
        return notices.started(key, status.account, status.is_paper, status.mode.value, held, warnings)

    def _say_started(self, parts: Parts) -> None:
        status = parts.desk.status()
        log.info(
            "running: account=%s mode=%s symbols=%d advisers=%s",
            status.account,
            status.mode.value,
            len(status.symbols),
            ",".join(status.advisers),
        )

    # ------------------------------------------------------------ while it runs

    async def _alarm(self, text: str) -> None:
        """Never raises: whoever alarms has trouble enough."""
        log.error("alarm: %s", text)
        if self.parts is not None:
            key = f"alarm:{self._stage.clock.now().isoformat()}"
            with contextlib.suppress(PerpilotError):
                await self.parts.journal.tell([notices.system(key, text)])
            self.parts.late.wake("outbox")

    async def _check_chat(self) -> None:
        """A dead task of the chat is started again; entries stay closed until it lives, and while nobody
        could hear of them."""
        if self.chat is not None and self.parts is not None:
            await self.chat.keep_watch(self.parts.kernel.gate)
        if self.chat is not None and (dead := self.chat.revive()):
            raise PerpilotError(f"the {dead} task died and was started again")


async def _warm_up(parts: Parts) -> None:
    """Loads the advisers' libraries before the first question needs them, and looks their models up."""
    for model in parts.models:
        await model.prepare()
    with contextlib.suppress(PerpilotError):
        await tell_of_models(parts.models, parts.journal, parts.stage.clock)
    parts.late.wake("outbox")
