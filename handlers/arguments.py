"""Text after a command → values. What is wrong is one sentence with an example, never a guess."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from core.backtest_views import LEAST_DAYS, MOST_DAYS, USUAL_DAYS
from core.desk import ManualIdea
from core.errors import PerpilotError
from core.journal import Mode
from core.market import TIMEFRAMES, Side, canonical_symbol
from core.money import NotFinite, exact

SHARES = {"25": Decimal("0.25"), "50": Decimal("0.5"), "100": Decimal(1)}
DEFAULT_TIMEFRAME = "1h"
MAX_HISTORY = 50
DEFAULT_HISTORY = 10
MAX_NOTE = 500
MAX_REASON = 200
MAX_STRATEGY = 40

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?")
_RISK = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)%")
_DECISION = re.compile(r"[a-z2-7]{24}")
_LEVERAGE = re.compile(r"(\d{1,3})[xX]")


class WrongArguments(PerpilotError):
    """What is wrong in one sentence, and a command that would work."""

    def __init__(self, problem: str, example: str) -> None:
        super().__init__(f"{problem} Example: {example}")


def symbol_of(text: str, example: str) -> str:
    try:
        return canonical_symbol(text)
    except ValueError as error:
        raise WrongArguments(f"{error}.", example) from error


def one_symbol(text: str, example: str) -> str:
    words = text.split()
    if len(words) != 1:
        raise WrongArguments("Name one symbol.", example)
    return symbol_of(words[0], example)


def close_request(text: str) -> tuple[str, Decimal]:
    """(symbol, share)."""
    words, example = text.split(), "/close BTC 50"
    if not 1 <= len(words) <= 2:
        raise WrongArguments("Name the symbol to close, and 25, 50 or 100 percent if not all.", example)
    share = SHARES.get(words[1].removesuffix("%")) if len(words) == 2 else Decimal(1)
    if share is None:
        raise WrongArguments(f"{words[1][:20]!r} is not 25, 50 or 100 percent.", example)
    return symbol_of(words[0], example), share


def stop_request(text: str) -> tuple[str, Decimal]:
    """(symbol, price)."""
    words, example = text.split(), "/stop BTC 60000"
    if len(words) != 2:
        text = "Name one symbol and the stop's new price; to stop new entries say /pause."
        raise WrongArguments(text, example)
    return symbol_of(words[0], example), _positive(words[1].replace(",", ""), example)


def chart_request(text: str) -> tuple[str, str]:
    """(symbol, timeframe)."""
    words, example = text.split(), "/chart BTC 1h"
    if not 1 <= len(words) <= 2:
        raise WrongArguments("Name one symbol and, if you like, a timeframe.", example)
    timeframe = words[1].lower() if len(words) == 2 else DEFAULT_TIMEFRAME
    if timeframe not in TIMEFRAMES:
        raise WrongArguments(f"{timeframe[:20]!r} is none of {', '.join(TIMEFRAMES)}.", example)
    return symbol_of(words[0], example), timeframe


def backtest_request(text: str) -> tuple[str, int, str]:
    """(symbol, days, strategy or empty for the usual one), days and strategy in any order."""
    words, example = text.split(), "/backtest BTC 90 trend"
    if not 1 <= len(words) <= 3:
        raise WrongArguments("Name one symbol and, if you like, a number of days and a strategy.", example)
    days, names = [word for word in words[1:] if word[:1].isdigit()], words[1:]
    names = [word for word in names if word not in days]
    if len(days) > 1 or len(names) > 1:
        raise WrongArguments("One number of days and one strategy, not two.", example)
    strategy = names[0][:MAX_STRATEGY] if names else ""
    return symbol_of(words[0], example), _days(days[0], example) if days else USUAL_DAYS, strategy


def _days(text: str, example: str) -> int:
    """Within what can be played."""
    word = text.lower().removesuffix("d")
    count = int(word[:6]) if word.isascii() and word.isdigit() else 0
    if not LEAST_DAYS <= count <= MOST_DAYS:
        raise WrongArguments(
            f"{text[:20]!r} is not a number of days from {LEAST_DAYS} to {MOST_DAYS}.", example
        )
    return count


def mode_of(text: str) -> Mode | None:
    """None when no mode is named."""
    word = text.strip().lower().replace("-", "_")
    if not word:
        return None
    try:
        return Mode(word)
    except ValueError:
        raise WrongArguments(f"{word[:20]!r} is none of watch, semi_auto, auto.", "/mode semi_auto") from None


def arming_of(text: str) -> tuple[str, Decimal | None]:
    """(the sentence as typed, the cap that may follow it)."""
    words = text.split()
    if len(words) > 1 and any(letter.isdigit() for letter in words[-1]):  # the sentence itself has none
        return " ".join(words[:-1]), _positive(words[-1], "/golive I UNDERSTAND THE RISKS 200")
    return " ".join(words), None


def count_of(text: str) -> int:
    word = text.strip()
    if not word:
        return DEFAULT_HISTORY
    if not (word.isascii() and word.isdigit() and 1 <= int(word[:6]) <= MAX_HISTORY):
        raise WrongArguments(f"{word[:20]!r} is not a count from 1 to {MAX_HISTORY}.", "/history 20")
    return int(word)


def decision_of(text: str) -> str:
    """A decision's id as it stands on cards."""
    words, example = text.split(), "/replay abcdefghij234567klmnopqr"
    if len(words) != 1:
        raise WrongArguments("Give the id of one decision, from /why or a card.", example)
    decision_id = words[0].lower()
    if not _DECISION.fullmatch(decision_id):
        raise WrongArguments(f"{words[0][:30]!r} is no id of a decision.", example)
    return decision_id


def note_of(text: str) -> tuple[str, str]:
    """(trade id, text)."""
    trade_id, _, note = text.strip().partition(" ")
    if not trade_id or not note.strip():
        raise WrongArguments(
            "Give a trade's id from /history and a text.", "/note 4f2a91 waited for the retest"
        )
    if len(note) > MAX_NOTE:
        raise WrongArguments(
            f"A note has at most {MAX_NOTE} characters, this has {len(note)}.", "/note ID text"
        )
    return trade_id, note.strip()


def breaker_request(text: str) -> tuple[str, str] | None:
    """(breaker, reason or empty) of `ack NAME [REASON]`; None when nothing is asked for."""
    words, example = text.split(maxsplit=2), "/breakers ack daily_loss I know the cause"
    if not words:
        return None
    if words[0].lower() != "ack" or len(words) < 2:
        raise WrongArguments("Say which breaker to acknowledge, and why.", example)
    reason = words[2].strip() if len(words) == 3 else ""
    if len(reason) > MAX_REASON:
        raise WrongArguments(f"A reason has at most {MAX_REASON} characters.", example)
    return words[1], reason


def idea_of(side: Side, text: str) -> ManualIdea:
    """`SYMBOL [1%] [3x] [stop PRICE] [target PRICE]`, in any order after the symbol."""
    example = f"/{side.value} BTC 1% 3x stop 60000 target 70000"
    words = text.split()
    if not words:
        raise WrongArguments("Name a symbol.", example)
    idea = ManualIdea(side=side, symbol=symbol_of(words[0], example))
    rest, seen = words[1:], set[str]()
    while rest:
        name, used, idea = _part(idea, rest, example)
        if name in seen:
            raise WrongArguments(f"{name} is given twice.", example)
        seen.add(name)
        rest = rest[used:]
    return idea


def _part(idea: ManualIdea, words: list[str], example: str) -> tuple[str, int, ManualIdea]:
    """(what it is, how many words it took, the idea with it)."""
    word = words[0].lower()
    if match := _RISK.fullmatch(word):
        return "risk", 1, replace(idea, risk=_positive(match[1], example) / 100)
    if match := _LEVERAGE.fullmatch(word):
        return "leverage", 1, replace(idea, leverage=_whole(match[1], example))
    if word in ("stop", "target"):
        if len(words) < 2:
            raise WrongArguments(f"{word} needs a price.", example)
        at = _positive(words[1].replace(",", ""), example)
        return word, 2, replace(idea, stop=at) if word == "stop" else replace(idea, target=at)
    raise WrongArguments(f"{word[:20]!r} is not understood.", example)


def _positive(text: str, example: str) -> Decimal:
    try:
        value = exact(text) if _NUMBER.fullmatch(text) and text.isascii() else None
    except NotFinite:
        value = None
    if value is None or value <= 0:
        raise WrongArguments(f"{text[:20]!r} is not a positive number.", example)
    return value


def _whole(text: str, example: str) -> int:
    if not text.isascii() or int(text) < 1:
        raise WrongArguments(f"{text[:20]!r}x is not a leverage.", example)
    return int(text)
