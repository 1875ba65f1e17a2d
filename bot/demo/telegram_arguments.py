"""The arguments of one call, however they were sent: query, form, JSON or multipart."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.demo.telegram_errors import Json, bad_request
from bot.demo.telegram_html import parse_html, trim, utf16_length, with_automatic

MAX_TEXT = 4_096
MAX_CAPTION = 1_024
"""Counted in UTF-16 units, the stricter reading of "characters after entities parsing"."""


@dataclass(frozen=True)
class Upload:
    name: str
    mime: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Arguments:
    values: Json
    uploads: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        try:
            return int(self.text(name))
        except ValueError:
            return default

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("true", "1", "yes")

    def value(self, name: str) -> Any:
        """An object or array; None where absent."""
        raw = self.values.get(name)
        if not isinstance(raw, str) or not raw:
            return raw or None
        try:
            return json.loads(raw)
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def formatted(self, name: str, limit: int, too_long: str) -> tuple[str, list[Json]]:
        """Plain text and entities of a text or caption with its parse mode, ready to store."""
        entities_name = "entities" if name == "text" else f"{name}_entities"
        mode = self.text("parse_mode")
        return format_text(self.text(name), mode, self.value(entities_name), limit, too_long)

    def upload(self, reference: object) -> Upload | None:
        if isinstance(reference, str) and reference.startswith("attach://"):
            return self.uploads.get(reference.removeprefix("attach://"))
        return None


def format_text(raw: str, mode: str, entities: object, limit: int, too_long: str) -> tuple[str, list[Json]]:
    mode = mode.lower()
    if mode not in ("", "none", "html"):
        raise bad_request("unsupported parse_mode")
    if mode == "html":
        text, found = parse_html(raw)
    else:
        text, found = raw, [dict(entity) for entity in entities] if isinstance(entities, list) else []
    text, found = trim(text.replace("\r", ""), found)
    if utf16_length(text) > limit:
        raise bad_request(too_long)
    return text, with_automatic(text, found)


async def read_arguments(request: web.Request) -> Arguments:
    values: Json = dict(request.query)
    uploads: dict[str, Upload] = {}
    if request.method == "POST" and request.can_read_body:
        if request.content_type == "application/json":
            values |= await _json_body(request)
        else:
            form = await request.post()
            for key, part in form.items():
                if isinstance(part, web.FileField):
                    content = part.file.read()
                    uploads[key] = Upload(part.filename or key, part.content_type, content)
                    values.setdefault(key, f"attach://{key}")
                elif isinstance(part, str):
                    values[key] = part
    return Arguments(values, uploads)


async def _json_body(request: web.Request) -> Json:
    try:
        body = await request.json()
    except ValueError:
        raise bad_request("can't parse JSON object") from None
    return body if isinstance(body, dict) else {}
