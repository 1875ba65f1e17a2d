"""Telegram HTML that always parses: text → blocks → pages.

Laws:
- Every variable part goes through `esc`, the only escaping place.
- A line of a block is balanced by itself and a tag never spans lines, except a block's own wrapping, so a
  page is cut between lines and never inside a tag.
- Lengths are what Telegram counts: UTF-16 units after its markup is parsed.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

MESSAGE_LIMIT = 4096
CAPTION_LIMIT = 1024
ENTITY_LIMIT = 90
"""Telegram keeps 100 entities of a message and drops the rest; commands and links count too."""
PART_LIMIT = 300
"""Longest variable part, characters: nothing from outside can crowd out the numbers."""

_TAG = re.compile(r"<[^>]*>")
_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Controls, direction marks that can disguise text, lone surrogates, unassigned."""
_JOINERS = "\u200d\ufe0f"
"""Emoji are joined with these; they stay."""


@dataclass(frozen=True, slots=True)
class Block:
    lines: tuple[str, ...]
    opening: str = ""
    closing: str = ""
    is_optional: bool = False
    """May be cut where there is little room, as under a photo."""

    @property
    def html(self) -> str:
        return self.opening + "\n".join(self.lines) + self.closing


@dataclass(frozen=True, slots=True)
class Card:
    blocks: tuple[Block, ...]

    def __add__(self, other: Card) -> Card:
        return Card(self.blocks + other.blocks)

    @property
    def html(self) -> str:
        return "\n\n".join(block.html for block in self.blocks)


def esc(value: object, limit: int = PART_LIMIT) -> str:
    """One line of text for HTML; what cannot be shown is dropped, what is too long ends in “…”."""
    text = " ".join("".join(_shown(str(value)[: 4 * limit])).split())
    if len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    return html.escape(text, quote=False)


def bold(value: object) -> str:
    return f"<b>{esc(value)}</b>"


def italic(value: object) -> str:
    return f"<i>{esc(value)}</i>"


def code(value: object) -> str:
    return f"<code>{esc(value)}</code>"


def lines(*parts: str | None) -> Block:
    """A block of the lines that are there; None and empty ones fall out."""
    return Block(tuple(part for part in parts if part))


def folded(parts: Iterable[str], is_optional: bool = False) -> Block:
    """A quote that opens at a tap."""
    return Block(
        tuple(part for part in parts if part), "<blockquote expandable>", "</blockquote>", is_optional
    )


def table(parts: Iterable[str]) -> Block:
    """Monospaced rows, already escaped and without tags."""
    return Block(tuple(parts), "<pre>", "</pre>")


def card(*blocks: Block | None) -> Card:
    return Card(tuple(block for block in blocks if block is not None and block.lines))


def sentence(text: str, *more: str) -> Card:
    """Plain words from anywhere, escaped."""
    return card(lines(esc(text, 1000), *(f"• {esc(line, 500)}" for line in more)))


def pages(shown: Card, limit: int = MESSAGE_LIMIT) -> list[str]:
    """One or more messages; never empty."""
    done: list[list[Block]] = [[]]
    for block in shown.blocks:
        for piece in _pieces(block, limit):
            if done[-1] and not _fits([*done[-1], piece], limit):
                done.append([])
            done[-1].append(piece)
    texts = [Card(tuple(page)).html for page in done]
    return [text for text in texts if plain(text).strip()] or ["…"]


def caption(shown: Card, limit: int = CAPTION_LIMIT) -> str:
    """One text that fits under a photo: optional blocks shrink first, then the tail is cut."""
    needed = [block for block in shown.blocks if not block.is_optional]
    if not _fits(needed, limit):
        return pages(Card(tuple(needed)), limit)[0]
    kept: list[Block] = []
    for at, block in enumerate(shown.blocks):
        later = [other for other in shown.blocks[at + 1 :] if not other.is_optional]
        fitting = block if not block.is_optional else _shrunk(block, kept + later, limit)
        if fitting is not None:
            kept.append(fitting)
    return Card(tuple(kept)).html


def plain(markup: str) -> str:
    """The words of our HTML without its tags: what is sent where HTML was refused."""
    return html.unescape(_TAG.sub("", markup))


def visible_length(markup: str) -> int:
    """UTF-16 units that Telegram counts."""
    return len(plain(markup).encode("utf-16-le", "surrogatepass")) // 2


def _shown(text: str) -> Iterator[str]:
    for letter in text:
        if letter.isspace():
            yield " "
        elif letter in _JOINERS or unicodedata.category(letter) not in _NOT_SHOWN:
            yield letter


def _fits(blocks: list[Block], limit: int) -> bool:
    markup = Card(tuple(blocks)).html
    return visible_length(markup) <= limit and markup.count("<") - markup.count("</") <= ENTITY_LIMIT


def _shrunk(block: Block, others: list[Block], limit: int) -> Block | None:
    """The block with as many of its lines as leave room for the others; None for none."""
    for count in range(len(block.lines), 0, -1):
        shorter = replace(block, lines=block.lines[:count])
        if _fits([*others, shorter], limit):
            return shorter
    return None


def _pieces(block: Block, limit: int) -> Iterator[Block]:
    """The block cut between lines so that each piece fits alone."""
    if _fits([block], limit):
        yield block
        return
    piece: list[str] = []
    for line in (part for whole in block.lines for part in _short(whole, limit)):
        if piece and not _fits([replace(block, lines=(*piece, line))], limit):
            yield replace(block, lines=tuple(piece))
            piece = []
        piece.append(line)
    if piece:
        yield replace(block, lines=tuple(piece))


def _short(line: str, limit: int) -> Iterator[str]:
    """A line that fits alone, or its words in parts that do."""
    if _fits([Block((line,))], limit):
        yield line
        return
    words = plain(line)
    step = limit // 2  # a character may be two UTF-16 units
    for start in range(0, len(words), step):
        yield html.escape(words[start : start + step], quote=False)
