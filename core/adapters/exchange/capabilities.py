"""Which exchanges may trade live, and in one sentence what another one lacks.

An order dialect is written and tested against one venue's own codes. ccxt's unified methods can't stand in
for it: they lose the code that tells "refused" from "unknown", and with it the certainty that an entry is not
sent twice. So another venue is refused, whatever it can do; the list says what would have to be there.
"""

from __future__ import annotations

from typing import Any, Final

from core.adapters.exchange.outcomes import BOOKS

NEEDED: Final = {
    "createOrder": "placing orders",
    "cancelOrder": "cancelling orders",
    "fetchOrder": "finding one order",
    "fetchOpenOrders": "listing open orders",
    "createReduceOnlyOrder": "reduce-only orders",
    "createStopMarketOrder": "stop-market orders",
    "fetchPositions": "listing positions",
    "fetchBalance": "the balance",
    "fetchMyTrades": "the account's trades",
    "fetchFundingHistory": "paid funding",
    "setLeverage": "setting the leverage",
    "setMarginMode": "isolated margin",
}
"""ccxt's name of a capability, and ours."""


def missing(client: Any) -> str:
    """Why the venue behind `client` can't trade live; empty when it can."""
    if client.id in BOOKS:
        return ""
    lacking = [words for name, words in NEEDED.items() if client.has.get(name) is not True]
    also = f"; ccxt does not offer {', '.join(lacking)} there" if lacking else ""
    supported = ", ".join(sorted(BOOKS))
    return f"{client.id} has no order dialect here, so it trades on paper only (live: {supported}){also}"
