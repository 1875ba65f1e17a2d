"""What a search over folds allows to be said, in plain sentences.

Laws:
- The first rule that holds gives the ruling; that something holds is said only when every other rule denies.
- Comparisons are written so that what is unknown denies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from core.backtest.verdict_words import LEAST_TRADES, Ruling
from core.backtest.walk_forward import Weighed

LEAST_EFFICIENCY = 0.5
"""Of what was earned in sample: Pardo, "The Evaluation and Optimization of Trading Strategies" (2008),
chapter 14, calls a search with less not robust."""


class Holding(StrEnum):
    NOTHING = "nothing"
    """No set had a value."""
    LOSES = "loses"
    """Even the chosen ones lose where they were chosen."""
    TOO_FEW = "too_few"
    FADES = "fades"
    LUCK = "luck"
    """It earns out of sample too, but luck would do that as well."""
    PARTLY = "partly"
    HOLDS = "holds"


@dataclass(frozen=True, slots=True)
class WalkVerdict:
    holding: Holding
    headline: str
    because: tuple[str, ...]
    cautions: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return self.holding in (Holding.HOLDS, Holding.PARTLY)

    @property
    def text(self) -> str:
        return " ".join((self.headline, *self.because, *self.cautions))


Rule = tuple[Holding, Callable[[Weighed], bool], Callable[[Weighed], str]]


def walk_verdict(found: Weighed) -> WalkVerdict:
    holding, _, words = next(rule for rule in RULES if rule[1](found))
    is_told = holding is not Holding.NOTHING
    return WalkVerdict(
        holding,
        words(found),
        tuple(_because(found)) if is_told else (),
        tuple(_cautions(found)) if is_told else (),
    )


def _compared(found: Weighed) -> str:
    return (
        f"{_percent(found.inside_monthly)} a month in sample, {_percent(found.outside.monthly)} out of sample"
    )


RULES: tuple[Rule, ...] = (
    (
        Holding.NOTHING,
        lambda found: found.inside_monthly is None,
        lambda found: "Nothing was found: in no fold had any set enough trades to be worth anything.",
    ),
    (
        Holding.TOO_FEW,
        lambda found: found.outside.trades < LEAST_TRADES,
        lambda found: (
            f"Too few trades out of sample to judge what was found: {found.outside.trades}, at least "
            f"{LEAST_TRADES} are needed."
        ),
    ),
    (
        Holding.LOSES,
        lambda found: not (found.inside_monthly is not None and found.inside_monthly > 0.0),
        lambda found: f"Even the chosen sets lose where they were chosen: {_compared(found)}.",
    ),
    (
        Holding.FADES,
        lambda found: not found.outside.return_share > 0.0,
        lambda found: f"What was found in sample does not hold out of sample: {_compared(found)}.",
    ),
    (
        Holding.LUCK,
        lambda found: found.judged.verdict.ruling is not Ruling.BEATS_LUCK,
        lambda found: (
            f"What was found in sample still earns out of sample ({_compared(found)}), but that is not "
            "enough to be told from luck."
        ),
    ),
    (
        Holding.PARTLY,
        lambda found: not (found.efficiency is not None and found.efficiency >= LEAST_EFFICIENCY),
        lambda found: f"What was found in sample holds out of sample in part: {_compared(found)}.",
    ),
    (
        Holding.HOLDS,
        lambda found: True,
        lambda found: f"What was found in sample holds out of sample: {_compared(found)}.",
    ),
)
"""(ruling, whether it holds, what is said), the first that holds."""


def _because(found: Weighed) -> Iterator[str]:
    outside = [part.outside for part in found.parts if part.outside is not None]
    won = sum(one.return_share > 0 for one in outside)
    yield f"{won} of {len(found.parts)} folds gained out of sample."
    yield f"The joined parts out of sample: {found.judged.verdict.headline}"
    if found.efficiency is not None and found.efficiency > 0:
        yield f"It kept {found.efficiency:.0%} of what it earned a month in sample."
    if found.defaults is not None:
        gained = found.outside.return_share - found.defaults
        words = "more" if gained > 0 else "less" if gained < 0 else "neither more nor less"
        yield (
            f"The strategy as it comes made {_percent(found.defaults)} over the same parts: searching earned "
            f"{words}."
        )


def _cautions(found: Weighed) -> Iterator[str]:
    idle = sum(part.choice.chosen is None for part in found.parts)
    if idle:
        yield f"In {idle} of {len(found.parts)} folds no set had a value, and nothing was traded after."
    own = found.judged.chance.deflated
    if own is not None and found.deflated is not None:
        yield (
            f"Its Sharpe ratio out of sample is above zero with a probability of {own:.0%}; had the "
            f"{found.search.tried:,} sets been tried out of sample too, it would beat the luckiest's with "
            f"{found.deflated:.0%}."
        )
    yield "Searching the same time again until it holds wears this judgement out."
    yield from found.judged.verdict.cautions


def _percent(fraction: float | None) -> str:
    return "n/a" if fraction is None else f"{fraction:+,.1%}"
