"""Every signed path of the demo exchange: method and path, who answers, what it weighs."""

from __future__ import annotations

from typing import Final

from bot.demo import exchange_algo as algo
from bot.demo import exchange_history as history
from bot.demo import exchange_modes as modes
from bot.demo import exchange_orders as orders
from bot.demo import exchange_positions as positions
from bot.demo.exchange_asked import AccountEndpoint as Endpoint

ACCOUNT_ENDPOINTS: Final[dict[tuple[str, str], Endpoint]] = {
    ("POST", "/fapi/v1/order"): Endpoint(orders.new_order, 0, is_trade=True),
    ("GET", "/fapi/v1/order"): Endpoint(orders.order),
    ("PUT", "/fapi/v1/order"): Endpoint(orders.edit_order, is_trade=True),
    ("DELETE", "/fapi/v1/order"): Endpoint(orders.cancel_order, is_trade=True),
    ("GET", "/fapi/v1/openOrder"): Endpoint(orders.open_order),
    ("GET", "/fapi/v1/openOrders"): Endpoint(orders.open_orders, 1, 40),
    ("DELETE", "/fapi/v1/allOpenOrders"): Endpoint(orders.cancel_all, is_trade=True),
    ("GET", "/fapi/v1/allOrders"): Endpoint(orders.all_orders, 5),
    ("GET", "/fapi/v1/forceOrders"): Endpoint(orders.forced_orders, 20, 50),
    ("POST", "/fapi/v1/algoOrder"): Endpoint(algo.new_algo, 0, is_trade=True),
    ("GET", "/fapi/v1/algoOrder"): Endpoint(algo.algo),
    ("DELETE", "/fapi/v1/algoOrder"): Endpoint(algo.cancel_algo, is_trade=True),
    ("GET", "/fapi/v1/openAlgoOrders"): Endpoint(algo.open_algos, 1, 40),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Endpoint(algo.cancel_all_algos, is_trade=True),
    ("GET", "/fapi/v1/allAlgoOrders"): Endpoint(algo.all_algos, 5),
    ("GET", "/fapi/v3/positionRisk"): Endpoint(positions.position_risk, 5),
    ("GET", "/fapi/v3/account"): Endpoint(positions.account, 5),
    ("GET", "/fapi/v3/balance"): Endpoint(positions.balance, 5),
    ("GET", "/fapi/v1/leverageBracket"): Endpoint(positions.leverage_brackets),
    ("GET", "/fapi/v1/symbolConfig"): Endpoint(positions.symbol_config, 5),
    ("GET", "/fapi/v1/accountConfig"): Endpoint(positions.account_config, 5),
    ("GET", "/fapi/v1/commissionRate"): Endpoint(positions.commission_rate, 20),
    ("GET", "/sapi/v1/account/apiRestrictions"): Endpoint(positions.api_restrictions),
    ("POST", "/fapi/v1/leverage"): Endpoint(modes.set_leverage, is_trade=True),
    ("POST", "/fapi/v1/marginType"): Endpoint(modes.set_margin_type, is_trade=True),
    ("GET", "/fapi/v1/positionSide/dual"): Endpoint(modes.position_mode, 30),
    ("POST", "/fapi/v1/positionSide/dual"): Endpoint(modes.set_position_mode, is_trade=True),
    ("GET", "/fapi/v1/multiAssetsMargin"): Endpoint(modes.asset_mode, 30),
    ("POST", "/fapi/v1/multiAssetsMargin"): Endpoint(modes.set_asset_mode, is_trade=True),
    ("POST", "/fapi/v1/positionMargin"): Endpoint(modes.change_margin, is_trade=True),
    ("GET", "/fapi/v1/userTrades"): Endpoint(history.user_trades, 5),
    ("GET", "/fapi/v1/income"): Endpoint(history.income, 30),
}
