"""What the numbers of a backtest allow to be said, in plain sentences.

Laws:
- The first rule that holds gives the ruling; nothing is called better than luck unless every rule denies.
- Comparisons are written so that what is unknown denies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from core.backtest.luck import Resampled

LEAST_TRADES = 30
"""With results that spread by 1.4 R, as stops of 1 R and targets of 1.5 to 3 R do, the mean of fewer trades
is not even two standard errors from nothing at an edge of half an R."""
MOST_P = 0.01
"""One random run of a hundred is as good. Five times as strict as the usual 0.05: backtests are run again and
again, and each is another ticket."""
SURELY_WORSE = 0.005
"""One random run of two hundred is as bad: no money hangs on the word, it is said only when it is plain."""
MOST_NOT_ABOVE_ZERO = 0.05
"""Share of the same days dealt again that end without a gain."""
LEAST_DEFLATED = 0.95
"""The usual confidence, and that of the paper."""
MOST_RUIN = 0.05
HIGH_AMBIGUITY = 0.05
"""Share of trades that had stop and target in one bar: the stop was assumed, finer bars would tell."""
FEW_DAYS = 60


class Ruling(StrEnum):
    NO_TRADES = "no_trades"
    TOO_FEW = "too_few"
    LOSES = "loses"
    LUCK = "luck"
    """Not distinguishable from it."""
    CHOSEN = "chosen"
    """Good, but so would the luckiest of as many sets be."""
    BEATS_LUCK = "beats_luck"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the verdict rests on; None: could not be measured."""

    trades: int
    days: int
    return_share: float
    expectancy_r: float | None
    p: float | None
    """Against random entries."""
    percentile: float | None
    random_runs: int
    random_median: float | None
    """Return of the random runs' middle, fraction."""
    by_trade: Resampled | None
    by_day: Resampled | None
    deflated: float | None
    tried: int
    least_days: float | None
    ruin: float | None
    ruin_bound: float
    risk: float | None
    hold_return: float
    ambiguous: int
    liquidations: int
    cut_off: int
    refused_in_drawdown: int
    """Signals that were refused while the drawdown was too deep."""


@dataclass(frozen=True, slots=True)
class Verdict:
    ruling: Ruling
    headline: str
    because: tuple[str, ...]
    """What it rests on."""
    cautions: tuple[str, ...]
    """What else one should know before money follows."""

    @property
    def text(self) -> str:
        return " ".join((self.headline, *self.because, *self.cautions))


Rule = tuple[Ruling, Callable[[Evidence], bool], Callable[[Evidence], str]]
Sentence = tuple[Callable[[Evidence], bool], Callable[[Evidence], str]]


def verdict(found: Evidence) -> Verdict:
    ruling, _, words = next(rule for rule in RULES if rule[1](found))
    is_about_luck = found.trades > 0
    because = tuple(say(found) for holds, say in REASONS if is_about_luck and holds(found))
    cautions = tuple(say(found) for holds, say in CAUTIONS if is_about_luck and holds(found))
    return Verdict(ruling, words(found), because, cautions)


def _is_like_random(found: Evidence) -> bool:
    return not (found.p is not None and found.p <= MOST_P)


def _may_be_nothing(found: Evidence) -> bool:
    days = found.by_day
    return not (days is not None and days.share_not_above_zero <= MOST_NOT_ABOVE_ZERO)


def _is_deflated(found: Evidence) -> bool:
    return not (found.deflated is not None and found.deflated >= LEAST_DEFLATED)


RULES: tuple[Rule, ...] = (
    (
        Ruling.NO_TRADES,
        lambda found: found.trades == 0,
        lambda found: "No trade was made: there is nothing to judge.",
    ),
    (
        Ruling.TOO_FEW,
        lambda found: found.trades < LEAST_TRADES,
        lambda found: (
            f"Too few trades to tell from luck: {_trades(found)}, at least {LEAST_TRADES} are needed."
        ),
    ),
    (
        Ruling.LOSES,
        lambda found: not found.return_share > 0.0 and not _is_like_random(found),
        lambda found: (
            f"It loses: {_percent(found.return_share)}, {_trades(found)}, though less than random entries "
            f"({_p(found)})."
        ),
    ),
    (
        Ruling.LOSES,
        lambda found: not found.return_share > 0.0 and found.p is not None and found.p >= 1.0 - SURELY_WORSE,
        lambda found: (
            f"It loses, and more than random entries: {_percent(found.return_share)}, {_p(found)}, "
            f"{_trades(found)}."
        ),
    ),
    (
        Ruling.LUCK,
        _is_like_random,
        lambda found: (
            f"Not distinguishable from luck: {_p(found)}, {_trades(found)}, {_percent(found.return_share)}."
        ),
    ),
    (
        Ruling.LUCK,
        _may_be_nothing,
        lambda found: (
            f"Not distinguishable from luck: {_p(found)}, {_trades(found)}, but the same days dealt again "
            "end without a gain too often."
        ),
    ),
    (
        Ruling.CHOSEN,
        _is_deflated,
        lambda found: (
            f"Not distinguishable from the luckiest of {found.tried:,} sets tried: "
            f"{_p(found)}, {_trades(found)}."
            if found.tried > 1
            else f"Not distinguishable from luck: {_p(found)}, {_trades(found)}, but its days vary too much."
        ),
    ),
    (
        Ruling.BEATS_LUCK,
        lambda found: True,
        lambda found: f"Beats random entries: {_p(found)}, {_trades(found)}.",
    ),
)
"""(ruling, whether it holds, what is said), the first that holds."""


REASONS: tuple[Sentence, ...] = (
    (
        lambda found: found.percentile is not None and found.random_median is not None,
        lambda found: (
            f"It made {_percent(found.return_share)}; {found.random_runs:,} runs with its own entries at "
            f"random times made {_percent(found.random_median)} in the middle, and it is better than "
            f"{_share(found.percentile)} of them."
        ),
    ),
    (
        lambda found: found.by_trade is not None,
        lambda found: (
            f"A trade gave {_r(found.expectancy_r)} on average; by its own spread that is anything from "
            f"{_ends(found.by_trade, _r)} (95 %)."
        ),
    ),
    (
        lambda found: found.by_day is not None,
        lambda found: (
            f"The same {found.days:,} days dealt again give {_ends(found.by_day, _percent)} (95 %)."
        ),
    ),
    (
        lambda found: found.deflated is not None,
        lambda found: (
            f"Its Sharpe ratio is above "
            f"{f'that of the luckiest of {found.tried:,} sets' if found.tried > 1 else 'zero'} "
            f"with a probability of {_share(found.deflated)}."
        ),
    ),
)
CAUTIONS: tuple[Sentence, ...] = (
    (
        lambda found: found.least_days is not None and found.least_days > found.days,
        lambda found: (
            f"A Sharpe ratio like this would need {_days(found.least_days)} days to be told from zero; "
            f"there were {found.days:,}."
        ),
    ),
    (
        lambda found: found.return_share > 0 and found.hold_return > found.return_share,
        lambda found: (
            f"Holding the coins would have earned {_percent(found.hold_return)}, more than its "
            f"{_percent(found.return_share)}."
        ),
    ),
    (
        lambda found: found.ruin is not None and found.ruin > MOST_RUIN,
        lambda found: (
            f"At {_share(found.risk)} risk a trade, as many trades again fall {_share(found.ruin_bound)} "
            f"from a peak with a probability of {_share(found.ruin)}."
        ),
    ),
    (
        lambda found: found.days < FEW_DAYS,
        lambda found: f"Only {found.days:,} days: one kind of market.",
    ),
    (
        lambda found: found.ambiguous > HIGH_AMBIGUITY * found.trades,
        lambda found: (
            f"{found.ambiguous:,} of {_trades(found)} met stop and target in one bar, where the stop was "
            "assumed: finer bars would tell."
        ),
    ),
    (
        lambda found: found.liquidations > 0,
        lambda found: f"{_count(found.liquidations, 'trade')} ended in liquidation.",
    ),
    (
        lambda found: found.refused_in_drawdown > 0,
        lambda found: (
            f"A deep drawdown refused {_count(found.refused_in_drawdown, 'entry', 'entries')}. Live it waits "
            "for the owner's word; nobody gives it here, and the days without trades count."
        ),
    ),
    (
        lambda found: found.cut_off > 0,
        lambda found: f"{_count(found.cut_off, 'trade')} still open as the bars ended.",
    ),
)


def _p(found: Evidence) -> str:
    if found.p is None:
        return "random entries could not be tried"
    return f"p = {found.p:.2f}" if found.p >= 0.1 else f"p = {found.p:.3f}"


def _trades(found: Evidence) -> str:
    return _count(found.trades, "trade")


def _count(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def _percent(fraction: float | None) -> str:
    return "n/a" if fraction is None else f"{fraction:+,.1%}"


def _share(fraction: float | None) -> str:
    if fraction is None:
        return "n/a"
    return f"{fraction:.1%}" if 0.0 < fraction < 0.1 or 0.9 < fraction < 1.0 else f"{fraction:.0%}"


def _r(value: float | None) -> str:
    return "n/a" if value is None else f"{value:+.2f} R"


def _ends(found: Resampled | None, words: Callable[[float], str]) -> str:
    return "n/a" if found is None else f"{words(found.interval[0])} to {words(found.interval[1])}"


def _days(days: float | None) -> str:
    return "n/a" if days is None else f"{days:,.0f}"
