"""Methods that put something new into a chat."""

from __future__ import annotations

from typing import Any

from bot.demo.telegram_arguments import MAX_CAPTION, MAX_TEXT, Arguments, Upload, format_text
from bot.demo.telegram_desk import Desk, Method
from bot.demo.telegram_errors import Json, bad_request
from bot.demo.telegram_keyboard import inline_keyboard
from bot.demo.telegram_pictures import picture_size
from bot.demo.telegram_state import StoredFile

CAPTION_TOO_LONG = "message caption is too long"
MAX_PHOTO_SIDES = 10_000
MAX_PHOTO_RATIO = 20
CHAT_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def send_message(desk: Desk, arguments: Arguments) -> Json:
    chat = desk.chat_to_write(arguments)
    if not arguments.text("text"):
        raise bad_request("message text is empty")
    text, entities = arguments.formatted("text", MAX_TEXT, "message is too long")
    if not text:
        raise bad_request("text must be non-empty")
    return _post(desk, chat, arguments, text=text, entities=entities)


def send_photo(desk: Desk, arguments: Arguments) -> Json:
    chat = desk.chat_to_write(arguments)
    caption, entities = arguments.formatted("caption", MAX_CAPTION, CAPTION_TOO_LONG)
    photo = resolve_photo(desk, arguments, arguments.values.get("photo"))
    return _post(desk, chat, arguments, caption=caption, entities=entities, photo=photo)


def send_document(desk: Desk, arguments: Arguments) -> Json:
    chat = desk.chat_to_write(arguments)
    caption, entities = arguments.formatted("caption", MAX_CAPTION, CAPTION_TOO_LONG)
    document = resolve_document(desk, arguments, arguments.values.get("document"))
    return _post(desk, chat, arguments, caption=caption, entities=entities, document=document)


def send_media_group(desk: Desk, arguments: Arguments) -> list[Json]:
    chat = desk.chat_to_write(arguments)
    media = arguments.value("media")
    if not isinstance(media, list) or not 2 <= len(media) <= 10:
        raise bad_request("wrong number of media in the album: from 2 to 10 expected")
    contents = [media_content(desk, arguments, item) for item in media]
    group = str(desk.world.next_message_id())
    return [_post(desk, chat, arguments, extra={"media_group_id": group}, **item) for item in contents]


def send_message_draft(desk: Desk, arguments: Arguments) -> bool:
    """A preview that lives in the page only, until the real message comes or half a minute passes."""
    chat = desk.chat_to_write(arguments)
    if chat["type"] != "private":
        raise bad_request("drafts can be sent only to private chats")
    if not arguments.integer("draft_id"):
        raise bad_request("RANDOM_ID_INVALID")
    text, entities = arguments.formatted("text", MAX_TEXT, "message is too long")
    draft = {"draft_id": arguments.integer("draft_id"), "text": text, "entities": entities}
    draft["can_stop"] = arguments.flag("can_stop")
    desk.world.tell({"type": "draft", "chat_id": chat["id"], "draft": draft})
    return True


def send_chat_action(desk: Desk, arguments: Arguments) -> bool:
    chat = desk.world.writable_chat(arguments.text("chat_id"))
    action = arguments.text("action")
    if action not in CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    desk.world.tell({"type": "action", "chat_id": chat["id"], "action": action})
    return True


def _post(desk: Desk, chat: Json, arguments: Arguments, **content: Any) -> Json:
    message = desk.world.new_message(
        chat,
        desk.world.bot,
        keyboard=inline_keyboard(arguments.value("reply_markup")),
        reply_to=_reply_to(desk, chat, arguments),
        is_silent=arguments.flag("disable_notification"),
        **content,
    )
    return desk.world.message_json(message)


def _reply_to(desk: Desk, chat: Json, arguments: Arguments) -> int | None:
    parameters = arguments.value("reply_parameters") or {}
    wanted = int(parameters.get("message_id") or arguments.integer("reply_to_message_id"))
    if not wanted or desk.world.find(chat["id"], wanted) is not None:
        return wanted or None
    if parameters.get("allow_sending_without_reply") or arguments.flag("allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


def media_content(desk: Desk, arguments: Arguments, media: object) -> Json:
    """Caption and file of one InputMedia, as fields of a message."""
    if not isinstance(media, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    mode = str(media.get("parse_mode") or "")
    caption, entities = format_text(
        str(media.get("caption") or ""), mode, media.get("caption_entities"), MAX_CAPTION, CAPTION_TOO_LONG
    )
    content: Json = {"caption": caption, "entities": entities}
    if media.get("type") == "photo":
        return content | {"photo": resolve_photo(desk, arguments, media.get("media"))}
    if media.get("type") == "document":
        return content | {"document": resolve_document(desk, arguments, media.get("media"))}
    raise bad_request(f"can't parse InputMedia: type {media.get('type')!r} is not offered here")


def resolve_photo(desk: Desk, arguments: Arguments, reference: object) -> StoredFile:
    if not reference:
        raise bad_request("there is no photo in the request")
    upload = _uploaded(arguments, reference)
    if upload is None:
        return _known(desk, reference, is_photo=True)
    size = picture_size(upload.content)
    if size is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    width, height = size
    shortest = min(width, height)
    if not shortest or width + height > MAX_PHOTO_SIDES or max(width, height) > MAX_PHOTO_RATIO * shortest:
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    mime = "image/jpeg" if upload.content.startswith(b"\xff\xd8") else "image/png"
    return desk.world.store(upload.name, mime, upload.content, size)


def resolve_document(desk: Desk, arguments: Arguments, reference: object) -> StoredFile:
    if not reference:
        raise bad_request("there is no document in the request")
    upload = _uploaded(arguments, reference)
    if upload is None:
        return _known(desk, reference, is_photo=False)
    return desk.world.store(upload.name, upload.mime, upload.content)


def _uploaded(arguments: Arguments, reference: object) -> Upload | None:
    upload = arguments.upload(reference)
    if upload is not None and not upload.content:
        raise bad_request("file must be non-empty")
    return upload


def _known(desk: Desk, reference: object, *, is_photo: bool) -> StoredFile:
    text = str(reference)
    if text.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")
    file = desk.world.files.get(text)
    if file is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    if bool(file.width) != is_photo:
        raise bad_request("type of file mismatch")
    return file


SENDING: dict[str, Method] = {
    "sendmessage": send_message,
    "sendphoto": send_photo,
    "senddocument": send_document,
    "sendmediagroup": send_media_group,
    "sendmessagedraft": send_message_draft,
    "sendchataction": send_chat_action,
}
