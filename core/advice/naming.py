"""Which coins a text speaks of, and whether it speaks of the whole market or of the venue.

A false match can only make a trade smaller or refuse it; a ticker that is an English word still needs its `$`
or its coin's name, else half of all headlines would speak of ONE and LINK.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from core.market import coin

NAMES: dict[str, tuple[str, ...]] = {
    "BTC": ("Bitcoin",),
    "ETH": ("Ethereum", "Ether"),
    "SOL": ("Solana",),
    "BNB": ("Binance Coin", "BNB Chain"),
    "XRP": ("Ripple", "XRP Ledger"),
    "DOGE": ("Dogecoin",),
    "ADA": ("Cardano",),
    "AVAX": ("Avalanche network", "Avalanche blockchain", "Avalanche Foundation"),
    "LINK": ("Chainlink",),
    "DOT": ("Polkadot",),
    "TRX": ("Tron network", "Justin Sun"),
    "TON": ("Toncoin", "The Open Network"),
    "LTC": ("Litecoin",),
    "BCH": ("Bitcoin Cash",),
    "SHIB": ("Shiba Inu",),
    "PEPE": ("Pepe coin", "Pepecoin"),
    "UNI": ("Uniswap",),
    "ATOM": ("Cosmos Hub", "Cosmos network"),
    "XLM": ("Stellar Lumens", "Stellar network", "Stellar Development"),
    "NEAR": ("NEAR Protocol",),
    "APT": ("Aptos",),
    "ARB": ("Arbitrum",),
    "OP": ("OP Mainnet", "Optimism network", "Optimism Foundation"),
    "SUI": ("Sui network", "Sui blockchain", "Mysten Labs"),
    "INJ": ("Injective Protocol", "Injective network"),
    "FIL": ("Filecoin",),
    "ETC": ("Ethereum Classic",),
    "XMR": ("Monero",),
    "AAVE": ("Aave",),
    "MKR": ("MakerDAO",),
    "LDO": ("Lido DAO", "Lido Finance"),
    "CRV": ("Curve Finance", "Curve DAO"),
    "SNX": ("Synthetix",),
    "COMP": ("Compound Finance", "Compound protocol"),
    "HBAR": ("Hedera",),
    "ICP": ("Internet Computer", "Dfinity"),
    "VET": ("VeChain",),
    "ALGO": ("Algorand",),
    "XTZ": ("Tezos",),
    "SAND": ("The Sandbox",),
    "MANA": ("Decentraland",),
    "GALA": ("Gala Games",),
    "GRT": ("The Graph protocol",),
    "STX": ("Stacks network",),
    "SEI": ("Sei network",),
    "TIA": ("Celestia",),
    "JUP": ("Jupiter exchange",),
    "WIF": ("dogwifhat",),
    "BONK": ("Bonk",),
    "ONE": ("Harmony One", "Harmony protocol"),
    "HYPE": ("Hyperliquid",),
    "ENA": ("Ethena",),
    "WLD": ("Worldcoin",),
    "FTM": ("Fantom",),
    "RUNE": ("THORChain",),
    "TAO": ("Bittensor",),
    "ZEC": ("Zcash",),
}
"""By coin, as they are written: capitals matter, for many are words as well."""

WORDS = frozenset(
    {
        "ACE", "ACT", "AI", "ALICE", "ALT", "APE", "API3", "ARC", "ATOM", "AUCTION", "BAND", "BAT",
        "BEAM", "BIG", "CAKE", "CELL", "CHESS", "CITY", "CLOUD", "COMP", "COOKIE", "CORE", "COW", "DASH",
        "DATA", "DEGO", "DENT", "DOG", "DOT", "DUSK", "EDU", "ETC", "FIRE", "FLOW", "FLUX", "FORM", "FUN",
        "GAS", "GLM", "GOAT", "GRASS", "HIGH", "HOOK", "HOT", "HYPE", "ICE", "ID", "IN", "IO", "IQ",
        "JOE", "KEY", "LINK", "LIT", "LUNA", "MAGIC", "MANA", "MASK", "MEME", "MOVE", "NEAR", "NEO",
        "NOT", "OM", "ONE", "ONG", "OP", "ORDER", "PEOPLE", "PIXEL", "PORTAL", "PUMP", "RARE", "RED",
        "RENDER", "REZ", "ROSE", "RUNE", "SAFE", "SAGA", "SAND", "SCR", "SEI", "SIGN", "SKY", "SPELL",
        "STEEM", "STORM", "SUI", "SUN", "SUPER", "THE", "TON", "TREE", "TRUMP", "TURBO", "UNI", "USUAL",
        "VIC", "WAVES", "WIN", "WING", "XAI", "YGG", "ZERO", "ZEN", "ZK",
    }
)  # fmt: skip
"""Tickers that are words, abbreviations or too short to stand for themselves."""
SHORTEST_TICKER = 3

_MARKET = re.compile(
    r"\b(?:crypto(?:currency|currencies)? (?:market|sector|industry|exchange|investors|traders)\w*"
    r"|digital assets?|stablecoins?|tether|usdt|usdc|depeg\w*|fomc|federal reserve"
    r"|fed (?:rate|cuts?|hikes?|chair|minutes)|interest rates?|cpi|inflation data"
    r"|sec (?:sues|charges|approves|rejects|lawsuit)|etf (?:outflows|inflows)|exchange hack|binance|bybit|okx"
    r"|coinbase|kraken|bitfinex|kucoin|bitget|deribit|mt\.? ?gox)\b",
    re.IGNORECASE,
)


def base_of(symbol: str) -> str:
    """`1000PEPE/USDT:USDT` and `PEPE` are both PEPE."""
    return re.sub(r"^(?:1000000|10000|1000|1M)(?=[A-Z])", "", coin(symbol).upper())


def coins_named(text: str, coins: Collection[str]) -> tuple[str, ...]:
    """Those of `coins` (bases as `base_of` gives them) that the sanitised text speaks of, sorted."""
    is_shouting = text.upper() == text
    return tuple(sorted(base for base in coins if _names(base, is_shouting).search(text)))


@lru_cache(maxsize=4_096)
def _names(base: str, is_shouting: bool) -> re.Pattern[str]:
    """In a text all of capitals every word looks like a ticker: only the known ones count there."""
    quoted = re.escape(base)
    forms = [rf"(?i:\${quoted})\b", rf"\({quoted}\)"]
    is_plain = base not in WORDS and len(base) >= SHORTEST_TICKER
    if is_plain and (not is_shouting or base in NAMES):
        forms.append(rf"(?<![\w$]){quoted}(?:USDT?)?\b")
    forms += [rf"\b{_as_written(name)}\b" for name in NAMES.get(base, ())]
    return re.compile("|".join(forms))


def _as_written(name: str) -> str:
    """A name of one odd word in any case; others as they are, for `The Sandbox` is no sandbox."""
    quoted = re.escape(name)
    return quoted if " " in name else f"(?:{quoted}|{quoted.lower()}|{quoted.upper()})"


def is_of_market(text: str) -> bool:
    """Whether it concerns every coin."""
    return _MARKET.search(text) is not None


def is_of_venue(text: str, names: Iterable[str]) -> bool:
    """Whether it names the exchange where the bot trades."""
    return any(re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) for name in names)
