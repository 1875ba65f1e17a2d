"""The core's words with sane values around a price of 100; each maker takes the fields a test is about.

Everything fits together: `a_plan()` holds every rule of `a_case()`, `a_trade()` is that plan entered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.advice.score import opportunity_score
from core.market import Background, Instrument, Quote, Regime, Side, Tier
from core.opinion import (
    Decider,
    Features,
    Flag,
    Flags,
    FrameFeatures,
    Opinion,
    Stance,
    Verdict,
)
from core.plan import Cleared, Origin, Plan, ScoreTerms
from core.risk.account import Account, OpenRisk
from core.risk.checks import Case, examine
from core.risk.idea import Idea
from core.risk.limits import Limits
from core.risk.planning import draw
from core.trade import (
    Balance,
    ClosedTrade,
    ExitReason,
    Fill,
    Order,
    OrderKind,
    OrderRequest,
    OrderSide,
    OrderStatus,
    Position,
    Seen,
    Trade,
    Want,
)

D = Decimal
NOW = datetime(2026, 3, 2, 12, 5, tzinfo=UTC)
BAR_CLOSED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PAPER = "paper"
SOL = "SOL/USDT:USDT"
BTC = "BTC/USDT:USDT"

TIERS = (
    Tier(D(0), D(10_000), 75, D("0.005"), D(0)),
    Tier(D(10_000), D(200_000), 50, D("0.01"), D(50)),
    Tier(D(200_000), D(800_000), 25, D("0.02"), D(2_050)),
    Tier(D(800_000), D(8_000_000), 10, D("0.05"), D(26_050)),
)


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


def an_instrument(**fields: Any) -> Instrument:
    made = Instrument(
        symbol=SOL,
        base="SOL",
        tick=D("0.01"),
        lot=D("0.01"),
        min_quantity=D("0.01"),
        max_quantity=D(100_000),
        min_notional=D(5),
        taker_fee=D("0.0005"),
        maker_fee=D("0.0002"),
        tiers=TIERS,
    )
    return replace(made, **fields)


def a_quote(price: Any = 100, **fields: Any) -> Quote:
    """Bid one hundredth of a percent under `price`, ask at `price`."""
    ask = D(str(price))
    bid = ask * D("0.9999")
    return replace(Quote(fields.get("symbol", SOL), bid, ask, ask, ask, NOW), **fields)


def a_background(**fields: Any) -> Background:
    return replace(Background(SOL, 0.0001, 8.0, later(hours=3), 1e9, 4e8, NOW), **fields)


def a_frame(timeframe: str = "1h", side: Side = Side.LONG, **fields: Any) -> FrameFeatures:
    """A tidy trend to `side` that closed at 100 with an ATR of 1."""
    sign = side.sign
    made = FrameFeatures(
        timeframe=timeframe,
        close=100.0,
        rsi=50.0 + 10.0 * sign,
        macd=0.8 * sign,
        macd_signal=0.5 * sign,
        macd_histogram=0.3 * sign,
        bollinger_low=96.0,
        bollinger_mid=100.0 - sign,
        bollinger_high=104.0,
        ema_fast=100.0 - sign,
        ema_slow=100.0 - 2 * sign,
        sma_long=100.0 - 5 * sign,
        atr=1.0,
        adx=31.0,
        obv_slope=0.4 * sign,
        volume_ratio=1.4,
        divergence=None,
        swing_low=97.0,
        swing_high=103.0,
        lean=Stance(side.value),
    )
    return replace(made, **fields)


def some_features(side: Side = Side.LONG, hour: FrameFeatures | None = None, **fields: Any) -> Features:
    """All three timeframes lean `side`, near the level behind them; `hour` replaces the 1h frame."""
    frames = {name: a_frame(name, side) for name in ("15m", "1h", "4h")}
    if hour is not None:
        frames["1h"] = hour
    made = Features(
        symbol=SOL,
        bar_closed_at=BAR_CLOSED_AT,
        frames=frames,
        regime=Regime.TRENDING,
        support=98.0 if side is Side.LONG else 88.0,
        resistance=112.0 if side is Side.LONG else 102.0,
        funding_per_8h=0.0001,
        quote_volume_24h=1e9,
        open_interest=4e8,
    )
    return replace(made, **fields)


def an_opinion(adviser: str = "claude", side: Side | None = Side.LONG, **fields: Any) -> Opinion:
    """`side` None holds."""
    made = Opinion(
        adviser=adviser,
        stance=Stance(side.value) if side else Stance.HOLD,
        confidence=0.85,
        p_target_first=0.55 if side else None,
        stop_atr=5.0 if side else None,
        target_atr=11.0 if side else None,
        horizon_bars=48 if side else None,
        reasons=("trend with volume",),
        evidence=("1h.adx=31",),
        invalidation="a close beyond the swing" if side else "",
        model="model-1",
        call_id=f"call-{adviser}",
    )
    return replace(made, **fields)


def a_verdict(side: Side = Side.LONG, **fields: Any) -> Verdict:
    made = Verdict(
        stance=Stance(side.value),
        confidence=0.85,
        decider=Decider.AI,
        is_single=False,
        is_unanimous=True,
        opinions=(an_opinion("claude", side), an_opinion("gpt", side)),
        abstentions=(),
        reasons=("2 of 2 agree",),
    )
    return replace(made, **fields)


def some_flags(*names: str, strikes: Side | None = None) -> Flags:
    return Flags(tuple(Flag(name, "9", "5", strikes) for name in names))


def some_limits(**fields: Any) -> Limits:
    return replace(Limits(), **fields)


def an_account(equity: Any = 1000, **fields: Any) -> Account:
    """Flat, unhurt, seen just now. `equity` None: unknown, all the rest as ever."""
    money = D(1000) if equity is None else D(str(equity))
    made = Account(
        name=PAPER,
        equity=None if equity is None else money,
        wallet=money,
        available=money,
        day_opening=money,
        peak=money,
        at=NOW,
    )
    return replace(made, **fields)


def an_open_risk(symbol: str = BTC, side: Side = Side.LONG, loss: Any = 10, **fields: Any) -> OpenRisk:
    return replace(OpenRisk(symbol, side, D(str(loss))), **fields)


def an_idea(side: Side = Side.LONG, **fields: Any) -> Idea:
    made = Idea(
        id="plan-1",
        decision_id="decision-1",
        account=PAPER,
        symbol=SOL,
        side=side,
        origin=Origin.SCAN,
        verdict=a_verdict(side),
        features=some_features(side),
        score=opportunity_score(a_verdict(side), side, some_features(side), D(2)),
        leverage_wanted=5,
        risk=D("0.02"),
    )
    return replace(made, **fields)


def a_manual_idea_drawn(side: Side = Side.LONG, **fields: Any) -> Idea:
    """What `core.trading.manual` hands to planning."""
    plain: dict[str, Any] = {
        "origin": Origin.MANUAL,
        "verdict": None,
        "score": ScoreTerms(0.0, 0.0, 0.0, 0.0, 0.0),
    }
    return an_idea(side, **(plain | fields))


def a_plan(
    side: Side = Side.LONG,
    *,
    idea: Idea | None = None,
    quote: Quote | None = None,
    instrument: Instrument | None = None,
    equity: Any = 1000,
    account: Account | None = None,
    limits: Limits | None = None,
    **fields: Any,
) -> Plan:
    """Drawn by the real planning before a flat account; `fields` then overwrite figures, true or not."""
    made = draw(
        idea or an_idea(side),
        quote or a_quote(),
        instrument or an_instrument(),
        account or an_account(equity),
        limits or Limits(),
        NOW,
    )
    assert isinstance(made, Plan), made
    return replace(made, **fields)


def a_case(plan: Plan | None = None, **fields: Any) -> Case:
    """`plan` before a calm quote, a flat account, no flags, default limits."""
    made = Case(
        plan=plan or a_plan(),
        quote=a_quote(),
        instrument=an_instrument(),
        account=an_account(),
        flags=Flags(),
        limits=Limits(),
        now=NOW,
    )
    return replace(made, **fields)


def a_cleared_plan(side: Side = Side.LONG, **fields: Any) -> Cleared[Plan]:
    """Cleared by the real checks."""
    outcome = examine(a_case(a_plan(side, **fields)))
    assert isinstance(outcome, Cleared), outcome
    return outcome


def a_trade(plan: Plan | None = None, **fields: Any) -> Trade:
    plan = plan or a_plan()
    made = Trade(
        id=plan.id,
        account=plan.account,
        symbol=plan.symbol,
        side=plan.side,
        quantity=plan.quantity,
        entry_reference=plan.entry,
        stop=plan.stop,
        targets=plan.targets,
        leverage=plan.leverage,
        risk_usd=plan.loss_at_stop,
        want=Want.OPEN,
        created_at=NOW,
        decision_id=plan.decision_id,
        opening_equity=plan.equity,
    )
    return replace(made, **fields)


def a_position(trade: Trade | None = None, mark: Any = 100, **fields: Any) -> Position:
    """The whole trade filled at its reference price."""
    trade = trade or a_trade()
    price = D(str(mark))
    made = Position(
        symbol=trade.symbol,
        side=trade.side,
        quantity=trade.quantity,
        entry=trade.entry_reference,
        mark=price,
        unrealised=(price - trade.entry_reference) * trade.quantity * trade.side.sign,
        leverage=trade.leverage,
        margin=trade.quantity * trade.entry_reference / trade.leverage,
        liquidation=trade.entry_reference * (1 - D("0.2") * trade.side.sign),
        opened_at=NOW,
    )
    return replace(made, **fields)


def a_balance(wallet: Any = 1000, **fields: Any) -> Balance:
    money = D(str(wallet))
    return replace(Balance(money, D(0), money, NOW), **fields)


def an_order_request(**fields: Any) -> OrderRequest:
    made = OrderRequest("pporder1", SOL, OrderSide.BUY, OrderKind.MARKET, D(1), reduce_only=False)
    return replace(made, **fields)


def an_order(request: OrderRequest | None = None, **fields: Any) -> Order:
    """The request as a venue shows it: open, nothing filled."""
    request = request or an_order_request()
    made = Order(
        client_id=request.client_id,
        venue_id=f"venue-{request.client_id}",
        symbol=request.symbol,
        side=request.side,
        kind=request.kind,
        quantity=request.quantity,
        filled=D(0),
        average=None,
        price=request.price,
        trigger=request.trigger,
        reduce_only=request.reduce_only,
        status=OrderStatus.OPEN,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(made, **fields)


def a_fill(**fields: Any) -> Fill:
    made = Fill("fill-1", "pporder1", SOL, OrderSide.BUY, D(1), D(100), D("0.05"), NOW)
    return replace(made, **fields)


def a_look(**fields: Any) -> Seen:
    """Flat, no orders, no fills."""
    return replace(Seen(SOL, None, (), (), D(100), NOW), **fields)


def a_closed_trade(net: Any = 10, **fields: Any) -> ClosedTrade:
    """Net `net` USDT at an R of 20, no costs unless given; held for two hours until `closed_at`."""
    money = D(str(net))
    closed_at = fields.get("closed_at", later(hours=2))
    made = ClosedTrade(
        id="trade-1",
        account=PAPER,
        symbol=SOL,
        side=Side.LONG,
        leverage=3,
        quantity=D(1),
        entry_price=D(100),
        exit_price=D(100) + money,
        gross_pnl=money,
        fees=D(0),
        funding=D(0),
        net_pnl=money,
        risk_usd=D(20),
        r_multiple=money / 20,
        exit_reason=ExitReason.TARGET if money > 0 else ExitReason.STOP,
        opened_at=closed_at - timedelta(hours=2),
        closed_at=closed_at,
    )
    return replace(made, **fields)
