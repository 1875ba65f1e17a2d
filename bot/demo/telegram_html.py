"""Telegram's HTML dialect: markup in, plain text and entities out.

Laws
- Offsets and lengths of entities count UTF-16 code units; offsets in error texts count UTF-8 bytes.
- What the Bot API refuses is refused here with its words; an unclosed tag never passes for text.
- Code and preformatted text carry no other formatting: styles are cut around them, links on them fall.
- Markdown is not offered: its parse modes are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.demo.telegram_errors import ApiError, Json, bad_request

MAX_ENTITIES = 100
"""Telegram keeps the first hundred entities of a message and drops the rest without a word."""

TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-zA-Z]+));?")
_ATTRIBUTE = re.compile(
    r"""\s*(?P<name>[^\s=>/"']+)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>"']+)))?"""
)
_DATE_FORMAT = re.compile(r"r|w?[dD]?[tT]?")
_AUTOMATIC = re.compile(
    r"(?P<url>https?://[^\s<>\"]+[^\s<>\".,;:!?)])"
    r"|(?<![\w/])(?P<bot_command>/[a-zA-Z0-9_]{1,64}(?:@\w{3,32})?)(?![\w/])"
    r"|(?<!\w)(?P<mention>@[a-zA-Z]\w{3,31})\b"
    r"|(?<!\w)(?P<cashtag>\$[A-Z]{1,8})\b"
    r"|(?<!\w)(?P<hashtag>#\w*[^\W\d]\w*)"
)
_SCHEMES = frozenset({"http", "https", "tg", "ton"})
_STYLES = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler"})
_SOLID = frozenset({"code", "pre"})
_QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_ORDER = ["blockquote", "expandable_blockquote", "pre", "code", "text_link", "date_time", "custom_emoji"]


@dataclass
class _Open:
    tag: str
    attributes: dict[str, str]
    start: int  # UTF-16 units
    text_start: int  # characters


def utf16_length(text: str) -> int:
    return len(text) + sum(1 for letter in text if ord(letter) > 0xFFFF)


def parse_html(markup: str) -> tuple[str, list[Json]]:
    """Raises ApiError with Telegram's text for anything outside its dialect."""
    return _Parser(markup).run()


class _Parser:
    def __init__(self, markup: str) -> None:
        self.markup = markup
        self.at = 0
        self.text: list[str] = []
        self.length = 0  # UTF-16 units written so far
        self.open: list[_Open] = []
        self.entities: list[Json] = []

    def run(self) -> tuple[str, list[Json]]:
        while self.at < len(self.markup):
            letter = self.markup[self.at]
            if letter == "<":
                self._tag()
            elif letter == "&":
                self._reference()
            else:
                self._write(letter, 1)
        if self.open:
            raise _cannot_parse(f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"')
        return "".join(self.text), arrange(self.entities)

    def _write(self, text: str, consumed: int) -> None:
        self.text.append(text)
        self.length += utf16_length(text)
        self.at += consumed

    def _reference(self) -> None:
        match = _REFERENCE.match(self.markup, self.at)
        decoded = _decode(match) if match else None
        if match is None or decoded is None:
            self._write("&", 1)
        else:
            self._write(decoded, match.end() - self.at)

    def _tag(self) -> None:
        if self.markup.startswith("</", self.at):
            self._end_tag()
        else:
            self._start_tag()

    def _start_tag(self) -> None:
        begin = self.at
        where = f"at byte offset {_bytes(self.markup, begin)}"
        name_match = re.compile(r"[^\s>]*").match(self.markup, begin + 1)
        assert name_match is not None  # the pattern matches the empty string
        if name_match.end() >= len(self.markup):
            raise _cannot_parse(f"Unclosed start tag {where}")
        tag = name_match.group().lower()
        if tag not in TAGS:
            raise _cannot_parse(f'Unsupported start tag "{tag}" {where}')
        attributes, self.at = self._attributes(name_match.end(), tag, where)
        _check_attributes(tag, attributes, where)
        self.open.append(_Open(tag, attributes, self.length, len(self.text)))

    def _attributes(self, at: int, tag: str, where: str) -> tuple[dict[str, str], int]:
        found: dict[str, str] = {}
        while True:
            while at < len(self.markup) and self.markup[at].isspace():
                at += 1
            if at >= len(self.markup):
                raise _cannot_parse(f"Unclosed start tag {where}")
            if self.markup[at] == ">":
                return found, at + 1
            match = _ATTRIBUTE.match(self.markup, at)
            rest = self.markup[match.end() :] if match is not None else ""
            if rest.lstrip().startswith(('="', "='")):
                raise _cannot_parse(f"Unclosed start tag {where}")
            if match is None:
                raise _cannot_parse(f'Empty attribute name in the tag "{tag}" {where}')
            if tag != "blockquote" and "=" not in match.group():
                raise _cannot_parse(
                    f'Expected equal sign in declaration of an attribute of the tag "{tag}" {where}'
                )
            value = match["double"] or match["single"] or match["bare"] or ""
            found[match["name"].lower()] = _decode_all(value)
            at = match.end()

    def _end_tag(self) -> None:
        begin = self.at
        offset = _bytes(self.markup, begin)
        close = self.markup.find(">", begin)
        if not self.open:
            raise _cannot_parse(f"Unexpected end tag at byte offset {offset}")
        if close < 0:
            raise _cannot_parse(f"Unclosed end tag at byte offset {offset}")
        tag = self.markup[begin + 2 : close].strip().lower()
        expected = self.open[-1]
        if tag and tag != expected.tag:
            raise _cannot_parse(
                f'Unmatched end tag at byte offset {offset}, expected "</{expected.tag}>", found "</{tag}>"'
            )
        self.open.pop()
        self.at = close + 1
        if self.length > expected.start:
            self._close(expected)

    def _close(self, opened: _Open) -> None:
        entity: Json = {"offset": opened.start, "length": self.length - opened.start}
        entity["type"] = TAGS[opened.tag]
        if opened.tag == "a":
            entity = _link(entity, opened.attributes.get("href") or "".join(self.text[opened.text_start :]))
        elif opened.tag == "blockquote" and "expandable" in opened.attributes:
            entity["type"] = "expandable_blockquote"
        elif opened.tag == "tg-time":
            entity["unix_time"] = int(opened.attributes["unix"])
            if opened.attributes.get("format"):
                entity["date_time_format"] = opened.attributes["format"]
        elif opened.tag == "tg-emoji":
            entity["custom_emoji_id"] = opened.attributes.get("emoji-id", "")
        elif opened.tag == "code":
            entity["language"] = opened.attributes.get("class", "").removeprefix("language-")
        elif opened.tag == "pre":
            self._absorb_code(entity)
        if entity:
            self.entities.append(entity)

    def _absorb_code(self, pre: Json) -> None:
        """`<pre><code class="language-x">` is one block with a language."""
        last = self.entities[-1] if self.entities else None
        if last and last["type"] == "code" and (last["offset"], last["length"]) == _span(pre):
            self.entities.pop()
            if last["language"]:
                pre["language"] = last["language"]


def _span(entity: Json) -> tuple[int, int]:
    return entity["offset"], entity["length"]


def _bytes(text: str, end: int) -> int:
    return len(text[:end].encode())


def _cannot_parse(reason: str) -> ApiError:
    return bad_request(f"can't parse entities: {reason}")


def _decode(match: re.Match[str]) -> str | None:
    hexadecimal, decimal, name = match.groups()
    if name is not None:
        return _NAMED.get(name)
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    if code == 0 or code >= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return None
    return chr(code)


def _decode_all(text: str) -> str:
    return _REFERENCE.sub(lambda match: _decode(match) or match.group(), text)


def _check_attributes(tag: str, attributes: dict[str, str], where: str) -> None:
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise _cannot_parse(f'Tag "span" must have class "tg-spoiler" {where}')
    if tag == "tg-time":
        if not re.fullmatch(r"\d{1,10}", attributes.get("unix", "")):
            raise _cannot_parse(f'Tag "tg-time" must have a valid attribute "unix" {where}')
        if not _DATE_FORMAT.fullmatch(attributes.get("format", "")):
            raise _cannot_parse(f'Tag "tg-time" has an invalid attribute "format" {where}')
    if tag == "tg-emoji" and not attributes.get("emoji-id", "").isdigit():
        raise bad_request("invalid custom emoji identifier specified")


def _link(entity: Json, url: str) -> Json:
    """An unusable address leaves plain text behind, as in Telegram."""
    user = re.fullmatch(r"tg://user\?id=(\d+)", url)
    if user:
        person = {"id": int(user[1]), "is_bot": False, "first_name": ""}
        return {**entity, "type": "text_mention", "user": person}
    scheme, separator, _ = url.partition("://")
    if separator and scheme.lower() not in _SCHEMES:
        return {}
    if not separator and "." not in url:
        return {}
    return {**entity, "url": url if separator else f"http://{url}"}


def arrange(entities: list[Json]) -> list[Json]:
    """Sorted outermost first, cut where Telegram forbids overlap, at most `MAX_ENTITIES`."""
    solid = [entity for entity in entities if entity["type"] in _SOLID]
    kept: list[Json] = []
    for entity in entities:
        if entity["type"] in _STYLES:
            kept.extend(_cut_around(entity, solid))
        elif entity["type"] in _SOLID or entity["type"] in _QUOTES or not _overlaps(entity, solid):
            kept.append(entity)
    quotes = [entity for entity in kept if entity["type"] in _QUOTES]
    kept = [entity for entity in kept if not (entity["type"] in _QUOTES and _is_inside(entity, quotes))]
    for entity in kept:
        if entity["type"] == "code":
            entity.pop("language", None)
    return sorted(kept, key=_sorting)[:MAX_ENTITIES]


def _sorting(entity: Json) -> tuple[int, int, int]:
    kind = entity["type"]
    return entity["offset"], -entity["length"], _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _overlaps(entity: Json, others: list[Json]) -> bool:
    start, end = entity["offset"], entity["offset"] + entity["length"]
    return any(other["offset"] < end and start < other["offset"] + other["length"] for other in others)


def _is_inside(entity: Json, others: list[Json]) -> bool:
    start, end = entity["offset"], entity["offset"] + entity["length"]
    return any(
        other is not entity and other["offset"] <= start and end <= other["offset"] + other["length"]
        for other in others
    )


def _cut_around(entity: Json, solid: list[Json]) -> list[Json]:
    pieces = [(entity["offset"], entity["offset"] + entity["length"])]
    for hole in solid:
        start, end = hole["offset"], hole["offset"] + hole["length"]
        cut = [[(a, min(b, start)), (max(a, end), b)] for a, b in pieces]
        pieces = [piece for pair in cut for piece in pair if piece[0] < piece[1]]
    return [{**entity, "offset": a, "length": b - a} for a, b in pieces]


def trim(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Telegram stores messages without surrounding whitespace; entities move with the text."""
    lead = len(text) - len(text.lstrip())
    trimmed = text.strip()
    limit = utf16_length(trimmed)
    moved: list[Json] = []
    for entity in entities:
        start = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] + entity["length"] - lead, limit)
        if start < end:
            moved.append({**entity, "offset": start, "length": end - start})
    return trimmed, moved


def with_automatic(text: str, entities: list[Json]) -> list[Json]:
    """Adds what Telegram recognises by itself: commands, addresses, mentions, cash and hash tags."""
    blocked = [entity for entity in entities if entity["type"] not in _STYLES | _QUOTES]
    found: list[Json] = []
    for match in _AUTOMATIC.finditer(text):
        start = utf16_length(text[: match.start()])
        entity = {"type": match.lastgroup, "offset": start, "length": utf16_length(match.group())}
        if not _overlaps(entity, blocked):
            found.append(entity)
    return sorted(entities + found, key=_sorting)[:MAX_ENTITIES]
