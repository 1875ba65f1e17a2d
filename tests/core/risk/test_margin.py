from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market import Instrument, Side, Tier
from core.risk.margin import distance, liquidation_price, profit, room, round_trip_result, slipped
from core.risk.sizing import loss_at
from tests.core.builders import D, an_instrument, some_limits

# Brackets of Binance USDⓈ-M in May 2026: (cap, leverage, rate, deduction); a floor is the cap before.
BTC_ROWS = (
    (300_000, 150, "0.004", 0),
    (800_000, 100, "0.005", 300),
    (3_000_000, 75, "0.0065", 1_500),
    (12_000_000, 50, "0.01", 12_000),
    (70_000_000, 25, "0.02", 132_000),
    (100_000_000, 20, "0.025", 482_000),
    (230_000_000, 10, "0.05", 2_982_000),
    (480_000_000, 5, "0.1", 14_482_000),
    (600_000_000, 4, "0.125", 26_482_000),
    (800_000_000, 3, "0.15", 41_482_000),
    (1_200_000_000, 2, "0.25", 121_482_000),
    (1_800_000_000, 1, "0.5", 421_482_000),
)
DOGE_ROWS = (
    (80_000, 75, "0.0065", 0),
    (150_000, 50, "0.01", 280),
    (750_000, 40, "0.0125", 655),
    (2_000_000, 25, "0.02", 6_280),
)
LINK_ROWS = ((10_000, 75, "0.005", 0), (200_000, 50, "0.01", 50), (400_000, 40, "0.015", 1_050))

Rows = tuple[tuple[int, int, str, int], ...]


def with_brackets(rows: Rows) -> Instrument:
    floors = (0, *(row[0] for row in rows))
    tiers = (
        Tier(D(floor), D(cap), leverage, D(rate), D(deduction))
        for floor, (cap, leverage, rate, deduction) in zip(floors, rows, strict=False)
    )
    return an_instrument(tiers=tuple(tiers))


def maintenance(rows: Rows, notional: D) -> D:
    """By looking the bracket up, as the venue does."""
    row = next((row for row in rows if notional <= row[0]), rows[-1])
    return notional * D(row[2]) - row[3]


@pytest.mark.parametrize(
    ("rows", "side", "quantity", "entry", "leverage", "expected"),
    [
        # first bracket at entry and at liquidation: 20,000 - 100,000 over 0.004 - 1
        (BTC_ROWS, Side.LONG, "1", "100000", 5, "80321.285"),
        # the same for a short: 20,000 + 100,000 over 0.004 + 1
        (BTC_ROWS, Side.SHORT, "1", "100000", 5, "119521.912"),
        # 310,000 at entry, 248,996 at liquidation: the first bracket, (62,000 - 310,000) / (3.1 x -0.996)
        (BTC_ROWS, Side.LONG, "3.1", "100000", 5, "80321.285"),
        # 290,000 at entry, 317,711 at liquidation: the second, (29,000 + 300 + 290,000) / (2.9 x 1.005)
        (BTC_ROWS, Side.SHORT, "2.9", "100000", 10, "109555.670"),
        # third bracket throughout: (200,000 + 1,500 - 1,000,000) / (10 x -0.9935)
        (BTC_ROWS, Side.LONG, "10", "100000", 5, "80372.421"),
        # from the eleventh into the last: (5e8 + 421,482,000 + 1e9) / (10,000 x 1.5)
        (BTC_ROWS, Side.SHORT, "10000", "100000", 2, "128098.800"),
        # third bracket of DOGE at 200,000 and at 161,362: (40,000 + 655 - 200,000) / (1e6 x -0.9875)
        (DOGE_ROWS, Side.LONG, "1000000", "0.2", 5, "0.161362"),
        # 200,000 at entry, 237,683 at liquidation, third bracket: (40,000 + 655 + 200,000) / (1e6 x 1.0125)
        (DOGE_ROWS, Side.SHORT, "1000000", "0.2", 5, "0.237684"),
        # 9,600 at entry, 12,723 at liquidation: the second, (3,200 + 50 + 9,600) / (600 x 1.01)
        (LINK_ROWS, Side.SHORT, "600", "16", 3, "21.204620"),
        # 11,200 at entry, 9,005 at liquidation: the first, (2,240 - 11,200) / (700 x -0.995)
        (LINK_ROWS, Side.LONG, "700", "16", 5, "12.864322"),
        # 145,000, then 191,594: the third, (48,333.33 + 655 + 145,000) / (725,000 x 1.0125)
        (DOGE_ROWS, Side.SHORT, "725000", "0.2", 3, "0.264267"),
        # 160,000 at entry, 144,242 at liquidation: the second, (16,000 + 280 - 160,000) / (800,000 x -0.99)
        (DOGE_ROWS, Side.LONG, "800000", "0.2", 10, "0.181465"),
    ],
)
def test_liquidation_by_the_published_formula_and_brackets(
    rows: Rows, side: Side, quantity: str, entry: str, leverage: int, expected: str
) -> None:
    margin = D(quantity) * D(entry) / leverage

    price = liquidation_price(side, D(quantity), D(entry), margin, with_brackets(rows))

    assert price.quantize(D(expected)) == D(expected)


@pytest.mark.parametrize("quantity", ["0.001", "5", "5000"])
def test_a_long_without_borrowed_money_cannot_be_liquidated(quantity: str) -> None:
    margin = D(quantity) * 100_000

    assert liquidation_price(Side.LONG, D(quantity), D(100_000), margin, with_brackets(BTC_ROWS)) == 0


@given(
    side=st.sampled_from(Side),
    notional=st.decimals(10, 1_500_000_000, places=2),
    leverage=st.integers(1, 10),
    entry=st.decimals("0.0001", 200_000, places=4),
)
def test_at_the_liquidation_price_what_is_left_is_the_maintenance_margin(
    side: Side, notional: D, leverage: int, entry: D
) -> None:
    quantity, margin = notional / entry, notional / leverage
    price = liquidation_price(side, quantity, entry, margin, with_brackets(BTC_ROWS))

    left = margin + (price - entry) * quantity * side.sign

    if price > 0:
        assert abs(left - maintenance(BTC_ROWS, price * quantity)) < notional * D("1e-15")
    else:
        assert side is Side.LONG
        assert left >= 0  # nothing is owed even at zero


@given(
    side=st.sampled_from(Side),
    notional=st.decimals(10, 1_500_000_000, places=2),
    leverage=st.integers(1, 10),
    share=st.decimals(0, "0.999", places=3),
)
def test_until_the_liquidation_price_the_position_is_safe(
    side: Side, notional: D, leverage: int, share: D
) -> None:
    entry = D(100)
    quantity, margin = notional / entry, notional / leverage
    end = liquidation_price(side, quantity, entry, margin, with_brackets(BTC_ROWS))
    if (entry - end) * side.sign <= 0:
        return  # over the bracket's leverage: liquidated at once
    price = entry + (end - entry) * share

    left = margin + (price - entry) * quantity * side.sign

    assert left >= maintenance(BTC_ROWS, price * quantity)


def test_profit_has_the_sign_of_the_side() -> None:
    assert profit(Side.LONG, D(2), D(100), D(103)) == 6
    assert profit(Side.SHORT, D(2), D(100), D(103)) == -6


@pytest.mark.parametrize(
    ("side", "is_opening", "expected"),
    [
        (Side.LONG, True, "100.05"),
        (Side.LONG, False, "99.95"),
        (Side.SHORT, True, "99.95"),
        (Side.SHORT, False, "100.05"),
    ],
)
def test_a_market_order_always_slips_the_worse_way(side: Side, is_opening: bool, expected: str) -> None:
    assert slipped(D(100), side, D("0.0005"), is_opening=is_opening) == D(expected)


def test_a_round_trip_that_goes_nowhere_costs_fees_and_slippage() -> None:
    # in at 100.05, out at 99.95, fee 0.05 % of 200 in all
    assert round_trip_result(Side.LONG, D(1), D(100), D(100), D("0.0005"), D("0.0005")) == D("-0.20")
    assert round_trip_result(Side.SHORT, D(1), D(100), D(100), D("0.0005"), D("0.0005")) == D("-0.20")


def test_distance_and_room() -> None:
    assert distance(D(100), D(95)) == distance(D(100), D(105)) == D("0.05")
    assert room(Side.LONG, D(100), D(80)) == room(Side.SHORT, D(100), D(120)) == D("0.2")
    assert room(Side.LONG, D(100), D(120)) == D("-0.2")


def test_loss_at_a_stop_by_hand() -> None:
    # Short 3 at 50, stop 53: in at 49.975, out at 53.0265; 3 x 3.0515 and 0.05 % of 3 x 103.0015.
    loss = loss_at(Side.SHORT, D(3), D(50), D(53), an_instrument(), some_limits())

    assert loss == D("9.1545") + D("0.15450225")
