from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import NotFinite, ceil_to, cents_down, exact, floor_to, nearest_to

D = Decimal
numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e15", max_value="1e15")
steps = st.builds(lambda m, e: D(m).scaleb(e), st.integers(1, 999), st.integers(-12, 4))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1, "0.1"), (1e-8, "1e-8"), (3, "3"), ("0.10", "0.10"), (D("7"), "7"), (1e22, "1e22")],
)
def test_a_float_becomes_the_decimal_it_is_written_as(value: float | str, expected: str) -> None:
    assert exact(value) == D(expected)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "NaN", "sNaN", "-Infinity", "abc", "", "1,5", None]
)
def test_what_is_no_number_is_an_error_not_a_number(value: float | str) -> None:
    with pytest.raises(NotFinite):
        exact(value)


@given(numbers, steps)
def test_rounding_never_crosses_its_own_direction(value: D, step: D) -> None:
    low, high = floor_to(value, step), ceil_to(value, step)

    with localcontext() as context:
        context.prec = 80
        assert low <= value <= high
        assert value - low < step
        assert high - value < step
        assert low % step == high % step == 0
        assert abs(nearest_to(value, step) - value) <= step / 2


@given(numbers, steps)
def test_rounding_twice_is_rounding_once(value: D, step: D) -> None:
    for to in (floor_to, ceil_to, nearest_to):
        assert to(to(value, step), step) == to(value, step)


@pytest.mark.parametrize("digits", [49, 50, 51, 60, 200])
def test_a_long_row_of_nines_is_not_carried_past_its_integer(digits: int) -> None:
    just_under = D("0." + "9" * digits)

    assert floor_to(just_under, D(1)) == 0
    assert ceil_to(D("-0." + "9" * digits), D(1)) == 0


@pytest.mark.parametrize(
    ("value", "step", "floor", "ceiling"),
    [
        ("2.675", "0.01", "2.67", "2.68"),
        ("-2.675", "0.01", "-2.68", "-2.67"),
        ("0.3", "0.1", "0.3", "0.3"),
        ("7", "3", "6", "9"),
        ("0", "0.5", "0", "0"),
    ],
)
def test_rounding_by_hand(value: str, step: str, floor: str, ceiling: str) -> None:
    assert floor_to(D(value), D(step)) == D(floor)
    assert ceil_to(D(value), D(step)) == D(ceiling)


def test_ties_go_to_the_even_multiple() -> None:
    assert nearest_to(D("0.25"), D("0.1")) == D("0.2")
    assert nearest_to(D("0.35"), D("0.1")) == D("0.4")


def test_results_read_as_plain_numbers_and_zero_has_no_sign() -> None:
    assert str(floor_to(D(123), D(100))) == "100"
    assert str(ceil_to(D("-0.5"), D(1))) == "0"
    assert str(floor_to(D("-0.0"), D("0.1"))) == "0"


@pytest.mark.parametrize(
    ("value", "step"), [("NaN", "1"), ("1", "NaN"), ("Infinity", "1"), ("1", "0"), ("1", "-1")]
)
def test_rounding_what_is_no_number_or_to_no_step_is_an_error(value: str, step: str) -> None:
    for to in (floor_to, ceil_to, nearest_to):
        with pytest.raises(NotFinite):
            to(D(value), D(step))


def test_figures_beyond_decimals_range_are_an_error_of_ours() -> None:
    with pytest.raises(NotFinite):
        floor_to(D("1E+999999"), D("1E-999999"))


def test_cents_show_no_gain_larger_and_no_loss_smaller() -> None:
    assert str(cents_down(D("1.009"))) == "1.00"
    assert str(cents_down(D("-1.001"))) == "-1.01"
    with pytest.raises(NotFinite):
        cents_down(D("NaN"))
