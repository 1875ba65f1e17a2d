"""The perpetuals the demo exchange lists, and how each of them behaves.

Ticks and lots are powers of ten: a price is a whole number of ticks, a quantity a whole number of lots, so
prices and volumes stay integers until they are written out. The trading rules (tick, lot, minimum notional,
leverage brackets) are of the size a large venue uses; the market figures (price level, volatility, spread,
open interest) feed the generator and are round numbers, not quotations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

QUOTE: Final = "USDT"


@dataclass(frozen=True, slots=True)
class Bracket:
    """Positions with a notional above `floor` and up to `cap` (USDT).

    `cumulative` makes `notional * maintenance_fraction - cumulative` continuous over brackets.
    """

    leverage: int
    floor: int
    cap: int
    maintenance_fraction: float
    cumulative: float


@dataclass(frozen=True, slots=True)
class Instrument:
    """`tick = 10^-price_decimals`, `lot = 10^-lot_decimals`; `*_usdt` are amounts of money.

    `hour_volatility` is the standard deviation of one calm hour as a fraction of price; `beta` is the
    correlation of its shocks with bitcoin's; `spread_fraction` is the usual bid-ask distance.
    """

    symbol: str
    base: str
    price_decimals: int
    lot_decimals: int
    min_notional_usdt: int
    max_quantity: int
    brackets: tuple[Bracket, ...]
    price: float
    hour_volatility: float
    beta: float
    spread_fraction: float
    day_volume_usdt: float
    open_interest_usdt: float

    @property
    def tick(self) -> float:
        return float(10.0**-self.price_decimals)

    @property
    def lot(self) -> float:
        return float(10.0**-self.lot_decimals)


def _brackets(*steps: tuple[int, int, float]) -> tuple[Bracket, ...]:
    """Steps of (highest leverage, notional cap in USDT, maintenance fraction), smallest cap first."""
    made: list[Bracket] = []
    floor, cumulative, previous = 0, 0.0, 0.0
    for leverage, cap, fraction in steps:
        cumulative += floor * (fraction - previous) if made else 0.0
        made.append(Bracket(leverage, floor, cap, fraction, round(cumulative, 4)))
        floor, previous = cap, fraction
    return tuple(made)


_M: Final = 1_000_000
# fmt: off
_DEEPEST: Final = _brackets(
    (125, 300_000, 0.004), (100, 800_000, 0.005), (75, 3 * _M, 0.0065), (50, 12 * _M, 0.01),
    (25, 60 * _M, 0.02), (20, 80 * _M, 0.025), (10, 180 * _M, 0.05), (5, 400 * _M, 0.1),
    (4, 500 * _M, 0.125), (2, 1000 * _M, 0.25), (1, 1500 * _M, 0.5),
)
_DEEP: Final = _brackets(
    (100, 50_000, 0.005), (75, 300_000, 0.0065), (50, 900_000, 0.01), (25, 3 * _M, 0.02), (20, 6 * _M, 0.025),
    (10, 30 * _M, 0.05), (5, 60 * _M, 0.1), (4, 80 * _M, 0.125), (2, 160 * _M, 0.25), (1, 300 * _M, 0.5),
)
_MIDDLE: Final = _brackets(
    (75, 20_000, 0.006), (50, 100_000, 0.01), (40, 200_000, 0.015), (25, 1 * _M, 0.02), (20, 2 * _M, 0.025),
    (10, 10 * _M, 0.05), (5, 20 * _M, 0.1), (4, 25 * _M, 0.125), (2, 50 * _M, 0.25), (1, 100 * _M, 0.5),
)
_SHALLOW: Final = _brackets(
    (50, 10_000, 0.01), (40, 50_000, 0.015), (25, 300_000, 0.02), (20, 600_000, 0.025), (10, 3 * _M, 0.05),
    (5, 6 * _M, 0.1), (4, 8 * _M, 0.125), (2, 20 * _M, 0.25), (1, 40 * _M, 0.5),
)
# fmt: on


def _listed(
    base: str,
    price: float,
    decimals: tuple[int, int],
    notional: int,
    max_quantity: int,
    brackets: tuple[Bracket, ...],
    *,
    volatility: float,
    beta: float,
    spread_bp: float,
    volume_m: float,
    oi_m: float,
) -> Instrument:
    """`decimals` of tick and lot; volume and open interest in millions of USDT."""
    return Instrument(
        symbol=base + QUOTE,
        base=base,
        price_decimals=decimals[0],
        lot_decimals=decimals[1],
        min_notional_usdt=notional,
        max_quantity=max_quantity,
        brackets=brackets,
        price=price,
        hour_volatility=volatility,
        beta=beta,
        spread_fraction=spread_bp / 10_000,
        day_volume_usdt=volume_m * _M,
        open_interest_usdt=oi_m * _M,
    )


# fmt: off
LISTED: Final[tuple[Instrument, ...]] = (
    _listed("BTC", 67_400.0, (1, 3), 100, 1_000, _DEEPEST,
            volatility=0.0034, beta=1.0, spread_bp=0.02, volume_m=12_000, oi_m=5_600),
    _listed("ETH", 1_960.0, (2, 3), 20, 10_000, _DEEPEST,
            volatility=0.0046, beta=0.74, spread_bp=0.06, volume_m=9_500, oi_m=3_900),
    _listed("SOL", 84.0, (2, 2), 5, 1_000_000, _DEEP,
            volatility=0.0058, beta=0.64, spread_bp=1.2, volume_m=2_900, oi_m=980),
    _listed("BNB", 612.0, (2, 2), 5, 10_000, _MIDDLE,
            volatility=0.0040, beta=0.60, spread_bp=0.3, volume_m=560, oi_m=420),
    _listed("XRP", 1.42, (4, 1), 5, 1_000_000, _DEEP,
            volatility=0.0054, beta=0.58, spread_bp=0.8, volume_m=1_400, oi_m=620),
    _listed("DOGE", 0.0986, (5, 0), 5, 10_000_000, _DEEP,
            volatility=0.0062, beta=0.62, spread_bp=1.1, volume_m=820, oi_m=310),
    _listed("ADA", 0.2810, (4, 0), 5, 10_000_000, _MIDDLE,
            volatility=0.0060, beta=0.60, spread_bp=3.6, volume_m=330, oi_m=150),
    _listed("AVAX", 9.120, (3, 0), 5, 1_000_000, _MIDDLE,
            volatility=0.0060, beta=0.60, spread_bp=1.4, volume_m=240, oi_m=110),
    _listed("LINK", 8.740, (3, 2), 5, 100_000, _MIDDLE,
            volatility=0.0057, beta=0.60, spread_bp=1.3, volume_m=290, oi_m=140),
    _listed("LTC", 53.60, (2, 3), 5, 10_000, _MIDDLE,
            volatility=0.0050, beta=0.55, spread_bp=2.0, volume_m=210, oi_m=120),
    _listed("BCH", 556.0, (2, 3), 5, 10_000, _MIDDLE,
            volatility=0.0052, beta=0.50, spread_bp=0.5, volume_m=190, oi_m=130),
    _listed("TRX", 0.28200, (5, 0), 5, 10_000_000, _SHALLOW,
            volatility=0.0030, beta=0.35, spread_bp=0.6, volume_m=120, oi_m=90),
    _listed("DOT", 1.310, (3, 1), 5, 1_000_000, _MIDDLE,
            volatility=0.0062, beta=0.58, spread_bp=7.6, volume_m=110, oi_m=60),
    _listed("NEAR", 1.040, (3, 0), 5, 1_000_000, _MIDDLE,
            volatility=0.0066, beta=0.56, spread_bp=9.6, volume_m=130, oi_m=70),
    _listed("SUI", 0.9600, (4, 1), 5, 10_000_000, _MIDDLE,
            volatility=0.0068, beta=0.60, spread_bp=1.2, volume_m=420, oi_m=190),
    _listed("UNI", 3.480, (3, 0), 5, 1_000_000, _MIDDLE,
            volatility=0.0064, beta=0.55, spread_bp=2.9, volume_m=150, oi_m=80),
)
# fmt: on

BY_SYMBOL: Final[dict[str, Instrument]] = {each.symbol: each for each in LISTED}


def instrument_for(symbol: str, price: float, day_volume_usdt: float) -> Instrument:
    """The listed instrument, or a plain one for a symbol that only a folder of candles knows.

    `price` and `day_volume_usdt` place an unlisted symbol; the volume is 1 million where it is unknown (0).
    """
    if symbol in BY_SYMBOL:
        return BY_SYMBOL[symbol]
    volume = day_volume_usdt or float(_M)
    return _listed(
        symbol.removesuffix(QUOTE), price, (4, 0), 5, 10_000_000, _SHALLOW,
        volatility=0.006, beta=0.5, spread_bp=4.0, volume_m=volume / _M, oi_m=volume / _M / 3,
    )  # fmt: skip
