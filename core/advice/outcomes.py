"""What the market did after an answer: a triple barrier over closed 15-minute bars.

Laws:
- Barriers count from the close of the judged bar. An opening price beyond one of them met that one first;
  both inside one bar count against the answer, because nobody can know which came first.
- A hold is judged on both sides with fixed barriers: it was right when neither side's target came first.
- A missing bar is waited for; nothing is guessed from its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.adviser_record import UNASKED, End, Judgement, Resolution
from core.market import TIMEFRAMES, Candles, Side, from_ms, to_ms
from core.opinion import Abstention, Brief, Opinion, Purpose, Role, Silence, Verdict
from core.trading.ids import derived

FRAME, ATR_FRAME = "15m", "1h"
BAR = timedelta(milliseconds=TIMEFRAMES[FRAME])
HOLD_STOP_ATR, HOLD_TARGET_ATR, HOLD_BARS = 1.5, 3.0, 96
"""What staying out gave up: twice the risk, within a day."""


def judgements_of(
    verdict: Verdict, brief: Brief, account: str, decision_id: str, at: datetime
) -> tuple[Judgement, ...]:
    """Everything that was said, and failed to be said, about one bar; who was not asked has nothing to answer
    for."""
    blank = _blank(brief, account, decision_id, at)
    said = [_said(blank, one, brief) for one in verdict.opinions]
    failed = [_failed(blank, one) for one in verdict.abstentions if one.why not in UNASKED]
    return (*said, *failed)


def _blank(brief: Brief, account: str, decision_id: str, at: datetime) -> Judgement:
    """What all answers to one question share."""
    frame = brief.features.frames.get(ATR_FRAME)
    atr = None if frame is None or frame.atr is None or not frame.atr > 0 else frame.atr
    return Judgement(
        id="",
        account=account,
        adviser="",
        model="",
        symbol=brief.symbol,
        bar=brief.features.bar_closed_at,
        at=at,
        purpose=Purpose(brief.purpose),
        role=Role.VOTER,
        stance=None,
        confidence=0.0,
        p=None,
        close=brief.features.close,
        atr=atr,
        stop_atr=None,
        target_atr=None,
        horizon_bars=None,
        place=None,
        version=brief.version,
        cost_usd=Decimal(0),
        latency_s=0.0,
        is_cached=False,
        call_id="",
        decision_id=decision_id,
    )


def _said(blank: Judgement, opinion: Opinion, brief: Brief) -> Judgement:
    made = replace(
        blank,
        id=_id(blank, opinion.adviser, opinion.model, "said"),
        adviser=opinion.adviser,
        model=opinion.model,
        role=opinion.role,
        stance=opinion.stance,
        confidence=opinion.confidence,
        p=None if opinion.stance.side is None else opinion.p_target_first,
        stop_atr=opinion.stop_atr,
        target_atr=opinion.target_atr,
        horizon_bars=opinion.horizon_bars,
        place=brief.order.index(opinion.stance) if opinion.stance in brief.order else None,
        cost_usd=opinion.cost_usd,
        latency_s=opinion.latency_s,
        is_cached=opinion.is_cached,
        call_id=opinion.call_id,
    )
    return made if barriers_of(made) else _hopeless(made)


def _failed(blank: Judgement, silence: Abstention) -> Judgement:
    """Why, without the provider's words; its model is looked up where the call is recorded."""
    return replace(
        blank,
        id=_id(blank, silence.adviser, "", "failed"),
        adviser=silence.adviser,
        role=silence.role,
        call_id=silence.call_id or "",
        failure=Silence(silence.why),
    )


def _id(blank: Judgement, adviser: str, model: str, kind: str) -> str:
    return derived("judgement", blank.account, adviser, model, blank.symbol, blank.bar.isoformat(), kind)


def _hopeless(judgement: Judgement) -> Judgement:
    """Without an ATR or distances there is nothing that the market could meet."""
    long_end, short_end = _unknown(judgement)
    return replace(judgement, long_end=long_end, short_end=short_end, ended_at=judgement.at)


def _unknown(judgement: Judgement) -> tuple[End | None, End | None]:
    """(of a long, of a short): both of a hold."""
    long_end = None if judgement.side is Side.SHORT else End.UNKNOWN
    return long_end, None if judgement.side is Side.LONG else End.UNKNOWN


# ---------------------------------------------------------------- barriers


@dataclass(frozen=True, slots=True)
class Barriers:
    """Of one side, prices."""

    side: Side
    stop: float
    target: float
    bars: int


def barriers_of(judgement: Judgement) -> tuple[Barriers, ...]:
    """One side's, or both of a hold; empty where something is not known."""
    if judgement.stance is None or judgement.atr is None:
        return ()
    if judgement.side is None:
        sides = (Side.LONG, Side.SHORT)
        return tuple(_barriers(judgement, s, HOLD_STOP_ATR, HOLD_TARGET_ATR, HOLD_BARS) for s in sides)
    stop, target, bars = judgement.stop_atr, judgement.target_atr, judgement.horizon_bars
    if not (stop and target and bars):
        return ()
    return (_barriers(judgement, judgement.side, stop, target, bars),)


def _barriers(judgement: Judgement, side: Side, stop_atr: float, target_atr: float, bars: int) -> Barriers:
    assert judgement.atr is not None
    away = judgement.atr * side.sign
    return Barriers(side, judgement.close - away * stop_atr, judgement.close + away * target_atr, bars)


def horizon_end(judgement: Judgement) -> datetime:
    """When its time is over."""
    bars = max((one.bars for one in barriers_of(judgement)), default=0)
    return judgement.bar + bars * BAR


def resolved(judgement: Judgement, candles: Candles) -> Resolution | None:
    """None while it is open: the bars do not reach far enough, or not back to its own."""
    first = to_ms(judgement.bar)
    begin = int(candles.rows[:, 0].searchsorted(first)) if len(candles) else 0
    if begin >= len(candles) or candles.rows[begin, 0] != first:
        return None
    ends = {b.side: _walk(b, candles, begin) for b in barriers_of(judgement)}
    if not ends or any(end is None for end in ends.values()):
        return None
    known = {side: end for side, end in ends.items() if end is not None}
    last = max(closed for _, closed in known.values())
    return Resolution(
        id=judgement.id,
        long_end=known[Side.LONG][0] if Side.LONG in known else None,
        short_end=known[Side.SHORT][0] if Side.SHORT in known else None,
        ended_at=last,
    )


def given_up(judgement: Judgement, now: datetime) -> Resolution:
    """The market answered and does not have its bars."""
    return Resolution(judgement.id, *_unknown(judgement), now)


def _walk(barriers: Barriers, candles: Candles, begin: int) -> tuple[End, datetime] | None:
    """(end, close of its bar); None while neither barrier is met and there is time left."""
    table = candles.rows[begin : begin + barriers.bars, :4].tolist()
    for opened_ms, open_, high, low in table:
        end = _met(barriers, open_, high, low)
        if end is not None:
            return end, from_ms(int(opened_ms)) + BAR
    if len(table) < barriers.bars:
        return None
    return End.TIME, from_ms(int(table[-1][0])) + BAR


def _met(barriers: Barriers, open_: float, high: float, low: float) -> End | None:
    """The opening price came before everything else in the bar."""
    best, worst = (high, low) if barriers.side is Side.LONG else (low, high)
    return _touched(barriers, open_, open_) or _touched(barriers, best, worst)


def _touched(barriers: Barriers, best: float, worst: float) -> End | None:
    sign = barriers.side.sign
    is_won, is_lost = (best - barriers.target) * sign >= 0, (worst - barriers.stop) * sign <= 0
    if is_won and is_lost:
        return End.BOTH
    return End.TARGET if is_won else End.STOP if is_lost else None
