"""The bot's side of Telegram put together: polling or webhook, handlers, outbox. Importing it is slow."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import web

from bot import aiogram_fast

aiogram_fast.load()

from aiogram.exceptions import ClientDecodeError, TelegramAPIError  # noqa: E402

from bot.charts import ChartWorker  # noqa: E402 - aiogram must have been loaded the fast way before these
from bot.dispatcher import build_switchboard, command_menu  # noqa: E402
from bot.gate import People  # noqa: E402
from bot.outbox import Outbox  # noqa: E402
from bot.outbox_sending import Sender  # noqa: E402
from bot.outbox_writing import Writer  # noqa: E402
from bot.owner_line import OwnerLine  # noqa: E402
from bot.settings import Settings  # noqa: E402
from bot.stage import Stage  # noqa: E402
from bot.telegram import (  # noqa: E402
    SECOND_POLLER,
    Polling,
    Webhook,
    build_bot,
    close_bot,
    introduce,
    prepare_polling,
    register_menu,
)
from core.desk import Buttons, Desk  # noqa: E402
from core.errors import NotAllowed, PerpilotError, Unknown  # noqa: E402
from core.journal import OutboxJournal  # noqa: E402
from core.ports import ComponentHealth  # noqa: E402
from core.trading.entries import EntryGate  # noqa: E402

log = logging.getLogger("perpilot.chat")

PROOF_S = 15.0
"""Longest wait for an answer that is asked for only to learn whether there is one."""
RETRY_S, LONGEST_RETRY_S = 20.0, 300.0
"""Between attempts to register menu and webhook while Telegram is out of reach; doubled each time."""


class Chat:
    def __init__(
        self,
        settings: Settings,
        stage: Stage,
        desk: Desk,
        buttons: Buttons,
        journal: OutboxJournal,
        alarm: Callable[[str], Awaitable[None]],
    ) -> None:
        """Raises `NotAllowed` for a token that cannot be one."""
        assert settings.telegram_bot_token is not None and settings.telegram_chat_id is not None
        chat_id = settings.telegram_chat_id
        self._bot = build_bot(settings.telegram_bot_token, settings.telegram_api_url)
        self._people = People(
            frozenset(settings.telegram_allowed_user_ids), frozenset(settings.telegram_viewer_ids), chat_id
        )
        self._charts = ChartWorker()
        self._switchboard = build_switchboard(
            desk=desk,
            buttons=buttons,
            journal=journal,
            pictures=self._charts,
            clock=stage.clock,
            people=self._people,
        )
        writer = Writer(
            desk=desk,
            buttons=buttons,
            journal=journal,
            charts=self._charts,
            account=stage.account,
            is_paper=stage.is_paper,
            owner_id=chat_id if chat_id > 0 else 0,
        )
        self._alarm = alarm
        self._line = OwnerLine(settings.telegram_silence_minutes * 60.0)
        sender = Sender(self._bot, chat_id)
        self.outbox = Outbox(journal, writer, sender, stage.clock, stage.account, self._line)
        self._webhook = self._made_webhook(settings)
        self._polling = Polling(self._bot, self._switchboard.dispatcher, alarm, line=self._line)
        self._runs: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {"outbox": self.outbox.run}
        if self._webhook is None:
            self._runs["polling"] = self._polling.run
        self._runs["menu"] = self._register
        self._tasks: list[asyncio.Task[None]] = []
        self._is_introduced = False

    @property
    def webhook_mount(self) -> tuple[str, Callable[[web.Request], Awaitable[web.Response]]] | None:
        return (self._webhook.path, self._webhook.handle) if self._webhook else None

    async def start(self) -> None:
        """Raises `NotAllowed` when the token is wrong; an outage is waited out in the background."""
        try:
            me = await introduce(self._bot)
            self._is_introduced = True
            log.info("telegram knows us: bot=%s", me.username)
            if self._webhook is None:
                await prepare_polling(self._bot)
        except NotAllowed:
            raise
        except PerpilotError as error:
            log.warning("telegram out of reach at start: %s", error)
        for name, run in self._runs.items():
            self._tasks.append(asyncio.create_task(run(), name=name))

    async def stop(self, drain_s: float) -> None:
        """No further update is taken; what is waiting to be told is told as far as the time goes."""
        if self._webhook is not None:
            await self._webhook.stop()
        else:
            await self._polling.stop()
        await self.outbox.drain(drain_s)
        await self.outbox.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._switchboard.close()
        await self._charts.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(close_bot(self._bot), 1.0)

    def health(self) -> ComponentHealth:
        said = self._webhook.health() if self._webhook is not None else self._polling.health()
        if self._is_introduced and said.age_s is None and not said.detail:
            said = ComponentHealth(
                "ok", "connected, nothing to read yet"
            )  # the first long poll takes its time
        outbox = self.outbox.health()
        dead = next((task.get_name() for task in self._tasks if _died(task)), "")
        if dead:
            return ComponentHealth("down", f"the {dead} task died", said.age_s)
        return said if said.state != "ok" or outbox.state == "ok" else outbox

    async def keep_watch(self, gate: EntryGate) -> None:
        """One round: `gate` holds entries while the owner can't be reached, and while somebody else uses the
        token. Never raises for what Telegram answers."""
        self._line.hold(gate)
        if self._line.wants_proof(is_hearing=self._webhook is None):
            with contextlib.suppress(TelegramAPIError, ClientDecodeError, Unknown, TimeoutError):
                await asyncio.wait_for(self._prove(), PROOF_S)

    async def _prove(self) -> None:
        """Asks what nobody would ask otherwise: a webhook only waits, and a chat that refused us may be open
        again though nothing is left to tell."""
        if self._webhook is not None:
            is_ours = await self._webhook.is_ours()
            self._line.answered()
            if not is_ours and self._line.shared():
                await self._alarm(SECOND_POLLER)
        if self._line.unreachable:
            await self._bot.send_chat_action(self._people.chat_id, "typing")
            self._line.delivered()

    def revive(self) -> str:
        """Starts a task again that ended by itself; its name, empty while all live."""
        for index, task in enumerate(self._tasks):
            if _died(task):
                name = task.get_name()
                log.error("chat task died: task=%s", name, exc_info=task.exception())
                self._tasks[index] = asyncio.create_task(self._runs[name](), name=name)
                return name
        return ""

    def _made_webhook(self, settings: Settings) -> Webhook | None:
        if settings.telegram_webhook_url is None:
            return None
        dispatcher = self._switchboard.dispatcher
        return Webhook(self._bot, dispatcher, settings.telegram_webhook_url, settings.telegram_webhook_secret)

    async def _register(self) -> None:
        """Menu and webhook, tried until Telegram takes them."""
        pause = RETRY_S
        while True:
            try:
                await register_menu(self._bot, self._people, command_menu)
                if self._webhook is not None:
                    await self._webhook.start()
            except (TelegramAPIError, ClientDecodeError, PerpilotError) as error:
                log.warning("menu not registered yet: error=%s", type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_RETRY_S)
            else:
                return


def _died(task: asyncio.Task[None]) -> bool:
    if not task.done() or task.cancelled():
        return False
    return task.exception() is not None
