"""Words as the journal meets them; each builder takes the fields a test is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.journal import (
    Approval,
    Arming,
    BreakerEvent,
    Button,
    DecisionRecord,
    ScanRecord,
    Shadow,
    ShadowGate,
)
from core.market import Regime, Side
from core.notice import Notice, NoticeKind
from core.plan import Origin, Plan, ScoreTerms, Target
from core.ports import AdviserCall, CachedAnswer
from core.trade import (
    ClosedTrade,
    ExitReason,
    Fill,
    FundingPayment,
    Intention,
    IntentState,
    OrderKind,
    OrderRequest,
    OrderSide,
    Position,
    Purpose,
    Trade,
    Transfer,
    Want,
)

NOW = datetime(2026, 3, 4, 12, 30, 15, 250_000, tzinfo=UTC)
PAPER = "paper"
BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


def a_plan(**fields: Any) -> Plan:
    plan = Plan(
        id="plan1",
        account=PAPER,
        symbol=BTC,
        side=Side.LONG,
        origin=Origin.SCAN,
        entry=Decimal("64000.10"),
        stop=Decimal("60000.0"),
        targets=(Target(Decimal("70000.0"), Decimal("0.5")), Target(Decimal("74000.0"), Decimal("0.5"))),
        quantity=Decimal("0.005"),
        leverage_wanted=5,
        leverage=3,
        notional=Decimal("320.0005"),
        margin=Decimal("106.666833"),
        loss_at_stop=Decimal("20.31"),
        gain_at_targets=Decimal("39.5"),
        full_size_loss=Decimal("20.31"),
        liquidation=Decimal("43000"),
        reward_risk=Decimal("1.94"),
        score=ScoreTerms(32.0, 20.0, 20.0, 5.0, 6.67),
        equity=Decimal("1000.00"),
        regime=Regime.TRENDING,
        atr=None,
        verdict=None,
        created_at=NOW,
        bar_closed_at=NOW,
        decision_id="decision1",
        notes=("halved",),
    )
    return replace(plan, **fields)


def a_trade(**fields: Any) -> Trade:
    trade = Trade(
        id="plan1",
        account=PAPER,
        symbol=BTC,
        side=Side.LONG,
        quantity=Decimal("0.005"),
        entry_reference=Decimal("64000.10"),
        stop=Decimal("60000.0"),
        targets=(Target(Decimal("70000.0"), Decimal(1)),),
        leverage=3,
        risk_usd=Decimal("20.31"),
        want=Want.OPEN,
        created_at=NOW,
        opening_equity=Decimal("1000.00"),
    )
    return replace(trade, **fields)


def a_closed_trade(**fields: Any) -> ClosedTrade:
    closed = ClosedTrade(
        id="plan1",
        account=PAPER,
        symbol=BTC,
        side=Side.LONG,
        leverage=3,
        quantity=Decimal("0.005"),
        entry_price=Decimal("64000.10"),
        exit_price=Decimal("70000.00"),
        gross_pnl=Decimal("29.9995"),
        fees=Decimal("0.335"),
        funding=Decimal("-0.01"),
        net_pnl=Decimal("29.6545"),
        risk_usd=Decimal("20.31"),
        r_multiple=Decimal("1.46009"),
        exit_reason=ExitReason.TARGET,
        opened_at=NOW,
        closed_at=later(hours=2),
    )
    return replace(closed, **fields)


def a_position(**fields: Any) -> Position:
    position = Position(
        symbol=BTC,
        side=Side.LONG,
        quantity=Decimal("0.005"),
        entry=Decimal("64000.10"),
        mark=Decimal("65000"),
        unrealised=Decimal("4.9995"),
        leverage=3,
        margin=Decimal("106.67"),
        liquidation=Decimal("43000"),
        opened_at=NOW,
    )
    return replace(position, **fields)


def a_fill(**fields: Any) -> Fill:
    fill = Fill(
        id="f1",
        client_id="ppE1",
        symbol=BTC,
        side=OrderSide.BUY,
        quantity=Decimal("0.005"),
        price=Decimal("64000.10"),
        fee=Decimal("0.16000025"),
        at=NOW,
    )
    return replace(fill, **fields)


def a_payment(**fields: Any) -> FundingPayment:
    return replace(FundingPayment("p1", BTC, Decimal("-0.01"), NOW), **fields)


def a_transfer(id: str = "in1", **fields: Any) -> Transfer:
    return replace(Transfer(id, Decimal("250.50"), NOW), **fields)


def a_shadow(**fields: Any) -> Shadow:
    plan = fields.get("plan", a_plan())
    shadow = Shadow(
        id=plan.id,
        account=PAPER,
        plan=plan,
        gate=ShadowGate.REFUSED,
        checks=("drift", "spread"),
        followed_from=NOW,
        followed_until=NOW,
        walked={},
    )
    return replace(shadow, **fields)


def an_arming(**fields: Any) -> Arming:
    return replace(Arming("live", Decimal("100.00"), "telegram:7", NOW, "I ACCEPT THE RISK"), **fields)


def an_intention(**fields: Any) -> Intention:
    request = OrderRequest(
        client_id="ppE1",
        symbol=BTC,
        side=OrderSide.BUY,
        kind=OrderKind.MARKET,
        quantity=Decimal("0.005"),
        reduce_only=False,
    )
    intention = Intention(request, "plan1", Purpose.ENTRY, 1, IntentState.SENT, NOW)
    return replace(intention, **fields)


def a_notice(key: str = "n1", **fields: Any) -> Notice:
    return replace(Notice(NoticeKind.OPENED, key, {"price": "1.10"}, thread="plan1"), **fields)


def an_approval(**fields: Any) -> Approval:
    approval = Approval("card1", PAPER, a_plan(), NOW, later(minutes=5))
    return replace(approval, **fields)


def a_breaker(**fields: Any) -> BreakerEvent:
    return replace(BreakerEvent(0, PAPER, "daily_loss", "0.12", "0.10", "halt", NOW), **fields)


def a_button(token: str = "t1", **fields: Any) -> Button:
    return replace(Button(token, "approve", {"id": "card1"}, 7, later(minutes=5)), **fields)


def a_decision(**fields: Any) -> DecisionRecord:
    decision = DecisionRecord(
        id="decision1",
        account=PAPER,
        scan_id="scan1",
        symbol=BTC,
        at=NOW,
        gate="flags",
        reasons=("RSI 83 is above 80",),
        score=71.5,
        stance="long",
        facts={"rsi": 83.25, "missing": ["obv"], "levels": {"support": None}},
    )
    return replace(decision, **fields)


def a_scan(**fields: Any) -> ScanRecord:
    scan = ScanRecord(
        "scan1", PAPER, NOW, later(seconds=4), 2, {"flags": 1, "cleared": 1}, ({"symbol": BTC},)
    )
    return replace(scan, **fields)


def a_call(**fields: Any) -> AdviserCall:
    call = AdviserCall(
        id="call1",
        adviser="claude",
        model_asked="model-a",
        symbol=BTC,
        question_key="q1",
        request='{"prompt":"…"}',
        at=NOW,
        raw='{"stance":"long"}',
        status=200,
        cost_usd=Decimal("0.0003331801"),
    )
    return replace(call, **fields)


def an_answer(**fields: Any) -> CachedAnswer:
    answer = CachedAnswer("q1", "claude", BTC, "call1", "{}", "model-a", NOW, later(minutes=15))
    return replace(answer, **fields)
