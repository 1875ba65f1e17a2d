"""A real aiogram bot, unmodified, talks to the stand-in over sockets."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot, Dispatcher, F
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.filters import Command
from aiogram.methods import GetUserProfilePhotos
from aiogram.types import (
    BotCommand,
    BotCommandScopeChat,
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
    ReactionTypeEmoji,
    ReplyParameters,
)

from bot.demo.telegram import TelegramStandIn
from tests.demo.telegram_bots import OWNER, STRANGER, TOKEN, hang_up, make_bot, png, polling


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn(TOKEN, OWNER, others=[STRANGER]) as running:
        yield running


@pytest.fixture
async def bot(telegram: TelegramStandIn) -> AsyncIterator[Bot]:
    made = make_bot(telegram)
    yield made
    await hang_up(made)


def buttons(*rows: list[InlineKeyboardButton]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=list(rows))


def approve(data: str = "approve:1") -> InlineKeyboardMarkup:
    return buttons([InlineKeyboardButton(text="Approve", callback_data=data, style="success")])


async def test_a_command_is_polled_and_answered_in_html(telegram: TelegramStandIn, bot: Bot) -> None:
    dispatcher = Dispatcher()

    @dispatcher.message(Command("status"))
    async def status(message: Message) -> None:
        await message.reply("<b>Mode</b> paper &amp; calm")

    async with polling(bot, dispatcher):
        reply = await telegram.ask("/status")

    assert reply.body == "Mode paper & calm"
    assert reply.entities == [{"offset": 0, "length": 4, "type": "bold"}]
    assert reply.reply_to == reply.message_id - 1


async def test_a_tap_is_answered_and_the_card_is_edited(telegram: TelegramStandIn, bot: Bot) -> None:
    dispatcher = Dispatcher()

    @dispatcher.callback_query(F.data == "approve:1")
    async def approved(query: CallbackQuery) -> None:
        await query.answer("Placing", show_alert=True)
        assert isinstance(query.message, Message)
        await query.message.edit_text("Filled")

    await bot.send_message(OWNER.id, "Buy?", reply_markup=approve())
    card = telegram.messages[-1]
    async with polling(bot, dispatcher):
        answer = await telegram.tap(card, "Approve")
        await telegram.wait_for("Filled")

    assert answer is not None
    assert (answer.text, answer.show_alert) == ("Placing", True)
    assert (card.body, card.buttons) == ("Filled", [])
    assert [(old.body, old.buttons) for old in card.history] == [("Buy?", ("Approve",))]


async def test_an_unanswered_tap_reports_none(telegram: TelegramStandIn, bot: Bot) -> None:
    await bot.send_message(OWNER.id, "Buy?", reply_markup=approve())

    assert await telegram.tap(telegram.messages[-1], "approve:1", within_s=0.05) is None


async def test_a_tap_can_be_answered_once(telegram: TelegramStandIn, bot: Bot) -> None:
    await bot.send_message(OWNER.id, "Buy?", reply_markup=approve())
    await telegram.tap(telegram.messages[-1], "Approve", within_s=0.01)
    [update] = await bot.get_updates()
    assert update.callback_query is not None
    await bot.answer_callback_query(update.callback_query.id)

    with pytest.raises(TelegramBadRequest, match="query is too old and response timeout expired"):
        await bot.answer_callback_query(update.callback_query.id)


async def test_photo_and_document_travel_and_can_be_fetched_back(telegram: TelegramStandIn, bot: Bot) -> None:
    picture = png(300, 200)
    sent = await bot.send_photo(OWNER.id, BufferedInputFile(picture, "chart.png"), caption="<i>BTC</i>")
    csv = await bot.send_document(OWNER.id, BufferedInputFile(b"id,pnl\n1,2\n", "trades.csv"))
    assert sent.photo is not None
    assert csv.document is not None
    target = io.BytesIO()
    await bot.download(sent.photo[-1], target)

    assert (sent.photo[-1].width, sent.photo[-1].height, sent.caption) == (300, 200, "BTC")
    assert target.getvalue() == picture
    assert (csv.document.file_name, csv.document.file_size) == ("trades.csv", 11)


async def test_a_photo_card_changes_picture_caption_and_buttons(telegram: TelegramStandIn, bot: Bot) -> None:
    sent = await bot.send_photo(
        OWNER.id, BufferedInputFile(png(), "a.png"), caption="one", reply_markup=approve()
    )
    card = telegram.messages[-1]
    await bot.edit_message_caption(chat_id=OWNER.id, message_id=sent.message_id, caption="two")
    media = InputMediaPhoto(media=BufferedInputFile(png(20, 10), "b.png"), caption="<b>three</b>")
    await bot.edit_message_media(media, chat_id=OWNER.id, message_id=sent.message_id)
    await bot.edit_message_reply_markup(
        chat_id=OWNER.id, message_id=sent.message_id, reply_markup=approve("approve:2")
    )

    assert [old.body for old in card.history] == ["one", "two", "three"]
    assert card.photo is not None
    assert (card.photo.width, card.body, card.button("Approve")["callback_data"]) == (
        20,
        "three",
        "approve:2",
    )


async def test_replies_carry_the_message_they_answer(telegram: TelegramStandIn, bot: Bot) -> None:
    first = await bot.send_message(OWNER.id, "opened")
    second = await bot.send_message(
        OWNER.id, "closed", reply_parameters=ReplyParameters(message_id=first.message_id)
    )

    assert second.reply_to_message is not None
    assert second.reply_to_message.text == "opened"
    with pytest.raises(TelegramBadRequest, match="message to be replied not found"):
        await bot.send_message(OWNER.id, "x", reply_parameters=ReplyParameters(message_id=999))
    lenient = ReplyParameters(message_id=999, allow_sending_without_reply=True)
    assert (await bot.send_message(OWNER.id, "x", reply_parameters=lenient)).reply_to_message is None


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("", "message text is empty"),
        ("  \n ", "text must be non-empty"),
        ("x" * 4097, "message is too long"),
        ("📈" * 2049, "message is too long"),
        ("1 < 2", 'can\'t parse entities: Unsupported start tag "" at byte offset 2'),
        ("<b>x", "can't parse entities: Can't find end tag corresponding to start tag \"b\""),
    ],
)
async def test_a_text_telegram_would_refuse_is_refused(bot: Bot, text: str, description: str) -> None:
    with pytest.raises(TelegramBadRequest) as caught:
        await bot.send_message(OWNER.id, text)

    assert caught.value.message == f"Bad Request: {description}"


async def test_length_is_counted_after_parsing(telegram: TelegramStandIn, bot: Bot) -> None:
    await bot.send_message(OWNER.id, "<b>" + "x" * 4096 + "</b>")

    assert len(telegram.messages[-1].body) == 4096


@pytest.mark.parametrize(
    ("button", "description"),
    [
        (InlineKeyboardButton(text="x", callback_data="é" * 33), "BUTTON_DATA_INVALID"),
        (InlineKeyboardButton(text="x"), "Text buttons are unallowed in the inline keyboard"),
        (InlineKeyboardButton(text="x", url="http://localhost/x"), "Wrong HTTP URL"),
        (InlineKeyboardButton(text=" ", callback_data="x"), "BUTTON_TEXT_EMPTY"),
    ],
)
async def test_a_bad_button_is_refused(bot: Bot, button: InlineKeyboardButton, description: str) -> None:
    with pytest.raises(TelegramBadRequest, match=description):
        await bot.send_message(OWNER.id, "x", reply_markup=buttons([button]))


async def test_edits_are_refused_as_telegram_refuses_them(telegram: TelegramStandIn, bot: Bot) -> None:
    sent = await bot.send_message(OWNER.id, "same")
    theirs = await telegram.say("mine")
    photo = await bot.send_photo(OWNER.id, BufferedInputFile(png(), "a.png"))
    cases = [
        (sent.message_id, "same", "message is not modified: specified new message content"),
        (999, "x", "message to edit not found"),
        (theirs.message_id, "x", "message can't be edited"),
        (photo.message_id, "x", "there is no text in the message to edit"),
        (sent.message_id, "x" * 4097, "MESSAGE_TOO_LONG"),
    ]

    for message_id, text, description in cases:
        with pytest.raises(TelegramBadRequest, match=description):
            await bot.edit_message_text(text, chat_id=OWNER.id, message_id=message_id)


async def test_photos_that_are_none_are_refused(bot: Bot) -> None:
    for content, description in [
        (b"not a picture", "IMAGE_PROCESS_FAILED"),
        (png(9_000, 2_000), "PHOTO_INVALID_DIMENSIONS"),
        (png(50, 1), "PHOTO_INVALID_DIMENSIONS"),
    ]:
        with pytest.raises(TelegramBadRequest, match=description):
            await bot.send_photo(OWNER.id, BufferedInputFile(content, "x.png"))


async def test_an_overlong_caption_is_refused(bot: Bot) -> None:
    with pytest.raises(TelegramBadRequest, match="message caption is too long"):
        await bot.send_photo(OWNER.id, BufferedInputFile(png(), "a.png"), caption="x" * 1025)


async def test_unknown_chats_methods_tokens_and_messages_are_refused(
    telegram: TelegramStandIn, bot: Bot
) -> None:
    foreign = make_bot(telegram, "4242:another-token")

    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(31337, "x")
    with pytest.raises(TelegramNotFound):
        await bot(GetUserProfilePhotos(user_id=1))
    with pytest.raises(TelegramUnauthorizedError):
        await foreign.get_me()
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await bot.delete_message(OWNER.id, 999)
    await hang_up(foreign)


async def test_deleted_messages_are_gone_and_pins_follow(telegram: TelegramStandIn, bot: Bot) -> None:
    sent = await bot.send_message(OWNER.id, "live card")
    await bot.pin_chat_message(OWNER.id, sent.message_id, disable_notification=True)
    pinned = (await bot.get_chat(OWNER.id)).pinned_message
    await bot.delete_message(OWNER.id, sent.message_id)

    assert pinned is not None
    assert pinned.message_id == sent.message_id
    assert telegram.messages == []
    assert (await bot.get_chat(OWNER.id)).pinned_message is None
    with pytest.raises(TelegramBadRequest, match="message to unpin not found"):
        await bot.unpin_chat_message(OWNER.id, message_id=sent.message_id)


async def test_the_narrowest_command_menu_is_the_owners(telegram: TelegramStandIn, bot: Bot) -> None:
    await bot.set_my_commands([BotCommand(command="start", description="Start")])
    mine = [BotCommand(command="panic", description="Close everything")]
    await bot.set_my_commands(mine, scope=BotCommandScopeChat(chat_id=OWNER.id))

    assert [c["command"] for c in telegram.world.commands_for(OWNER.id)] == ["panic"]
    assert [c["command"] for c in telegram.world.commands_for(STRANGER.id)] == ["start"]
    stored = await bot.get_my_commands(scope=BotCommandScopeChat(chat_id=OWNER.id))
    assert [(c.command, c.description) for c in stored] == [("panic", "Close everything")]
    with pytest.raises(TelegramBadRequest, match="BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand(command="Close All", description="x")])


async def test_profile_reaction_action_and_draft_are_accepted(telegram: TelegramStandIn, bot: Bot) -> None:
    sent = await bot.send_message(OWNER.id, "closed at +2R")
    await bot.set_my_description("Trades on paper.")
    await bot.set_message_reaction(OWNER.id, sent.message_id, [ReactionTypeEmoji(emoji="🔥")])
    await bot.send_chat_action(OWNER.id, "typing")
    await bot.send_message_draft(OWNER.id, draft_id=7, text="thinking")

    assert (await bot.get_my_description()).description == "Trades on paper."
    assert telegram.messages[-1].reactions == ["🔥"]
    assert (await bot.get_me()).username == "perpilot_bot"
    with pytest.raises(TelegramBadRequest, match="REACTION_INVALID"):
        await bot.set_message_reaction(OWNER.id, sent.message_id, [ReactionTypeEmoji(emoji="x")])


async def test_strangers_and_groups_reach_the_bot_with_their_own_chats(
    telegram: TelegramStandIn, bot: Bot
) -> None:
    await telegram.say("/start", STRANGER)
    await telegram.say("/status", STRANGER, "supergroup")
    await telegram.say("/buy", forward_origin={"type": "hidden_user", "date": 1, "sender_user_name": "x"})
    said = await telegram.say("/risk 1")
    await telegram.say("/risk 9", edits=said)
    updates = await bot.get_updates()

    private, group, forwarded, _, edited = updates
    assert private.message is not None
    assert (private.message.chat.id, private.message.chat.type) == (STRANGER.id, "private")
    assert group.message is not None
    assert (group.message.chat.type, group.message.from_user.id) == ("supergroup", STRANGER.id)  # type: ignore[union-attr]
    assert forwarded.message is not None
    assert forwarded.message.forward_origin is not None
    assert edited.edited_message is not None
    assert (edited.edited_message.text, edited.edited_message.message_id) == ("/risk 9", said.message_id)


async def test_a_bot_that_was_blocked_is_told_so(telegram: TelegramStandIn, bot: Bot) -> None:
    telegram.block()

    with pytest.raises(TelegramForbiddenError, match="bot was blocked by the user"):
        await bot.send_message(OWNER.id, "x")
    telegram.unblock()
    await bot.send_message(OWNER.id, "y")
    kinds = [update.event_type for update in await bot.get_updates()]
    assert kinds == ["my_chat_member", "my_chat_member"]


async def test_flood_limits_name_the_seconds_to_wait(telegram: TelegramStandIn, bot: Bot) -> None:
    telegram.rate_limit(7, times=2)

    for _ in range(2):
        with pytest.raises(TelegramRetryAfter) as caught:
            await bot.send_message(OWNER.id, "x")
        assert caught.value.retry_after == 7
    await bot.send_message(OWNER.id, "x")
    assert len(telegram.messages) == 1


async def test_strict_limits_stop_a_burst_in_one_chat() -> None:
    async with TelegramStandIn(TOKEN, OWNER, is_strict=True) as telegram:
        bot = make_bot(telegram)
        outcomes = await asyncio.gather(
            *(bot.send_message(OWNER.id, "x") for _ in range(20)), return_exceptions=True
        )
        await hang_up(bot)

        refused = [outcome for outcome in outcomes if isinstance(outcome, TelegramRetryAfter)]
        assert 3 <= 20 - len(refused) < 12
        assert all(refusal.retry_after >= 1 for refusal in refused)
