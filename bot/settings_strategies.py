"""`STRATEGIES`: backtest strategies in live use, as a setting's value; what it may be beside other settings.

Laws:
- A file is the owner's own code: only the environment may name one, never the chat.
- Nothing of a file is run here; that it is there is all that is looked at.
- The shares make at most the whole capital, and the same strategy takes part once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from bot.settings_values import Kind
from core.advice.strategy_voice import PREFIX
from core.market import SCAN_TIMEFRAMES
from core.money import ONE, ZERO, without_zeros
from core.opinion import Decider
from core.strategy_use import SUFFIX, StrategyPart, StrategyRole

MOST: Final = 8
"""Each has a thread of its own, and a share under an eighth is under an exchange's minimum for most."""
NONE: Final = "none"
"""Takes strategies out of use, where the chat has to say so."""
SHARE_STEP: Final = Decimal("0.0001")
FORM: Final = (
    "NAME@TIMEFRAME, NAME(param=value;param=value)@TIMEFRAME or either with :SHARE, comma separated; "
    f"TIMEFRAME one of {', '.join(SCAN_TIMEFRAMES)}"
)
_COMMA: Final = re.compile(r",(?![^(]*\))")
"""Outside of brackets."""
_ONE: Final = re.compile(
    r"(?P<strategy>[^@()]+?)\s*(?:\((?P<given>[^()]*)\))?\s*@\s*(?P<timeframe>\w+)\s*(?::\s*(?P<share>\S+))?"
)
_PARAMETER: Final = re.compile(r"\s*([a-z_][a-z0-9_]{0,39})\s*=\s*([-+.0-9eE]{1,30})\s*")

Parts = tuple[StrategyPart, ...]


def strategies(*, files: bool) -> Kind:
    """`files`: whether the owner's own may be named."""
    own = f"NAME a shipped one{' or FILE.py:Class' if files else ''}"
    return Kind(lambda text: read_parts(text, files=files), f"{FORM}; {own}; or {NONE}", write_parts)


def read_parts(text: str, *, files: bool) -> Parts:
    """Raises `ValueError` with the end of a sentence."""
    if text.strip().lower() == NONE:
        return ()
    entries = [entry.strip() for entry in _COMMA.split(text) if entry.strip()]
    if not 1 <= len(entries) <= MOST:
        raise ValueError(f"must name 1 to {MOST} strategies as {FORM}")
    read = [_one(entry, place, files=files) for place, entry in enumerate(entries, 1)]
    shares = _shares([share for _, share in read])
    parts = [replace(part, share=share) for (part, _), share in zip(read, shares, strict=True)]
    if len({_what(part) for part in parts}) != len(parts):
        raise ValueError("names the same strategy twice; two copies know no more than one")
    return tuple(_named(parts))


def write_parts(parts: Parts) -> str:
    return ",".join(_written(part) for part in parts) or NONE


def _written(part: StrategyPart) -> str:
    given = ";".join(f"{name}={value}" for name, value in part.given)
    return f"{part.strategy}{f'({given})' if given else ''}@{part.timeframe}:{without_zeros(part.share)}"


def _one(entry: str, place: int, *, files: bool) -> tuple[StrategyPart, Decimal | None]:
    found = _ONE.fullmatch(entry)
    if found is None:
        raise ValueError(f"has a strategy, number {place}, that is not {FORM}")
    if found["timeframe"] not in SCAN_TIMEFRAMES:
        raise ValueError(
            f"has a strategy, number {place}, not on a timeframe that a scan reads: "
            f"{', '.join(SCAN_TIMEFRAMES)}"
        )
    part = StrategyPart("", found["strategy"].strip(), _given(found["given"], place), found["timeframe"], ONE)
    (_check_file if part.is_own else _check_shipped)(part, place, files)
    return part, None if found["share"] is None else _share(found["share"], place)


def _given(text: str | None, place: int) -> tuple[tuple[str, str], ...]:
    pairs = [_PARAMETER.fullmatch(pair) for pair in (text or "").split(";") if pair.strip()]
    found = [(pair[1], pair[2]) for pair in pairs if pair is not None]
    if len(found) != len(pairs) or len(dict(found)) != len(found):
        raise ValueError(
            f"has a strategy, number {place}, with parameters that are not name=number, each once, "
            "semicolons between"
        )
    return tuple(found)


def _share(text: str, place: int) -> Decimal:
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = ZERO
    if not (share.is_finite() and ZERO < share <= ONE):
        raise ValueError(f"has a strategy, number {place}, with a share that is not above 0 and at most 1")
    return share


def _check_shipped(part: StrategyPart, place: int, files: bool) -> None:
    from core.backtest.own_strategy import strategy_named
    from core.backtest.shipped import SHIPPED, Random
    from core.backtest.strategies_faults import BadStrategy

    if part.strategy not in SHIPPED:
        also = ", or FILE.py:Class" if files else ""
        raise ValueError(
            f"has a strategy, number {place}, that does not exist: there are {', '.join(SHIPPED)}{also}"
        )
    if part.strategy == Random.name:
        raise ValueError(f"has a strategy, number {place}, that throws dice: it is for backtests only")
    try:
        strategy_named(part.strategy, dict(part.given))
    except BadStrategy as error:
        raise ValueError(f"can't be used: {error}") from error


def _check_file(part: StrategyPart, place: int, files: bool) -> None:
    if not files:
        raise ValueError(
            f"has a strategy, number {place}, from a file: that is your own code, which only the environment "
            "may name, never the chat"
        )
    if not Path(file_of(part)).is_file():
        raise ValueError(f"has a strategy, number {place}, from a file that is not there")


def file_of(part: StrategyPart) -> str:
    head, _, _ = part.strategy.rpartition(SUFFIX)
    return head + SUFFIX


def _shares(stated: Sequence[Decimal | None]) -> list[Decimal]:
    """What is left is divided equally among those that state none."""
    taken = sum((share for share in stated if share is not None), ZERO)
    if taken > ONE:
        raise ValueError(f"has shares that make {without_zeros(taken)} of the capital, over 1")
    open_ones = sum(share is None for share in stated)
    if not open_ones:
        return [share for share in stated if share is not None]
    each = ((ONE - taken) / open_ones).quantize(SHARE_STEP, ROUND_FLOOR)
    if not each > 0:
        raise ValueError("leaves no share of the capital for a strategy that states none")
    return [each if share is None else share for share in stated]


def _what(part: StrategyPart) -> object:
    """Equal for strategies that always say the same."""
    if part.is_own:
        return part.strategy, part.given, part.timeframe
    from core.backtest.own_strategy import strategy_named

    return strategy_named(part.strategy, dict(part.given)), part.timeframe


def _named(parts: Sequence[StrategyPart]) -> Iterator[StrategyPart]:
    """Each with a name of its own among the advisers."""
    names = Counter[str]()
    for part in parts:
        name = f"{PREFIX}{_label(part)}@{part.timeframe}"
        names[name] += 1
        yield replace(part, name=name if names[name] == 1 else f"{name}-{names[name]}")


def _label(part: StrategyPart) -> str:
    """Fit for a card, a log line and a metric's label."""
    if not part.is_own:
        return part.strategy
    wanted = part.strategy.rpartition(SUFFIX)[2].lstrip(":") or Path(file_of(part)).stem
    return re.sub(r"[^A-Za-z0-9_]", "_", wanted)[:30] or "own"


# ---------------------------------------------------------------- beside other settings


def strategy_faults(found: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(names, sentence) of what each of the settings alone allows."""
    if found["STRATEGY_ROLE"] is not StrategyRole.ALONE:
        return
    if found["DECIDER"] is not Decider.RULES:
        text = "STRATEGY_ROLE=alone needs DECIDER=rules: strategies in the place of the rules are no AI"
        yield ("STRATEGY_ROLE", "DECIDER"), text
    if not found["STRATEGIES"]:
        text = "STRATEGY_ROLE=alone needs STRATEGIES: without one there would be nobody to decide"
        yield ("STRATEGY_ROLE", "STRATEGIES"), text


def strategy_warnings(found: Mapping[str, Any]) -> Iterator[str]:
    parts: Parts = found["STRATEGIES"]
    if parts and found["STRATEGY_ROLE"] is StrategyRole.ADVISER and found["DECIDER"] is Decider.RULES:
        yield (
            "STRATEGIES are recorded without effect: DECIDER is rules, and STRATEGY_ROLE=adviser is a voice "
            "beside models. STRATEGY_ROLE=alone lets them decide."
        )
    for part in parts:
        if part.is_own:
            yield (
                f"STRATEGIES runs {part.strategy}, your own code, which was not checked for look-ahead: "
                "python main.py lookahead does that."
            )
