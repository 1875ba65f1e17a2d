"""Whether the figures that an answer cites stand in the question, and say there what the answer says.

Laws:
- An entry is "name=value". The name is the question's; the value is the text shown, or the number shown,
  or that number rounded to one digit fewer. Case, spaces, a leading plus and the unit that the name bears are
  ways of writing; another unit, more digits than were shown and words after the value are not.
- Candles can't be cited: a close of one bar proves nothing. Neither can the mood: it speaks for nobody.
- A text that is no question has no figures: everything that is cited of it is fabricated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

CITED_BLOCKS = ("STATE", "FIGURES", "LEVELS", "COSTS")
"""By the first word of their titles."""
UNITS = ("bps", "atr", "usdt", "r")
"""May follow a value whose name ends with them."""
MAX_SHOWN_CHARS = 60

Shown = Mapping[str, tuple[str, ...]]
"""Name to every text that stands under it: a column of two rows has two."""


def shown_in(question: str) -> Shown:
    """The citable figures of a question's text."""
    found: dict[str, tuple[str, ...]] = {}
    for block in question.split("\n\n"):
        title, *lines = block.splitlines() or [""]
        if title.split(" ", 1)[0] in CITED_BLOCKS:
            for name, text in _entries(title, lines):
                found[name] = (*found.get(name, ()), text)
    return found


def fabricated(evidence: Sequence[str], shown: Shown) -> str:
    """What is wrong with the first entry that doesn't stand in the question; empty where all do."""
    for entry in evidence:
        name, _, value = entry.partition("=")
        texts = shown.get(_plain(name))
        if texts is None:
            return f"{_printable(name)} is no figure of the question"
        if not any(_says(value, text, _plain(name)) for text in texts):
            return f"{_printable(entry)} is not what the question says, {' or '.join(texts)}"
    return ""


def number_shown(shown: Shown, name: str) -> float | None:
    """None where it is n/a, no number, or not there."""
    texts = shown.get(name, ())
    number = _number(texts[0]) if texts else None
    return None if number is None else float(number)


def _entries(title: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`name=text` lines, and tables below a line of column names."""
    columns: list[str] | None = None
    for line in lines:
        if "=" in line:
            name, _, text = line.partition("=")
            yield name, text
        elif columns is None:
            columns = line.split(",")
        else:
            yield from _cells(title, columns, line.split(","))


def _cells(title: str, columns: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    """In FIGURES a row is a figure and a column a timeframe; elsewhere a column is a figure."""
    if title != "FIGURES":
        yield from zip(columns, cells, strict=True)
        return
    for timeframe, text in zip(columns[1:], cells[1:], strict=True):
        yield f"{timeframe}.{cells[0]}", text


def _says(value: str, text: str, name: str) -> bool:
    cited, shown = _plain(value), _plain(text)
    if unit := next((unit for unit in UNITS if re.search(rf"(^|_){unit}(_|$)", name)), ""):
        cited = cited.removesuffix(unit).rstrip()
    return cited == shown or _is_rounded(_number(cited), _number(shown))


def _is_rounded(cited: Decimal | None, shown: Decimal | None) -> bool:
    """Equal, or one digit fewer and nearest to what is shown."""
    if cited is None or shown is None:
        return False
    if cited == shown:
        return True
    digits = _digits(shown)
    is_shorter = digits > 0 and _digits(cited) == digits - 1
    return is_shorter and abs(cited - shown) <= Decimal(5).scaleb(-digits)


def _digits(number: Decimal) -> int:
    """After the point."""
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _number(text: str) -> Decimal | None:
    """Plain ASCII digits only: no exponent, no thousands, no other script's digits."""
    return Decimal(text) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) else None


def _plain(text: str) -> str:
    """Without what is only a way of writing; the minus sign of typography is a minus."""
    return re.sub(r" +", " ", text.strip(" ").lower().replace("\u2212", "-"))


def _printable(text: str) -> str:
    """Short, one line, ASCII: it goes into logs and messages."""
    return ascii(text.strip())[1:-1][:MAX_SHOWN_CHARS]
