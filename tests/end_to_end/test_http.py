"""The HTTP answers that other programs rely on."""

from __future__ import annotations

import json
import sqlite3

import pytest

from tests.end_to_end.theatre import Theatre

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"SYMBOLS": "SOL", "HTTP_TOKEN": "a-long-enough-token-of-http"}
TOKEN = {"Authorization": f"Bearer {SETTINGS['HTTP_TOKEN']}"}


async def test_health_is_open_to_everybody_and_tells_every_component(stage: Theatre) -> None:
    await stage.until_health("scanner", "ok")
    await stage.until_health("monitor", "ok")
    code, text = await stage.get("/health")

    body = json.loads(text)
    assert (code, body["status"]) == (200, "healthy"), text
    assert set(body) == {"status", "timestamp", "uptime_seconds", "components"}
    assert set(body["components"]) == {"database", "exchange", "telegram", "ai_models", "scanner", "monitor"}
    assert all(body["components"][name]["age_seconds"] >= 0 for name in ("scanner", "monitor"))


@pytest.mark.parametrize("path", ["/status", "/metrics", "/"])
async def test_everything_else_needs_the_token(stage: Theatre, path: str) -> None:
    without, _ = await stage.get(path)
    wrong, _ = await stage.get(path, Authorization="Bearer wrong")
    right, _ = await stage.get(path, **TOKEN)

    assert (without, wrong, right) == (401, 401, 200)


async def test_status_has_the_promised_shape(stage: Theatre) -> None:
    await stage.enter("/long SOL 0.5%")

    body = json.loads((await stage.get("/status", **TOKEN))[1])

    position = body["active_position"]
    assert (body["trading_state"], body["mode"], body["paper"]) == ("trading", "semi_auto", True)
    assert body["capital"]["initial"] == 10_000 and isinstance(body["daily_pnl"], float)
    assert set(body["capital"]) == {"initial", "current", "equity"}
    assert body["positions"] == [position]
    assert {name for name in position if position[name] is None} == set()
    assert set(position) == {
        *("symbol", "side", "leverage", "quantity", "entry_price", "current_price", "unrealized_pnl"),
        *("stop_price", "liquidation_price", "opened_at"),
    }
    assert position["liquidation_price"] < position["stop_price"] < position["current_price"]


async def test_metrics_are_json_or_prometheus_as_asked(stage: Theatre) -> None:
    _, plain = await stage.get("/metrics", **TOKEN)
    _, text = await stage.get("/metrics", **TOKEN, Accept="text/plain")
    _, asked = await stage.get("/metrics?format=prometheus", **TOKEN)

    body = json.loads(plain)
    promised = {"total_trades", "winning_trades", "losing_trades", "win_rate", "total_pnl", "profit_factor"}
    promised |= {"avg_pnl_per_trade", "expectancy_r", "sharpe", "sortino", "max_drawdown"}
    assert promised <= set(body)
    assert set(body["recent"]) == {"7d", "30d"}
    assert set(body["ai"]) == {"calls", "cache_hits", "cache_hit_rate", "cost_usd"}
    assert "success" in body
    for exposition in (text, asked):
        assert "# TYPE perpilot_" in exposition
        assert all(line.startswith(("#", "perpilot_")) for line in exposition.splitlines() if line)


async def test_health_is_503_while_the_database_can_not_be_written_and_mends_itself(stage: Theatre) -> None:
    lock = sqlite3.connect(stage.bot.database, timeout=5, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        health = await stage.until_health("monitor", "down", within_s=60)
        code, _ = await stage.get("/health")
    finally:
        lock.execute("ROLLBACK")
        lock.close()

    assert (code, health["status"]) == (503, "unhealthy")
    await stage.until_health("monitor", "ok", within_s=60)
    assert [one["symbol"] for one in stage.resting("SOL")] == ["SOL/USDT:USDT"]
