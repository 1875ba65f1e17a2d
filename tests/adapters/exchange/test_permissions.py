"""A key that could take money out, or that nobody could look at, does not trade live."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.demo.exchange_faults import Failure
from core.adapters.exchange.permissions import KeyVerdict, judge_key, look_at_key
from core.market import to_ms
from tests.adapters.exchange.venue_stage import on_stage

NOW = datetime(2026, 5, 4, tzinfo=UTC)
FINE, WARN = KeyVerdict.FINE, KeyVerdict.WARN
REFUSE, UNKNOWN = KeyVerdict.REFUSE, KeyVerdict.UNKNOWN


def binance(**changes: Any) -> dict[str, Any]:
    return {
        "ipRestrict": True, "enableReading": True, "enableWithdrawals": False, "enableFutures": True,
        "enableInternalTransfer": False, "permitsUniversalTransfer": False, **changes,
    }  # fmt: skip


def bybit(wallet: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    rights = {"ContractTrade": ["Order", "Position"], "Wallet": list(wallet)}
    return {"readOnly": 0, "permissions": rights, "ips": ["1.2.3.4"], "deadlineDay": 80, **changes}


def okx(perm: str = "read_only,trade", ip: str = "1.2.3.4") -> dict[str, Any]:
    return {"perm": perm, "ip": ip, "acctLv": "2"}


@pytest.mark.parametrize(
    ("exchange_id", "facts", "verdict", "words"),
    [
        ("binanceusdm", binance(), FINE, ""),
        ("binanceusdm", binance(enableWithdrawals=True), REFUSE, "withdraw"),
        ("binanceusdm", binance(enableInternalTransfer=True), REFUSE, "internal transfer"),
        ("binanceusdm", binance(enableFutures=False), REFUSE, "futures"),
        ("binanceusdm", binance(ipRestrict=False), WARN, "every address"),
        ("binanceusdm", binance(permitsUniversalTransfer=True), WARN, "universal transfer"),
        ("binanceusdm", binance(enableWithdrawals="false"), UNKNOWN, "did not say"),
        ("binanceusdm", {"ipRestrict": True, "enableFutures": True}, UNKNOWN, "did not say"),
        ("binanceusdm", {}, UNKNOWN, "did not say"),
        ("bybit", bybit(), FINE, ""),
        ("bybit", bybit(("AccountTransfer", "Withdraw")), REFUSE, "withdraw"),
        ("bybit", bybit(("SubMemberTransfer",)), REFUSE, "sub-accounts"),
        ("bybit", bybit(readOnly=1), REFUSE, "read-only"),
        ("bybit", bybit(permissions={"ContractTrade": [], "Wallet": []}), REFUSE, "contracts"),
        ("bybit", bybit(("AccountTransfer",)), WARN, "wallets"),
        ("bybit", bybit(ips=["*"]), WARN, "every address"),
        ("bybit", bybit(permissions={"ContractTrade": ["Order"]}), UNKNOWN, "shape"),
        ("bybit", {}, UNKNOWN, "shape"),
        ("okx", okx(), FINE, ""),
        ("okx", okx("read_only,trade,withdraw"), REFUSE, "withdraw"),
        ("okx", okx("read_only"), REFUSE, "may not trade"),
        ("okx", okx(ip=""), WARN, "every address"),
        ("okx", {"perm": ""}, UNKNOWN, "shape"),
        ("okx", {}, UNKNOWN, "shape"),
    ],
)
def test_a_key_is_judged_by_what_its_venue_says(
    exchange_id: str, facts: dict[str, Any], verdict: KeyVerdict, words: str
) -> None:
    report = judge_key(exchange_id, facts, NOW)

    assert report.verdict is verdict
    assert words in (report.reasons[0] if report.reasons else "")


@pytest.mark.parametrize(
    ("exchange_id", "facts"),
    [
        ("binanceusdm", binance(tradingAuthorityExpirationTime=to_ms(datetime(2026, 5, 10, tzinfo=UTC)))),
        ("bybit", bybit(expiredAt="2026-05-10T00:00:00Z")),
    ],
)
def test_a_key_that_ends_soon_is_warned_of(exchange_id: str, facts: dict[str, Any]) -> None:
    report = judge_key(exchange_id, facts, NOW)

    assert report.verdict is WARN
    assert report.expires_at == datetime(2026, 5, 10, tzinfo=UTC)
    assert "2026-05-10" in report.reasons[0]


def test_a_key_with_months_to_go_is_fine() -> None:
    assert judge_key("bybit", bybit(expiredAt="2026-08-10T00:00:00Z"), NOW).verdict is FINE


async def test_the_key_is_looked_at_through_the_venue() -> None:
    async with on_stage() as stage:
        stage.exchange.account.permissions["enableWithdrawals"] = True

        report = await look_at_key(stage.venue)

    assert report.verdict is REFUSE


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [(Failure.HTML, UNKNOWN), (Failure.UNAVAILABLE, UNKNOWN), (Failure.BANNED, UNKNOWN)],
)
async def test_a_look_that_failed_is_unknown_and_never_fine(failure: Failure, verdict: KeyVerdict) -> None:
    async with on_stage() as stage:
        stage.exchange.faults.fail_next(20, failure, path="/sapi/")

        report = await look_at_key(stage.venue)

    assert report.verdict is verdict


async def test_a_key_that_the_venue_refuses_is_refused() -> None:
    async with on_stage() as stage:
        words = "Invalid API-key, IP, or permissions for action."
        stage.exchange.faults.refuse_next(1, -2015, words, path="/sapi/", status=401)

        report = await look_at_key(stage.venue)

    assert report.verdict is REFUSE
