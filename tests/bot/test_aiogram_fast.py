"""The fast import: every type and method still works, and another version is imported as usual."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from bot import aiogram_fast

ROOT = Path(__file__).resolve().parents[2]

EVERYTHING = """
import json, sys
from bot import aiogram_fast
is_fast = aiogram_fast.load()
again = aiogram_fast.load()
import aiogram.methods as methods, aiogram.types as types
from pydantic import ValidationError
unusable = []
for room in (types, methods):
    for name in room.__all__:
        kind = getattr(room, name)
        if not hasattr(kind, "model_rebuild") or name == "TelegramMethod":
            continue
        try:
            kind.model_validate({})
        except ValidationError:
            pass
        except Exception as error:
            unusable.append((name, type(error).__name__))
print(json.dumps([is_fast, again, unusable]))
"""

USED = """
import json
from bot import aiogram_fast
aiogram_fast.load()
from aiogram.methods import (
    AnswerCallbackQuery, DeleteWebhook, EditMessageCaption, EditMessageText, GetMe, GetUpdates,
    GetWebhookInfo, SendDocument, SendMessage, SendPhoto, SetMyCommands, SetWebhook,
)
from aiogram.methods.base import Response
from aiogram.types import (
    BotCommand, BotCommandScopeChat, BufferedInputFile, InlineKeyboardButton, InlineKeyboardMarkup,
    ReplyParameters, Update,
)
button = InlineKeyboardButton(text="a", callback_data="b", style="danger")
keys = InlineKeyboardMarkup(inline_keyboard=[[button]])
file = BufferedInputFile(b"x", "a.png")
calls = [
    SendMessage(chat_id=1, text="x", reply_markup=keys, reply_parameters=ReplyParameters(message_id=3)),
    SendPhoto(chat_id=1, photo=file, caption="x", reply_markup=keys),
    SendDocument(chat_id=1, document=file),
    EditMessageText(chat_id=1, message_id=2, text="x", reply_markup=keys),
    EditMessageCaption(chat_id=1, message_id=2, caption="x", reply_markup=keys),
    AnswerCallbackQuery(callback_query_id="1", text="x", show_alert=True),
    GetUpdates(offset=1, timeout=2, allowed_updates=["message"]),
    SetMyCommands(commands=[BotCommand(command="a", description="b")], scope=BotCommandScopeChat(chat_id=1)),
    SetWebhook(url="https://example.org", secret_token="s", allowed_updates=["message"]),
    DeleteWebhook(drop_pending_updates=False), GetWebhookInfo(), GetMe(),
]
dumped = {type(call).__name__: call.model_dump(warnings=False) for call in calls}
chat = {"id": 1, "type": "private"}
user = {"id": 1, "is_bot": False, "first_name": "O"}
message = {"message_id": 1, "date": 0, "chat": chat, "from": user, "text": "/start",
           "forward_origin": {"type": "user", "date": 0, "sender_user": user}}
update = Update.model_validate({"update_id": 1, "message": message})
tap = {"id": "1", "from": user, "chat_instance": "1", "data": "b", "message": message}
tapped = Update.model_validate({"update_id": 2, "callback_query": tap})
sent = Response[SendMessage.__returning__].model_validate({"ok": True, "result": message})
failed = Response[SendMessage.__returning__].model_validate(
    {"ok": False, "error_code": 429, "description": "d", "parameters": {"retry_after": 3}})
print(json.dumps([
    update.message.text, type(update.message.forward_origin).__name__, tapped.callback_query.message.text,
    sent.result.chat.type, failed.parameters.retry_after, dumped["SendMessage"]["reply_markup"],
    len(dumped),
]))
"""


def in_a_fresh_process(code: str) -> Any:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_type_and_method_of_aiogram_works_when_it_is_met() -> None:
    is_fast, again, unusable = in_a_fresh_process(EVERYTHING)

    assert is_fast
    assert not again
    assert unusable == []


def test_what_the_bot_uses_behaves_as_with_the_plain_import() -> None:
    fast = in_a_fresh_process(USED)
    ordinary = in_a_fresh_process(USED.replace("aiogram_fast.load()", "import aiogram"))

    assert fast == ordinary
    assert fast[:5] == ["/start", "MessageOriginUser", "/start", "private", 3]


def test_another_version_is_imported_as_usual() -> None:
    code = EVERYTHING.replace("is_fast =", 'aiogram_fast.TRIED_WITH = {"aiogram": "0.0.0"}\nis_fast =')

    is_fast, _, unusable = in_a_fresh_process(code)

    assert not is_fast
    assert unusable == []


@pytest.mark.parametrize("name", aiogram_fast.TRIED_WITH)
def test_the_pinned_versions_are_the_ones_it_was_tried_with(name: str) -> None:
    assert version(name) == aiogram_fast.TRIED_WITH[name]
    assert f"{name}=={version(name)}" in (ROOT / "requirements.txt").read_text(encoding="utf-8")
