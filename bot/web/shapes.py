"""Views → the JSON of SPEC 7. Money and ratios are JSON numbers; unknown is null, never zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.desk import BreakerView, GateRecord, MetricsView, PositionView, StatusView
from core.performance import Group, Performance
from core.ports import ComponentHealth

Json = dict[str, Any]

COMPONENTS = ("database", "exchange", "telegram", "ai_models", "scanner", "monitor")
ESSENTIAL = ("database", "scanner", "monitor")
"""Without one of these the bot neither trades nor guards: unhealthy. Without another: degraded."""


def number(value: Decimal | float | None) -> float | None:
    if value is None:
        return None
    shown = float(value)
    return shown if math.isfinite(shown) else None


def interval(bounds: tuple[float, float] | None) -> list[float | None] | None:
    """[low, high] of 80 % confidence."""
    return None if bounds is None else [number(bound) for bound in bounds]


def stamp(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def verdict(components: Mapping[str, ComponentHealth]) -> str:
    """`healthy`, `degraded` or `unhealthy`; a component nobody reports is down."""
    states = {name: components[name].state if name in components else "down" for name in COMPONENTS}
    states |= {name: one.state for name, one in components.items() if name not in states}
    if any(states[name] == "down" for name in ESSENTIAL):
        return "unhealthy"
    is_well = all(state in ("ok", "unused") for state in states.values())
    return "healthy" if is_well else "degraded"


def health_json(
    components: Mapping[str, ComponentHealth], now: datetime, uptime_s: float, is_full: bool
) -> Json:
    """`is_full` false leaves out the words: anybody may ask."""
    return {
        "status": verdict(components),
        "timestamp": stamp(now),
        "uptime_seconds": round(uptime_s, 1),
        "components": {name: _component(one, is_full) for name, one in components.items()},
    }


def _component(one: ComponentHealth, is_full: bool) -> Json:
    body: Json = {"status": one.state}
    if one.age_s is not None:
        body["age_seconds"] = round(one.age_s, 1)
    if is_full:
        body |= {"detail": one.detail} if one.detail else {}
        body |= one.more
    return body


def status_json(view: StatusView) -> Json:
    positions = [position_json(position) for position in view.positions]
    return {
        "trading_state": view.state.value,
        "why": view.why,
        "mode": view.mode.value,
        "paper": view.is_paper,
        "account": view.account,
        "capital": {
            "initial": number(view.initial),
            "current": number(view.wallet),
            "equity": number(view.equity),
        },
        "daily_pnl": number(view.daily_pnl),
        "active_position": positions[0] if positions else None,
        "positions": positions,
        "unseen": list(view.unseen),
        "breakers": [breaker_json(breaker) for breaker in view.breakers],
        "timestamp": stamp(view.at),
    }


def position_json(view: PositionView) -> Json:
    return {
        "symbol": view.symbol,
        "side": view.side.value,
        "leverage": view.leverage,
        "quantity": number(view.quantity),
        "entry_price": number(view.entry),
        "current_price": number(view.mark),
        "unrealized_pnl": number(view.unrealised),
        "stop_price": number(view.stop),
        "liquidation_price": number(view.liquidation),
        "opened_at": stamp(view.opened_at),
    }


def breaker_json(view: BreakerView) -> Json:
    return {
        "name": view.name,
        "value": view.value,
        "threshold": view.threshold,
        "tripped": view.is_open,
        "since": stamp(view.since),
        "clears": view.clears,
    }


def metrics_json(view: MetricsView) -> Json:
    return {
        **performance_json(view.all_time),
        "recent": {"7d": performance_json(view.last_7d), "30d": performance_json(view.last_30d)},
        "success": success_json(view),
        "ai": {
            "calls": view.ai.calls,
            "cache_hits": view.ai.cache_hits,
            "cache_hit_rate": number(view.ai.cache_hit_rate),
            "cost_usd": number(view.ai.cost_usd),
        },
        **{f"by_{name}": [group_json(group) for group in found] for name, found in view.groups.items()},
        "gates": [gate_json(gate) for gate in view.gates],
        "timestamp": stamp(view.at),
    }


def performance_json(result: Performance) -> Json:
    return {
        "total_trades": result.trades,
        "winning_trades": result.wins,
        "losing_trades": result.losses,
        "win_rate": number(result.win_rate),
        "total_pnl": number(result.net_pnl),
        "avg_pnl_per_trade": number(result.average_pnl),
        "profit_factor": number(result.profit_factor),
        "expectancy_r": number(result.expectancy_r),
        "sharpe": number(result.sharpe),
        "sortino": number(result.sortino),
        "max_drawdown": number(result.max_drawdown),
        "fees": number(result.fees),
        "funding": number(result.funding),
        "ai_cost": number(result.ai_cost),
        "net_after_ai": number(result.net_after_ai),
        "average_win": number(result.average_win),
        "average_loss": number(result.average_loss),
        "best": number(result.best),
        "worst": number(result.worst),
        "average_reward_risk": number(result.average_reward_risk),
        "average_mfe_r": number(result.average_mfe_r),
        "average_mae_r": number(result.average_mae_r),
        "sqn": number(result.sqn),
        "calmar": number(result.calmar),
        "max_drawdown_days": number(result.drawdown_days),
        "days": result.days,
        "win_rate_interval": interval(result.win_rate_interval),
        "expectancy_r_interval": interval(result.expectancy_interval),
    }


def group_json(group: Group) -> Json:
    return {
        "name": group.name,
        "trades": group.trades,
        "wins": group.wins,
        "win_rate": number(group.win_rate),
        "win_rate_interval": interval(group.win_rate_interval),
        "total_pnl": number(group.net_pnl),
        "expectancy_r": number(group.expectancy_r),
        "expectancy_r_interval": interval(group.interval_r),
    }


def gate_json(gate: GateRecord) -> Json:
    """Positive R is what the gate cost, negative what it saved."""
    return {
        "gate": gate.gate,
        "ended": gate.ended,
        "open": gate.still_open,
        "sum_r": number(gate.sum_r),
        "mean_r": number(gate.mean_r),
        "mean_r_interval": interval(gate.interval_r),
    }


def success_json(view: MetricsView) -> Json:
    """The readiness figures: results, and how the bot ran since the count began (None: nothing counted)."""
    result, ran = view.all_time, view.success
    running = (
        {
            "uptime": number(ran.uptime),
            "errors_per_day": number(ran.errors_a_day),
            "failed_health_checks": ran.failed_health,
            "lost_database_connections": ran.lost_database,
            "stops_planned": ran.stops_planned,
            "stops_filled": ran.stops_filled,
            "breakers_due": ran.breakers_due,
            "breakers_tripped": ran.breakers_tripped,
            "liquidations": ran.liquidations,
        }
        if ran is not None
        else None
    )
    return {
        "running": running,
        "trades": result.trades,
        "win_rate": number(result.win_rate),
        "avg_pnl_per_trade": number(result.average_pnl),
        "expectancy_r": number(result.expectancy_r),
        "max_drawdown": number(result.max_drawdown),
        "realised_reward_risk": number(result.average_reward_risk),
        "largest_loss_share": number(result.largest_loss_share),
    }
