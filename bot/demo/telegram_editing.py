"""Methods that change or remove what is already in a chat.

An edit without `reply_markup` takes the buttons away, and an edit that changes nothing is refused, as in
Telegram.
"""

from __future__ import annotations

import time

from bot.demo.telegram_arguments import MAX_CAPTION, MAX_TEXT, Arguments
from bot.demo.telegram_desk import Desk, Method
from bot.demo.telegram_errors import Json, bad_request, not_modified
from bot.demo.telegram_keyboard import inline_keyboard
from bot.demo.telegram_sending import CAPTION_TOO_LONG, media_content
from bot.demo.telegram_state import Message

REACTIONS = frozenset(
    "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳"
    "💯🤣⚡🍌🏆💔🤨😐🍓🍾💋😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗"
    "🫡🎅🎄💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾😡"
)
MAX_PINNED = 100


def _own(desk: Desk, arguments: Arguments) -> Message:
    desk.chat_to_write(arguments)
    message = desk.message(arguments, "message to edit not found")
    if message.sender is not desk.world.bot:
        raise bad_request("message can't be edited")
    return message


def edit_message_text(desk: Desk, arguments: Arguments) -> Json:
    message = _own(desk, arguments)
    if not arguments.text("text"):
        raise bad_request("message text is empty")
    if message.text is None:
        raise bad_request("there is no text in the message to edit")
    text, entities = arguments.formatted("text", MAX_TEXT, "MESSAGE_TOO_LONG")
    if not text:
        raise bad_request("text must be non-empty")
    return _apply(desk, message, arguments, {"text": text, "entities": entities})


def edit_message_caption(desk: Desk, arguments: Arguments) -> Json:
    message = _own(desk, arguments)
    if message.text is not None:
        raise bad_request("there is no caption in the message to edit")
    caption, entities = arguments.formatted("caption", MAX_CAPTION, CAPTION_TOO_LONG)
    return _apply(desk, message, arguments, {"caption": caption, "entities": entities})


def edit_message_media(desk: Desk, arguments: Arguments) -> Json:
    message = _own(desk, arguments)
    content = media_content(desk, arguments, arguments.value("media"))
    emptied = {"text": None, "photo": None, "document": None}
    return _apply(desk, message, arguments, emptied | content)


def edit_message_reply_markup(desk: Desk, arguments: Arguments) -> Json:
    return _apply(desk, _own(desk, arguments), arguments, {})


def _apply(desk: Desk, message: Message, arguments: Arguments, content: Json) -> Json:
    content = content | {"keyboard": inline_keyboard(arguments.value("reply_markup"))}
    if all(getattr(message, name) == value for name, value in content.items()):
        raise not_modified()
    message.remember()
    for name, value in content.items():
        setattr(message, name, value)
    if len(content) > 1:  # buttons alone don't make a message "edited"
        message.edit_date = int(time.time())
    desk.world.touch(message, "edit")
    return desk.world.message_json(message)


def delete_message(desk: Desk, arguments: Arguments) -> bool:
    message = desk.message(arguments, "message to delete not found")
    _delete(desk, message)
    return True


def delete_messages(desk: Desk, arguments: Arguments) -> bool:
    """What isn't there is skipped, as in Telegram."""
    chat = desk.world.chat(arguments.text("chat_id"))
    for message_id in arguments.value("message_ids") or []:
        message = desk.world.find(chat["id"], int(message_id))
        if message is not None:
            _delete(desk, message)
    return True


def _delete(desk: Desk, message: Message) -> None:
    message.is_deleted = True
    pinned = desk.world.pinned.get(message.chat["id"], [])
    if message.message_id in pinned:
        pinned.remove(message.message_id)
        desk.world.tell({"type": "pinned", "chat_id": message.chat["id"]})
    desk.world.touch(message, "delete")


def pin_chat_message(desk: Desk, arguments: Arguments) -> bool:
    message = desk.message(arguments, "message to pin not found")
    pinned = desk.world.pinned.setdefault(message.chat["id"], [])
    if message.message_id not in pinned:
        pinned.append(message.message_id)
        del pinned[:-MAX_PINNED]
    desk.world.tell({"type": "pinned", "chat_id": message.chat["id"]})
    return True


def unpin_chat_message(desk: Desk, arguments: Arguments) -> bool:
    """Without a message id the newest pin goes."""
    chat = desk.world.chat(arguments.text("chat_id"))
    pinned = desk.world.pinned.get(chat["id"], [])
    wanted = arguments.integer("message_id") or (pinned[-1] if pinned else 0)
    if wanted not in pinned:
        raise bad_request("message to unpin not found")
    pinned.remove(wanted)
    desk.world.tell({"type": "pinned", "chat_id": chat["id"]})
    return True


def unpin_all_chat_messages(desk: Desk, arguments: Arguments) -> bool:
    chat = desk.world.chat(arguments.text("chat_id"))
    desk.world.pinned.pop(chat["id"], None)
    desk.world.tell({"type": "pinned", "chat_id": chat["id"]})
    return True


def set_message_reaction(desk: Desk, arguments: Arguments) -> bool:
    message = desk.message(arguments, "message to react not found")
    wanted = arguments.value("reaction") or []
    emoji = [str(reaction.get("emoji", "")) for reaction in wanted][:1]
    if any(symbol.rstrip("\ufe0f") not in REACTIONS for symbol in emoji):
        raise bad_request("REACTION_INVALID")
    message.reactions = emoji
    desk.world.touch(message, "edit")
    return True


EDITING: dict[str, Method] = {
    "editmessagetext": edit_message_text,
    "editmessagecaption": edit_message_caption,
    "editmessagemedia": edit_message_media,
    "editmessagereplymarkup": edit_message_reply_markup,
    "deletemessage": delete_message,
    "deletemessages": delete_messages,
    "pinchatmessage": pin_chat_message,
    "unpinchatmessage": unpin_chat_message,
    "unpinallchatmessages": unpin_all_chat_messages,
    "setmessagereaction": set_message_reaction,
}
