"""The Bot API's methods by name (lower case: names aren't case-sensitive).

Offered is what a chat bot with inline buttons uses. A real method that isn't offered here answers
404 "method not found", as an unknown one does.
"""

from __future__ import annotations

import re

from bot.demo.telegram_arguments import Arguments
from bot.demo.telegram_desk import Desk, Method
from bot.demo.telegram_editing import EDITING
from bot.demo.telegram_errors import Json, bad_request, query_too_old, unknown_method
from bot.demo.telegram_sending import SENDING
from bot.demo.telegram_state import StoredFile

MAX_COMMANDS = 100
MAX_COMMAND_DESCRIPTION = 256
MAX_CALLBACK_TEXT = 200
MAX_SCOPES = 100
GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
PROFILE = {
    "name": ("name", 64),
    "description": ("description", 512),
    "shortdescription": ("short_description", 120),
}


def get_me(desk: Desk, arguments: Arguments) -> Json:
    abilities = {
        "can_join_groups": True,
        "can_read_all_group_messages": True,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }
    return desk.world.bot.as_json() | abilities


def answer_callback_query(desk: Desk, arguments: Arguments) -> bool:
    query = desk.world.callbacks.get(arguments.text("callback_query_id"))
    if query is None or query.answer is not None:
        raise query_too_old()
    if desk.clock() - query.asked_at > desk.callback_expires_s:
        raise query_too_old()
    text = arguments.text("text")
    if len(text) > MAX_CALLBACK_TEXT:
        raise bad_request("MESSAGE_TOO_LONG")
    query.answer = {"text": text, "show_alert": arguments.flag("show_alert"), "url": arguments.text("url")}
    desk.world.tell({"type": "answer", "query": query})
    return True


def _scope(arguments: Arguments) -> str:
    scope = arguments.value("scope") or {"type": "default"}
    kind = str(scope.get("type"))
    named = ":".join([kind, *(str(scope[key]) for key in ("chat_id", "user_id") if key in scope)])
    return f"{named}|{arguments.text('language_code')}"


def set_my_commands(desk: Desk, arguments: Arguments) -> bool:
    commands = arguments.value("commands")
    if not isinstance(commands, list):
        raise bad_request("expected an Array of BotCommand")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not re.fullmatch(r"/?[a-z0-9_]{1,32}", str(command.get("command", ""))):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(str(command.get("description", ""))) <= MAX_COMMAND_DESCRIPTION:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    cleaned = [{**command, "command": command["command"].lstrip("/")} for command in commands]
    desk.world.commands[_scope(arguments)] = cleaned
    while len(desk.world.commands) > MAX_SCOPES:
        desk.world.commands.popitem(last=False)
    desk.world.tell({"type": "commands"})
    return True


def get_my_commands(desk: Desk, arguments: Arguments) -> list[Json]:
    return desk.world.commands.get(_scope(arguments), [])


def delete_my_commands(desk: Desk, arguments: Arguments) -> bool:
    desk.world.commands.pop(_scope(arguments), None)
    desk.world.tell({"type": "commands"})
    return True


def set_chat_menu_button(desk: Desk, arguments: Arguments) -> bool:
    desk.world.menu_button = arguments.value("menu_button") or {"type": "default"}
    desk.world.tell({"type": "commands"})
    return True


def get_chat_menu_button(desk: Desk, arguments: Arguments) -> Json:
    return desk.world.menu_button


def get_chat(desk: Desk, arguments: Arguments) -> Json:
    chat = desk.world.chat(arguments.text("chat_id"))
    full: Json = {"accent_color_id": 0, "max_reaction_count": 11}
    full["accepted_gift_types"] = dict.fromkeys(GIFTS, False)
    pinned = desk.world.pinned.get(chat["id"])
    message = desk.world.find(chat["id"], pinned[-1]) if pinned else None
    if message is not None:
        full["pinned_message"] = desk.world.message_json(message)
    return chat | full


def get_chat_member(desk: Desk, arguments: Arguments) -> Json:
    chat = desk.world.chat(arguments.text("chat_id"))
    user_id = arguments.integer("user_id")
    person = desk.world.bot if user_id == desk.world.bot.id else desk.world.people.get(user_id)
    if person is None:
        raise bad_request("user not found")
    is_here = chat["id"] == user_id or person.is_bot or user_id in desk.world.members.get(chat["id"], set())
    return {"status": "member" if is_here else "left", "user": person.as_json()}


def get_file(desk: Desk, arguments: Arguments) -> Json:
    file = desk.world.files.get(arguments.text("file_id"))
    if file is None:
        raise bad_request("invalid file_id")
    return file.as_json() | {"file_path": file.path}


def file_at(desk: Desk, path: str) -> StoredFile | None:
    return next((file for file in desk.world.files.values() if file.path == path), None)


def set_webhook(desk: Desk, arguments: Arguments) -> bool:
    desk.updates.allow(arguments.value("allowed_updates"))
    if arguments.flag("drop_pending_updates"):
        desk.updates.drop_pending()
    if not arguments.text("url"):
        desk.updates.drop_webhook()
        return True
    secret = arguments.text("secret_token")
    if secret and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
        raise bad_request("secret token contains unallowed characters")
    desk.updates.set_webhook(arguments.text("url"), secret, arguments.integer("max_connections", 40))
    return True


def delete_webhook(desk: Desk, arguments: Arguments) -> bool:
    if arguments.flag("drop_pending_updates"):
        desk.updates.drop_pending()
    desk.updates.drop_webhook()
    return True


def get_webhook_info(desk: Desk, arguments: Arguments) -> Json:
    return desk.updates.webhook_json()


def accept(desk: Desk, arguments: Arguments) -> bool:
    return True


def _profile_setter(key: str, limit: int) -> Method:
    def set_profile(desk: Desk, arguments: Arguments) -> bool:
        if len(arguments.text(key)) > limit:
            raise bad_request(f"BOT_{key.upper()}_INVALID")
        desk.world.profile[f"{key}|{arguments.text('language_code')}"] = arguments.text(key)
        return True

    return set_profile


def _profile_getter(key: str) -> Method:
    def get_profile(desk: Desk, arguments: Arguments) -> Json:
        return {key: desk.world.profile.get(f"{key}|{arguments.text('language_code')}", "")}

    return get_profile


METHODS: dict[str, Method] = {
    **SENDING,
    **EDITING,
    "getme": get_me,
    "answercallbackquery": answer_callback_query,
    "setmycommands": set_my_commands,
    "getmycommands": get_my_commands,
    "deletemycommands": delete_my_commands,
    "setchatmenubutton": set_chat_menu_button,
    "getchatmenubutton": get_chat_menu_button,
    "getchat": get_chat,
    "getchatmember": get_chat_member,
    "getfile": get_file,
    "setwebhook": set_webhook,
    "deletewebhook": delete_webhook,
    "getwebhookinfo": get_webhook_info,
    "setmydefaultadministratorrights": accept,
    "logout": accept,
    "close": accept,
    **{f"setmy{name}": _profile_setter(*field) for name, field in PROFILE.items()},
    **{f"getmy{name}": _profile_getter(field[0]) for name, field in PROFILE.items()},
}


async def call(desk: Desk, name: str, arguments: Arguments) -> object:
    """The result of one method; raises ApiError as the Bot API would refuse."""
    name = name.lower()
    desk.faults.before(name)
    if name == "getupdates":
        desk.updates.allow(arguments.value("allowed_updates"))
        limit = min(max(arguments.integer("limit", 100), 1), 100)
        return await desk.updates.poll(arguments.integer("offset"), limit, arguments.integer("timeout"))
    method = METHODS.get(name)
    if method is None:
        raise unknown_method()
    return method(desk, arguments)
