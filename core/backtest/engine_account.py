"""The account that the symbols share: what it is worth, what may still be lost, which breakers are open.

Laws:
- A day begins at the closes before midnight (UTC): what the last bar of a day lost is that day's.
- Marks are mid prices; what leaving costs is none of the equity.
- What the prices between two looks made of the positions counts as it would at a look at every bar's adverse
  and favourable extreme, see `core.backtest.engine_loop`.
- One breaker that only a person reopens ends the entries; the others reopen by their rules, with the probe
  size until a trade that was opened since then wins.
- The equity of 24 hours ago is that of the last look before.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import inf

from core.backtest.engine_fills import booked, margin_bound, mark_of, worth
from core.backtest.engine_words import (
    BETA,
    BLOCKED_UNTIL,
    CLOSING,
    COST,
    CURVE_COUNT,
    DAY_AGO,
    DAY_LOST_MS,
    DAY_OPENING,
    ENTRY_BAR,
    IS_HALTED,
    IS_HELD,
    IS_PROBING,
    IS_ROLLING,
    LEFT,
    LOSSES,
    LOT,
    NEXT_BAR,
    PEAK,
    PROBED_MS,
    SIGN,
    STOP,
    STREAK_MS,
    TICK,
    WALLET,
    Floats,
    Terms,
    Way,
)

DAY_MS = 86_400_000.0
CURVE_KEPT = 4096
"""Looks of the last day at least: those of every minute, and some."""


def price_now(bars: Floats, last: int, row: Floats, at_ms: float) -> float:
    """The open of the bar that begins now, else the last close."""
    bar = int(row[NEXT_BAR])
    if bar < last and float(bars[bar, 0]) == at_ms:
        return float(bars[bar, 1])
    if bar == int(row[ENTRY_BAR]):
        return float(bars[bar, 1])
    return float(bars[bar - 1, 4])


def equity_now(way: Way, rows: Floats, account: Floats, at_ms: float) -> float:
    equity = float(account[WALLET])
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0:
            price = price_now(way.bars, int(way.last[s]), rows[s], at_ms)
            equity += worth(way.fill, rows[s], price)
    return equity


# ---------------------------------------------------------------- what may be lost


def lost_share(baseline: float, equity: float, cap: float) -> float:
    """Fraction below the baseline; under a cap that of the cap where that is less. Below 0: gained.

    Infinite where there is nothing to lose.
    """
    base = min(baseline, cap)
    return (baseline - equity) / base if base > 0.0 else inf


def left_of(limit: float, baseline: float, equity: float, cap: float) -> float:
    """USDT that may still be lost before that fraction of the baseline is."""
    return limit * min(baseline, cap) - (baseline - equity)


def sizing_equity(terms: Terms, account: Floats, equity: float) -> float:
    """Under a cap neither an open gain nor money beyond the cap makes a trade larger."""
    if terms.cap < inf:
        return max(min(equity, float(account[WALLET]), terms.cap), 0.0)
    return max(equity, 0.0)


def margin_left(cap: float, rows: Floats, account: Floats) -> float:
    """USDT that are in the wallet and bound by nothing; open gains are none of it."""
    left, bound = float(account[WALLET]), 0.0
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0:
            bound += margin_bound(rows[s])
            left += booked(rows[s])
    return min(left, cap) - bound


def open_risk(way: Way, rows: Floats, s: int, at_ms: float) -> float:
    """USDT that it can still lose from the present equity, leaving included."""
    row = rows[s]
    price = price_now(way.bars, int(way.last[s]), row, at_ms)
    fall = (mark_of(way.fill, price, float(row[TICK])) - row[STOP]) * row[SIGN]
    return float((max(fall, 0.0) + row[COST] / 2.0 * row[STOP]) * row[LEFT] * row[LOT])


def risks(way: Way, rows: Floats, sign: int, at_ms: float) -> tuple[float, float]:
    """(USDT at stake, of it on that side and weighted by beta)."""
    taken, on_side = 0.0, 0.0
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0:
            risk = open_risk(way, rows, s, at_ms)
            taken += risk
            on_side += risk * rows[s, BETA] if rows[s, SIGN] == sign else 0.0
    return taken, on_side


def budget_left(terms: Terms, account: Floats, equity: float, taken: float) -> float:
    """USDT that one more trade may lose: what the day and the drawdown leave."""
    today = left_of(terms.daily_loss, float(account[DAY_OPENING]), equity, terms.cap)
    down = left_of(terms.max_drawdown, float(account[PEAK]), equity, terms.cap)
    return min(today, down) - taken


def side_left(terms: Terms, equity: float, on_side: float, beta: float) -> float:
    """The same for its side; endless where nothing that counts is open there."""
    if not on_side > 0.0 or not beta > 0.0:
        return inf
    share = max(1.0, terms.same_direction_share * terms.max_open)
    return max(share * terms.side_risk * equity - on_side, 0.0) / beta


# ---------------------------------------------------------------- what trips


def look(terms: Terms, account: Floats, curve: Floats, equity: float, at_ms: float) -> int:
    """Notes the equity of a moment and trips the breakers; the strictest policy of what has tripped now."""
    account[PEAK] = max(float(account[PEAK]), equity)
    policy = 0
    if at_ms >= account[DAY_LOST_MS] and _is_over(terms.daily_loss, account[DAY_OPENING], equity, terms):
        midnight = (
            (at_ms + CLOSING) // DAY_MS + (0.0 if (at_ms + CLOSING) % DAY_MS == 0.0 else 1.0)
        ) * DAY_MS
        account[DAY_LOST_MS] = midnight
        _block(account, midnight)
        policy = max(policy, terms.policies[0])
    if _is_over(terms.rolling_loss, _day_ago(account, curve, at_ms), equity, terms):
        policy = max(policy, terms.policies[1] if account[IS_ROLLING] == 0.0 else 0)
        account[IS_ROLLING] = 1.0
    elif account[IS_ROLLING] > 0.0:
        account[IS_ROLLING] = 0.0
        account[IS_PROBING], account[PROBED_MS] = 1.0, max(float(account[PROBED_MS]), at_ms)
    if account[LOSSES] >= terms.max_losses:
        account[STREAK_MS], account[LOSSES] = at_ms + terms.losing_cooldown_ms, 0.0
        _block(account, float(account[STREAK_MS]))
        policy = max(policy, terms.policies[2])
    if account[IS_HALTED] == 0.0 and _is_over(terms.max_drawdown, account[PEAK], equity, terms):
        account[IS_HALTED] = 1.0
        policy = max(policy, terms.policies[3])
    _write(account, curve, equity, at_ms)
    return policy


def _is_over(limit: float, baseline: float, equity: float, terms: Terms) -> bool:
    return limit < inf and lost_share(baseline, equity, terms.cap) >= limit


def _block(account: Floats, until_ms: float) -> None:
    account[BLOCKED_UNTIL] = max(float(account[BLOCKED_UNTIL]), until_ms)
    account[IS_PROBING], account[PROBED_MS] = 1.0, max(float(account[PROBED_MS]), until_ms)


def _write(account: Floats, curve: Floats, equity: float, at_ms: float) -> None:
    count = int(account[CURVE_COUNT])
    if count > 0 and curve[(count - 1) % len(curve), 0] == at_ms:
        curve[(count - 1) % len(curve), 1] = equity
        return
    curve[count % len(curve), 0], curve[count % len(curve), 1] = at_ms, equity
    account[CURVE_COUNT] = count + 1


def _day_ago(account: Floats, curve: Floats, at_ms: float) -> float:
    """Equity 24 hours ago; of a younger account the first that is known."""
    count, place = int(account[CURVE_COUNT]), int(account[DAY_AGO])
    if count == 0:
        return float(account[WALLET])
    place = max(place, count - len(curve))
    while place + 1 < count and curve[(place + 1) % len(curve), 0] <= at_ms - DAY_MS:
        place += 1
    account[DAY_AGO] = place
    return float(curve[place % len(curve), 1])


def may_trip(terms: Terms, account: Floats, curve: Floats, top: float, dip: float, at_ms: float) -> bool:
    """Whether equity between these bounds until `at_ms` can trip anything that has not tripped yet."""
    if account[IS_HALTED] > 0.0:
        return False
    highest = max(float(account[PEAK]), top)
    if _is_over(terms.max_drawdown, highest, dip, terms):
        return True
    if at_ms >= account[DAY_LOST_MS] and _is_over(terms.daily_loss, account[DAY_OPENING], dip, terms):
        return True
    if not terms.rolling_loss < inf or account[IS_ROLLING] > 0.0:
        return False
    count = int(account[CURVE_COUNT])
    for place in range(max(int(account[DAY_AGO]), count - len(curve)), count):
        highest = max(top, float(curve[place % len(curve), 1]))
        if _is_over(terms.rolling_loss, highest, dip, terms):
            return True
    return False
