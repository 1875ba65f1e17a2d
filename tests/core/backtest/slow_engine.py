"""The backtest as one would explain it: every bar of every symbol in turn, every third of it looked at.

The engine must give the same trades; nothing of its loops, its sizing or its money is used here: prices are
paid in `core.sim.matching`, sizes made in `core.risk`, stops moved by the rule book.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isnan, nan

import numpy as np

from core.backtest.engine import Setup, Signals
from core.backtest.history import History
from core.market import TIMEFRAMES, Instrument, Quote, Side, from_ms
from core.money import ZERO, exact, nearest_to
from core.plan import Target
from core.risk.ceilings import LossCap
from core.risk.margin import liquidation_price, round_trip_result
from core.risk.sizing import Purse, Ticket, fitted, loss_at, merged, smallest_quantity
from core.sim.matching import Scene
from core.trade import OrderSide
from core.trading.exits import must_wait_for_profit, on_tick, price_at_r, time_is_up
from core.trading.exits_bet import Bet, Walk, begin, ladder, leave
from core.trading.exits_walk import walk_leg, walk_tick

DAY_MS = 86_400_000
Drawn = tuple[int, float, float, int, int, float, np.ndarray, np.ndarray]
"""Side, price, stop, lots, leverage, loss, targets, lots of each."""
SIGNAL, END, TIME, LIQUIDATED = 8, 9, 5, 7


@dataclass
class Held:
    bet: Bet
    walk: Walk
    targets: np.ndarray
    lots: np.ndarray
    entry_bar: int
    leverage: int
    margin: float
    liquidation: float
    fees: float
    gross: float = 0.0
    """Σ lots × (paid - entry) × sign of what left."""
    funding: float = 0.0
    wants_out: bool = False
    ambiguous: int = 0
    left_ms: float = 0.0

    @property
    def cash(self) -> float:
        return self.gross * self.bet.lot - self.fees + self.funding

    @property
    def is_over(self) -> bool:
        return self.walk.lots_left == 0


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
        self.ceilings: dict[int, float] = {}
        self.prices: dict[int, float] = {}
        self.wallet = self.peak = self.day = self.setup.capital
        self.losses, self.blocked, self.streak, self.lost_ms = 0, -1.0, -1.0, 0.0
        self.probing_from: float | None = None
        self.is_halted = False
        self.places = [{int(ms): i for i, ms in enumerate(h.bars[:, 0].tolist())} for h in self.histories]
        self.rules = self.limits.exits._replace(time_stop_h=0.0)

    def run(self) -> SlowEngine:
        first = min(min(places) for places in self.places)
        last = max(max(places) for places in self.places) + self.bar_ms
        for now in range(first, last + 1, self.bar_ms):
            if now % DAY_MS == 0:
                self.day = self.worth_now()
                self.equity.append((now, self.day))
            here = {s: places[now] for s, places in enumerate(self.places) if now in places}
            for s, bar in here.items():
                self.prices[s] = float(self.histories[s].bars[bar, 1])
            for s in [s for s in here if s in self.held]:
                self.open(s, here[s], now)
            self.look(now)
            self.enter_all(here, now)
            self.look(now)
            for leg in range(3):
                at = now + self.bar_ms * (leg + 1) / 3
                for s in [s for s in here if s in self.held]:
                    self.leg(s, here[s], leg, at)
                self.look(at - (0.5 if leg == 2 else 0.0), here)
            for s in [s for s, bar in here.items() if s in self.held and bar == len(self.places[s]) - 1]:
                self.leave(s, here[s], self.prices[s], END, now + self.bar_ms)
            self.look(now + self.bar_ms - 0.5)
        return self

    # ------------------------------------------------------------ a position

    def open(self, s: int, bar: int, now: float) -> None:
        one, history, price = self.held[s], self.histories[s], self.prices[s]
        for at, rate in history.funding.tolist() if history.funding is not None else []:
            if at == now:
                one.funding -= one.walk.lots_left * one.bet.lot * price * rate * one.bet.sign
        seconds = (now - history.bars[one.entry_bar, 0]) / 1000.0 - one.walk.held_s
        walk = walk_tick(
            self.rules, one.bet, one.walk, one.targets, one.lots, price, float(seconds), one.liquidation
        )
        self.follow(s, bar, walk, now, jumped_to=price)
        self.leave_if_late(s, bar, now)
        if s not in self.held:
            return
        said = int(self.signals[s].side[bar - 1])
        if said * one.bet.sign > 0:
            one.wants_out = False
        elif self.setup.turns and said * one.bet.sign < 0:
            one.wants_out = True
        if one.wants_out and not must_wait_for_profit(self.rules, self.net_if_left(s)):
            self.leave(s, bar, price, SIGNAL, now)

    def leg(self, s: int, bar: int, leg: int, at: float) -> None:
        one, row = self.held[s], self.histories[s].bars[bar]
        adverse, favourable = (3, 2) if one.bet.sign > 0 else (2, 3)
        self.prices[s] = to = float(row[(adverse, favourable, 4)[leg]])
        seconds = (at - self.histories[s].bars[one.entry_bar, 0]) / 1000.0 - one.walk.held_s
        walk = walk_leg(
            self.rules, one.bet, one.walk, one.targets, one.lots, to, float(seconds), one.liquidation
        )
        if leg == 0 and walk.lots_left == 0:
            ahead = [p for p, lots in zip(one.targets, one.lots, strict=True) if lots][self.rungs_done(one) :]
            one.ambiguous += bool(ahead and (row[favourable] - ahead[0]) * one.bet.sign >= 0)
        self.follow(s, bar, walk, at)
        self.leave_if_late(s, bar, at)

    def rungs_done(self, one: Held) -> int:
        return int(np.count_nonzero(one.lots[: one.walk.targets_filled]))

    def leave_if_late(self, s: int, bar: int, at: float) -> None:
        if s not in self.held:
            return
        if time_is_up(self.limits.exits, self.held[s].walk.held_s / 3600, self.net_if_left(s)):
            self.leave(s, bar, self.prices[s], TIME, at)

    def leave(self, s: int, bar: int, price: float, code: int, at: float) -> None:
        one = self.held[s]
        walk = leave(one.walk, one.bet, one.walk.lots_left, price, code, one.walk.targets_filled)
        self.follow(s, bar, walk, at)

    def follow(self, s: int, bar: int, walk: Walk, at: float, jumped_to: float = nan) -> None:
        """Books what left since; the trade, where nothing is left."""
        one, left = self.held[s], self.held[s].walk.lots_left
        for place in range(one.walk.targets_filled, walk.targets_filled):
            lots = min(int(one.lots[place]), left)
            passed = (jumped_to - one.targets[place]) * one.bet.sign >= 0
            self.sell(s, lots, jumped_to if passed else float(one.targets[place]))
            left -= lots
        if walk.lots_left == 0 and left:
            if walk.exit_code == LIQUIDATED:
                gain = left * (self.worst(one) - one.bet.entry) * one.bet.sign
                one.gross += gain
                one.fees += one.margin * left / one.bet.lots + gain * one.bet.lot
            else:
                self.sell(s, left, walk.exit_price)
        one.walk = walk
        if one.is_over:
            self.book(s, bar, at)

    def sell(self, s: int, lots: int, price: float) -> None:
        if not lots:
            return
        one = self.held[s]
        sign, quantity = one.bet.sign, lots * one.bet.lot
        margin, paid = one.margin * lots / one.bet.lots, self.paid(s, price, -sign)
        worst = self.worst(one)
        paid = max(paid, worst) if sign > 0 else min(paid, worst)
        gain = (paid - one.bet.entry) * sign
        one.gross += lots * gain
        fee = quantity * paid * float(self.instruments[s].taker_fee)
        one.fees += min(fee, max(margin + gain * quantity, 0.0))

    def worst(self, one: Held) -> float:
        """Where the margin is gone."""
        bet = one.bet
        price = bet.entry - bet.sign * one.margin / (bet.lots * bet.lot)
        return on_tick(price, bet.tick, -bet.sign) if self.setup.half_spread else price

    def net_if_left(self, s: int) -> float:
        one, mark = self.held[s], self.mark(s, self.prices[s])
        left = one.walk.lots_left * one.bet.lot
        return (
            one.gross * one.bet.lot
            + left * (mark - one.bet.entry) * one.bet.sign
            - left * mark * one.bet.cost / 2
            - one.fees
        )

    def book(self, s: int, bar: int, at: float) -> None:
        one = self.held.pop(s)
        bet, walk = one.bet, one.walk
        self.wallet += one.cash
        if one.cash >= 0:
            self.losses = 0
        elif at > self.streak:
            self.losses += 1
        entered = self.histories[s].bars[one.entry_bar, 0]
        if one.cash > 0 and self.probing_from is not None and entered >= self.probing_from:
            self.probing_from = None
        self.free[s] = at + self.limits.cooldown_s * 1000
        whole = (s, bet.sign, one.entry_bar, bar, bet.lots, one.leverage, walk.exit_code, one.ambiguous)
        price = bet.entry + bet.sign * one.gross / bet.lots
        self.trades.append((*whole, one.fees, one.funding, one.cash, price))

    # ------------------------------------------------------------ prices

    def quote(self, s: int, price: float) -> Quote:
        tick = self.instruments[s].tick
        mark = nearest_to(exact(price), tick)
        half = max(nearest_to(mark * exact(self.setup.half_spread), tick), tick)
        return Quote("", mark - half, mark + half, mark, mark, from_ms(0))

    def mark(self, s: int, price: float) -> float:
        return float(self.quote(s, price).mark) if self.setup.half_spread else price

    def paid(self, s: int, price: float, sign: int) -> float:
        slippage = self.setup.fill_slippage
        slippage = float(self.limits.slippage) if slippage is None else slippage
        if not self.setup.half_spread:
            return price * (1 + sign * slippage)
        scene = Scene(self.instruments[s], self.quote(s, price), exact(slippage))
        return float(scene.paid(OrderSide.BUY if sign > 0 else OrderSide.SELL))

    # ------------------------------------------------------------ the account

    def worth_now(self) -> float:
        equity = self.wallet
        for s, one in self.held.items():
            open_part = one.walk.lots_left * (self.mark(s, self.prices[s]) - one.bet.entry) * one.bet.sign
            equity += one.cash + open_part * one.bet.lot
        return equity

    def look(self, at: float, here: object = None) -> float:
        equity = self.worth_now()
        self.peak = max(self.peak, equity)
        if at >= self.lost_ms and self.day - equity >= float(self.limits.daily_loss) * self.day:
            self.lost_ms = -(-(at + 0.5) // DAY_MS) * DAY_MS
            self.trip(self.lost_ms)
        if self.losses >= self.limits.max_consecutive_losses:
            self.streak, self.losses = at + self.limits.breakers.consecutive_cooldown_h * 3_600_000, 0
            self.trip(self.streak)
        self.is_halted |= self.peak - equity >= float(self.limits.max_drawdown) * self.peak
        return equity

    def trip(self, until: float) -> None:
        self.blocked = max(self.blocked, until)
        self.probing_from = max(self.probing_from or until, until)

    def enter_all(self, here: dict[int, int], now: float) -> None:
        equity = self.worth_now()
        drawn = {s: self.drawn(s, bar, now, equity) for s, bar in here.items() if s not in self.held}
        entered = 0
        for s, first in drawn.items():
            plan = first
            if plan is not None and entered:
                plan = self.cut(s, here[s], plan, self.look(now))
                plan = plan if plan is not None and self.still_allowed(s, plan, now) else None
            entered += plan is not None and self.enter(s, here[s], *plan)

    def is_closed(self, equity: float, now: float) -> bool:
        fall = (self.peak - equity) / self.peak
        is_full = len(self.held) >= self.limits.max_open_positions
        return is_full or self.is_halted or now < self.blocked or fall >= float(self.limits.orange_drawdown)

    def share(self, equity: float, confidence: float) -> float:
        limits = self.limits
        fall = (self.peak - equity) / self.peak
        share = float(limits.band_size) if confidence < limits.full_confidence else 1.0
        share = min(share, float(limits.yellow_size)) if fall >= float(limits.yellow_drawdown) else share
        return min(share, float(limits.probe_size)) if self.probing_from is not None else share

    def drawn(self, s: int, bar: int, now: float, equity: float) -> Drawn | None:
        said, limits = self.signals[s], self.limits
        sign = int(said.side[bar - 1]) if bar > 0 else 0
        confidence = 1.0 if said.confidence is None else float(said.confidence[bar - 1])
        if abs(sign) != 1 or not confidence >= limits.min_confidence:
            return None
        if now < self.free.get(s, -1) or self.is_closed(equity, now):
            return None
        price = self.prices[s]
        if self.setup.half_spread:
            price = float(self.quote(s, price).taking(Side.LONG if sign > 0 else Side.SHORT))
        distance = self.setup.stop if said.stop is None or isnan(said.stop[bar - 1]) else said.stop[bar - 1]
        stop = on_tick(price * (1 - sign * float(distance)), float(self.instruments[s].tick), sign)
        share = self.ceilings[s] = self.share(equity, confidence)
        lots, leverage = self.size(s, sign, price, stop, equity, share)
        if not lots:
            return None
        targets, each, gain, loss = self.targets(s, bar, sign, price, stop, lots)
        if gain < float(limits.min_reward_risk) * loss * (1 - 1e-12):
            return None
        if gain < min(float(limits.min_profit_usd), float(limits.min_profit_in_r) * loss) * (1 - 1e-12):
            return None
        return sign, price, stop, lots, leverage, loss, targets, each

    def open_risks(self, sign: int) -> tuple[float, float]:
        """(all, of that side)."""
        total = on_side = 0.0
        for s, one in self.held.items():
            fall = max((self.mark(s, self.prices[s]) - one.walk.stop) * one.bet.sign, 0.0)
            risk = (fall + one.bet.cost / 2 * one.walk.stop) * one.walk.lots_left * one.bet.lot
            total += risk
            on_side += risk if one.bet.sign == sign else 0.0
        return total, on_side

    def caps(self, sign: int, equity: float) -> list[float]:
        """What the day, the drawdown and the side leave, USDT."""
        total, on_side = self.open_risks(sign)
        limits = self.limits
        wide = max(1.0, float(limits.same_direction_share) * limits.max_open_positions)
        return [
            float(limits.daily_loss) * self.day - (self.day - equity) - total,
            float(limits.max_drawdown) * self.peak - (self.peak - equity) - total,
            *([wide * float(limits.risk_per_trade) * equity - on_side] if on_side else []),
        ]

    def available(self) -> float:
        return self.wallet + sum(
            one.cash - one.margin * one.walk.lots_left / one.bet.lots for one in self.held.values()
        )

    def size(
        self, s: int, sign: int, price: float, stop: float, equity: float, share: float
    ) -> tuple[int, int]:
        limits, instrument = self.limits, self.instruments[s]
        caps = [equity * float(limits.risk_per_trade) * share, *self.caps(sign, equity)]
        side, mark = Side.LONG if sign > 0 else Side.SHORT, self.mark(s, self.prices[s])
        size = fitted(
            Ticket(side, exact(price), exact(stop), exact(mark)),
            [LossCap(exact(cap), "cap") for cap in caps],
            Purse(exact(equity) * limits.position_size, exact(self.available())),
            self.setup.leverage,
            instrument,
            limits,
        )
        is_enough = size.quantity >= smallest_quantity(instrument, exact(min(price, mark)))
        return (int(size.quantity / instrument.lot) if is_enough else 0), size.leverage

    def targets(
        self, s: int, bar: int, sign: int, price: float, stop: float, lots: int
    ) -> tuple[np.ndarray, np.ndarray, float, float]:
        """(prices, lots of each, net gain and loss in USDT)."""
        limits, instrument = self.limits, self.instruments[s]
        cost = float(2 * (instrument.taker_fee + limits.slippage))
        named, tick = self.signals[s].target, float(instrument.tick)
        rungs = [(price_at_r(price, stop, sign, cost, float(r)), share) for r, share in limits.targets]
        if named is not None and not isnan(named[bar - 1]):
            rungs = [(price * (1 + sign * float(named[bar - 1])), Decimal(1))]
        prices = np.array([on_tick(one, tick, sign) for one, _ in rungs])
        least = int(-(-max(instrument.min_quantity, instrument.lot) // instrument.lot))
        each = ladder(lots, np.array([float(share) for _, share in rungs]), least)
        side, quantity = Side.LONG if sign > 0 else Side.SHORT, lots * instrument.lot
        told = [Target(exact(one), share) for one, (_, share) in zip(prices.tolist(), rungs, strict=True)]
        gain = sum(
            (
                round_trip_result(
                    side, quantity * one.share, exact(price), one.price, instrument.taker_fee, limits.slippage
                )
                for one in merged(told, quantity, instrument)
            ),
            ZERO,
        )
        loss = loss_at(side, quantity, exact(price), exact(stop), instrument, limits)
        return prices, each, float(gain), float(loss)

    def still_allowed(self, s: int, plan: Drawn, now: float) -> bool:
        """Checked again after another entry at the same open."""
        sign, price, _, lots, leverage, loss, *_ = plan
        equity, limits = self.look(now), self.limits
        notional = lots * float(self.instruments[s].lot) * price
        confidence = self.confidence(s, now)
        margin, slack = notional / leverage, 1 - 1e-12
        return not (
            self.is_closed(equity, now)
            or loss * slack > equity * float(limits.risk_per_trade) * self.share(equity, confidence)
            or margin * slack > equity * float(limits.position_size)
            or margin * slack + notional * float(self.instruments[s].taker_fee) > self.available()
            or loss * slack > min(self.caps(sign, equity))
        )

    def cut(self, s: int, bar: int, plan: Drawn, equity: float) -> Drawn | None:
        """A little smaller where equity fell since it was drawn."""
        sign, price, stop, lots, leverage, loss, *_ = plan
        limits, lot = self.limits, float(self.instruments[s].lot)
        share = equity * float(limits.risk_per_trade) * self.ceilings[s] / loss
        share = min(share, equity * float(limits.position_size) / (lots * lot * price / leverage))
        if not 0.95 <= share < 1 - 1e-12:
            return plan
        fewer = int(lots * share * (1 + 1e-12))
        measured = exact(min(price, self.mark(s, self.prices[s])))
        if not fewer or fewer * self.instruments[s].lot < smallest_quantity(self.instruments[s], measured):
            return None
        targets, each, gain, smaller = self.targets(s, bar, sign, price, stop, fewer)
        needed = min(float(limits.min_profit_usd), float(limits.min_profit_in_r) * loss)
        if gain < float(limits.min_reward_risk) * smaller * (1 - 1e-12) or gain < needed * (1 - 1e-12):
            return None
        return sign, price, stop, fewer, leverage, smaller, targets, each

    def confidence(self, s: int, now: float) -> float:
        said = self.signals[s].confidence
        return 1.0 if said is None else float(said[self.places[s][int(now)] - 1])

    def enter(
        self,
        s: int,
        bar: int,
        sign: int,
        price: float,
        stop: float,
        lots: int,
        leverage: int,
        loss: float,
        targets: np.ndarray,
        each: np.ndarray,
    ) -> bool:
        instrument, limits = self.instruments[s], self.limits
        taker, lot, paid = (
            float(instrument.taker_fee),
            float(instrument.lot),
            self.paid(s, self.prices[s], sign),
        )
        margin, fees = lots * lot * paid / leverage, lots * lot * paid * taker
        if (margin + fees) * (1 - 1e-12) > self.available():
            self.free[s] = self.histories[s].bars[bar, 0] + limits.cooldown_s * 1000
            return False
        cost = float(2 * (instrument.taker_fee + limits.slippage))
        bet = Bet(sign, paid, stop, nan, cost, float(instrument.tick), lots, lot)
        side = Side.LONG if sign > 0 else Side.SHORT
        liquidation = liquidation_price(side, lots * instrument.lot, exact(paid), exact(margin), instrument)
        self.held[s] = Held(bet, begin(bet), targets, each, bar, leverage, margin, float(liquidation), fees)
        return True
