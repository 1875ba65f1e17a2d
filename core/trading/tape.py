"""Everything that one decision read and what came of it, as it is kept.

Laws:
- A tape holds what the world answered, never what we made of it: that is derived again and compared.
- What many decisions share (bars, rules, instruments) is a piece of its own, named by its content.
- A result is kept as a hash of its canonical text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.codec import from_text, to_text
from core.opinion import Abstention, Opinion, Purpose
from core.trading.chunks import packed, packed_once, unpacked

TAPE_VERSION = 1
FEATURES, FLAGS, BRIEF, VERDICT, PLAN, OUTCOME, RECORD = (
    "features", "flags", "brief", "verdict", "plan", "risk result", "record",
)  # fmt: skip
"""Names of results, as people read them; each adviser's answer is `answer:<adviser>`."""
ANSWER = "answer:"
DIGITS = 32
"""Of a result's hash: a tape holds about ten, and hashes cannot be packed."""


class Kind(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Read:
    """One answer of a port, in the order in which they came."""

    name: str
    """candles, background, quote, instrument, mood, look, screen, judged, held, net."""
    key: str
    """What was asked: symbol, timeframe; empty where there is one of it."""
    value: Any = None
    """JSON; the name of a piece for what is shared."""
    error: str = ""
    """Class of what was raised instead."""
    text: str = ""
    """Its words."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one adviser's answer was made from."""

    adviser: str
    is_opinion: bool
    call_id: str | None = None
    """The journalled request whose raw body it was read from."""
    is_cached: bool = False
    abstention: Abstention | None = None
    """As it was: that nobody answered is a fact of the world."""
    opinion: Opinion | None = None
    """As it was, of a strategy from the owner's file: his program is no part of this one."""


@dataclass(frozen=True, slots=True)
class Tape:
    code: str
    """Version of the program that decided."""
    kind: Kind
    decision_id: str
    symbol: str
    account: str
    seed: str
    purpose: Purpose
    rules: str
    """Name of the piece that holds them."""
    has_screen: bool
    has_moods: bool
    clock: tuple[datetime, ...]
    reads: tuple[Read, ...]
    answers: tuple[Answered, ...]
    results: Mapping[str, str]
    pieces: tuple[str, ...] = ()
    """Names of every piece it refers to; a window's own pieces stand in its list."""
    version: int = TAPE_VERSION


@dataclass(frozen=True, slots=True)
class TapeRecord:
    """A tape and its pieces, ready to be kept."""

    body: bytes
    pieces: Mapping[str, bytes] = field(default_factory=dict)
    """Name → packed content."""


def pack_tape(tape: Tape, contents: Mapping[str, bytes]) -> TapeRecord:
    pieces = {name: packed_once(content) for name, content in contents.items()}
    return TapeRecord(packed(to_text(tape).encode()), pieces)


def unpack_tape(body: bytes) -> Tape:
    """Raises `ValueError` for what is no tape of a version known here."""
    tape = from_text(Tape, unpacked(body).decode())
    if tape.version != TAPE_VERSION:
        raise ValueError(f"the tape has version {tape.version}, this program reads {TAPE_VERSION}")
    return tape


def hash_of(value: object) -> str:
    """128 bits of SHA-256 of its canonical text, hexadecimal."""
    return hashlib.sha256(to_text(value).encode()).hexdigest()[:DIGITS]
