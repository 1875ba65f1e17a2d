"""Where stops and targets go, and what may become of a plan after it was drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.market import Side
from core.opinion import Features, Stance
from core.plan import Cleared, Origin, Plan, Reason, Refused
from core.risk.checks import examine
from core.risk.planning import (
    at_price,
    repriced,
    resized,
    stop_fraction,
    structural_fraction,
    target_fraction,
)
from tests.core.builders import (
    TIERS,
    D,
    a_case,
    a_frame,
    a_plan,
    a_quote,
    a_verdict,
    an_account,
    an_idea,
    an_instrument,
    an_opinion,
    some_features,
    some_limits,
)


def hour(side: Side = Side.LONG, **fields: Any) -> Features:
    return some_features(side, hour=a_frame("1h", side, **fields))


def said(side: Side, *stops: float | None, targets: float | None = None) -> Any:
    opinions = tuple(an_opinion(f"a{i}", side, stop_atr=s, target_atr=targets) for i, s in enumerate(stops))
    return a_verdict(side, opinions=opinions)


@pytest.mark.parametrize(
    ("side", "atr", "swing", "stops", "expected"),
    [
        (Side.LONG, 1.0, 97.0, (2.0,), "0.05"),  # 2 % by ATR, 3.25 % by swing: the least distance
        (Side.LONG, 1.0, 97.0, (6.0, 7.0), "0.065"),  # the mean of the ATR multiples
        (Side.LONG, 2.0, 93.5, (3.0,), "0.07"),  # 6.5 + a quarter of 2 beyond the swing
        (Side.SHORT, 2.0, 106.5, (3.0,), "0.07"),
        (Side.LONG, 1.0, None, (7.0,), "0.07"),
        (Side.LONG, 1.0, 101.0, (7.0,), "0.07"),  # a swing low above the price is none to hide behind
        (Side.LONG, 3.0, 99.0, (), "0.06"),  # nobody named a multiple: two ATR
        (Side.LONG, 2.0, 90.5, (3.0,), "0.1"),  # exactly the greatest distance
    ],
)
def test_the_stop_rests_beyond_atr_swing_and_least_distance(
    side: Side, atr: float, swing: float | None, stops: tuple[float, ...], expected: str
) -> None:
    features = hour(side, atr=atr, swing_low=swing, swing_high=swing)

    assert stop_fraction(said(side, *stops), features, some_limits()) == D(expected)


@pytest.mark.parametrize(
    ("atr", "swing", "stops"), [(2.0, 90.0, (3.0,)), (1.0, 97.0, (10.5,)), (1.0, 80.0, (2.0,))]
)
def test_structure_that_needs_more_than_the_greatest_distance_is_no_trade(
    atr: float, swing: float, stops: tuple[float, ...]
) -> None:
    found = stop_fraction(said(Side.LONG, *stops), hour(atr=atr, swing_low=swing), some_limits())

    assert isinstance(found, Reason)
    assert "more than MAX_STOP_LOSS_PERCENT 0.10" in found.text


@pytest.mark.parametrize("atr", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_without_a_usable_atr_no_stop_is_placed(atr: float | None) -> None:
    found = structural_fraction(Side.LONG, hour(atr=atr), some_limits())

    assert isinstance(found, Reason)


@pytest.mark.parametrize("swing", [float("nan"), float("-inf")])
def test_a_swing_that_is_no_number_is_not_hidden_behind(swing: float) -> None:
    found = structural_fraction(Side.LONG, hour(swing_low=swing), some_limits())

    assert isinstance(found, Reason) or found == D("0.05")


def test_an_adviser_who_holds_moves_no_stop() -> None:
    verdict = a_verdict(
        opinions=(
            an_opinion("a", stop_atr=7.0),
            an_opinion("b", None),
            an_opinion("c", Side.SHORT, stop_atr=9.9),
        )
    )

    assert stop_fraction(verdict, hour(), some_limits()) == D("0.07")


def test_a_hold_has_no_stop() -> None:
    assert isinstance(stop_fraction(a_verdict(stance=Stance.HOLD), hour(), some_limits()), Reason)


def test_the_target_keeps_the_advisers_own_ratio() -> None:
    assert target_fraction(said(Side.LONG, 5.0, targets=12.5), D("0.06")) == D("0.150")
    assert target_fraction(said(Side.LONG, None), D("0.05")) == D("0.110")
    assert target_fraction(said(Side.LONG, 1.0, targets=40.0), D("0.05")) == D("0.25")  # at most 5 stops away
    assert target_fraction(said(Side.LONG, 5.0, targets=float("inf")), D("0.05")) == D("0.110")


@pytest.mark.parametrize(
    ("side", "price", "stop", "target"),
    [
        # tick 0.5: the stop goes away from the entry, the target towards it
        (Side.LONG, "101", "95.5", "112.0"),  # 95.95 and 112.11
        (Side.SHORT, "101", "106.5", "90.0"),  # bid 100.9899: 106.0394 and 89.881
    ],
)
def test_stops_round_away_from_the_entry_and_targets_towards_it(
    side: Side, price: str, stop: str, target: str
) -> None:
    plan = a_plan(side, quote=a_quote(price), instrument=an_instrument(tick=D("0.5")))

    assert (plan.stop, plan.targets[0].price) == (D(stop), D(target))


def test_a_stop_at_the_greatest_distance_is_rounded_towards_the_entry() -> None:
    plan = a_plan(
        idea=an_idea(stop_fraction=D("0.1"), targets=((D("0.22"), D(1)),)),
        quote=a_quote("101.03"),
        instrument=an_instrument(tick=D("0.05")),
    )

    assert plan.stop == D("90.95")  # 90.927 lies between 90.90, too far, and 90.95
    assert isinstance(
        examine(a_case(plan, quote=a_quote("101.03"), instrument=an_instrument(tick=D("0.05")))), Cleared
    )


def test_a_tick_too_coarse_for_any_stop_is_refused_not_bent() -> None:
    rules = an_instrument(tick=D(25))
    plan = a_plan(instrument=rules)

    outcome = examine(a_case(plan, instrument=rules))

    assert isinstance(outcome, Refused)
    assert "stop" in {reason.check for reason in outcome.reasons}


@pytest.mark.parametrize(
    ("side", "price", "stop"), [(Side.LONG, "102", "93.50"), (Side.SHORT, "98", "106.50")]
)
def test_the_live_price_never_leaves_the_stop_inside_the_swing(side: Side, price: str, stop: str) -> None:
    # Closed at 100; the swing at 94 or 106 with ATR 2 wants the stop at 93.50 or 106.50, which is 6.5 % away.
    features = hour(side, atr=2.0, swing_low=94.0, swing_high=106.0)
    fraction = stop_fraction(said(side, 3.0), features, some_limits())
    assert fraction == D("0.065")
    idea = an_idea(side, features=features, stop_fraction=fraction, targets=((fraction * D("2.2"), D(1)),))

    plan = a_plan(side, idea=idea, quote=a_quote(price))

    assert plan.stop == D(stop)
    assert plan.reward_risk > D("1.9")  # the target moved out along with it
    assert plan.loss_at_stop <= 20


def test_a_swing_too_far_from_the_live_price_is_refused() -> None:
    features = hour(atr=2.0, swing_low=91.0)
    idea = an_idea(features=features, stop_fraction=D("0.095"), targets=((D("0.209"), D(1)),))

    outcome = examine(a_case(a_plan(idea=idea, quote=a_quote(101)), quote=a_quote(101)))

    assert isinstance(outcome, Refused)
    assert {reason.check for reason in outcome.reasons} == {"stop_distance"}


def test_a_named_stop_and_target_stand_where_they_were_named() -> None:
    idea = an_idea(stop_named=D("94.37"), target_named=D("113.13"), origin=Origin.MANUAL)

    plan = a_plan(idea=idea, quote=a_quote("100.07"))

    assert (plan.stop, plan.targets[0].price) == (D("94.37"), D("113.13"))


@pytest.mark.parametrize(
    ("wanted", "ceiling", "applied"), [(5, 5, 5), (5, 3, 3), (3, 10, 3), (20, 10, 9), (0, 5, 1), (-4, 5, 1)]
)
def test_leverage_is_asked_for_but_every_cap_holds(wanted: int, ceiling: int, applied: int) -> None:
    # With a stop 5 % away liquidation must be 10 % away: 9x leaves 10.7 %, 10x would leave 9.5 %.
    plan = a_plan(idea=an_idea(leverage_wanted=wanted), limits=some_limits(max_leverage=ceiling))

    assert plan.leverage == applied
    assert (plan.leverage_wanted, bool(plan.notes)) == (wanted, wanted != applied)


def test_the_bracket_of_the_real_size_bounds_leverage() -> None:
    # 1,900,000 of equity makes about 730,000 of notional, the third bracket: 25x; 4x allowed there here.
    rules = an_instrument(tiers=(TIERS[0], TIERS[1], replace(TIERS[2], max_leverage=4), TIERS[3]))

    plan = a_plan(equity=1_900_000, instrument=rules)

    assert plan.leverage == 4
    assert isinstance(examine(a_case(plan, instrument=rules, account=an_account(1_900_000))), Cleared)


def test_leverage_falls_when_the_size_itself_brings_liquidation_near() -> None:
    rules = an_instrument(
        tiers=(
            replace(TIERS[0], cap=D(1000)),
            replace(TIERS[3], floor=D(1000), maintenance_rate=D("0.15"), maintenance_deduction=D(145)),
        )
    )

    small = a_plan(instrument=rules, equity=1000)
    large = a_plan(instrument=rules, equity=100_000)

    assert small.leverage == 5
    assert large.leverage < 5
    away = (large.entry - large.liquidation) / large.entry
    assert away >= D("0.1")


def test_margin_cuts_the_size_and_says_so() -> None:
    plan = a_plan(idea=an_idea(leverage_wanted=1), limits=some_limits(position_size=D("0.2")))

    assert plan.quantity == D("1.99")  # 200 less the entry fee
    assert plan.notes[-1] == "size cut by POSITION_SIZE_PERCENT"
    assert plan.margin + plan.notional * D("0.0005") <= 200


def test_the_venues_largest_order_cuts_the_size_and_says_so() -> None:
    plan = a_plan(instrument=an_instrument(max_quantity=D("2.5")))

    assert plan.quantity == D("2.5")
    assert plan.notes[-1] == "size cut by the venue’s largest order"


def test_risk_above_the_hard_ceiling_is_cut_to_it() -> None:
    plan = a_plan(idea=an_idea(risk=D("0.5")), limits=some_limits(max_trade_loss=D("0.03")))

    assert D(29) < plan.loss_at_stop <= D(30)


def test_half_a_card_is_half_in_whole_lots() -> None:
    plan = a_plan(quantity=D("3.85"))

    half = resized(plan, D("0.5"), an_instrument(), some_limits())

    assert half.quantity == D("1.92")
    assert half.full_size_loss == plan.full_size_loss
    assert half.margin == half.notional / 5


@pytest.mark.parametrize("share", ["1.5", "2", "1"])
def test_a_share_above_one_never_makes_more(share: str) -> None:
    plan = a_plan()

    assert resized(plan, D(share), an_instrument(), some_limits()) == plan


@pytest.mark.parametrize("share", ["0", "-1", "NaN", "Infinity", "0.0001"])
def test_a_share_of_nothing_is_an_empty_plan_that_is_refused(share: str) -> None:
    none = resized(a_plan(), D(share), an_instrument(), some_limits())

    if share == "Infinity":
        assert none == a_plan()
        return
    assert none.quantity == none.margin == none.loss_at_stop == 0
    assert isinstance(examine(a_case(none)), Refused)


def test_a_plan_at_its_own_price_stays_what_it_is() -> None:
    for lot in ("0.01", "0.003", "0.07"):
        rules = an_instrument(lot=D(lot), min_quantity=D(lot))
        for price in ("100", "33.33", "7.77"):
            plan = a_plan(quote=a_quote(price), instrument=rules)

            assert repriced(plan, plan.entry, rules, some_limits(), keep_levels=True) == plan


def test_a_price_that_ran_ahead_makes_the_card_smaller_at_the_same_levels() -> None:
    plan = a_plan()

    moved = repriced(plan, D("100.4"), an_instrument(), some_limits(), keep_levels=True)

    assert (moved.stop, moved.targets) == (plan.stop, plan.targets)
    assert moved.quantity < plan.quantity
    assert moved.loss_at_stop <= plan.loss_at_stop
    assert moved.notional <= plan.notional


def test_a_price_that_came_back_keeps_the_least_stop_distance_and_grows_nothing() -> None:
    plan = a_plan()

    moved = repriced(plan, D("99.6"), an_instrument(), some_limits(), keep_levels=True)

    assert moved.stop == D("94.62")
    assert moved.quantity <= plan.quantity
    assert moved.loss_at_stop <= plan.loss_at_stop


def test_a_short_whose_price_rose_binds_no_more_margin() -> None:
    plan = a_plan(Side.SHORT)

    moved = repriced(plan, plan.entry * D("1.004"), an_instrument(), some_limits(), keep_levels=True)

    assert moved.margin <= plan.margin


@pytest.mark.parametrize("price", ["80", "97", "103", "140"])
@pytest.mark.parametrize("side", list(Side))
def test_a_requote_moves_levels_along_with_the_price(side: Side, price: str) -> None:
    plan = a_plan(side, idea=an_idea(side, stop_fraction=D("0.07"), targets=((D("0.154"), D(1)),)))

    moved = repriced(plan, D(price), an_instrument(), some_limits(), keep_levels=False)

    assert abs((moved.entry - moved.stop) * side.sign / moved.entry - D("0.07")) < D("0.0005")
    assert abs((moved.targets[0].price - moved.entry) * side.sign / moved.entry - D("0.154")) < D("0.0005")
    assert moved.loss_at_stop <= plan.loss_at_stop
    assert moved.quantity <= plan.quantity


@pytest.mark.parametrize("price", ["NaN", "Infinity", "0", "-3", "1E+999999"])
def test_a_price_that_is_none_empties_the_plan(price: str) -> None:
    moved = repriced(a_plan(), D(price), an_instrument(), some_limits(), keep_levels=True)

    assert moved.quantity == 0
    assert isinstance(examine(a_case(moved)), Refused)


def test_within_the_drift_a_plan_follows_the_price_and_beyond_it_stays_to_be_refused() -> None:
    plan = a_plan()
    near, far = a_quote("100.5"), a_quote("100.51")

    followed = at_price(plan, near, an_instrument(), some_limits())
    left = at_price(plan, far, an_instrument(), some_limits())

    assert isinstance(examine(a_case(followed, quote=near)), Cleared)
    assert left is plan
    assert isinstance(examine(a_case(left, quote=far)), Refused)


@pytest.mark.parametrize("field", ["equity", "price", "risk", "stop", "target"])
@pytest.mark.parametrize(
    "poison", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "0", "-1"]
)
def test_what_is_no_sane_number_is_drawn_without_raising_and_refused(field: str, poison: str) -> None:
    bad = D(poison)
    quote = replace(a_quote(), bid=bad, ask=bad, mark=bad, last=bad) if field == "price" else a_quote()
    idea = an_idea(
        risk=bad if field == "risk" else D("0.02"),
        stop_fraction=bad if field == "stop" else D("0.05"),
        targets=((bad if field == "target" else D("0.11"), D(1)),),
    )

    plan = a_plan(idea=idea, quote=quote, equity=bad if field == "equity" else 1000)
    outcome = examine(a_case(plan, quote=quote))

    within_reason = {("risk", "Infinity"), ("risk", "1E+999999"), ("equity", "Infinity")}
    if (field, poison) in within_reason | {("stop", "0"), ("stop", "-1"), ("stop", "1E-999999")}:
        assert_holds_the_caps(plan)
    else:
        assert isinstance(outcome, Refused), plan


def assert_holds_the_caps(plan: Plan) -> None:
    assert not plan.loss_at_stop > 100
    assert plan.leverage <= 5
