"""Results of closed trades, net of every cost.

Ratios are None where they mean nothing (no trades, no losses): a rate is never shown without its n.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core import growth
from core.journal import EquityPoint
from core.money import ZERO
from core.statistics import LEAST_DEVIATION, Interval, deviation, mean_interval, win_rate_interval
from core.trade import ClosedTrade

MIN_TRADES_FOR_SQN = 5
"""Below this the spread of R is noise."""


@dataclass(frozen=True, slots=True)
class Performance:
    """Money in USDT; drawdowns and rates as fractions."""

    trades: int
    wins: int
    losses: int
    """Trades of exactly nothing are neither."""
    net_pnl: Decimal
    gross_pnl: Decimal
    fees: Decimal
    funding: Decimal
    best: Decimal | None
    worst: Decimal | None
    average_pnl: Decimal | None
    win_rate: float | None
    profit_factor: float | None
    """Sum of net gains ÷ sum of net losses; None without losses."""
    expectancy_r: float | None
    average_reward_risk: float | None
    """Mean net gain of winners ÷ mean net loss of losers."""
    sharpe: float | None
    sortino: float | None
    """Daily equity returns, annualised by √365, risk-free 0; None below five days."""
    max_drawdown: float
    """Of the time-weighted growth: a deposit or withdrawal is no rise or fall."""
    largest_loss_share: float | None
    """Largest net loss ÷ initial capital."""
    average_win: Decimal | None = None
    average_loss: Decimal | None = None
    """Positive."""
    win_rate_interval: Interval | None = None
    """Wilson, 80 %."""
    expectancy_interval: Interval | None = None
    """Mean R, 80 %: Student's t; None below two trades."""
    calmar: float | None = None
    """Compound growth of a year ÷ max drawdown; None below `growth.MIN_DAYS_FOR_CALMAR` days or without
    drawdown."""
    drawdown_days: float = 0.0
    """Longest time from a peak until it was reached again, or until now."""
    sqn: float | None = None
    """System quality number: √n · mean R ÷ standard deviation of R; None below five trades."""
    average_mfe_r: float | None = None
    average_mae_r: float | None = None
    """Mean largest excursion for and against, in R, costs not counted; MAE is below 0."""
    watched: int = 0
    """Trades whose price was looked at while they were open: the n of MFE and MAE."""
    ai_cost: Decimal = ZERO
    """USDT spent on advisers in the period; `net_pnl` is before it, `net_after_ai` after it."""
    days: int = 0
    """UTC days with an equity point: the n of Sharpe, Sortino and Calmar."""

    @property
    def net_after_ai(self) -> Decimal:
        return self.net_pnl - self.ai_cost


@dataclass(frozen=True, slots=True)
class Group:
    """Closed trades that share a symbol, side, exit reason, hour or adviser."""

    name: str
    trades: int
    wins: int
    net_pnl: Decimal
    expectancy_r: float
    interval_r: Interval | None
    """80 % confidence interval; None below five trades."""

    @property
    def win_rate(self) -> float:
        return self.wins / self.trades

    @property
    def win_rate_interval(self) -> Interval | None:
        """Wilson, 80 %."""
        return win_rate_interval(self.wins, self.trades)


def performance(
    trades: Sequence[ClosedTrade],
    curve: Sequence[EquityPoint],
    initial: Decimal,
    *,
    ai_cost: Decimal = ZERO,
    flows_before: Decimal | None = None,
) -> Performance:
    """`trades` and `curve` oldest first and of one period; `initial` is the equity it opened with.

    Without a curve the booked trades stand for it. `flows_before` as in `core.growth.grown`.
    """
    points = growth.grown(curve, initial, flows_before) if curve else growth.booked(trades, initial)
    returns = growth.daily_returns(points) if curve else []
    fall = growth.drawdown(points)
    gains = [trade.net_pnl for trade in trades if trade.net_pnl > 0]
    losses = [-trade.net_pnl for trade in trades if trade.net_pnl < 0]
    multiples = [float(trade.r_multiple) for trade in trades]
    favourable, adverse = excursions_r(trades)
    net, count = _sum(trade.net_pnl for trade in trades), len(trades)
    return Performance(
        trades=count,
        wins=len(gains),
        losses=len(losses),
        net_pnl=net,
        gross_pnl=_sum(trade.gross_pnl for trade in trades),
        fees=_sum(trade.fees for trade in trades),
        funding=_sum(trade.funding for trade in trades),
        best=max((trade.net_pnl for trade in trades), default=None),
        worst=min((trade.net_pnl for trade in trades), default=None),
        average_pnl=net / count if count else None,
        win_rate=len(gains) / count if count else None,
        profit_factor=float(_sum(gains) / _sum(losses)) if losses else None,
        expectancy_r=math.fsum(multiples) / count if count else None,
        average_reward_risk=_reward_risk(gains, losses),
        sharpe=growth.sharpe(returns),
        sortino=growth.sortino(returns),
        max_drawdown=fall.deepest,
        largest_loss_share=float(max(losses) / initial) if losses and initial > 0 else None,
        average_win=_average(gains),
        average_loss=_average(losses),
        win_rate_interval=win_rate_interval(len(gains), count),
        expectancy_interval=mean_interval(multiples),
        calmar=growth.calmar(points, fall.deepest) if curve else None,
        drawdown_days=fall.longest_days,
        sqn=system_quality(multiples),
        average_mfe_r=math.fsum(favourable) / len(favourable) if favourable else None,
        average_mae_r=math.fsum(adverse) / len(adverse) if adverse else None,
        watched=len(favourable),
        ai_cost=ai_cost,
        days=growth.days_of(points) if curve else 0,
    )


def system_quality(multiples: Sequence[float]) -> float | None:
    """√n · mean ÷ sample standard deviation of the R multiples (Van Tharp, "Trade Your Way to Financial
    Freedom", there called SQN); None below five and for equal ones."""
    if len(multiples) < MIN_TRADES_FOR_SQN or (spread := deviation(multiples)) <= LEAST_DEVIATION:
        return None
    return math.fsum(multiples) / len(multiples) / spread * math.sqrt(len(multiples))


def excursions_r(trades: Sequence[ClosedTrade]) -> tuple[list[float], list[float]]:
    """(MFE, MAE) of the trades that were watched and have an R: USDT ÷ R, as Sweeney ("Maximum Adverse
    Excursion") measures them, in units of the risk taken."""
    known = [
        (trade.mfe / trade.risk_usd, trade.mae / trade.risk_usd)
        for trade in trades
        if trade.mfe is not None and trade.mae is not None and trade.risk_usd > 0
    ]
    return [float(mfe) for mfe, _ in known], [float(mae) for _, mae in known]


def by_key(trades: Sequence[ClosedTrade], key: str) -> dict[str, tuple[int, Decimal]]:
    """Attribute value → (count, net P&L); `key` names an attribute of `ClosedTrade`."""
    sums: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, ZERO))
    for trade in trades:
        count, net = sums[str(getattr(trade, key))]
        sums[str(getattr(trade, key))] = (count + 1, net + trade.net_pnl)
    return dict(sums)


def _reward_risk(gains: Sequence[Decimal], losses: Sequence[Decimal]) -> float | None:
    won, lost = _average(gains), _average(losses)
    return float(won / lost) if won is not None and lost is not None else None


def _average(amounts: Sequence[Decimal]) -> Decimal | None:
    return _sum(amounts) / len(amounts) if amounts else None


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
