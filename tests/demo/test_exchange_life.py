"""Orders and positions through their lives: triggers, children, funding, liquidation, and the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.demo.exchange_stage import SOL, D, Stage, on_stage

EXACT = Decimal("1e-8")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as made:
        yield made


async def test_a_stop_triggers_becomes_a_child_fills_and_the_ledger_is_the_wallet(stage: Stage) -> None:
    await stage.bought(10)
    stop = await stage.stopped("0.98")
    stage.move_to(stage.mark() * D("0.97"))

    found = await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})
    child = await stage.client.fetch_order(found["info"]["actualOrderId"], SOL)
    trades = await stage.client.fetch_my_trades(SOL)
    income = await stage.income()
    assert found["info"]["algoStatus"] == "FINISHED"
    assert await stage.client.fetch_open_orders(SOL, params={"trigger": True}) == []
    assert (child["status"], child["filled"], child["reduceOnly"]) == ("closed", 10, True)
    assert child["info"]["origType"] == "STOP_MARKET" and child["average"] < stop["triggerPrice"]
    assert await stage.position() is None
    assert trades[-1]["order"] == child["id"]
    assert [kind for kind, _ in income] == ["TRANSFER", "COMMISSION", "COMMISSION", "REALIZED_PNL"]
    assert abs(sum(amount for _, amount in income) - await stage.wallet()) <= EXACT
    told = sum(D(row["info"]["realizedPnl"]) - D(row["info"]["commission"]) for row in trades)
    assert abs(10_000 + told - await stage.wallet()) <= EXACT


async def test_a_price_that_was_crossed_between_two_questions_was_crossed(stage: Stage) -> None:
    await stage.bought(10)
    stop = await stage.stopped("0.99")
    stage.exchange.nudge("SOLUSDT", -0.03, 5)
    stage.clock.forward(seconds=20)
    stage.exchange.nudge("SOLUSDT", 0.05, 5)
    stage.clock.forward(seconds=20)

    found = await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})

    assert found["info"]["algoStatus"] == "FINISHED"
    assert float(stage.mark()) > stop["triggerPrice"]
    assert found["info"]["triggerTime"] is not None
    assert float(found["info"]["actualPrice"]) == pytest.approx(stop["triggerPrice"], rel=0.01)


async def test_a_reduce_only_stop_outlives_its_position_and_is_rejected_when_it_fires(stage: Stage) -> None:
    await stage.bought(10)
    stop = await stage.stopped("0.98")
    await stage.client.create_order(SOL, "market", "sell", 10, None, {"reduceOnly": True})
    orphans = await stage.client.fetch_open_orders(SOL, params={"trigger": True})
    stage.move_to(stage.mark() * D("0.97"))

    found = await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})
    assert [row["id"] for row in orphans] == [stop["id"]]
    assert (found["info"]["algoStatus"], found["info"]["actualOrderId"]) == ("REJECTED", "")
    assert await stage.position() is None


async def test_a_stop_that_may_open_opens_when_its_position_is_gone(stage: Stage) -> None:
    await stage.bought(10)
    await stage.stopped("0.98", reduceOnly=False)
    stage.exchange.hands.close("SOLUSDT")
    stage.move_to(stage.mark() * D("0.97"))

    assert (await stage.position())["side"] == "short"


async def test_a_stop_of_more_than_the_position_closes_it_and_no_more(stage: Stage) -> None:
    await stage.bought(10)
    stop = await stage.stopped("0.98")
    await stage.client.create_order(SOL, "market", "sell", 6, None, {"reduceOnly": True})
    stage.move_to(stage.mark() * D("0.97"))

    found = await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})
    child = await stage.client.fetch_order(found["info"]["actualOrderId"], SOL)
    assert (child["status"], child["filled"], child["amount"]) == ("expired", 4, 10)
    assert await stage.position() is None


async def test_an_order_that_closes_the_position_needs_one_and_expires_with_it(stage: Stage) -> None:
    await stage.bought(10)
    closing = {"stopLossPrice": round(float(stage.mark()) * 0.98, 2), "closePosition": True}
    stop = await stage.client.create_order(SOL, "market", "sell", 10, None, closing)
    await stage.client.create_order(SOL, "market", "sell", 10, None, {"reduceOnly": True})

    found = await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})
    assert found["info"]["algoStatus"] == "EXPIRED"
    with pytest.raises(Exception, match="-4509"):
        await stage.client.create_order(SOL, "market", "sell", 10, None, closing)


async def test_an_order_that_closes_the_position_takes_all_of_it(stage: Stage) -> None:
    await stage.bought(10)
    closing = {"stopLossPrice": round(float(stage.mark()) * 0.98, 2), "closePosition": True}
    stop = await stage.client.create_order(SOL, "market", "sell", 1, None, closing)
    with pytest.raises(Exception, match="-4130"):
        await stage.client.create_order(SOL, "market", "sell", 1, None, closing)
    await stage.client.create_order(SOL, "market", "buy", 5)
    stage.move_to(stage.mark() * D("0.97"))

    found = await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})
    assert found["info"]["actualQty"] == "15" and await stage.position() is None


async def test_a_stop_on_the_last_price_waits_for_the_last_price(stage: Stage) -> None:
    await stage.bought(10)
    last = stage.market.price("SOLUSDT", stage.clock.ms)
    stop = await stage.stopped("0.98", workingType="CONTRACT_PRICE")
    stage.move_to(last * D("0.985"))
    waiting = await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})
    stage.move_to(last * D("0.97"))

    assert waiting["status"] == "open"
    assert (await stage.client.fetch_order(stop["id"], SOL, {"trigger": True}))["status"] == "closed"
    assert await stage.position() is None


async def test_a_triggered_stop_limit_rests_at_its_price(stage: Stage) -> None:
    await stage.bought(10)
    trigger = round(float(stage.mark()) * 0.98, 2)
    stop = await stage.client.create_order(
        SOL, "limit", "sell", 10, trigger - 0.1, {"stopLossPrice": trigger, "reduceOnly": True}
    )
    stage.move_to(D(str(trigger)) - 1)

    found = await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})
    child = await stage.client.fetch_order(found["info"]["actualOrderId"], SOL)
    assert found["info"]["algoStatus"] == "TRIGGERED" and child["status"] == "open"
    assert (await stage.position())["contracts"] == 10  # the gap went through the limit


async def test_funding_is_paid_at_the_settled_rate_and_is_income(stage: Stage) -> None:
    await stage.bought(10)
    before = await stage.wallet()
    stage.clock.forward(hours=6)

    paid = await stage.client.fetch_funding_history(SOL)
    settled = stage.market.settlements("SOLUSDT", stage.clock.ms - 4 * 3_600_000 - 61_000, stage.clock.ms)
    assert len(paid) == len(settled) == 1 and paid[0]["timestamp"] == settled[0].at_ms
    mark = stage.market.mark_price("SOLUSDT", settled[0].at_ms)
    assert paid[0]["amount"] == pytest.approx(-float(mark) * 10 * settled[0].rate, abs=2e-8)
    assert D(str(paid[0]["amount"])) == await stage.wallet() - before


async def test_a_liquidation_leaves_an_autoclose_order_and_takes_the_margin(stage: Stage) -> None:
    await stage.bought(10, leverage=20)
    stop = await stage.stopped("0.99")
    margin = D((await stage.position())["info"]["isolatedWallet"])
    stage.exchange.hands.liquidate("SOLUSDT")

    forced = await stage.client.fetch_my_liquidations(SOL)
    income = await stage.income()
    assert await stage.position() is None
    assert [row["contracts"] for row in forced] == [10]
    assert forced[0]["info"]["clientOrderId"].startswith("autoclose-")
    assert sum(amount for _, amount in income[2:]) == -margin
    assert abs(sum(amount for _, amount in income) - await stage.wallet()) <= EXACT
    missed = await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})
    assert missed["info"]["algoStatus"] == "REJECTED"  # the wick reached it too, after the position was gone


async def test_automatic_deleveraging_takes_a_part_at_the_mark_price(stage: Stage) -> None:
    await stage.bought(10)
    order = stage.exchange.hands.deleverage("SOLUSDT", D("0.4"))

    assert (await stage.position())["contracts"] == 6
    assert order.client_id == "adl_autoclose" and order.average == pytest.approx(stage.mark(), abs=D("0.01"))
    assert len(await stage.client.fapiPrivateGetForceOrders({"autoCloseType": "ADL"})) == 1


async def test_the_owner_opens_adds_and_closes_by_hand(stage: Stage) -> None:
    stage.exchange.hands.trade("SOLUSDT", "SELL", D(3))
    stage.exchange.hands.trade("SOLUSDT", "SELL", D(2))
    opened = await stage.position()
    stage.exchange.hands.close("SOLUSDT")

    assert (opened["side"], opened["contracts"]) == ("short", 5)
    assert await stage.position() is None
    assert {row["clientOrderId"][:4] for row in await stage.client.fetch_orders(SOL)} == {"web_"}


async def test_the_ledger_is_the_wallet_after_many_odd_trades(stage: Stage) -> None:
    await stage.isolated(10)
    sides = ("buy", "buy", "sell", "sell", "sell", "buy", "buy", "sell")
    for number, side in enumerate(sides * 4):
        await stage.client.create_order(SOL, "market", side, 1.37 + number / 7)
        stage.clock.forward(minutes=37)
        stage.exchange.account.advance()

    income = await stage.income()
    kinds = {kind for kind, _ in income}
    assert kinds == {"TRANSFER", "COMMISSION", "REALIZED_PNL", "FUNDING_FEE"}
    assert abs(sum(amount for _, amount in income) - await stage.wallet()) <= EXACT


async def test_a_flip_is_two_executions_of_one_order(stage: Stage) -> None:
    await stage.bought(4)
    order = await stage.client.create_order(SOL, "market", "sell", 10)

    assert order["filled"] == 10 and (await stage.position())["side"] == "short"
    assert [row["amount"] for row in await stage.client.fetch_my_trades(SOL)] == [4, 4, 6]
