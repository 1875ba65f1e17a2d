"""The HTTP server over real sockets: shapes, doors, troubles."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from bot.web.server import WebServer, WebSettings, wanted_type
from core.desk import MetricsView
from core.errors import NotAllowed, PerpilotError, Unknown
from core.ports import ComponentHealth
from tests.handlers import samples
from tests.handlers.fake_desk import FakeDesk, TestClock

TOKEN = "a-long-token-for-http"
OK = ComponentHealth("ok", "fine", 1.5)


class Wards:
    """A health source to be made ill."""

    def __init__(self) -> None:
        names = ("database", "exchange", "telegram", "ai_models", "scanner", "monitor")
        self.components: dict[str, ComponentHealth] = dict.fromkeys(names, OK)

    def health(self) -> Mapping[str, ComponentHealth]:
        return self.components


class Site:
    def __init__(self, settings: WebSettings) -> None:
        self.clock, self.wards = TestClock(samples.NOW), Wards()
        self.desk = FakeDesk(samples.NOW)
        self.server = WebServer(settings, self.desk, self.wards, self.clock)
        self.session = aiohttp.ClientSession()

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{self.server.port}{path}"
        async with self.session.get(url, headers=named) as answer:
            return answer.status, answer.content_type, await answer.text()

    async def json(self, path: str, **headers: str) -> Any:
        _, kind, text = await self.get(path, **headers)
        assert kind == "application/json"
        return json.loads(text)

    async def close(self) -> None:
        await self.session.close()
        await self.server.stop()


async def opened(settings: WebSettings) -> Site:
    site = Site(settings)
    await site.server.start()
    return site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = await opened(WebSettings("127.0.0.1", 0))
    yield made
    await made.close()


@pytest.fixture
async def guarded() -> AsyncIterator[Site]:
    made = await opened(WebSettings("0.0.0.0", 0, TOKEN))
    yield made
    await made.close()


# shapes


async def test_health_names_every_component(site: Site) -> None:
    site.wards.components["ai_models"] = ComponentHealth("ok", more={"Claude": {"state": "ok"}})

    body = await site.json("/health")

    assert body["status"] == "healthy"
    assert datetime.fromisoformat(body["timestamp"]) == samples.NOW
    assert body["uptime_seconds"] == 18_000.0
    assert set(body["components"]) == {"database", "exchange", "telegram", "ai_models", "scanner", "monitor"}
    assert body["components"]["scanner"] == {"status": "ok", "age_seconds": 1.5, "detail": "fine"}
    assert body["components"]["ai_models"]["Claude"] == {"state": "ok"}


@pytest.mark.parametrize(
    ("name", "state", "verdict", "code"),
    [
        ("database", "down", "unhealthy", 503),
        ("scanner", "down", "unhealthy", 503),
        ("monitor", "down", "unhealthy", 503),
        ("exchange", "down", "degraded", 200),
        ("telegram", "down", "degraded", 200),
        ("database", "degraded", "degraded", 200),
        ("ai_models", "unused", "healthy", 200),
    ],
)
async def test_health_is_as_good_as_what_is_needed(
    site: Site, name: str, state: str, verdict: str, code: int
) -> None:
    site.wards.components[name] = ComponentHealth(state)

    status, _, text = await site.get("/health")

    assert (json.loads(text)["status"], status) == (verdict, code)


async def test_a_component_nobody_reports_is_not_healthy(site: Site) -> None:
    del site.wards.components["monitor"]

    status, _, _ = await site.get("/health")

    assert status == 503


async def test_status_has_the_shape_of_the_contract(site: Site) -> None:
    body = await site.json("/status")

    position = {
        "symbol": "BTC/USDT:USDT",
        "side": "long",
        "leverage": 3,
        "quantity": 0.001,
        "entry_price": 67321.5,
        "current_price": 68000.0,
        "unrealized_pnl": 0.6785,
        "stop_price": 63955.4,
        "liquidation_price": 45200.0,
        "opened_at": "2026-03-01T10:00:00+00:00",
    }
    assert body["trading_state"] == "trading"
    assert (body["mode"], body["paper"]) == ("semi_auto", True)
    assert body["capital"] == {"initial": 100.0, "current": 101.25, "equity": 101.93}
    assert body["daily_pnl"] == -0.35
    assert body["active_position"] == position
    assert body["positions"] == [position]
    assert body["breakers"][1]["tripped"] is True
    assert body["timestamp"] == "2026-03-01T12:00:00+00:00"


async def test_unknown_is_null_and_never_zero(site: Site) -> None:
    view = replace(samples.status(()), equity=None, wallet=None, daily_pnl=None)
    site.desk.view = view

    body = await site.json("/status")

    assert body["capital"] == {"initial": 100.0, "current": None, "equity": None}
    assert body["daily_pnl"] is None
    assert body["active_position"] is None
    assert body["positions"] == []


async def test_metrics_have_the_shape_of_the_contract(site: Site) -> None:
    body = await site.json("/metrics")

    assert body["total_trades"] == 2
    assert body["winning_trades"] == body["losing_trades"] == 1
    assert body["win_rate"] == 0.5
    assert body["total_pnl"] == -1.3
    assert body["avg_pnl_per_trade"] == -0.65
    assert body["recent"]["30d"]["win_rate"] is None
    assert set(body["recent"]) == {"7d", "30d"}
    assert body["ai"] == {"calls": 12, "cache_hits": 4, "cache_hit_rate": 0.25, "cost_usd": 0.0315}
    assert body["success"]["trades"] == 2
    for name in ["profit_factor", "expectancy_r", "sharpe", "sortino", "max_drawdown"]:
        assert body[name] is None or isinstance(body[name], float)


async def test_metrics_tell_ratios_with_their_intervals_and_groups(site: Site) -> None:
    body = await site.json("/metrics")

    # +2.10 and -3.40, 1 of 2 won: Wilson 80 % is symmetric; seven days of rising equity have no fall
    low, high = body["win_rate_interval"]
    assert low == pytest.approx(1 - high)
    assert body["average_win"] == 2.1
    assert body["average_loss"] == 3.4
    assert (body["best"], body["worst"]) == (2.1, -3.4)
    assert (body["ai_cost"], body["net_after_ai"]) == (0.0315, -1.3315)
    assert (body["calmar"], body["sqn"], body["average_mfe_r"]) == (None, None, None)
    assert (body["days"], body["max_drawdown_days"]) == (7, 0.0)
    assert body["expectancy_r_interval"][0] < body["expectancy_r"] < body["expectancy_r_interval"][1]
    assert body["by_symbol"] == [
        {
            "name": "BTC/USDT:USDT",
            "trades": 2,
            "wins": 1,
            "win_rate": 0.5,
            "win_rate_interval": body["win_rate_interval"],
            "total_pnl": -1.3,
            "expectancy_r": body["expectancy_r"],
            "expectancy_r_interval": None,
        }
    ]
    assert {"by_side", "by_exit_reason", "by_hour", "by_adviser", "gates"} <= set(body)


async def test_the_index_lists_what_there_is(site: Site) -> None:
    body = await site.json("/")

    assert set(body["endpoints"]) == {"/health", "/status", "/metrics"}


@pytest.mark.parametrize("path", ["/nope", "/status/", "/../etc/passwd"])
async def test_a_wrong_path_says_which_are_right(site: Site, path: str) -> None:
    status, kind, text = await site.get(path)

    assert (status, kind) == (404, "application/json")
    assert "/status" in json.loads(text)["endpoints"]


async def test_nothing_can_be_written(site: Site) -> None:
    for method in ("post", "put", "delete", "patch"):
        url = f"http://127.0.0.1:{site.server.port}/status"
        async with site.session.request(method, url, json={}) as answer:
            assert answer.status == 405


async def test_metrics_that_cannot_be_known_are_a_503_without_details(site: Site) -> None:
    class Locked(FakeDesk):
        async def metrics(self) -> MetricsView:
            raise Unknown("database at postgresql://user:secret@host is locked")

    site.server._desk = Locked(samples.NOW)

    status, _, text = await site.get("/metrics")

    assert status == 503
    assert "secret" not in text


# Prometheus


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/plain", "text/plain"),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text/plain"),
        ("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.7", "application/openmetrics-text"),
        ("text/plain;q=0, */*", "application/json"),
        ("text/plain;q=x, */*", "application/json"),
    ],
)
def test_the_asker_gets_the_kind_he_names(accept: str, kind: str) -> None:
    assert wanted_type(accept, "") == kind


async def test_prometheus_reads_every_line(site: Site) -> None:
    _, kind, text = await site.get("/metrics", Accept="text/plain")
    _, _, asked = await site.get("/metrics?format=prometheus")

    assert kind == "text/plain"
    assert text == asked
    assert "perpilot_equity_usdt 101.93\n" in text
    assert "perpilot_trades_total 2.0\n" in text
    assert "# TYPE perpilot_trades_total counter\n" in text
    assert 'perpilot_trading_state{state="trading"} 1.0\n' in text
    assert 'perpilot_breaker_tripped{name="consecutive_losses"} 1.0\n' in text
    assert "perpilot_average_loss_usdt 3.4\n" in text
    assert "\nperpilot_calmar " not in text
    assert 'perpilot_win_rate_bound{bound="low"} 0.16' in text
    assert 'perpilot_group_trades{by="symbol",name="BTC/USDT:USDT"} 2.0\n' in text
    assert 'perpilot_group_win_rate{by="adviser",name="rules"} 0.5\n' in text
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        assert line.startswith("# ") or (name.startswith("perpilot_") and float(value) is not None)


async def test_openmetrics_ends_as_it_must(site: Site) -> None:
    _, kind, text = await site.get("/metrics?format=openmetrics")

    assert kind == "application/openmetrics-text"
    assert text.endswith("# EOF\n")
    assert "# TYPE perpilot_trades counter\nperpilot_trades_total 2.0\n" in text


async def test_unknown_figures_are_left_out_of_prometheus(site: Site) -> None:
    site.desk.view = replace(samples.status(), equity=None)

    _, _, text = await site.get("/metrics?format=prometheus")

    assert "\nperpilot_equity_usdt" not in text


# doors


async def test_beyond_loopback_the_token_is_needed(guarded: Site) -> None:
    for path in ("/", "/status", "/metrics", "/nope"):
        status, _, _ = await guarded.get(path)
        assert status == 401, path


@pytest.mark.parametrize(
    "value", ["Bearer wrong", "Basic x", "Bearer", f"Bearer {TOKEN}x", TOKEN, "Bearer ü"]
)
async def test_a_wrong_token_opens_nothing(guarded: Site, value: str) -> None:
    status, _, _ = await guarded.get("/status", Authorization=value)

    assert status == 401


async def test_the_right_token_opens_from_anywhere(guarded: Site) -> None:
    status, _, _ = await guarded.get("/status", Authorization=f"bearer {TOKEN}", Host="bot.example.org")

    assert status == 200


async def test_health_needs_no_token_and_tells_strangers_no_details(guarded: Site) -> None:
    public = await guarded.json("/health")
    known = await guarded.json("/health", Authorization=f"Bearer {TOKEN}")

    assert public["status"] == "healthy"
    assert "detail" not in public["components"]["database"]
    assert known["components"]["database"]["detail"] == "fine"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "192.168.1.5:8000", "[bad"])
async def test_a_web_page_cannot_ask_through_the_owners_browser(site: Site, host: str) -> None:
    status, _, _ = await site.get("/status", Host=host)

    assert status in (400, 403)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
async def test_this_machine_may_ask_by_any_of_its_names(site: Site, host: str) -> None:
    status, _, _ = await site.get("/status", Host=host)

    assert status == 200


@pytest.mark.parametrize("mark", ["X-Forwarded-For", "Forwarded", "Via"])
async def test_what_a_proxy_brings_needs_a_token(site: Site, mark: str) -> None:
    status, _, _ = await site.get("/status", **{mark: "203.0.113.7"})

    assert status == 403


async def test_a_token_that_is_set_is_needed_on_loopback_too() -> None:
    made = await opened(WebSettings("127.0.0.1", 0, TOKEN))

    status, _, _ = await made.get("/status")
    await made.close()

    assert status == 401


async def test_a_port_published_on_loopback_only_needs_no_token() -> None:
    made = await opened(WebSettings("0.0.0.0", 0, is_loopback_published=True))

    mine, _, _ = await made.get("/status", Host="localhost:8000")
    rebound, _, _ = await made.get("/status", Host="evil.example")
    await made.close()

    assert (mine, rebound) == (200, 403)


def test_listening_beyond_loopback_without_a_token_is_refused() -> None:
    with pytest.raises(NotAllowed, match=r"set HTTP_TOKEN, or HTTP_HOST=127\.0\.0\.1"):
        WebSettings("0.0.0.0", 8000)


async def test_a_taken_port_is_one_sentence_with_the_mend(site: Site) -> None:
    second = Site(WebSettings("127.0.0.1", site.server.port))

    with pytest.raises(PerpilotError, match=r"is taken: stop the program that has it, or set HTTP_PORT"):
        await second.server.start()

    await second.close()


async def test_a_host_that_is_not_ours_is_one_sentence() -> None:
    made = Site(WebSettings("192.0.2.1", 0, TOKEN))

    with pytest.raises(PerpilotError, match=r"HTTP can't listen on 192\.0\.2\.1"):
        await made.server.start()

    await made.close()


async def test_answers_are_not_kept_by_anybody(site: Site) -> None:
    async with site.session.get(f"{site.server.url}/status") as answer:
        assert answer.headers["Cache-Control"] == "no-store"


def test_money_stays_exact_enough_as_a_number() -> None:
    assert json.dumps(float(Decimal("100.10"))) == "100.1"
    assert samples.NOW.tzinfo is UTC
