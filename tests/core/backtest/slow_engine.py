"""The backtest as one would explain it: every bar of every symbol in turn, the plain rule book, decimals.

The engine must give the same trades; nothing of its loops, its sizing or its money is used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isnan, nan

import numpy as np

from core.backtest.engine import Setup, Signals
from core.backtest.history import History
from core.market import TIMEFRAMES, Instrument, Side
from core.money import exact
from core.risk.ceilings import LossCap
from core.risk.margin import liquidation_price
from core.risk.sizing import Purse, Ticket, fitted, loss_at, smallest_quantity
from core.trading.exits import must_wait_for_profit, on_tick, price_at_r
from core.trading.exits_bet import Bet, Walk, begin, ladder, leave, net_at
from core.trading.exits_walk import walk_bar

DAY_MS = 86_400_000
SIGNAL, END, TARGET, LIQUIDATED = 8, 9, 4, 7


@dataclass
class Held:
    bet: Bet
    walk: Walk
    targets: np.ndarray
    lots: np.ndarray
    entry_bar: int
    leverage: int
    liquidation: float
    risk: float
    cash: float
    """Booked so far: fees, funding, partial gains; USDT."""
    fees: float = 0.0
    funding: float = 0.0
    gross: float = 0.0
    wants_out: bool = False

    @property
    def margin(self) -> float:
        return self.bet.lots * self.bet.lot * self.bet.entry / self.leverage


@dataclass
class SlowEngine:
    histories: Sequence[History]
    instruments: Sequence[Instrument]
    signals: Sequence[Signals]
    setup: Setup
    trades: list[tuple[float, ...]] = field(default_factory=list)
    """Symbol, side, entry and exit bar, lots, leverage, reason, ambiguous; fees, funding, net, exit price."""
    equity: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.limits, self.bar_ms = self.setup.limits, TIMEFRAMES[self.histories[0].timeframe]
        self.held: dict[int, Held] = {}
        self.free: dict[int, float] = {}
        self.wallet = self.peak = self.day = self.setup.capital
        self.losses, self.blocked, self.is_probing, self.is_halted = 0, -1.0, False, False
        self.places = [{int(ms): i for i, ms in enumerate(h.bars[:, 0].tolist())} for h in self.histories]

    def run(self) -> SlowEngine:
        first = min(min(places) for places in self.places)
        last = max(max(places) for places in self.places) + self.bar_ms
        done: dict[int, int] = {}
        for now in range(first, last + 1, self.bar_ms):
            ended = done | {
                s: self.places[s][now]
                for s in list(self.held)
                if s not in done and now in self.places[s] and self.leaves_at_open(s, self.places[s][now])
            }
            for s in sorted(ended):
                self.book(s, ended[s], now)
            if ended:
                self.measure(now)
            if now % DAY_MS == 0:
                self.equity.append((now, self.measure(now)))
            for s in range(len(self.histories)):
                if now in self.places[s] and s not in self.held:
                    self.maybe_enter(s, self.places[s][now], now)
            done = {
                s: self.places[s][now]
                for s in list(self.held)
                if now in self.places[s] and self.walks(s, self.places[s][now])
            }
        return self

    # ------------------------------------------------------------ a position

    def leaves_at_open(self, s: int, bar: int) -> bool:
        one, history = self.held[s], self.histories[s]
        open_ms, price = history.bars[bar, 0], float(history.bars[bar, 1])
        for at, rate in history.funding.tolist() if history.funding is not None else []:
            if at == open_ms:
                paid = one.walk.lots_left * one.bet.lot * price * rate * one.bet.sign
                one.funding -= paid
                one.cash -= paid
        said = int(self.signals[s].side[bar - 1])
        if said * one.bet.sign > 0:
            one.wants_out = False
        elif self.setup.turns and said * one.bet.sign < 0:
            one.wants_out = True
        is_gone = one.liquidation > 0 and (price - one.liquidation) * one.bet.sign <= 0
        if not one.wants_out or is_gone:
            return False
        if must_wait_for_profit(self.limits.exits, net_at(one.bet, one.walk, price)):
            return False
        self.follow(
            one, leave(one.walk, one.bet, one.walk.lots_left, price, SIGNAL, one.walk.targets_filled), s
        )
        return True

    def walks(self, s: int, bar: int) -> bool:
        one, bars = self.held[s], self.histories[s].bars
        begun = bars[one.entry_bar, 0]
        seconds = (bars[bar, 0] + self.bar_ms - begun) / 1000.0 - one.walk.held_s
        prices = bars[bar, 1:5].tolist()
        rules = self.limits.exits
        walk = walk_bar(
            rules, one.bet, one.walk, one.targets, one.lots, *prices, float(seconds), one.liquidation
        )
        if walk.lots_left and bar == len(bars) - 1:
            walk = leave(walk, one.bet, walk.lots_left, prices[3], END, walk.targets_filled)
        self.follow(one, walk, s)
        return walk.lots_left == 0

    def follow(self, one: Held, walk: Walk, s: int) -> None:
        """Books what left since, at targets by one fee, by market with slippage."""
        bet, instrument = one.bet, self.instruments[s]
        taker, slippage = float(instrument.taker_fee), float(self.limits.slippage)
        gone = one.walk.lots_left - walk.lots_left
        by_target = int(one.lots[one.walk.targets_filled : walk.targets_filled].sum())
        by_market = 0 if walk.exit_code == TARGET else gone - by_target
        gain = walk.gain - one.walk.gain
        fees = (gain * bet.sign + gone * bet.entry - by_market * walk.exit_price) * taker
        if by_market and walk.exit_code == LIQUIDATED:
            gain -= by_market * (walk.exit_price - bet.entry) * bet.sign
            gain -= one.margin / bet.lot * by_market / bet.lots
        elif by_market:
            price = walk.exit_price * (1 - bet.sign * slippage)
            gain -= by_market * (walk.exit_price - price) * bet.sign
            fees += by_market * price * taker
        one.fees += fees * bet.lot
        one.gross += gain
        one.cash += (gain - fees) * bet.lot
        one.walk = walk

    def book(self, s: int, bar: int, now: float) -> None:
        one = self.held.pop(s)
        self.wallet += one.cash
        self.losses = self.losses + 1 if one.cash < 0 else 0
        self.is_probing = self.is_probing and not one.cash > 0
        self.free[s] = now + self.limits.cooldown_s * 1000
        bet, walk = one.bet, one.walk
        whole = (s, bet.sign, one.entry_bar, bar, bet.lots, one.leverage, walk.exit_code, walk.ambiguous)
        price = bet.entry + bet.sign * one.gross / bet.lots
        self.trades.append((*whole, one.fees, one.funding, one.cash, price))

    # ------------------------------------------------------------ the account

    def price(self, s: int, now: float) -> float:
        bars, place = self.histories[s].bars, self.places[s].get(int(now))
        if place is not None:
            return float(bars[place, 1])
        return float(bars[np.searchsorted(bars[:, 0], now) - 1, 4])

    def worth(self, s: int, one: Held, price: float) -> float:
        return one.cash + one.walk.lots_left * (price - one.bet.entry) * one.bet.sign * one.bet.lot

    def measure(self, now: float) -> float:
        equity = self.wallet + sum(self.worth(s, one, self.price(s, now)) for s, one in self.held.items())
        if now % DAY_MS == 0:
            self.day = equity
        self.peak = max(self.peak, equity)
        if self.day - equity >= float(self.limits.daily_loss) * self.day:
            self.blocked = max(self.blocked, (now // DAY_MS + 1) * DAY_MS)
            self.is_probing = True
        if self.losses >= self.limits.max_consecutive_losses:
            self.blocked = max(self.blocked, now + self.limits.breakers.consecutive_cooldown_h * 3_600_000)
            self.is_probing, self.losses = True, 0
        self.is_halted |= self.peak - equity >= float(self.limits.max_drawdown) * self.peak
        return equity

    def maybe_enter(self, s: int, bar: int, now: float) -> None:
        said = self.signals[s]
        sign = int(said.side[bar - 1]) if bar > 0 else 0
        if abs(sign) != 1:
            return
        equity, limits = self.measure(now), self.limits
        confidence = 1.0 if said.confidence is None else float(said.confidence[bar - 1])
        fall = (self.peak - equity) / self.peak
        if not confidence >= limits.min_confidence or now < self.free.get(s, -1):
            return
        if len(self.held) >= limits.max_open_positions or self.is_halted or now < self.blocked:
            return
        if fall >= float(limits.orange_drawdown):
            return
        share = float(limits.band_size) if confidence < limits.full_confidence else 1.0
        share = min(share, float(limits.yellow_size)) if fall >= float(limits.yellow_drawdown) else share
        share = min(share, float(limits.probe_size)) if self.is_probing else share
        price = float(self.histories[s].bars[bar, 1])
        distance = self.setup.stop if said.stop is None or isnan(said.stop[bar - 1]) else said.stop[bar - 1]
        tick = float(self.instruments[s].tick)
        stop = on_tick(price * (1 - sign * float(distance)), tick, sign)
        lots, leverage = self.size(s, sign, price, stop, equity, share)
        if lots:
            self.enter(s, bar, sign, price, stop, lots, leverage)

    def size(
        self, s: int, sign: int, price: float, stop: float, equity: float, share: float
    ) -> tuple[int, int]:
        limits, instrument = self.limits, self.instruments[s]
        open_risk = sum(one.risk for one in self.held.values())
        on_side = sum(one.risk for one in self.held.values() if one.bet.sign == sign)
        wide = max(1.0, float(limits.same_direction_share) * limits.max_open_positions)
        risk = float(limits.risk_per_trade)
        caps = [equity * risk * share]
        caps.append(float(limits.daily_loss) * self.day - (self.day - equity) - open_risk)
        caps.append(float(limits.max_drawdown) * self.peak - (self.peak - equity) - open_risk)
        caps += [wide * risk * equity - on_side] if on_side else []
        available = self.wallet + sum(
            one.cash - one.margin * one.walk.lots_left / one.bet.lots for one in self.held.values()
        )
        side = Side.LONG if sign > 0 else Side.SHORT
        size = fitted(
            Ticket(side, exact(price), exact(stop), exact(price)),
            [LossCap(exact(cap), "cap") for cap in caps],
            Purse(exact(equity) * limits.position_size, exact(available)),
            self.setup.leverage,
            instrument,
            limits,
        )
        is_enough = size.quantity >= smallest_quantity(instrument, exact(price))
        return (int(size.quantity / instrument.lot) if is_enough else 0), size.leverage

    def enter(self, s: int, bar: int, sign: int, price: float, stop: float, lots: int, leverage: int) -> None:
        instrument, limits = self.instruments[s], self.limits
        slippage, taker, lot = limits.slippage, float(instrument.taker_fee), float(instrument.lot)
        paid = price * (1 + sign * float(slippage))
        cost = float(2 * (instrument.taker_fee + slippage))
        bet = Bet(sign, paid, stop, nan, cost, float(instrument.tick), lots, lot)
        named = self.signals[s].target
        if named is not None and not isnan(named[bar - 1]):
            prices = [price * (1 + sign * float(named[bar - 1]))]
            each = np.array([lots])
        else:
            prices = [price_at_r(price, stop, sign, cost, float(r)) for r, _ in limits.targets]
            shares = np.array([float(share) for _, share in limits.targets])
            each = ladder(lots, shares, int(smallest_quantity(instrument, exact(price)) / instrument.lot))
        side = Side.LONG if sign > 0 else Side.SHORT
        quantity, margin = lots * instrument.lot, exact(lots * lot * paid / leverage)
        fees = lots * lot * paid * taker
        self.held[s] = Held(
            bet,
            begin(bet),
            np.array([on_tick(one, bet.tick, sign) for one in prices]),
            each,
            bar,
            leverage,
            float(liquidation_price(side, quantity, exact(paid), margin, instrument)),
            float(loss_at(side, Decimal(quantity), exact(price), exact(stop), instrument, limits)),
            -fees,
            fees,
        )
