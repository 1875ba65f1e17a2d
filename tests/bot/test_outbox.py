"""Notices over real sockets: in order, none lost, none knowingly twice, whatever Telegram does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from aiogram import Bot

from bot.demo.telegram import Person, TelegramStandIn
from bot.outbox import Outbox, bundles
from bot.outbox_sending import Sender
from bot.outbox_writing import Writer
from bot.owner_line import SILENCE_GATE, OwnerLine
from bot.telegram import build_bot, close_bot
from core.errors import JournalError, Unknown
from core.journal import ApprovalState, PendingNotice
from core.notice import Notice, NoticeKind
from core.trading import notices
from core.trading.entries import EntryGate
from tests.handlers import samples
from tests.handlers.fake_desk import FakeButtons, FakeCharts, FakeDesk, FakeJournal, TestClock

TOKEN = "4242:AAtestTokenOfTheStandIn"
OWNER = Person(1001, "Olga", "olga")


@dataclass
class Post:
    telegram: TelegramStandIn
    bot: Bot
    desk: FakeDesk
    journal: FakeJournal
    charts: FakeCharts
    clock: TestClock
    outbox: Outbox

    def texts(self) -> list[str]:
        return [message.body for message in self.telegram.messages]

    def restarted(self) -> Outbox:
        """A new process over the same journal."""
        return make_outbox(self.bot, self.desk, self.journal, self.charts, self.clock)


def make_outbox(
    bot: Bot,
    desk: FakeDesk,
    journal: FakeJournal,
    charts: FakeCharts,
    clock: TestClock,
    burst: int = 100,
    line: OwnerLine | None = None,
) -> Outbox:
    writer = Writer(
        desk=desk,
        buttons=FakeButtons(journal, clock),
        journal=journal,
        charts=charts,
        account="paper",
        is_paper=True,
        owner_id=OWNER.id,
        chart_wait_s=0.3,
    )
    return Outbox(journal, writer, Sender(bot, OWNER.id, burst=burst), clock, "paper", line)


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn(TOKEN, OWNER) as running:
        yield running


@pytest.fixture
async def post(telegram: TelegramStandIn) -> AsyncIterator[Post]:
    clock, journal, charts = TestClock(), FakeJournal(), FakeCharts()
    desk, bot = FakeDesk(clock.now()), build_bot(TOKEN, telegram.url, timeout_s=5)
    yield Post(telegram, bot, desk, journal, charts, clock, make_outbox(bot, desk, journal, charts, clock))
    await close_bot(bot)


@contextlib.asynccontextmanager
async def running(outbox: Outbox) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.run())
    yield
    await outbox.stop()
    await asyncio.wait_for(task, 5)


def system(number: int) -> Notice:
    return notices.system(f"k{number}", f"event {number}")


def put_card(post: Post, lifetime_s: float = 300) -> None:
    post.desk.approvals["a1"] = samples.approval("a1", post.clock.now(), lifetime_s)
    post.journal.tell(notices.approval_card(post.desk.approvals["a1"]))


def settle(post: Post, state: ApprovalState, by: str = "") -> None:
    over = replace(post.desk.approvals["a1"], state=state, settled_at=post.clock.now(), settled_by=by)
    post.desk.approvals["a1"] = over
    post.journal.tell(notices.approval_closed("a1", state, ()))


async def test_notices_are_told_in_order_and_ended_with_their_message(post: Post) -> None:
    post.journal.tell(*(system(number) for number in range(3)))

    await post.outbox.one_pass()

    assert post.texts() == ["🔧 event 0", "🔧 event 1", "🔧 event 2"]
    ids = [message.message_id for message in post.telegram.messages]
    assert [post.journal.ended[number] for number in (1, 2, 3)] == [(one, "") for one in ids]


async def test_a_notice_is_begun_in_the_journal_before_its_message_leaves(post: Post) -> None:
    post.journal.tell(system(1))
    await post.telegram.outage()

    await post.outbox.one_pass()

    assert post.journal.begun == [1]
    assert post.texts() == []


async def test_an_outage_loses_nothing_and_repeats_nothing(post: Post) -> None:
    await post.telegram.outage()
    post.journal.tell(*(system(number) for number in range(3)))
    async with running(post.outbox):
        while post.outbox.health().state != "down":
            await asyncio.sleep(0.01)
        await post.telegram.restore()
        await post.telegram.wait_for("event 2", 10)

    assert post.texts() == ["🔧 event 0", "🔧 event 1", "🔧 event 2"]
    assert post.outbox.health().state == "ok"


async def test_a_message_whose_answer_was_lost_is_sent_again_marked(post: Post) -> None:
    post.journal.tell(system(1))
    post.telegram.lose_next_answer("sendMessage")

    await post.outbox.one_pass()
    await post.outbox.one_pass()

    assert post.texts() == ["🔧 event 1", "↻ Possibly told already\n\n🔧 event 1"]
    assert post.journal.pending == {}


async def test_a_notice_begun_before_a_crash_is_sent_again_marked(post: Post) -> None:
    post.journal.tell(system(1))
    await post.journal.begin_notice(1, post.clock.now())

    await post.restarted().one_pass()

    assert post.texts() == ["↻ Possibly told already\n\n🔧 event 1"]


async def test_a_flood_limit_is_waited_out_and_not_marked(post: Post) -> None:
    post.journal.tell(system(1), system(2))
    post.telegram.rate_limit(1, method="sendMessage")

    wait = await post.outbox.one_pass()
    await post.outbox.one_pass()

    assert wait == 1.0
    assert post.texts() == ["🔧 event 1", "🔧 event 2"]


@pytest.mark.parametrize("how", ["blocked", "chat not found"])
async def test_a_chat_that_refuses_us_closes_entries_at_once_until_something_arrives(
    post: Post, how: str
) -> None:
    line, gate = OwnerLine(), EntryGate()
    line.hold(gate)
    outbox = make_outbox(post.bot, post.desk, post.journal, post.charts, post.clock, line=line)
    post.journal.tell(system(1))
    if how == "blocked":
        post.telegram.block()
    else:
        post.telegram.refuse("sendMessage", 400, "Bad Request: chat not found")

    await outbox.one_pass()
    line.answered()  # a poll: it says nothing of the chat
    during = gate.reason(SILENCE_GATE)
    post.telegram.unblock()
    await outbox.one_pass()

    assert "the chat can't be written to" in during
    assert not gate.is_closed_by(SILENCE_GATE) and post.texts()[-1].endswith("event 1")


async def test_an_outage_of_telegram_closes_nothing_at_once(post: Post) -> None:
    line, gate = OwnerLine(), EntryGate()
    line.hold(gate)
    outbox = make_outbox(post.bot, post.desk, post.journal, post.charts, post.clock, line=line)
    post.journal.tell(system(1))
    await post.telegram.outage()

    await outbox.one_pass()

    assert not gate.is_closed_by(SILENCE_GATE)


async def test_a_blocked_bot_keeps_what_it_has_to_say(post: Post) -> None:
    post.telegram.block()
    post.journal.tell(system(1))

    wait = await post.outbox.one_pass()
    health = post.outbox.health()
    post.telegram.unblock()
    await post.outbox.one_pass()

    assert wait == 60.0
    assert health.state == "down"
    assert "can't be written to" in health.detail
    assert post.texts() == ["🔧 event 1"]


async def test_html_that_telegram_refuses_is_told_as_plain_words(post: Post) -> None:
    post.journal.tell(notices.system("k", "a < b & c"))
    post.telegram.refuse("sendMessage", 400, "Bad Request: can't parse entities: unsupported start tag")

    await post.outbox.one_pass()

    assert post.texts() == ["🔧 a < b & c"]


async def test_a_message_refused_for_good_does_not_hold_up_the_others(post: Post) -> None:
    post.journal.tell(system(1), system(2))
    post.telegram.refuse("sendMessage", 400, "Bad Request: message text is empty")

    await post.outbox.one_pass()

    assert post.texts() == ["🔧 event 2"]
    assert post.journal.ended[1] == (None, "refused by Telegram")
    assert post.outbox.figures.given_up == 1


async def test_a_server_error_is_waited_out(post: Post) -> None:
    post.journal.tell(system(1))
    post.telegram.refuse("sendMessage", 500, "Internal Server Error")

    wait = await post.outbox.one_pass()
    await post.outbox.one_pass()

    assert wait > 0
    assert len(post.texts()) == 1


async def test_a_notice_that_breaks_our_code_is_given_up_after_three_tries(post: Post) -> None:
    post.journal.tell(Notice(NoticeKind.APPROVAL, "k", {}), system(2))

    for _ in range(3):
        await post.outbox.one_pass()

    assert post.texts() == ["🔧 event 2"]
    assert post.journal.ended[1][1].startswith("could not be written")
    assert post.outbox.figures.errors == 3


async def test_the_outbox_outlives_a_journal_that_does_not_answer(post: Post) -> None:
    post.journal.tell(system(1))
    post.journal.failure = JournalError("the database is locked")

    wait = await post.outbox.one_pass()
    post.journal.failure = None
    await post.outbox.one_pass()

    assert wait > 0
    assert post.texts() == ["🔧 event 1"]


async def test_a_foreign_position_is_told_aloud_with_three_answers_that_are_used_up_together(
    post: Post,
) -> None:
    post.journal.tell(notices.foreign(samples.foreign_view(), "foreign:1"))

    await post.outbox.one_pass()

    (message,) = post.telegram.messages
    assert "not mine" in message.body and "stop at 3,140" in message.body and not message.is_silent
    assert [button[2:].strip() for button in message.buttons[:3]] == ["Adopt", "Close", "Ignore"]
    assert len({button.group for button in post.journal.buttons.values()}) == 1


# threads and noise


async def test_what_happens_to_a_trade_answers_its_opening_message(post: Post) -> None:
    trade = samples.trade()
    post.journal.tell(
        notices.opened(trade, samples.position(), stop_resting=True),
        notices.changed(trade, "c1", "stop moved"),
        notices.closed(samples.closed_trade()),
    )

    await post.outbox.one_pass()

    opening, changed, closed = post.telegram.messages
    assert opening.reply_to is None
    assert changed.reply_to == closed.reply_to == opening.message_id
    assert changed.is_silent
    assert not closed.is_silent


async def test_a_deleted_opening_message_does_not_silence_the_rest(post: Post) -> None:
    post.journal.threads["t1"] = 99_999
    post.journal.tell(notices.closed(samples.closed_trade()))

    await post.outbox.one_pass()

    assert "Closed BTC" in post.texts()[0]


async def test_a_burst_is_told_together_and_critical_notices_stay_alone(post: Post) -> None:
    trade = samples.trade()
    moved = [notices.changed(trade, f"c{number}", f"stop step {number}") for number in range(7)]
    post.journal.tell(*moved[:4], notices.naked(trade, "placing it again", 1), *moved[4:])

    await post.outbox.one_pass()

    assert len(post.texts()) == 3
    assert [f"stop step {number}" in post.texts()[0] for number in range(4)] == [True] * 4
    assert "no stop on the exchange" in post.texts()[1]
    assert "stop step 6" in post.texts()[2]
    assert len(post.journal.ended) == 8


def test_few_notices_are_told_one_by_one() -> None:
    trade = samples.trade()
    due = [
        PendingNotice(at, notices.changed(trade, f"c{at}", "x"), samples.NOW, 0, was_begun=False)
        for at in range(5)
    ]

    assert [len(bundle) for bundle in bundles(due)] == [1, 1, 1, 1, 1]
    assert [len(bundle) for bundle in bundles([*due, replace(due[0], id=9)])] == [6]


async def test_messages_leave_at_most_about_one_a_second(post: Post) -> None:
    loop = asyncio.get_running_loop()
    paced = make_outbox(post.bot, post.desk, post.journal, post.charts, post.clock, burst=2)
    post.journal.tell(*(system(number) for number in range(4)))
    began = loop.time()

    await paced.one_pass()

    assert 1.9 < loop.time() - began < 4


async def test_strict_flood_limits_are_never_met(post: Post) -> None:
    post.telegram.faults.is_strict = True
    paced = make_outbox(post.bot, post.desk, post.journal, post.charts, post.clock, burst=3)
    post.journal.tell(*(system(number) for number in range(6)))

    await paced.one_pass()

    assert post.telegram.faults.refused == 0
    assert len(post.texts()) == 6


# approvals


async def test_an_idea_arrives_with_its_chart_and_buttons(post: Post) -> None:
    put_card(post)

    await post.outbox.one_pass()

    (card,) = post.telegram.messages
    assert card.photo is not None
    assert card.buttons == ["✅ Approve", "½ size", "✖️ Reject", "❓ Why"]
    assert "If stopped: -3.46 USDT after fees" in card.body
    assert post.journal.messages["a1:card"] == card.message_id
    assert {button.user_id for button in post.journal.buttons.values()} == {OWNER.id}


async def test_the_buttons_of_an_idea_live_as_long_as_it_does(post: Post) -> None:
    put_card(post, lifetime_s=300)
    post.clock.at += timedelta(seconds=100)

    await post.outbox.one_pass()

    ends = {button.expires_at for button in post.journal.buttons.values()}
    assert ends == {post.desk.approvals["a1"].expires_at}


@pytest.mark.parametrize("trouble", ["fails", "late", "refused"])
async def test_an_idea_without_its_picture_is_told_in_words(post: Post, trouble: str) -> None:
    put_card(post)
    if trouble == "fails":
        post.charts.failure = Unknown("no worker")
    elif trouble == "late":
        post.charts.delay_s = 0.6
    else:
        post.telegram.refuse("sendPhoto", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS")

    await post.outbox.one_pass()

    (card,) = post.telegram.messages
    assert card.photo is None
    assert card.buttons[0] == "✅ Approve"


@pytest.mark.parametrize("has_picture", [True, False])
async def test_the_end_of_an_idea_is_put_over_its_card(post: Post, has_picture: bool) -> None:
    post.charts.failure = None if has_picture else Unknown("no worker")
    put_card(post)
    await post.outbox.one_pass()
    settle(post, ApprovalState.EXPIRED)

    await post.outbox.one_pass()

    (card,) = post.telegram.messages
    assert card.body.startswith("⌛ Expired unanswered, nothing was sent")
    assert card.buttons == ["❓ Why"]
    assert "Answer by" not in card.body


async def test_an_end_that_is_shown_already_is_no_error(post: Post) -> None:
    put_card(post)
    await post.outbox.one_pass()
    settle(post, ApprovalState.REJECTED, "telegram:1001")
    post.journal.tell(replace(notices.approval_closed("a1", ApprovalState.REJECTED, ()), key="again"))

    await post.outbox.one_pass()

    assert len(post.telegram.messages) == 1
    assert post.journal.pending == {}
    assert post.outbox.figures.given_up == 0


async def test_an_end_whose_card_is_gone_is_a_message_of_its_own(post: Post) -> None:
    put_card(post)
    await post.outbox.one_pass()
    post.telegram.messages[0].is_deleted = True
    settle(post, ApprovalState.EXPIRED)

    await post.outbox.one_pass()

    (told,) = post.telegram.messages
    assert told.body.startswith("⌛ Expired unanswered")


async def test_an_idea_that_ended_during_an_outage_is_told_once_as_over(post: Post) -> None:
    await post.telegram.outage()
    put_card(post, lifetime_s=5)
    await post.outbox.one_pass()
    post.clock.at += timedelta(seconds=60)
    settle(post, ApprovalState.EXPIRED)
    await post.telegram.restore()

    await post.outbox.one_pass()

    (told,) = post.telegram.messages
    assert told.body.startswith("⌛ Expired unanswered")
    assert "✅ Approve" not in told.buttons
    assert post.journal.ended[1] == (None, "over before it was told")


# the task


async def test_a_new_notice_wakes_the_outbox(post: Post) -> None:
    async with running(post.outbox):
        await asyncio.sleep(0.05)
        post.journal.tell(system(1))
        post.outbox.wake()

        assert await post.telegram.wait_for("event 1", 0.4)


async def test_draining_tells_what_waits(post: Post) -> None:
    post.journal.tell(*(system(number) for number in range(40)))

    assert await post.outbox.drain(5)
    assert post.journal.pending == {}


async def test_draining_gives_up_at_its_deadline(post: Post) -> None:
    await post.telegram.outage()
    post.journal.tell(system(1))

    assert not await post.outbox.drain(0.3)
    assert 1 in post.journal.pending


async def test_a_cancelled_outbox_ends_the_message_it_was_sending(post: Post) -> None:
    post.charts.delay_s = 0.2
    put_card(post)
    task = asyncio.create_task(post.outbox.run())
    await asyncio.sleep(0.1)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert post.journal.pending == {}
    assert len(post.telegram.messages) == 1
