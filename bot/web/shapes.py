"""Views → the JSON of SPEC 7. Money and ratios are JSON numbers; unknown is null, never zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.desk import BreakerView, MetricsView, PositionView, StatusView
from core.performance import Performance
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
    }


def success_json(view: MetricsView) -> Json:
    """The readiness figures that closed trades alone can tell."""
    result = view.all_time
    return {
        "trades": result.trades,
        "win_rate": number(result.win_rate),
        "avg_pnl_per_trade": number(result.average_pnl),
        "expectancy_r": number(result.expectancy_r),
        "max_drawdown": number(result.max_drawdown),
        "realised_reward_risk": number(result.average_reward_risk),
        "largest_loss_share": number(result.largest_loss_share),
    }
