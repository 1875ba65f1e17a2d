"""Facts to show: one of each word, with names that a hostile source may have written where text comes in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from core.adviser_views import CostsView
from core.backtest_views import (
    BacktestView,
    ComparisonView,
    Difference,
    Played,
    Playground,
    RandomRuns,
    Slice,
)
from core.codec import to_plain
from core.desk import (
    Analysis,
    BreakerView,
    ChartView,
    DoctorLine,
    Exposure,
    ForeignView,
    LoopView,
    MetricsView,
    Period,
    PeriodView,
    PositionView,
    ProposedChange,
    ReadinessItem,
    ReadinessView,
    RiskView,
    ScanReport,
    SettingView,
    StatusView,
    TradingState,
    VersionView,
    WeekFigures,
)
from core.errors import PerpilotError
from core.journal import AiFigures, Approval, BreakerEvent, DecisionRecord, EquityPoint, Mode, ScanRecord
from core.market import Candles, Regime, Side
from core.opinion import (
    Abstention,
    Decider,
    Features,
    Flag,
    Flags,
    FrameFeatures,
    Opinion,
    Purpose,
    Silence,
    Stance,
    Verdict,
)
from core.performance import performance
from core.performance_groups import groups
from core.plan import Decision, Origin, Plan, Reason, Refused, ScoreTerms, Target
from core.profile_views import Evidence, ProfileRow, ProfileView
from core.spending import DecisionCosts, Spending
from core.trade import ClosedTrade, ExitReason, Position, Trade, Want

D = Decimal
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"


def opinion(adviser: str = "Claude", reason: str = "higher highs on rising volume") -> Opinion:
    return Opinion(
        adviser=adviser,
        stance=Stance.LONG,
        confidence=0.82,
        p_target_first=0.6,
        stop_atr=2.0,
        target_atr=4.0,
        horizon_bars=32,
        reasons=(reason, "funding is flat"),
        evidence=("1h ADX 31",),
        invalidation="a close below the swing low",
        model="model-1",
        call_id="call-1",
    )


def verdict(reason: str = "two of two advisers agree") -> Verdict:
    return Verdict(
        stance=Stance.LONG,
        confidence=0.82,
        decider=Decider.AI,
        is_single=False,
        is_unanimous=True,
        opinions=(opinion("Claude"), opinion("GPT")),
        abstentions=(Abstention("DeepSeek", Silence.TIMEOUT, "no answer in 30 s"),),
        reasons=(reason,),
    )


def plan(plan_id: str = "p1", symbol: str = BTC) -> Plan:
    return Plan(
        id=plan_id,
        account="paper",
        symbol=symbol,
        side=Side.LONG,
        origin=Origin.SCAN,
        entry=Decimal("67321.5"),
        stop=Decimal("63955.4"),
        targets=(Target(Decimal("72000"), Decimal("0.5")), Target(Decimal("74000"), Decimal("0.5"))),
        quantity=Decimal("0.001"),
        leverage_wanted=5,
        leverage=3,
        notional=Decimal("67.3215"),
        margin=Decimal("22.4405"),
        loss_at_stop=Decimal("3.452"),
        gain_at_targets=Decimal("5.578"),
        full_size_loss=Decimal("3.452"),
        liquidation=Decimal("45200"),
        reward_risk=Decimal("1.615"),
        score=ScoreTerms(33, 20, 20, 5, 10),
        equity=Decimal("100"),
        regime=Regime.TRENDING,
        atr=Decimal("812.4"),
        verdict=verdict(),
        created_at=NOW,
        bar_closed_at=NOW,
        decision_id="d1",
        notes=("leverage lowered from 5x to 3x by MAX_LEVERAGE",),
    )


def approval(approval_id: str = "a1", now: datetime = NOW, lifetime_s: float = 300.0) -> Approval:
    return Approval(
        id=approval_id,
        account="paper",
        plan=plan(),
        created_at=now,
        expires_at=now + timedelta(seconds=lifetime_s),
    )


def position_view(symbol: str = BTC) -> PositionView:
    return PositionView(
        trade_id="t1",
        symbol=symbol,
        side=Side.LONG,
        leverage=3,
        quantity=Decimal("0.001"),
        entry=Decimal("67321.5"),
        mark=Decimal("68000"),
        unrealised=Decimal("0.6785"),
        stop=Decimal("63955.4"),
        targets=(Decimal("72000"),),
        liquidation=Decimal("45200"),
        liquidation_distance=Decimal("0.335"),
        r_now=Decimal("0.196"),
        opened_at=NOW - timedelta(hours=2),
        targets_left=1,
        time_stop_at=NOW + timedelta(hours=70),
        loss_at_stop=Decimal("3.452"),
        may_break_even=True,
        parts=(Decimal("0.25"), Decimal("0.5")),
    )


def foreign_view(symbol: str = "ETH/USDT:USDT") -> ForeignView:
    return ForeignView(
        symbol=symbol,
        side=Side.SHORT,
        leverage=10,
        quantity=Decimal("0.5"),
        entry=Decimal(3000),
        mark=Decimal(2990),
        unrealised=Decimal(5),
        liquidation=Decimal(3280),
        stop=Decimal(3140),
        loss_at_stop=Decimal("71.55"),
        exit_fee=Decimal("0.75"),
        warning="its liquidation is near",
    )


def scan_record() -> ScanRecord:
    return ScanRecord("s1", "paper", NOW - timedelta(seconds=4), NOW, 2, {"flags": 1, "cleared": 1})


def status(positions: tuple[PositionView, ...] = (position_view(),)) -> StatusView:
    return StatusView(
        unseen=(),
        state=TradingState.TRADING if positions else TradingState.SCANNING,
        why="",
        mode=Mode.SEMI_AUTO,
        is_paper=True,
        account="paper",
        venue="paper venue",
        initial=Decimal("100.00"),
        wallet=Decimal("101.25"),
        equity=Decimal("101.93"),
        daily_pnl=Decimal("-0.35"),
        positions=positions,
        open_cards=1,
        last_scan=scan_record(),
        next_scan_at=NOW + timedelta(minutes=4),
        loops=(LoopView("scanner", 12.0, True), LoopView("monitor", 75.0, False, "slow <exchange>")),
        breakers=breakers(),
        advisers=("Claude", "GPT"),
        decider="ai",
        symbols=(BTC, ETH),
        unsizeable=((ETH, "INITIAL_CAPITAL 250"),),
        warnings=("paper & simulated",),
        at=NOW,
    )


def breakers() -> tuple[BreakerView, ...]:
    return (
        BreakerView("daily_loss", "1 %", "10 %", False, None, "at 00:00 UTC", "Daily loss", is_probing=True),
        BreakerView(
            "consecutive_losses", "3", "3", True, NOW, "when you acknowledge it", "Losses in a row", "tighten"
        ),
    )


def risk_view() -> RiskView:
    """One long on a small account, nothing tripped."""
    exposure = Exposure(
        BTC, Side.LONG, "position", D("68"), D("22.44"), D("4.13"), D("6.8"), D("0.335"), D(1)
    )
    return RiskView(
        equity=D("101.93"),
        day_opening=D("102.28"),
        peak=D("103.00"),
        drawdown=D("0.0104"),
        tier="green",
        size_share=D(1),
        exposures=(exposure,),
        gross_notional=D(68),
        net_notional=D(68),
        beta_notional=D(68),
        margin_used=D("22.44"),
        margin_share=D("0.22"),
        loss_at_stops=D("4.13"),
        loss_at_gap=D("6.8"),
        gap=D("0.10"),
        daily_left=D("9.88"),
        drawdown_left=D("19.53"),
        breakers=breakers(),
        at=NOW,
    )


def readiness_view() -> ReadinessView:
    """Two of four weeks done."""
    week = WeekFigures("week 1", True, 0.995, 1.0, 0, 0, 12, 1.8, 0.03, 12, 12, 1, 1, 0)
    return ReadinessView(
        items=(
            ReadinessItem("weeks", "2 of 4 weeks on paper", False),
            ReadinessItem("trades", "34 of 30 trades", True),
        ),
        weeks_counted=2,
        weeks_needed=4,
        weeks=(week, replace(week, title="since the start")),
        is_paper=True,
        is_demo=False,
        is_armed=False,
        cap=None,
        next_cap=None,
        next_cap_needs=(),
        at=NOW,
    )


def breaker_event() -> BreakerEvent:
    return BreakerEvent(1, "paper", "daily_loss", "11 %", "10 %", "entries blocked", NOW, NOW, "telegram:1")


def closed_trade(trade_id: str = "t1", net: str = "2.10", note: str = "") -> ClosedTrade:
    net_pnl = Decimal(net)
    return ClosedTrade(
        id=trade_id,
        account="paper",
        symbol=BTC,
        side=Side.LONG,
        leverage=3,
        quantity=Decimal("0.001"),
        entry_price=Decimal("67321.5"),
        exit_price=Decimal("69500"),
        gross_pnl=net_pnl + Decimal("0.08"),
        fees=Decimal("0.07"),
        funding=Decimal("-0.01"),
        net_pnl=net_pnl,
        risk_usd=Decimal("3.45"),
        r_multiple=net_pnl / Decimal("3.45"),
        exit_reason=ExitReason.TARGET if net_pnl > 0 else ExitReason.STOP,
        opened_at=NOW - timedelta(hours=3),
        closed_at=NOW,
        notes=(note,) if note else (),
    )


def curve() -> tuple[EquityPoint, ...]:
    return tuple(
        EquityPoint(NOW - timedelta(days=6 - day), Decimal(100 + day), Decimal("0.5")) for day in range(7)
    )


def metrics() -> MetricsView:
    trades = (closed_trade("t1"), closed_trade("t2", "-3.40"))
    result = performance(trades, curve(), Decimal(100), ai_cost=Decimal("0.0315"))
    return MetricsView(
        all_time=result,
        last_7d=result,
        last_30d=performance((), (), Decimal(100)),
        ai=AiFigures(12, 4, Decimal("0.0315")),
        initial=Decimal("100.00"),
        current=Decimal("98.70"),
        curve=curve(),
        cards={"approved": 2, "expired": 1},
        at=NOW,
        groups=groups(trades),
    )


def costs() -> CostsView:
    rows = (
        Spending(NOW.date(), "claude", Purpose.ENTRY, 40, Decimal("0.0213")),
        Spending(NOW.date(), "deepseek", Purpose.EXIT, 3, Decimal("0.0021")),
        Spending(NOW.date(), "claude", Purpose.LOOK, 1, Decimal("0.0006")),
    )
    return CostsView(
        budget=Decimal("0.50"),
        today=rows,
        decisions=DecisionCosts(21, Decimal("0.0231"), "d-7", Decimal("0.0044")),
        figures=AiFigures(44, 88, Decimal("0.024")),
        month_usd=Decimal("1.25"),
        next_30d_usd=Decimal("12.5"),
        capital=Decimal("100.00"),
        prices="As of 2026-11-22, from a table",
        at=NOW,
    )


def period(kind: Period = Period.DAY) -> PeriodView:
    trades = (closed_trade("t1"), closed_trade("t2", "-3.40"))
    result = performance(trades, (), Decimal(100))
    since = NOW - timedelta(days=1)
    return PeriodView(kind, result, trades, {BTC: (2, Decimal("-1.30"))}, since, NOW)


def decision_record(symbol: str = BTC, gate: str = "cleared") -> DecisionRecord:
    return DecisionRecord(
        id=f"d-{symbol}",
        account="paper",
        scan_id="s1",
        symbol=symbol,
        at=NOW,
        gate=gate,
        reasons=() if gate == "cleared" else ("RSI 82 above 80",),
        score=88.0 if gate == "cleared" else None,
        stance="long",
        facts={
            "flags": to_plain(Flags((Flag("rsi", "82", "80", None),) if gate != "cleared" else ())),
            "verdict": to_plain(verdict()),
            "plan": to_plain(plan(symbol=symbol)) if gate == "cleared" else None,
        },
    )


def scan_report() -> ScanReport:
    return ScanReport(scan_record(), (decision_record(), decision_record(ETH, "flags")))


def features() -> Features:
    frame = FrameFeatures(
        timeframe="15m",
        close=67321.5,
        rsi=61.0,
        macd=12.0,
        macd_signal=10.0,
        macd_histogram=2.0,
        bollinger_low=66000.0,
        bollinger_mid=67000.0,
        bollinger_high=68000.0,
        ema_fast=67200.0,
        ema_slow=66800.0,
        sma_long=None,
        atr=812.4,
        adx=31.0,
        obv_slope=0.2,
        volume_ratio=1.4,
        divergence=None,
        swing_low=65000.0,
        swing_high=68500.0,
        lean=Stance.LONG,
    )
    frames = {"15m": frame, "1h": replace(frame, timeframe="1h"), "4h": replace(frame, timeframe="4h")}
    return Features(
        BTC, NOW, frames, Regime.TRENDING, 65000.0, 70000.0, 0.0001, 1e9, None, ("open_interest",)
    )


def candles(symbol: str = BTC) -> Candles:
    rows = [[NOW.timestamp() * 1000 - (60 - at) * 3_600_000, 100, 101, 99, 100.5, 10] for at in range(60)]
    return Candles(symbol, "1h", np.array(rows, dtype=np.float64))


def analysis(symbol: str = BTC) -> Analysis:
    reasons = (Reason("reward_risk", "reward 1.2 is below 1.5", "no setting allows it"),)
    decision = Decision(
        "d1", symbol, NOW, Refused(plan(symbol=symbol), reasons), features(), Flags(), verdict()
    )
    heard = (opinion("Claude"), opinion("GPT"))
    silent = (Abstention("DeepSeek", Silence.TIMEOUT, "no answer in 30 s"),)
    return Analysis(decision, heard, silent, candles(symbol), ("confidence 0.82 × 40 = 33",))


def chart_view() -> ChartView:
    return ChartView(candles(), (("entry", Decimal("100"), "entry"),), "BTC 1h")


def settings_views() -> tuple[SettingView, ...]:
    return (
        SettingView(
            "MAX_LEVERAGE", "5", "built-in", "x", "1 to 10", "A ceiling.", True, True, ("2", "3", "5"), "Risk"
        ),
        SettingView(
            "EXCHANGE_SECRET", "••••", "environment", "", "", "The key's secret.", True, False, (), "Exchange"
        ),
        SettingView("REDIS_URL", "", "built-in", "URL", "", "Shared cache.", False, False, (), "Storage"),
    )


def doctor_lines() -> tuple[DoctorLine, ...]:
    return (
        DoctorLine(True, True, "database", "answers in 2 ms"),
        DoctorLine(False, True, "exchange", "does not answer", "check EXCHANGE_URL"),
        DoctorLine(False, False, "budget", "30 days cost 15 % of the capital", "AI_DAILY_BUDGET_USD 0.30"),
    )


def version() -> VersionView:
    return VersionView("0.1.0", "abc1234", "cfg-9", NOW - timedelta(hours=5), 18_000.0)


def trade(trade_id: str = "t1") -> Trade:
    return Trade(
        id=trade_id,
        account="paper",
        symbol=BTC,
        side=Side.LONG,
        quantity=Decimal("0.001"),
        entry_reference=Decimal("67321.5"),
        stop=Decimal("63955.4"),
        targets=(Target(Decimal("72000"), Decimal(1)),),
        leverage=3,
        risk_usd=Decimal("3.45"),
        want=Want.OPEN,
        created_at=NOW,
    )


def position() -> Position:
    return Position(
        symbol=BTC,
        side=Side.LONG,
        quantity=Decimal("0.001"),
        entry=Decimal("67321.5"),
        mark=Decimal("68000"),
        unrealised=Decimal("0.68"),
        leverage=3,
        margin=Decimal("22.44"),
        liquidation=Decimal("45200"),
        opened_at=NOW,
    )


def profile_rows() -> tuple[ProfileRow, ...]:
    return (
        ProfileRow("calm", "trend 1h, 2026-10-01: it does not hold out of sample", is_usable=True),
        ProfileRow("torn", "data/profiles/torn.json is no JSON", is_usable=False),
    )


def profile_view(name: str) -> ProfileView:
    """`calm` can be adopted, `wild` is refused."""
    if name not in ("calm", "wild"):
        raise PerpilotError(f"there is no profile {name} in data/profiles")
    changes = (
        ProposedChange("MAX_LEVERAGE", "5", "3", "the worst case stays the same", raises_risk=False),
        ProposedChange("STRATEGIES", "unset", "trend(fast=12)@1h:1", "one voice", raises_risk=True),
    )
    evidence = Evidence(
        made_at="2026-10-01T12:00:00+00:00",
        strategy="trend(fast=12)",
        timeframe="1h",
        symbols=("BTC/USDT:USDT", "ETH/USDT:USDT"),
        tried="1,200",
        verdict="what was found in sample does not hold out of sample",
        holds=False,
        figures=(("net", "312.5", "-40.2"), ("sharpe", "2.1", "n/a")),
    )
    refusals = ("RISK_PER_TRADE=2 must be between 0.0001 and 0.5",) if name == "wild" else ()
    return ProfileView(name, evidence, changes, ("MIN_STOP is 0.05 already",), refusals, "none", True, "ab12")


def playground(**fields: object) -> Playground:
    over = Playground(
        strategy="trend(fast=20, slow=50)",
        symbols=(BTC,),
        timeframe="1h",
        start=NOW - timedelta(days=90),
        end=NOW,
        bars=2_160,
        remarks=("Not played: red flags and advisers.",),
    )
    return replace(over, **fields)


def played(**fields: object) -> Played:
    numbers = Played(
        capital=1000.0,
        final=991.55,
        return_share=-0.00845,
        trades=9,
        wins=1,
        losses=8,
        win_rate=1 / 9,
        win_rate_interval=(0.03, 0.31),
        expectancy_r=-0.12,
        expectancy_interval=(-0.34, 0.09),
        profit_factor=0.68,
        sharpe=-0.75,
        days=91,
        max_drawdown=0.0187,
        worst_day=-0.0091,
        fees=2.39,
        funding=0.42,
        exposure=0.167,
        risk_taken=0.0148,
        ambiguous=0,
        liquidations=0,
        refused=(("cooling down", 5),),
        sides=(Slice("long", 9, 1, -8.45),),
        exits=(Slice("signal", 8, 0, -26.16), Slice("time", 1, 1, 17.71)),
    )
    return replace(numbers, **fields)


def backtest_view(picture: bytes | None = None, **fields: object) -> BacktestView:
    view = BacktestView(
        over=playground(),
        played=played(),
        hold_return=0.4764,
        hold_drawdown=0.072,
        random=RandomRuns(1_000, -0.0446, -0.0154, 0.0193, 0.377, 0.62),
        headline="Too few trades to tell from luck: 9 trades, at least 30 are needed.",
        because=("It made -0.8%.",),
        cautions=("Only 91 days.",),
        picture=picture,
    )
    return replace(view, **fields)


def comparison_view(picture: bytes | None = None, **fields: object) -> ComparisonView:
    view = ComparisonView(
        name="MAX_LEVERAGE",
        old_value="5",
        new_value="3",
        over=playground(),
        old=played(),
        new=played(return_share=0.01, final=1010.0, trades=8),
        is_same=False,
        difference=Difference(0.01845, (-0.03, 0.06), 91, is_plain=False),
        picture=picture,
    )
    return replace(view, **fields)
