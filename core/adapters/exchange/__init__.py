"""The only place where ccxt is spoken. `market.CcxtMarket` is the way in; ccxt itself loads when it opens."""
