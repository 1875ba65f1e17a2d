"""What playing decisions again needs from the adapters: how an answer is read, and which program this is."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import core
from bot import __version__
from core.adapters.advisers.dialects import opinion_from, shape_of
from core.opinion import Abstention, Brief, Opinion
from core.ports import AdviserCall

DIGITS = 8


def read_answer(call: AdviserCall, brief: Brief, is_cached: bool) -> Opinion | Abstention:
    """`core.trading.replaying.ReadAnswer`: by the function that read it the first time."""
    return opinion_from(call, brief.question, shape_of(call.adviser), is_cached=is_cached)


@cache
def code_version() -> str:
    """The version with a digest of the core's source: two programs that may decide differently differ."""
    running = hashlib.sha256()
    folder = Path(core.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        running.update(path.relative_to(folder).as_posix().encode() + b"\x00" + path.read_bytes())
    return f"{__version__}+{running.hexdigest()[:DIGITS]}"
