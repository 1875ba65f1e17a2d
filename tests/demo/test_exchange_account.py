"""Each signed path through the unified call of ccxt that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import ccxt
import pytest

from tests.demo.exchange_stage import BTC, SOL, D, Stage, on_stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as made:
        yield made


async def test_a_new_account_is_flat_and_holds_its_deposit(stage: Stage) -> None:
    balance = (await stage.client.fetch_balance())["USDT"]

    assert (balance["free"], balance["used"], balance["total"]) == (10_000, 0, 10_000)
    assert await stage.client.fetch_positions() == []
    assert await stage.income() == [("TRANSFER", D(10_000))]


async def test_margin_mode_and_leverage_are_read_back_as_they_were_set(stage: Stage) -> None:
    before = await stage.client.fetch_margin_mode(SOL)
    await stage.client.set_margin_mode("isolated", SOL)
    answer = await stage.client.set_leverage(7, SOL)
    leverage = await stage.client.fetch_leverage(SOL)

    assert (
        before["marginMode"] == "cross"
        and (await stage.client.fetch_margin_mode(SOL))["marginMode"] == "isolated"
    )
    assert int(answer["leverage"]) == leverage["longLeverage"] == leverage["shortLeverage"] == 7
    assert (await stage.client.fetch_margin_mode(BTC))["marginMode"] == "cross"


async def test_position_mode_is_one_way_until_it_is_changed(stage: Stage) -> None:
    before = await stage.client.fetch_position_mode()
    await stage.client.set_position_mode(True)

    assert before["hedged"] is False and (await stage.client.fetch_position_mode())["hedged"] is True


async def test_brackets_and_fees_are_those_of_the_listing(stage: Stage) -> None:
    tiers = (await stage.client.fetch_leverage_tiers([SOL]))[SOL]
    fee = await stage.client.fetch_trading_fee(SOL)

    listed = stage.market.instruments["SOLUSDT"].brackets
    assert [tier["maxLeverage"] for tier in tiers] == [each.leverage for each in listed]
    assert [tier["maintenanceMarginRate"] for tier in tiers] == [each.maintenance_fraction for each in listed]
    assert (fee["taker"], fee["maker"]) == (0.0005, 0.0002)


async def test_a_market_order_is_filled_at_the_book_and_seen_everywhere(stage: Stage) -> None:
    ask = (await stage.client.fetch_order_book(SOL, 5))["asks"][0][0]
    order = await stage.bought(10)
    position = await stage.position()
    again = await stage.client.fetch_order(order["id"], SOL)
    trades = await stage.client.fetch_my_trades(SOL)

    assert order["status"] == again["status"] == "closed" and order["filled"] == again["filled"] == 10
    assert ask <= order["average"] <= ask * 1.001
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", 10, order["average"])
    assert position["marginMode"] == "isolated" and position["hedged"] is False
    assert 0 < position["liquidationPrice"] < position["entryPrice"]
    assert D(position["info"]["isolatedWallet"]) == D(str(order["average"])) * 10 / 5
    assert [(row["order"], row["amount"], row["side"]) for row in trades] == [(order["id"], 10, "buy")]
    assert trades[0]["fee"] == {"cost": pytest.approx(order["average"] * 10 * 0.0005), "currency": "USDT"}


async def test_a_client_id_finds_its_order(stage: Stage) -> None:
    await stage.isolated()
    sent = await stage.client.create_order(SOL, "market", "buy", 1, None, {"newClientOrderId": "pp1entry"})

    found = await stage.client.fetch_order(None, SOL, {"origClientOrderId": "pp1entry"})

    assert sent["clientOrderId"] == found["clientOrderId"] == "pp1entry" and found["id"] == sent["id"]


async def test_a_limit_order_rests_is_listed_is_changed_and_is_cancelled(stage: Stage) -> None:
    await stage.isolated()
    price = round(float(stage.mark()) * 0.97, 2)
    order = await stage.client.create_order(SOL, "limit", "buy", 2, price)
    listed = await stage.client.fetch_open_orders(SOL)
    edited = await stage.client.edit_order(order["id"], SOL, "limit", "buy", 3, price - 0.5)
    cancelled = await stage.client.cancel_order(order["id"], SOL)

    assert order["status"] == "open" and [row["id"] for row in listed] == [order["id"]]
    assert (edited["amount"], edited["price"]) == (3, price - 0.5)
    assert cancelled["status"] == "canceled" and await stage.client.fetch_open_orders(SOL) == []
    assert [row["status"] for row in await stage.client.fetch_orders(SOL)] == ["canceled"]


async def test_a_limit_order_is_filled_as_a_maker_when_the_price_comes(stage: Stage) -> None:
    await stage.isolated()
    price = round(float(stage.mark()) * 0.99, 2)
    order = await stage.client.create_order(SOL, "limit", "buy", 2, price)
    stage.move_to(D(str(price)) - 1)

    found = await stage.client.fetch_order(order["id"], SOL)
    trade = (await stage.client.fetch_my_trades(SOL))[0]

    assert (found["status"], found["average"]) == ("closed", price)
    assert trade["takerOrMaker"] == "maker" and trade["fee"]["cost"] == pytest.approx(2 * price * 0.0002)


async def test_stops_live_at_the_algo_endpoints_only(stage: Stage) -> None:
    await stage.bought()
    stop = await stage.stopped(clientAlgoId="pp1stop")
    target = await stage.client.create_order(
        SOL,
        "market",
        "sell",
        10,
        None,
        {"takeProfitPrice": round(float(stage.mark()) * 1.05, 2), "reduceOnly": True},
    )

    listed = await stage.client.fetch_open_orders(SOL, params={"trigger": True})
    by_name = await stage.client.fetch_order(None, SOL, {"trigger": True, "clientAlgoId": "pp1stop"})

    assert [row["id"] for row in listed] == [stop["id"], target["id"]] and by_name["id"] == stop["id"]
    assert await stage.client.fetch_open_orders(SOL) == []
    assert by_name["reduceOnly"] is True and by_name["info"]["orderType"] == "STOP_MARKET"
    with pytest.raises(ccxt.OrderNotFound):
        await stage.client.fetch_order(stop["id"], SOL)


async def test_stops_are_cancelled_one_by_one_or_together(stage: Stage) -> None:
    await stage.bought()
    first, _, _ = [await stage.stopped(share) for share in ("0.98", "0.97", "0.96")]
    await stage.client.cancel_order(first["id"], SOL, {"trigger": True})
    after_one = await stage.client.fetch_open_orders(SOL, params={"trigger": True})
    await stage.client.cancel_all_orders(SOL, {"trigger": True})

    assert len(after_one) == 2
    assert await stage.client.fetch_open_orders(SOL, params={"trigger": True}) == []
    assert {row["status"] for row in await stage.client.fetch_orders(SOL, params={"trigger": True})} == {
        "canceled"
    }


async def test_cancelling_all_orders_leaves_the_stops(stage: Stage) -> None:
    await stage.bought()
    await stage.stopped()
    await stage.client.create_order(SOL, "limit", "buy", 2, round(float(stage.mark()) * 0.97, 2))
    await stage.client.cancel_all_orders(SOL)

    assert await stage.client.fetch_open_orders(SOL) == []
    assert len(await stage.client.fetch_open_orders(SOL, params={"trigger": True})) == 1


async def test_margin_can_be_added_to_an_isolated_position(stage: Stage) -> None:
    await stage.bought()
    before = await stage.position()
    await stage.client.add_margin(SOL, 20)
    after = await stage.position()

    assert D(after["info"]["isolatedWallet"]) - D(before["info"]["isolatedWallet"]) == 20
    assert after["liquidationPrice"] < before["liquidationPrice"]


async def test_deposits_and_withdrawals_are_transfers(stage: Stage) -> None:
    stage.exchange.account.transfer(D(500))
    stage.exchange.account.transfer(D(-200))

    assert [amount for kind, amount in await stage.income() if kind == "TRANSFER"] == [10_000, 500, -200]
    assert await stage.wallet() == 10_300


async def test_what_the_key_may_do_is_told(stage: Stage) -> None:
    stage.exchange.account.permissions["enableWithdrawals"] = True
    told = await stage.client.sapiGetAccountApiRestrictions()

    assert told["enableWithdrawals"] is True and told["enableFutures"] is True and told["ipRestrict"] is True


async def test_account_and_balance_agree(stage: Stage) -> None:
    await stage.bought()
    account = await stage.client.fapiPrivateV3GetAccount()
    row = (await stage.client.fapiPrivateV3GetBalance())[0]

    assert account["totalWalletBalance"] == row["balance"] == account["assets"][0]["walletBalance"]
    assert account["availableBalance"] == row["availableBalance"]
    assert D(account["totalMarginBalance"]) == D(account["totalWalletBalance"]) + D(
        account["totalUnrealizedProfit"]
    )
    assert [each["symbol"] for each in account["positions"]] == ["SOLUSDT"]


async def test_positions_by_the_account_endpoint_agree_too(stage: Stage) -> None:
    await stage.bought()
    rows = [row for row in await stage.client.fetch_account_positions([SOL]) if row["contracts"]]

    assert [(row["symbol"], row["side"], row["contracts"]) for row in rows] == [(SOL, "long", 10)]


async def test_without_a_key_there_is_no_account(stage: Stage) -> None:
    stage.client.apiKey = "another"

    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        await stage.client.fetch_balance()
