"""Inline keyboards as the Bot API accepts them.

Addresses of buttons must be public ones, as for Telegram; only Mini App buttons may also point to this
machine, so that the demo's own pages can be opened.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.demo.telegram_errors import ApiError, Json, bad_request
from bot.demo.telegram_updates import LOOPBACK_NAMES

MAX_CALLBACK_BYTES = 64
MAX_BUTTONS = 100
MAX_COPY_CHARS = 256
STYLES = frozenset({"primary", "success", "danger"})
ACTIONS = (
    "url",
    "callback_data",
    "web_app",
    "copy_text",
    "disabled",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
)


def inline_keyboard(markup: object) -> list[list[Json]]:
    """Rows of valid buttons; empty for none. Reply keyboards are accepted and not shown."""
    if markup is None:
        return []
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    rows = markup.get("inline_keyboard")
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise _cannot_parse('Field "inline_keyboard" must be of type Array')
    checked = [[_checked(button) for button in row] for row in rows if row]
    if sum(len(row) for row in checked) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    return checked


def _checked(button: object) -> Json:
    if not isinstance(button, dict):
        raise _cannot_parse("InlineKeyboardButton must be an Object")
    text = button.get("text")
    if not isinstance(text, str):
        raise _cannot_parse('Field "text" must be of type String')
    if not text.strip():
        raise bad_request("BUTTON_TEXT_EMPTY")
    actions = [name for name in ACTIONS if button.get(name) is not None]
    if not actions:
        raise _cannot_parse("Text buttons are unallowed in the inline keyboard")
    if button.get("style") is not None and button["style"] not in STYLES:
        raise _cannot_parse("Invalid button style specified")
    _check_action(actions[0], button)
    return {name: value for name, value in button.items() if value is not None}


def _check_action(action: str, button: Json) -> None:
    if action == "callback_data":
        size = len(str(button["callback_data"]).encode())
        if not 1 <= size <= MAX_CALLBACK_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
    elif action == "url":
        _check_url(str(button["url"]))
    elif action == "web_app":
        _check_web_app(str(button["web_app"].get("url", "")))
    elif action == "copy_text" and not 1 <= len(button["copy_text"].get("text", "")) <= MAX_COPY_CHARS:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    is_web = parts.scheme in ("http", "https") and "." in (parts.hostname or "")
    if not is_web and parts.scheme not in ("tg", "ton"):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")


def _check_web_app(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK_NAMES:
        raise bad_request(
            f"inline keyboard button Web App URL '{url}' is invalid: Only HTTPS links are allowed"
        )


def _cannot_parse(reason: str) -> ApiError:
    return bad_request(f"can't parse inline keyboard button: {reason}")
