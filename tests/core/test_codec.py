from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codec import from_plain, from_text, to_plain, to_text
from core.market import Side
from core.opinion import Features, Flags, Verdict
from core.plan import Plan
from core.risk.account import Account
from core.risk.limits import Limits
from core.trade import ClosedTrade, Order, Position, Trade
from tests.core import builders
from tests.core.builders import NOW, D


@dataclass(frozen=True)
class Part:
    price: Decimal
    note: str | None = None


@dataclass(frozen=True)
class Whole:
    at: datetime
    count: int = 0
    is_open: bool = False
    ratio: float = 0.0
    side: Side = Side.LONG
    parts: tuple[Part, ...] = ()
    pair: tuple[int, str] = (1, "a")
    names: frozenset[str] = frozenset()
    by_name: Mapping[str, Decimal] = field(default_factory=dict)
    best: Decimal | None = None
    rows: list[float] = field(default_factory=list)
    anything: Any = None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Plan, builders.a_plan()),
        (Plan, builders.a_plan(idea=builders.a_manual_idea_drawn())),
        (Trade, builders.a_trade()),
        (ClosedTrade, builders.a_closed_trade(-3)),
        (Position, builders.a_position()),
        (Order, builders.an_order()),
        (Features, builders.some_features()),
        (Flags, builders.some_flags("rsi")),
        (Verdict, builders.a_verdict()),
        (Limits, builders.some_limits()),
        (Account, builders.an_account(foreign_symbols=frozenset({"B", "A"}), last_closed={"B": NOW})),
    ],
)
def test_the_words_of_the_core_survive_text(kind: type[Any], value: object) -> None:
    assert from_text(kind, to_text(value)) == value


money = st.decimals(allow_nan=False, allow_infinity=False)
wholes = st.builds(
    Whole,
    at=st.datetimes(timezones=st.just(UTC)),
    count=st.integers(),
    is_open=st.booleans(),
    ratio=st.floats(allow_nan=False),
    side=st.sampled_from(Side),
    parts=st.lists(st.builds(Part, money, st.none() | st.text()), max_size=3).map(tuple),
    names=st.frozensets(st.text(), max_size=4),
    by_name=st.dictionaries(st.text(), money, max_size=3),
    best=st.none() | money,
    rows=st.lists(st.floats(allow_nan=False), max_size=3),
)


@given(wholes)
def test_anything_of_ours_survives_text_to_the_last_digit(value: Whole) -> None:
    again = from_text(Whole, to_text(value))

    assert again == value
    assert to_text(again) == to_text(value)


def test_equal_values_give_equal_text_whatever_their_order_or_zone() -> None:
    there = timezone(timedelta(hours=5))
    one = Whole(NOW, names=frozenset({"b", "a", "c"}), by_name={"x": D(1), "y": D(2)})
    other = Whole(NOW.astimezone(there), names=frozenset({"c", "b", "a"}), by_name={"y": D(2), "x": D(1)})

    assert one == other
    assert to_text(one) == to_text(other)


class Place(NamedTuple):
    row: int
    price: Decimal = D(7)
    back: Place | None = None


def test_a_named_tuple_survives_text_by_the_names_of_its_fields() -> None:
    value = Place(1, D("2.50"), Place(2))

    assert from_text(Place, to_text(value)) == value
    assert json.loads(to_text(Place(1))) == {"row": 1, "price": "7", "back": None}
    assert from_text(Place, '{"row": 3}') == Place(3, D(7), None)
    with pytest.raises(ValueError, match="not a Place"):
        from_text(Place, '[1, "7", null]')


@dataclass(frozen=True)
class Nothing:
    pass


def test_a_word_without_fields_survives_text() -> None:
    assert from_text(Nothing, to_text(Nothing())) == Nothing()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_no_json_stays_readable_by_every_json_reader(value: float) -> None:
    text = to_text(Whole(NOW, ratio=value))

    def refuse(name: str) -> None:
        raise AssertionError(name)

    json.loads(text, parse_constant=refuse)
    assert repr(from_text(Whole, text).ratio) == repr(value)


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity"])
def test_a_refused_plan_with_a_poisoned_figure_can_be_recorded_and_read(value: str) -> None:
    plan = replace(builders.a_plan(), entry=D(value))

    assert str(from_text(Plan, to_text(plan)).entry) == value


def test_times_come_back_aware_in_utc() -> None:
    value = Whole(datetime(2026, 3, 2, 15, 5, tzinfo=timezone(timedelta(hours=3))))

    again = from_text(Whole, to_text(value))

    assert again.at == value.at
    assert again.at.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_an_error_both_ways() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_text(datetime(2026, 3, 2))  # noqa: DTZ001
    with pytest.raises(ValueError, match="no time zone"):
        from_plain(Whole, {"at": "2026-03-02T12:00:00"})


@pytest.mark.parametrize(
    "changed",
    [
        {"at": 5},
        {"at": "soon"},
        {"count": "1"},
        {"count": 1.5},
        {"count": True},
        {"is_open": 1},
        {"ratio": "much"},
        {"ratio": True},
        {"side": "sideways"},
        {"parts": "abc"},
        {"parts": {"price": "1"}},
        {"parts": ["abc"]},
        {"parts": [{"price": 0.1}]},
        {"parts": [{"price": "one"}]},
        {"parts": [{"price": True}]},
        {"parts": [{"note": "no price"}]},
        {"pair": [1]},
        {"names": "abc"},
        {"by_name": ["x"]},
        {"by_name": {"x": None}},
        {"best": 0.5},
        {"best": []},
        {"rows": 3},
    ],
)
def test_what_does_not_fit_is_a_value_error_and_nothing_else(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        from_plain(Whole, {"at": NOW.isoformat(), **changed})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"struck"', "5", '["struck"]'])
def test_text_that_holds_no_object_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        from_text(Flags, text)


def test_unknown_keys_are_ignored_and_missing_ones_take_the_default() -> None:
    assert from_plain(Whole, {"at": NOW.isoformat(), "later": 1}) == Whole(NOW)


def test_a_missing_required_field_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not a Whole"):
        from_plain(Whole, {"count": 1})


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize("value", [object(), b"bytes", np.int64(3), 3 + 4j])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        to_text(value)


def test_plain_values() -> None:
    assert to_plain({"a": (D("1E+3"), Colour.RED, None, True)}) == {"a": ["1000", "red", None, True]}
