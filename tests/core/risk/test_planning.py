"""Where stops and targets go, and what may become of a plan after it was drawn."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market import Side
from core.opinion import Decider, Features, Verdict
from core.plan import Cleared, Origin, Plan, Reason, Refused, Target
from core.risk.checks import examine
from core.risk.planning import at_price, draw, repriced, resized
from core.risk.sizing import merged, with_size
from tests.core.builders import (
    NOW,
    TIERS,
    D,
    a_case,
    a_frame,
    a_manual_idea_drawn,
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


def features(side: Side = Side.LONG, level: float | None = None, **hour: Any) -> Features:
    """No swing and no level behind the price unless named."""
    hour = {"swing_low": None, "swing_high": None, **hour}
    return some_features(side, hour=a_frame("1h", side, **hour), support=level, resistance=level)


def said(side: Side, *stops: float | None, ratio: float = 2.2, bars: int | None = 48) -> Verdict:
    """One adviser for each stop, who names a target `ratio` times as far."""
    opinions = tuple(
        an_opinion(f"a{i}", side, stop_atr=s, target_atr=s and s * ratio, horizon_bars=bars)
        for i, s in enumerate(stops)
    )
    return a_verdict(side, opinions=opinions)


def drawn(side: Side = Side.LONG, price: Any = 104, tick: str = "0.01", **fields: Any) -> Plan | Reason:
    """Bid and ask are `price`."""
    idea, quote = an_idea(side, **fields), a_quote(price, bid=D(str(price)))
    return draw(idea, quote, an_instrument(tick=D(tick)), an_account(), some_limits(), NOW)


def plan_of(found: Plan | Reason) -> Plan:
    assert isinstance(found, Plan), found
    return found


@pytest.mark.parametrize(
    ("side", "price", "hour", "level", "stops", "bars", "expected"),
    [
        (Side.LONG, 104, {"swing_low": 101.0}, None, (2.0,), 48, "98.80"),  # the least: 5 %
        (Side.LONG, 104, {}, None, (6.0, 7.0), 48, "97.50"),  # the mean of the multiples
        (Side.LONG, 104, {"atr": 2.0, "swing_low": 97.9}, None, (3.0,), 48, "97.40"),  # 0.25 ATR beyond it
        (Side.SHORT, 96, {"atr": 2.0, "swing_high": 102.1}, None, (3.0,), 48, "102.60"),
        (Side.LONG, 104, {"swing_low": 105.0}, None, (2.0,), 48, "98.80"),  # none to hide behind
        (Side.LONG, 104, {"atr": 2.8}, None, (None,), 48, "98.40"),  # nobody named one: two ATR
        (Side.LONG, 104, {}, None, (2.0,), 96, "96.72"),  # a day or longer: 7 %
        (Side.LONG, 104, {}, None, (9.36,), 96, "95.68"),  # and at most 8 % by ATR
        (Side.LONG, 104, {"atr": 2.0, "swing_low": 94.1}, None, (3.0,), 48, "93.60"),  # the greatest
        (Side.LONG, 104, {}, 98.85, (2.0,), 48, "98.75"),  # a tenth of an ATR beyond a level
        (Side.LONG, 100, {}, None, (2.0,), 48, "94.90"),  # and beyond a round number
    ],
)
def test_the_first_stop_is_the_rule_books_at_the_live_price(
    side: Side,
    price: Any,
    hour: Any,
    level: float | None,
    stops: tuple[float, ...],
    bars: int,
    expected: str,
) -> None:
    idea = {"features": features(side, level, **hour), "verdict": said(side, *stops, bars=bars)}

    assert plan_of(drawn(side, price, **idea)).stop == D(expected)


@pytest.mark.parametrize(
    ("atr", "swing", "stops"), [(2.0, 94.0, (3.0,)), (1.0, 101.0, (10.5,)), (1.0, 80.0, (2.0,))]
)
def test_structure_that_needs_more_than_the_greatest_distance_is_no_trade(
    atr: float, swing: float, stops: tuple[float, ...]
) -> None:
    found = drawn(features=features(atr=atr, swing_low=swing), verdict=said(Side.LONG, *stops))

    assert isinstance(found, Reason)
    assert found.text == "structure needs more than MAX_STOP_LOSS_PERCENT 0.10, no trade"


def test_the_live_price_decides_whether_there_is_room_for_a_stop() -> None:
    idea = {"features": features(atr=2.0, swing_low=94.1), "verdict": said(Side.LONG, 3.0)}

    assert isinstance(drawn(price="104.01", **idea), Reason)


@pytest.mark.parametrize("atr", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_without_a_usable_atr_no_stop_is_placed(atr: float | None) -> None:
    found = drawn(features=features(atr=atr))

    assert isinstance(found, Reason)
    assert "ATR is n/a" in found.text


@pytest.mark.parametrize("wrong", [float("nan"), float("-inf"), float("inf")])
def test_a_swing_or_level_that_is_no_number_is_not_hidden_behind(wrong: float) -> None:
    found = drawn(features=features(level=wrong, swing_low=wrong), verdict=said(Side.LONG, 2.0))

    assert plan_of(found).stop == D("98.80")


def test_an_adviser_who_holds_or_disagrees_moves_nothing() -> None:
    verdict = a_verdict(
        opinions=(
            an_opinion("a", stop_atr=7.0, target_atr=None, horizon_bars=40),
            an_opinion("b", None),
            an_opinion("c", Side.SHORT, stop_atr=9.9, target_atr=1.0, horizon_bars=400),
        )
    )

    plan = plan_of(drawn(features=features(), verdict=verdict))

    assert (plan.stop, plan.horizon_h) == (D("96.90"), 10.0)  # 97.00 is round
    assert plan.targets[1].price == D("126.13")  # 104 + 3 x (7.10 + 0.208) + 0.208


def test_the_ladder_is_net_of_costs_half_at_each_rung() -> None:
    # 5 to the stop and 0.2 of costs make R; 1.5 of them and the costs: 8.00; 3 of them and the costs: 15.80.
    long = plan_of(drawn(price=100, stop_named=D(95), verdict=None))
    short = plan_of(drawn(Side.SHORT, price=100, stop_named=D(105), verdict=None))

    assert long.targets == (Target(D("108.00"), D("0.5")), Target(D("115.80"), D("0.5")))
    assert short.targets == (Target(D("92.00"), D("0.5")), Target(D("84.20"), D("0.5")))
    assert long.cost == D("0.0020")


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (9.0, ("108.00", "115.80")),
        (3.0, ("108.00", "115.80")),
        (2.2, ("108.00", "111.64")),
        (1.5, ("108.00",)),
        (0.5, ("108.00",)),  # never nearer than the rung before
        (float("inf"), ("108.00", "115.80")),
    ],
)
def test_the_last_rung_comes_in_to_what_the_advisers_see(ratio: float, expected: tuple[str, ...]) -> None:
    plan = plan_of(drawn(price=100, stop_named=D(95), verdict=said(Side.LONG, 5.0, ratio=ratio)))

    assert tuple(target.price for target in plan.targets) == tuple(map(D, expected))
    assert sum(target.share for target in plan.targets) == 1


def test_a_slice_under_the_venues_smallest_joins_the_next() -> None:
    small = an_instrument(lot=D("0.01"), min_quantity=D("2"))

    plan = a_plan(instrument=small)  # 3.77: half of it is no order
    far = a_plan(instrument=an_instrument(min_quantity=D("1.8")))

    assert [target.share for target in plan.targets] == [D(1)]
    assert plan.targets[0].price == far.targets[1].price
    assert [target.share for target in far.targets] == [D("0.5"), D("0.5")]


def test_a_last_slice_under_the_venues_smallest_joins_the_one_before() -> None:
    near, far = Target(D(108), D("0.9")), Target(D(116), D("0.1"))

    kept = merged((near, far), D(10), an_instrument(min_quantity=D("1.5")))

    assert kept == (Target(D(108), D(1)),)


@given(
    quantity=st.decimals("0.01", 50, places=2),
    shares=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    least=st.decimals("0.01", 5, places=2),
)
def test_slices_are_orders_that_the_venue_takes_and_sum_to_the_whole(
    quantity: D, shares: list[int], least: D
) -> None:
    whole = D(sum(shares))
    parts = [D(share) / whole for share in shares]
    targets = tuple(Target(D(100 + i), part) for i, part in enumerate(parts))

    kept = merged(targets, quantity, an_instrument(min_quantity=least))

    assert sum(target.share for target in kept) == sum(parts)
    ordered = [(quantity * target.share).quantize(D("0.01"), ROUND_FLOOR) for target in kept[:-1]]
    assert all(own >= least for own in ordered)
    assert len(kept) == 1 or quantity - sum(ordered) >= least


@pytest.mark.parametrize(
    ("side", "price", "stop", "targets"),
    [
        # tick 0.5: 5 % are 95.95, beyond the round 96: 95.9; the stop away from the entry
        (Side.LONG, "101", "95.5", ["109.5", "113.5"]),  # 1.5 and 2.2 of 5.702 and 0.202: 109.755, 113.746
        (Side.SHORT, "101", "106.5", ["92.5", "88.5"]),  # 106.05, of 5.702: 92.245, 88.254
    ],
)
def test_stops_round_away_from_the_entry_and_targets_towards_it(
    side: Side, price: str, stop: str, targets: list[str]
) -> None:
    plan = plan_of(drawn(side, price, tick="0.5", features=features(side)))

    assert plan.stop == D(stop)
    assert [target.price for target in plan.targets] == [D(target) for target in targets]


def test_a_stop_at_the_greatest_distance_is_rounded_towards_the_entry() -> None:
    idea = {"features": features(atr=2.0, swing_low=91.43), "verdict": said(Side.LONG, 3.0)}

    plan = plan_of(drawn(price="101.03", tick="0.05", **idea))

    assert plan.stop == D("90.95")  # 90.93 lies between 90.90, too far, and 90.95


@given(
    price=st.decimals("0.001", 200_000, places=3),
    digits=st.integers(2, 6),
    atr=st.floats(0.001, 0.06),
    stop_atr=st.floats(0.5, 12),
    bars=st.integers(1, 600),
    side=st.sampled_from(Side),
)
def test_a_drawn_stop_always_holds_the_distances_and_the_tick(
    price: D, digits: int, atr: float, stop_atr: float, bars: int, side: Side
) -> None:
    tick = D(1).scaleb(price.adjusted() - digits)
    known = features(side, atr=atr * float(price), close=float(price))
    verdict = said(side, stop_atr, bars=bars)
    idea, limits = an_idea(side, features=known, verdict=verdict), some_limits()
    quote = a_quote(price, bid=price)

    found = draw(idea, quote, an_instrument(tick=tick), an_account(), limits, NOW)

    if isinstance(found, Reason):
        assert stop_atr * atr > 0.0999
        return
    away = (found.entry - found.stop) * side.sign
    assert found.stop % tick == 0
    assert away >= limits.min_stop * price
    assert away <= limits.max_stop * price or (tick > price / 200)  # no tick inside: refused by the checks


def test_a_tick_too_coarse_for_any_stop_is_refused_not_bent() -> None:
    rules = an_instrument(tick=D(25))
    plan = a_plan(instrument=rules)

    outcome = examine(a_case(plan, instrument=rules))

    assert isinstance(outcome, Refused)
    assert {"stop", "stop_distance"} & {reason.check for reason in outcome.reasons}


def test_a_named_stop_and_target_stand_where_they_were_named() -> None:
    idea = an_idea(stop_named=D("94.37"), target_named=D("113.13"), origin=Origin.MANUAL)

    plan = a_plan(idea=idea, quote=a_quote("100.07"))

    assert plan.stop == D("94.37")
    assert plan.targets == (Target(D("113.13"), D(1)),)


@pytest.mark.parametrize(
    ("side", "rate", "bars", "hours", "paid"),
    [
        (Side.LONG, 0.0004, 48, 12, "0.0006"),
        (Side.SHORT, 0.0004, 48, 12, "0"),  # received, and not counted on
        (Side.SHORT, -0.0004, 48, 12, "0.0006"),
        (Side.LONG, 0.0004, None, 36, "0.0018"),  # nobody said how long: half of the time stop
        (Side.LONG, 0.0004, 600, 72, "0.0036"),  # 150 h, but the time stop ends it
        (Side.LONG, None, 48, 12, "0.0015"),  # unknown: what the flag allows at most, paid
        (Side.SHORT, None, None, 36, "0.0045"),
        (Side.SHORT, float("nan"), 48, 12, "0.0015"),
    ],
)
def test_expected_funding_is_part_of_the_loss_and_of_the_gain(
    side: Side, rate: float | None, bars: int | None, hours: float, paid: str
) -> None:
    known = replace(features(side), funding_per_8h=rate)
    free = replace(features(side), funding_per_8h=0.0)
    verdict = said(side, 2.0, bars=bars)

    plan = plan_of(drawn(side, features=known, verdict=verdict))
    same = replace(plan_of(drawn(side, features=free, verdict=verdict)), quantity=plan.quantity)
    bare = with_size(same, an_instrument(), some_limits())

    assert plan.funding_cost == D(paid)
    if plan.stop == bare.stop:
        assert plan.loss_at_stop - bare.loss_at_stop == plan.notional * D(paid)
        assert bare.gain_at_targets - plan.gain_at_targets == plan.notional * D(paid)
    assert plan.loss_at_stop <= 20
    assert plan.horizon_h == (None if bars is None else bars / 4)
    assert hours == (min(plan.horizon_h, 72) if plan.horizon_h else 36)


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

    assert plan.quantity == plan.margin / 100 == 2
    assert plan.notes[-1] == "size cut by POSITION_SIZE_PERCENT"


def test_the_available_margin_cuts_the_size_and_says_so() -> None:
    account = an_account(available=D(50))

    plan = a_plan(account=account)

    assert plan.quantity == D("2.49")  # 50 at 5x less the entry fee: 2.4937
    assert plan.notes[-1] == "size cut by the available margin"
    assert isinstance(examine(a_case(plan, account=account)), Cleared)


def test_the_venues_largest_order_cuts_the_size_and_says_so() -> None:
    plan = a_plan(instrument=an_instrument(max_quantity=D("2.5")))

    assert plan.quantity == D("2.5")
    assert plan.notes[-1] == "size cut by the venue’s largest order"


def test_risk_above_the_hard_ceiling_is_cut_to_it() -> None:
    plan = a_plan(idea=a_manual_idea_drawn(risk=D("0.5")), limits=some_limits(max_trade_loss=D("0.03")))

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
            known = features(atr=float(price) / 100)
            plan = a_plan(idea=an_idea(features=known), quote=a_quote(price), instrument=rules)

            assert repriced(plan, plan.entry, rules, some_limits(), keep_levels=True) == plan


def test_a_price_that_ran_ahead_makes_the_card_smaller_at_the_same_levels_and_says_so() -> None:
    plan = a_plan()

    moved = repriced(plan, D("100.4"), an_instrument(), some_limits(), keep_levels=True)

    assert (moved.stop, moved.targets) == (plan.stop, plan.targets)
    assert moved.quantity < plan.quantity
    assert moved.loss_at_stop <= plan.loss_at_stop
    assert moved.notional <= plan.notional
    assert moved.notes[-1] == f"size 3.76 cut to {moved.quantity}: the price went from 100 to 100.4"


def test_a_price_that_came_back_keeps_the_least_stop_distance_and_grows_nothing() -> None:
    plan = a_plan(idea=an_idea(stop_named=D(95)))

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
    plan = a_plan(side, idea=an_idea(side, stop_named=D(100 - 7 * side.sign)))

    moved = repriced(plan, D(price), an_instrument(), some_limits(), keep_levels=False)

    def ways(of: Plan) -> list[D]:
        return [(one - of.entry) * side.sign / of.entry for one in (of.stop, *(t.price for t in of.targets))]

    assert all(abs(new - old) < D("0.0005") for new, old in zip(ways(moved), ways(plan), strict=True))
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


@pytest.mark.parametrize("field", ["equity", "price", "risk", "stop", "target", "beta"])
@pytest.mark.parametrize(
    "poison", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "0", "-1"]
)
def test_what_is_no_sane_number_is_drawn_without_raising_and_refused(field: str, poison: str) -> None:
    bad = D(poison)
    quote = replace(a_quote(), bid=bad, ask=bad, mark=bad, last=bad) if field == "price" else a_quote()
    named = {"risk": "risk", "stop": "stop_named", "target": "target_named", "beta": "beta"}
    idea = an_idea(**({named[field]: bad} if field in named else {}))

    account = an_account(bad if field == "equity" else 1000)
    plan = draw(idea, quote, an_instrument(), account, some_limits(), NOW)
    if isinstance(plan, Reason):
        assert field == "price"
        return
    outcome = examine(a_case(plan, quote=quote))

    within_reason = {("risk", "Infinity"), ("risk", "1E+999999"), ("equity", "Infinity")}
    within_reason |= {("beta", "1E-999999"), ("beta", "0"), ("beta", "-1")}
    if (field, poison) in within_reason:
        assert_holds_the_caps(plan)
    else:
        assert isinstance(outcome, Refused), plan


def assert_holds_the_caps(plan: Plan) -> None:
    assert not plan.loss_at_stop > 100
    assert plan.leverage <= 5


# ---------------------------------------------------------------- strategies


def test_beside_models_a_strategy_moves_neither_stop_nor_targets_nor_horizon() -> None:
    models = said(Side.LONG, 5.0, 6.0, ratio=1.2)
    strategy = an_opinion("strategy-trend@1h", stop_atr=0.5, target_atr=500.0, horizon_bars=9_000)
    together = replace(models, opinions=(*models.opinions, strategy))

    found = plan_of(drawn(verdict=together))

    expected = plan_of(drawn(verdict=models))
    assert (found.stop, found.targets, found.funding_cost) == (
        expected.stop,
        expected.targets,
        expected.funding_cost,
    )
    assert found.reward_risk == expected.reward_risk < some_limits().min_reward_risk


def test_strategies_that_decide_alone_say_where_the_stop_is() -> None:
    strategy = an_opinion("strategy-trend@1h", stop_atr=6.5, target_atr=500.0)
    alone = a_verdict(decider=Decider.RULES, opinions=(strategy,))

    assert plan_of(drawn(verdict=alone)).stop == plan_of(drawn(verdict=said(Side.LONG, 6.5))).stop


@pytest.mark.parametrize("share", ["0", "-1"])
def test_a_share_that_is_none_leaves_no_size(share: str) -> None:
    assert plan_of(drawn(capital=D(share))).quantity == 0


@given(st.decimals("0.01", "3", places=2))
def test_a_share_of_the_capital_never_adds_to_loss_or_margin(share: Any) -> None:
    whole, part = plan_of(drawn()), plan_of(drawn(capital=share))

    assert part.loss_at_stop <= min(whole.loss_at_stop, D(1000) * some_limits().risk_per_trade * share)
    assert part.margin <= min(whole.margin, D(1000) * some_limits().position_size * share)
    assert (part.stop, part.entry) == (whole.stop, whole.entry)


def test_a_share_of_the_capital_bounds_the_margin_too() -> None:
    tight = some_limits(position_size=D("0.01"))
    idea, quote = an_idea(), a_quote(104, bid=D(104))
    plans = [
        plan_of(draw(replace(idea, capital=D(share)), quote, an_instrument(), an_account(), tight, NOW))
        for share in ("1", "0.5")
    ]

    assert plans[1].margin <= plans[0].margin / 2 <= D(5)


def test_a_share_is_noted_on_the_plan_and_the_whole_is_not() -> None:
    assert "risk × 0.5: the strategies' share of the capital" in plan_of(drawn(capital=D("0.50"))).notes
    assert not any("share of the capital" in note for note in plan_of(drawn()).notes)
