"""A journal's verdicts, or one adviser's answers, read back as the strategy `recorded`.

Laws:
- Only what scans asked about an entry counts; a look that a person asked for traded nothing.
- Where nothing was recorded there is no strategy, but a sentence that says what there is instead.
- A stop nearer than the account's least goes out to it, as it would have live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from core.adviser_record import Judgement
from core.backtest.shipped_recorded import Recorded, Said, said_of, said_of_verdict
from core.backtest.strategies import BadStrategy
from core.journal import DecisionRecord
from core.market import coin

T = TypeVar("T")

NAME: Final = "recorded"
ADVISER, ACCOUNT = "adviser", "account"
PARAMETERS: Final = (ADVISER, ACCOUNT)
PAGE: Final = 500
"""Decisions hold their features and opinions: a few kilobytes each."""
ASKED_LATE: Final = timedelta(hours=1)
"""A decision is made after the close that it judged, never as late as this."""

Place = tuple[datetime, str]


class PastJudgements(Protocol):
    """What a journal tells of the past; pages oldest first, after the (time, id) of the last one read."""

    async def scan_decisions(
        self,
        account: str,
        symbols: Sequence[str],
        since: datetime,
        until: datetime,
        after: Place | None,
        limit: int,
    ) -> tuple[DecisionRecord, ...]:
        """Of scans, made in that span."""
        ...

    async def opinions_of(
        self,
        account: str,
        adviser: str,
        symbols: Sequence[str],
        since: datetime,
        until: datetime,
        after: Place | None,
        limit: int,
    ) -> tuple[Judgement, ...]:
        """About entries, of bars in that span."""
        ...

    async def voices(self) -> tuple[tuple[str, str, int], ...]:
        """(account, adviser, answers about entries) of all that there is."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose judgements, about what."""

    account: str
    adviser: str
    """Empty: the verdicts."""
    symbols: tuple[str, ...]
    since: datetime
    until: datetime
    bar_ms: int
    """Length of the bars that are played."""
    least_stop: float
    """Fraction of the price."""


def asked_of(given: Mapping[str, str], account: str) -> tuple[str, str]:
    """(account, adviser) of the parameters. Raises `BadStrategy`."""
    for name in given:
        if name not in PARAMETERS:
            raise BadStrategy(f"{NAME} has no parameter {name!r}: {', '.join(PARAMETERS)}")
    return given.get(ACCOUNT, account), given.get(ADVISER, "")


async def recorded_strategy(journal: PastJudgements, asked: Asked) -> Recorded:
    """Raises `BadStrategy` where nothing of it was recorded."""
    rows = await (_opinions(journal, asked) if asked.adviser else _verdicts(journal, asked))
    if not rows:
        raise BadStrategy(await _nothing(journal, asked))
    return Recorded(tuple(_wide_enough(row, asked.least_stop) for row in rows), asked.bar_ms)


def counted(strategy: Recorded, asked: Asked) -> str:
    """One line for a person: what is played."""
    whose = f"answers of {asked.adviser}" if asked.adviser else "verdicts"
    sides = Counter(row.side for row in strategy.rows)
    by_symbol = Counter(row.symbol for row in strategy.rows)
    missing = [coin(symbol) for symbol in asked.symbols if symbol not in by_symbol]
    none = f"; none of {', '.join(missing)}" if missing else ""
    return (
        f"Recorded: {len(strategy.rows):,} {whose} of the account {asked.account} "
        f"({sides[1]:,} long, {sides[-1]:,} short, {sides[0]:,} hold) of {len(by_symbol)} symbols{none}. "
        "Each acts on the open after the bar that it judged."
    )


async def _verdicts(journal: PastJudgements, asked: Asked) -> list[Said]:
    async def page(after: Place | None) -> tuple[DecisionRecord, ...]:
        until = asked.until + ASKED_LATE
        return await journal.scan_decisions(asked.account, asked.symbols, asked.since, until, after, PAGE)

    return await _all(page, said_of_verdict, lambda decision: (decision.at, decision.id))


async def _opinions(journal: PastJudgements, asked: Asked) -> list[Said]:
    span = (asked.account, asked.adviser, asked.symbols, asked.since, asked.until)

    async def page(after: Place | None) -> tuple[Judgement, ...]:
        return await journal.opinions_of(*span, after, PAGE)

    return await _all(page, said_of, lambda judgement: (judgement.bar, judgement.id))


async def _all(
    page: Callable[[Place | None], Awaitable[tuple[T, ...]]],
    said: Callable[[T], Said | None],
    place: Callable[[T], Place],
) -> list[Said]:
    """Page by page: only what is played stays in memory."""
    found: list[Said] = []
    after: Place | None = None
    while True:
        rows = await page(after)
        found += [one for row in rows if (one := said(row)) is not None]
        if len(rows) < PAGE:
            return found
        after = place(rows[-1])


def _wide_enough(row: Said, least: float) -> Said:
    return row if row.stop is None else replace(row, stop=max(row.stop, least))


async def _nothing(journal: PastJudgements, asked: Asked) -> str:
    there = await journal.voices()
    whose = f"answers of {asked.adviser}" if asked.adviser else "verdicts"
    span = f"{asked.since:%Y-%m-%d} to {asked.until:%Y-%m-%d}"
    coins = ", ".join(coin(symbol) for symbol in asked.symbols)
    listed = "; ".join(f"{account}: {adviser} {count:,}" for account, adviser, count in there[:20])
    return (
        f"{NAME}: the journal holds no {whose} of the account {asked.account} about {coins} from {span}; "
        f"it holds {f'answers of {listed}' if listed else 'no answers at all'}"
    )
