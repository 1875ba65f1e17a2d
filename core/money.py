"""Exact money and rounding.

Laws:
- Money, prices of plans and quantities are `Decimal`; a float never becomes money except through `exact`.
- Every rounding names its direction. Quantities round down, always.
- A value that is not finite is an error here, never a number.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext

ZERO = Decimal(0)
ONE = Decimal(1)
CENT = Decimal("0.01")


class NotFinite(ValueError):
    """A number that must be finite is NaN or infinite."""


def exact(value: Decimal | int | float | str) -> Decimal:
    """The shortest decimal that names `value`; a float goes through its `repr`, so 0.1 is 0.1.

    Raises `NotFinite` for NaN and infinities and for text that is no number.
    """
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise NotFinite(f"{value!r} is not a number") from error
    if not number.is_finite():
        raise NotFinite(f"{value!r} is not a finite number")
    return number


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value` (towards minus infinity)."""
    return _to_multiple(value, step, ROUND_FLOOR)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value` (towards plus infinity)."""
    return _to_multiple(value, step, ROUND_CEILING)


def nearest_to(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value`; ties go to the even multiple."""
    return _to_multiple(value, step, ROUND_HALF_EVEN)


def cents_down(value: Decimal) -> Decimal:
    """Whole cents, towards minus infinity: a gain is never shown larger, a loss never smaller."""
    return _to_multiple(value, CENT, ROUND_FLOOR).quantize(CENT)


def without_zeros(value: Decimal) -> str:
    """As a person writes it: no exponent, no zeros at the end of a fraction."""
    return f"{value.normalize():f}"


def _to_multiple(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if not (value.is_finite() and step.is_finite()) or step <= 0:
        raise NotFinite(f"cannot round {value} to a multiple of {step}")
    with localcontext() as context:
        context.prec = 50  # prices times quantities stay exact far beyond any venue's precision
        context.rounding = rounding  # a quotient of more digits must not be carried past its integer
        try:
            multiples = (value / step).to_integral_value(rounding=rounding)
            context.rounding = ROUND_HALF_EVEN  # a sum of zero is plus zero
            return (multiples * step).normalize() + ZERO
        except ArithmeticError as error:
            raise NotFinite(f"cannot round {value} to a multiple of {step}") from error
