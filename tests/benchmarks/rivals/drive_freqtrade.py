"""freqtrade on the comparison's candles: `drive_freqtrade.py whole FOLDER OUT`, or `search … EPOCHS JOBS`.

It wants the exchange's list of markets and has no other way to it than the network, so the list is put in its
place here, as its own tests do. Everything else is its own: command, files, leverage tiers, table.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from freqtrade.exchange.exchange import Exchange
from freqtrade.main import main as command
from freqtrade.optimize.backtesting import Backtesting

HERE = Path(__file__).parent
REASONS = {"roi": "target", "stop_loss": "stop", "exit_signal": "signal", "force_exit": "end"}


def terms_of(folder):
    return json.loads((Path(folder) / "terms.json").read_text())


def markets(terms):
    return {f"{coin}/USDT:USDT": market(coin, terms["tick"], lot) for coin, lot in terms["lots"].items()}


def market(coin, tick, lot):
    kinds = {"spot": False, "margin": False, "swap": True, "future": False, "option": False}
    limits = {name: {"min": None, "max": None} for name in ("price", "cost", "leverage", "market")}
    return {
        "id": f"{coin}USDT",
        "symbol": f"{coin}/USDT:USDT",
        "base": coin,
        "quote": "USDT",
        "settle": "USDT",
        "baseId": coin,
        "quoteId": "USDT",
        "settleId": "USDT",
        "type": "swap",
        **kinds,
        "active": True,
        "contract": True,
        "linear": True,
        "inverse": False,
        "contractSize": 1.0,
        "taker": 0.0005,
        "maker": 0.0002,
        "percentage": True,
        "tierBased": False,
        "precision": {"price": tick, "amount": lot, "base": 1e-8, "quote": 1e-8},
        "limits": {**limits, "amount": {"min": lot, "max": 1e9}},
        "info": {"filters": []},
        "created": None,
    }


def put_markets(terms):
    listed = markets(terms)

    def load(exchange, reload=False):
        exchange._api_async.set_markets(list(listed.values()))

    Exchange._load_async_markets = load


def configured(folder, terms, place):
    idea = terms["idea"]
    config = {
        "dry_run": True,
        "dry_run_wallet": 10_000_000,
        "max_open_trades": len(terms["coins"]),
        "stake_currency": "USDT",
        "stake_amount": idea["stake"],
        "tradable_balance_ratio": 1.0,
        "fee": idea["fee"],
        "timeframe": "5m",
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "liquidation_buffer": 0.0,
        "dataformat_ohlcv": "feather",
        "user_data_dir": str(place),
        "strategy_path": str(HERE),
        "entry_pricing": {"price_side": "other", "use_order_book": True},
        "exit_pricing": {"price_side": "other", "use_order_book": True},
        "exchange": {"name": "binance", "pair_whitelist": list(markets(terms)), "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList", "allow_inactive": True}],
        "cross_idea": idea,
    }
    path = place / "config.json"
    path.write_text(json.dumps(config))
    return path


def watched(found):
    """Seconds of the loop alone, in `found`: turning frames into its lists is taken out."""
    prepare, play = Backtesting._get_ohlcv_as_lists, Backtesting.backtest

    def prepared(self, processed):
        started = time.perf_counter()
        made = prepare(self, processed)
        found["lists_s"] = time.perf_counter() - started
        return made

    def played(self, *given, **named):
        started = time.perf_counter()
        made = play(self, *given, **named)
        found["engine_s"].append(time.perf_counter() - started - found["lists_s"])
        found["trades"] = made["results"]
        return made

    Backtesting._get_ohlcv_as_lists, Backtesting.backtest = prepared, played


def watched_search(found, searcher):
    """Seconds of the whole search, data and indicators included, without the program's start."""
    start = searcher.start

    def started(self):
        begun = time.perf_counter()
        start(self)
        found["search_s"] = time.perf_counter() - begun

    searcher.start = started


def rows(results, terms):
    places = {f"{coin}/USDT:USDT": at for at, coin in enumerate(terms["coins"])}
    found = []
    for one in results.itertuples():
        side = -1 if one.is_short else 1
        times = [int(at.timestamp() * 1000) for at in (one.open_date, one.close_date)]
        funding = float(one.funding_fees or 0.0)
        net = float(one.profit_abs) - funding
        found.append([places[one.pair], side, *times, one.open_rate, one.close_rate, net, funding])
        found[-1].append(REASONS.get(str(one.exit_reason), str(one.exit_reason)))
    return found


def main():
    kind, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    rounds, jobs = int((sys.argv[4:] or [1])[0]), (sys.argv[5:] or ["1"])[0]
    terms, place = terms_of(folder), out.with_suffix("")
    place.mkdir(exist_ok=True)
    put_markets(terms)
    found = {"engine_s": [], "lists_s": 0.0, "trades": None}
    if kind == "search":
        from freqtrade.optimize.hyperopt import Hyperopt

        watched_search(found, Hyperopt)
    else:
        watched(found)
    given = ["--config", str(configured(folder, terms, place)), "--strategy", "FreqtradeCross"]
    given += ["--datadir", str(folder)]
    if kind == "search":
        spaces = ["--spaces", "buy", "stoploss", "--hyperopt-loss", "OnlyProfitHyperOptLoss"]
        given = ["hyperopt", *given, *spaces, "--epochs", str(rounds), "-j", jobs, "--random-state", "1"]
        # Else it puts what it found beside the strategy, and uses that from then on.
        given.append("--disable-param-export")
        rounds = 1
    else:
        given = ["backtesting", *given, "--cache", "none", "--export", "none"]
    for _ in range(rounds):
        try:
            command(given)
        except SystemExit as ended:
            if ended.code:
                raise
    told = {"engine_s": found["engine_s"], "search_s": found.get("search_s"), "trades": []}
    if kind != "search":
        if found["trades"] is None:
            raise SystemExit("freqtrade ended without a result")
        told["trades"] = rows(found["trades"], terms)
    out.write_text(json.dumps(told))


if __name__ == "__main__":
    main()
