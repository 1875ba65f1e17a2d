"""What is refused, one rule at a time; each case differs from a plan that passes in one thing only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.market import Side
from core.opinion import Flags, Stance
from core.plan import Cleared, Origin, Plan, Reason, Refused, ScoreTerms, Target
from core.risk.account import Account, OpenRisk
from core.risk.checks import Case, examine
from core.risk.planning import resized
from tests.core.builders import (
    BTC,
    NOW,
    SOL,
    TIERS,
    D,
    a_case,
    a_manual_idea_drawn,
    a_plan,
    a_quote,
    a_verdict,
    an_account,
    an_idea,
    an_instrument,
    an_open_risk,
    an_opinion,
    later,
    some_flags,
    some_limits,
)


def reasons_of(case: Case) -> tuple[Reason, ...]:
    outcome = examine(case)
    return outcome.reasons if isinstance(outcome, Refused) else ()


def refusals(case: Case) -> set[str]:
    return {reason.check for reason in reasons_of(case)}


def words(case: Case, check: str) -> str:
    return next(reason.text for reason in reasons_of(case) if reason.check == check)


@pytest.mark.parametrize("side", list(Side))
def test_a_sound_plan_before_a_calm_account_is_cleared(side: Side) -> None:
    plan = a_plan(side)

    outcome = examine(a_case(plan))

    assert isinstance(outcome, Cleared)
    assert outcome.plan is plan
    assert outcome.at == NOW


def test_nobody_else_can_clear_a_plan() -> None:
    with pytest.raises(TypeError):
        Cleared(a_plan(), NOW, object())


def test_every_reason_is_reported_not_only_the_first() -> None:
    account = an_account(open_breakers=("drawdown",), closed_to_entries="paused by the owner", equity=None)

    assert refusals(a_case(account=account, flags=some_flags("rsi"))) == {
        "entries",
        "breakers",
        "equity",
        "flags",
    }


@pytest.mark.parametrize(
    ("side", "stop", "check"),
    [
        (Side.LONG, "100", "stop"),
        (Side.LONG, "106", "stop"),
        (Side.LONG, "0", "stop"),
        (Side.LONG, "-5", "stop"),
        (Side.SHORT, "94", "stop"),
        (Side.LONG, "95.01", "stop_distance"),
        (Side.LONG, "89.99", "stop_distance"),
        (Side.SHORT, "104.98", "stop_distance"),
        (Side.SHORT, "110.00", "stop_distance"),
        (Side.LONG, "94.005", "stop"),
    ],
)
def test_a_stop_on_the_wrong_side_too_near_too_far_or_off_the_tick_is_refused(
    side: Side, stop: str, check: str
) -> None:
    plan = replace(a_plan(side), stop=D(stop))

    assert check in refusals(a_case(plan))


def test_a_stop_is_refused_with_both_numbers() -> None:
    plan = replace(a_plan(), stop=D("95.01"))

    assert words(a_case(plan), "stop_distance") == "stop distance 0.0499 is under MIN_STOP_LOSS_PERCENT 0.05"


@pytest.mark.parametrize(
    "targets",
    [
        (),
        (Target(D(100), D(1)),),
        (Target(D(90), D(1)),),
        (Target(D(111), D("0.5")),),
        (Target(D(111), D("1.5")), Target(D(112), D("-0.5"))),
        (Target(D(111), D(1)), Target(D(112), D(0))),
    ],
)
def test_targets_that_are_no_targets_are_refused(targets: tuple[Target, ...]) -> None:
    assert "targets" in refusals(a_case(a_plan(targets=targets)))


def test_a_target_of_a_short_below_zero_is_refused() -> None:
    assert "targets" in refusals(a_case(a_plan(Side.SHORT, targets=(Target(D(-1), D(1)),))))


def test_a_loss_over_the_risk_of_one_trade_is_refused() -> None:
    plan = a_plan(equity=1000)

    assert refusals(a_case(plan, limits=some_limits(risk_per_trade=D("0.0199")))) == {"loss_at_stop"}


def test_a_loss_of_exactly_the_risk_of_one_trade_passes() -> None:
    plan = a_plan()
    account = an_account(plan.loss_at_stop / D("0.02"))

    assert refusals(a_case(plan, account=account)) == set()


def test_a_manual_plan_may_risk_more_than_one_trade_but_never_more_than_the_hard_ceiling() -> None:
    plan = a_plan(idea=a_manual_idea_drawn(risk=D("0.09")))

    passes = refusals(a_case(plan, limits=some_limits(max_trade_loss=D("0.09"))))
    fails = refusals(a_case(plan, limits=some_limits(max_trade_loss=D("0.089"))))

    assert passes == set()
    assert fails == {"loss_at_stop"}


def test_a_scanned_plan_at_the_hard_ceiling_is_refused_by_both_rules() -> None:
    plan = a_plan(idea=an_idea(risk=D("0.09")), limits=some_limits(risk_per_trade=D("0.09")))
    case = a_case(plan, limits=some_limits(max_trade_loss=D("0.08"), risk_per_trade=D("0.02")))

    assert [r.check for r in reasons_of(case)].count("loss_at_stop") == 2


@pytest.mark.parametrize("leverage", [0, -1, 6, 125])
def test_leverage_outside_one_and_the_ceiling_is_refused(leverage: int) -> None:
    assert "leverage" in refusals(a_case(a_plan(leverage=leverage)))


def test_a_lowered_ceiling_refuses_a_card_drawn_before() -> None:
    assert refusals(a_case(a_plan(), limits=some_limits(max_leverage=3))) == {"leverage"}


def test_leverage_over_what_the_venue_allows_at_that_size_is_refused() -> None:
    plan = a_plan()
    rules = an_instrument(tiers=tuple(replace(tier, max_leverage=4) for tier in TIERS))

    assert refusals(a_case(plan, instrument=rules)) == {"leverage"}


def test_a_size_over_the_venues_last_bracket_is_refused() -> None:
    plan = a_plan()
    rules = an_instrument(tiers=(replace(TIERS[0], cap=D(300)),))

    assert words(a_case(plan, instrument=rules), "leverage") == (
        "size 376 USDT is over the venue's largest position 300"
    )


def test_margin_over_its_share_of_equity_is_refused() -> None:
    assert refusals(a_case(limits=some_limits(position_size=D("0.0751")))) == {"margin"}


def test_margin_and_entry_fee_must_fit_into_what_is_available() -> None:
    plan = a_plan()
    needed = plan.margin + plan.notional * D("0.0005")

    fits = refusals(a_case(plan, account=an_account(available=needed)))
    short = refusals(a_case(plan, account=an_account(available=needed - D("0.0001"))))

    assert fits == set()
    assert short == {"margin"}


@pytest.mark.parametrize(
    "fields",
    [
        {"open_risks": (an_open_risk(BTC, Side.SHORT, loss=1),)},
        {"open_risks": (an_open_risk(BTC, Side.SHORT, loss=1, is_card=True),)},
        {"foreign_symbols": frozenset({SOL})},
    ],
)
def test_a_taken_place_or_a_foreign_position_is_refused(fields: dict[str, Any]) -> None:
    assert refusals(a_case(account=an_account(**fields))) == {"positions"}


def test_one_symbol_has_one_place_however_many_are_left() -> None:
    account = an_account(open_risks=(an_open_risk(SOL, loss=1, is_card=True),))

    assert refusals(a_case(account=account, limits=some_limits(max_open_positions=5))) == {"positions"}


def test_a_foreign_position_in_another_symbol_takes_no_place() -> None:
    assert refusals(a_case(account=an_account(foreign_symbols=frozenset({BTC})))) == set()


@pytest.mark.parametrize(
    "rules",
    [
        {"is_active": False},
        {"lot": D("0.05")},
        {"max_quantity": D("3.75")},
        {"min_quantity": D("3.77")},
        {"min_notional": D("376.01")},
    ],
)
def test_a_size_the_venue_would_reject_is_refused(rules: dict[str, Any]) -> None:
    assert refusals(a_case(a_plan(), instrument=an_instrument(**rules))) == {"minimums"}


def test_the_smallest_notional_is_measured_at_the_lower_of_entry_and_mark() -> None:
    plan = a_plan()
    rules = an_instrument(min_notional=D(376))

    at_entry = refusals(a_case(plan, instrument=rules))
    below = refusals(a_case(plan, instrument=rules, quote=a_quote(mark=D("99.99"))))

    assert at_entry == set()
    assert below == {"minimums"}


def test_liquidation_nearer_than_twice_the_stop_is_refused() -> None:
    plan = a_plan()  # 19.6 % away at 5x

    assert refusals(a_case(plan, limits=some_limits(liquidation_per_stop=D(4)))) == {"liquidation"}


def test_liquidation_nearer_than_a_tenth_is_refused() -> None:
    plan = a_plan()

    assert refusals(a_case(plan, limits=some_limits(min_liquidation_distance=D("0.2")))) == {"liquidation"}


def test_reward_to_risk_under_its_least_is_refused() -> None:
    near = tuple(an_opinion(name, stop_atr=5.0, target_atr=7.0) for name in ("a", "b"))
    plan = a_plan(idea=an_idea(verdict=a_verdict(opinions=near)))  # all of it at 1.5 R, funding to pay

    assert refusals(a_case(plan)) == {"reward_risk"}
    assert words(a_case(plan), "reward_risk") == "R:R 1.49 is under 1.5"


def test_reward_to_risk_is_share_weighted_and_net() -> None:
    # 3.76 at 100: out at 108.15 and 111.86, half each; slippage and fee 0.05 % each way, funding 0.015 %.
    plan = a_plan()

    paid, funding = D("100.05"), D("376") * D("0.00015")
    near, far = D("108.15") * D("0.9995"), D("111.86") * D("0.9995")
    fees = (paid + near + paid + far) * D("1.88") * D("0.0005")
    gain = D("1.88") * (near - paid + far - paid) - fees - funding
    stopped = D("94.9") * D("0.9995")
    loss = D("3.76") * (paid - stopped) + D("3.76") * (paid + stopped) * D("0.0005") + funding
    assert plan.quantity == D("3.76")
    assert plan.gain_at_targets == gain
    assert plan.loss_at_stop == loss
    assert plan.reward_risk == gain / loss


def sized(equity: int, **fields: Any) -> Plan:
    return a_plan(equity=equity, **fields)


def test_a_small_gain_passes_when_it_is_one_and_a_quarter_r() -> None:
    plan = sized(50)  # R = 0.96, gain about 1.76: under 2.50, over 1.25 R

    assert plan.gain_at_targets < D("2.5")
    assert refusals(a_case(plan, account=an_account(50))) == set()


def test_a_large_plan_needs_no_more_than_the_least_profit_in_dollars() -> None:
    plan = sized(1000)
    limits = some_limits(min_profit_in_r=D(5))  # 5 R = 100, so MIN_PROFIT_USD is the lesser

    assert refusals(a_case(plan, limits=limits)) == set()


def test_a_gain_under_both_is_refused_with_both_numbers() -> None:
    plan = sized(100)  # R 1.96, gain 3.62
    case = a_case(
        plan, account=an_account(100), limits=some_limits(min_profit_usd=D(6), min_profit_in_r=D(3))
    )

    assert refusals(case) == {"min_profit"}
    assert words(case, "min_profit").startswith("net gain at targets 3.62 is under 5.89 (the lesser of")


def test_a_half_card_is_judged_by_the_r_of_the_full_plan() -> None:
    full = sized(100)
    half = resized(full, D("0.5"), an_instrument(), some_limits())
    needed = min(D("2.5"), D("1.25") * full.loss_at_stop)

    assert half.full_size_loss == full.loss_at_stop
    assert half.gain_at_targets < needed
    assert D("1.25") * half.loss_at_stop < half.gain_at_targets  # its own R would have let it pass
    assert refusals(a_case(half, account=an_account(100))) == {"min_profit"}


def test_a_half_card_of_a_larger_account_earns_enough() -> None:
    half = resized(sized(1000), D("0.5"), an_instrument(), some_limits())

    assert refusals(a_case(half)) == set()


def budget_case(equity: Any, *, others: Any = 0, opening: Any = 1000, peak: Any = 1000) -> Case:
    """A plan that loses 20 at most, with two more places on the other side of the market."""
    risks = (an_open_risk(BTC, Side.SHORT, loss=others),) if others else ()
    account = an_account(
        equity, day_opening=D(str(opening)), peak=D(str(peak)), open_risks=risks, available=D(1000)
    )
    plan = a_plan(equity=equity)
    calm = {"yellow_drawdown": D("0.9"), "orange_drawdown": D("0.9")}
    return a_case(plan, account=account, limits=some_limits(max_open_positions=3, **calm))


def test_what_is_left_of_the_daily_limit_bounds_the_new_risk() -> None:
    # Equity 918, the plan loses 18.319. Opened with 999.64: 99.964 may go, 81.64 went, 18.324 are left.
    assert a_plan(equity=918).loss_at_stop.quantize(D("0.001")) == D("18.319")

    assert "daily_budget" not in refusals(budget_case(918, opening="999.64"))
    assert refusals(budget_case(918, opening="999.65")) == {"daily_budget"}


def test_open_risk_counts_against_the_daily_limit() -> None:
    assert "daily_budget" not in refusals(budget_case(1000, others=80))
    assert refusals(budget_case(1000, others=D("80.06"))) == {"daily_budget"}


def test_what_is_left_of_the_drawdown_limit_bounds_the_new_risk() -> None:
    # equity 1000, peak 1225: limit 245, fallen 225, so 20 are left; the plan loses 19.97
    assert refusals(budget_case(1000, peak=1225)) == set()
    assert refusals(budget_case(1000, peak=1226)) == {"drawdown_budget"}


def test_a_day_that_gained_has_more_room_and_no_less() -> None:
    assert refusals(budget_case(1000, opening=900)) == set()


def sided(*risks: OpenRisk, places: int = 5, **plan: Any) -> Case:
    """A plan that loses 19.97; five places make a cap of 60 % of 100 on one side."""
    limits = some_limits(max_open_positions=places, daily_loss=D("0.5"), max_drawdown=D("0.5"))
    return a_case(a_plan(**plan), account=an_account(open_risks=risks), limits=limits)


def test_risk_on_one_side_is_capped() -> None:
    assert refusals(sided(an_open_risk(loss="40.03"))) == set()
    assert refusals(sided(an_open_risk(loss="40.04"))) == {"same_direction"}
    assert refusals(sided(an_open_risk(side=Side.SHORT, loss="40.04"))) == set()
    assert words(sided(an_open_risk(loss="40.04")), "same_direction") == (
        "long risk 60.01, weighted by beta, would be over 60.00"
    )


def test_risk_on_the_other_side_offsets_nothing() -> None:
    both = (an_open_risk(loss="40.04"), an_open_risk("ADA/USDT:USDT", Side.SHORT, loss=90))

    assert refusals(sided(*both)) == {"same_direction"}


@pytest.mark.parametrize(
    ("beta", "fits", "exceeds"),
    [
        (None, "40.03", "40.04"),  # unknown counts fully
        (D("0.5"), "80.06", "80.08"),
        (D("1.7"), "40.03", "40.04"),  # never more than its loss
        (D("0"), "200", None),
        (D("-0.4"), "200", None),  # against BTC: nothing, and it makes no room
    ],
)
def test_open_risk_counts_by_its_beta_to_btc(beta: D | None, fits: str, exceeds: str | None) -> None:
    assert refusals(sided(an_open_risk(loss=fits, beta=beta))) == set()
    if exceeds is not None:
        assert refusals(sided(an_open_risk(loss=exceeds, beta=beta))) == {"same_direction"}


def test_the_plan_counts_by_its_own_beta() -> None:
    other = an_open_risk(loss="50.01")

    assert refusals(sided(other, beta=D("0.5"))) == set()
    assert refusals(sided(other, beta=D("0.51"))) == {"same_direction"}


def test_one_trades_risk_always_fits_where_two_places_make_less_than_two_trades() -> None:
    assert refusals(sided(an_open_risk(loss=4), places=2)) == set()  # 24 in all
    assert refusals(sided(an_open_risk(loss="4.1"), places=2)) == {"same_direction"}
    assert refusals(sided(places=1)) == set()


def hurt(fall: str, **fields: Any) -> Account:
    """An account of 1000 that has fallen by `fall` from its peak, today untouched."""
    return an_account(peak=D(1000) / (1 - D(fall)), **fields)


def test_from_orange_on_nothing_is_opened_with_both_numbers() -> None:
    account = hurt("0.12")
    plan = a_plan(account=account)

    assert refusals(a_case(plan, account=account)) == {"drawdown"}
    assert words(a_case(plan, account=account), "drawdown") == (
        "the drawdown 12.00 % has reached 10.00 %, from where nothing is opened"
    )


def test_orange_holds_for_the_owners_ideas_too() -> None:
    account = hurt("0.11")
    plan = a_plan(idea=a_manual_idea_drawn(), account=account)

    assert refusals(a_case(plan, account=account)) == {"drawdown"}


@pytest.mark.parametrize("make", [an_idea, a_manual_idea_drawn])
def test_a_full_card_shown_before_the_drawdown_turned_yellow_is_refused_and_half_of_it_passes(
    make: Any,
) -> None:
    full = a_plan(idea=make())
    half = resized(full, D("0.5"), an_instrument(), some_limits())
    drawn_now = a_plan(idea=make(), account=hurt("0.06"))

    case = a_case(full, account=hurt("0.06"))

    assert refusals(case) == {"size"}
    (reason,) = reasons_of(case)
    assert "0.5 of the full size: the drawdown 6.00 % has reached 5.00 %" in reason.text
    assert refusals(a_case(half, account=hurt("0.06"))) == set()
    assert refusals(a_case(drawn_now, account=hurt("0.06"))) == set()


def test_a_probe_takes_half_of_the_size() -> None:
    probing = an_account(is_probing=True)

    assert refusals(a_case(a_plan(), account=probing)) == {"size"}
    assert refusals(a_case(a_plan(account=probing), account=probing)) == set()


def test_a_peak_of_nothing_leaves_the_drawdown_unknown_which_refuses() -> None:
    found = refusals(a_case(account=an_account(peak=D(0))))

    assert {"drawdown"} <= found <= {"drawdown", "drawdown_budget"}


@pytest.mark.parametrize("share", ["0", "-0.5", "1.01", "NaN"])
def test_a_size_share_that_is_none_is_refused(share: str) -> None:
    assert refusals(a_case(a_plan(size_share=D(share)))) == {"finite"}


@pytest.mark.parametrize("field", ["funding_cost", "cost", "beta"])
@pytest.mark.parametrize("poison", ["NaN", "sNaN", "Infinity"])
def test_costs_and_beta_that_are_no_numbers_are_refused(field: str, poison: str) -> None:
    assert refusals(a_case(a_plan(**{field: D(poison)}))) == {"finite"}


def test_funding_that_is_received_is_not_counted_on() -> None:
    assert refusals(a_case(a_plan(funding_cost=D("-0.001")))) == {"finite"}


def test_a_symbol_rests_after_a_close() -> None:
    def closed(minutes: float) -> set[str]:
        return refusals(a_case(account=an_account(last_closed={SOL: later(minutes=-minutes)})))

    assert closed(29.99) == {"cooldown"}
    assert closed(30) == set()
    assert refusals(a_case(account=an_account(last_closed={BTC: NOW}))) == set()


@pytest.mark.parametrize("age_s", [60.1, 3600, -5.1, -86_400])
def test_an_old_price_and_one_from_the_future_are_refused(age_s: float) -> None:
    assert refusals(a_case(quote=a_quote(at=later(seconds=-age_s)))) == {"freshness"}


@pytest.mark.parametrize("age_s", [60.1, 3600, -5.1])
def test_an_account_seen_long_ago_or_in_the_future_is_refused(age_s: float) -> None:
    assert refusals(a_case(account=an_account(at=later(seconds=-age_s)))) == {"equity"}


@pytest.mark.parametrize("minutes", [22.6, 240, -1])
def test_old_candles_and_unfinished_ones_are_refused(minutes: float) -> None:
    plan = a_plan(bar_closed_at=NOW - timedelta(minutes=minutes))

    assert refusals(a_case(plan)) == {"freshness"}


def test_a_manual_idea_needs_a_fresh_price_but_no_fresh_candles() -> None:
    plan = a_plan(idea=a_manual_idea_drawn(), bar_closed_at=NOW - timedelta(hours=4))

    assert refusals(a_case(plan)) == set()
    assert refusals(a_case(plan, quote=a_quote(at=later(seconds=-61)))) == {"freshness"}


def test_a_wide_spread_is_refused() -> None:
    assert refusals(a_case(quote=a_quote(bid=D("99.80")))) == {"spread"}
    assert refusals(a_case(quote=a_quote(bid=D("99.81")))) == set()


@pytest.mark.parametrize(("price", "is_refused"), [("100.5", False), ("100.51", True), ("99.49", True)])
def test_a_price_that_left_the_plans_entry_is_refused(price: str, is_refused: bool) -> None:
    assert ("drift" in refusals(a_case(quote=a_quote(price)))) is is_refused


@pytest.mark.parametrize(("close", "is_refused"), [("98.6", False), ("98.4", True), ("101.6", True)])
def test_a_price_that_left_the_bar_it_was_judged_on_is_refused(close: str, is_refused: bool) -> None:
    """ATR 1, price 100."""
    assert ("left_bars" in refusals(a_case(a_plan(bar_close=D(close))))) is is_refused


@pytest.mark.parametrize("field", ["bar_close", "atr"])
def test_a_judged_plan_that_does_not_say_where_it_was_judged_is_refused(field: str) -> None:
    assert "left_bars" in refusals(a_case(a_plan(**{field: None})))


def test_an_idea_of_ones_own_is_not_bound_to_the_last_bar() -> None:
    plan = a_plan(idea=a_manual_idea_drawn(), bar_close=D(90))

    assert refusals(a_case(plan)) == set()


@pytest.mark.parametrize("field", ["equity", "wallet", "available", "day_opening", "peak"])
def test_an_unknown_figure_of_the_account_is_a_refusal(field: str) -> None:
    assert refusals(a_case(account=an_account(**{field: None}))) == {"equity"}


@pytest.mark.parametrize("equity", ["0", "-12"])
def test_an_account_without_money_is_refused(equity: str) -> None:
    assert "equity" in refusals(a_case(account=an_account(equity)))


@pytest.mark.parametrize("poison", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+19"])
@pytest.mark.parametrize(
    ("part", "field"),
    [
        *[("plan", f) for f in ("entry", "stop", "quantity", "margin", "loss_at_stop", "gain_at_targets")],
        *[("plan", f) for f in ("full_size_loss", "liquidation", "reward_risk", "equity", "atr", "notional")],
        *[("quote", f) for f in ("bid", "ask", "last", "mark")],
        *[("account", f) for f in ("equity", "wallet", "available", "day_opening", "peak")],
        *[("instrument", f) for f in ("tick", "lot", "min_quantity", "min_notional", "taker_fee")],
        *[("limits", f) for f in ("risk_per_trade", "max_stop", "daily_loss", "min_profit_usd", "slippage")],
    ],
)
def test_what_is_no_number_is_refused_wherever_it_hides(poison: str, part: str, field: str) -> None:
    case = a_case()
    poisoned = replace(getattr(case, part), **{field: D(poison)})

    assert refusals(replace(case, **{part: poisoned})) == {"finite"}


def test_what_is_no_number_is_refused_inside_of_lists_too() -> None:
    nan = D("NaN")
    risky = an_account(open_risks=(an_open_risk(loss=nan),))
    tiers = an_instrument(tiers=(replace(TIERS[0], maintenance_rate=nan),))

    assert refusals(a_case(account=risky)) == {"finite"}
    assert refusals(a_case(instrument=tiers)) == {"finite"}
    assert refusals(a_case(a_plan(targets=(Target(nan, D(1)),)))) == {"finite"}


@pytest.mark.parametrize(
    "quote", [a_quote(bid=D(0)), a_quote(mark=D(-1)), a_quote(bid=D(101)), a_quote(ask=D(0), bid=D(0))]
)
def test_a_price_of_nothing_and_a_crossed_book_are_refused(quote: Any) -> None:
    assert refusals(a_case(quote=quote)) == {"finite"}


def test_open_risk_below_zero_makes_no_room() -> None:
    assert refusals(a_case(account=an_account(open_risks=(an_open_risk(loss=-50),)))) == {"finite"}


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"quote": a_quote(symbol=BTC)}, "symbol"),
        ({"instrument": an_instrument(symbol=BTC)}, "symbol"),
        ({"account": an_account(name="live")}, "account"),
    ],
)
def test_facts_of_another_symbol_or_account_are_refused(fields: dict[str, Any], check: str) -> None:
    assert check in refusals(a_case(**fields))


@pytest.mark.parametrize(
    ("field", "factor"),
    [
        ("loss_at_stop", "0.99"),
        ("gain_at_targets", "1.01"),
        ("reward_risk", "1.01"),
        ("margin", "0.99"),
        ("notional", "0.99"),
        ("liquidation", "0.99"),
        ("full_size_loss", "0.99"),
        ("cost", "0.99"),
        ("funding_cost", "1.5"),
    ],
)
def test_a_plan_that_flatters_itself_is_refused(field: str, factor: str) -> None:
    plan = a_plan()
    flattering = replace(plan, **{field: getattr(plan, field) * D(factor)})

    assert "figures" in refusals(a_case(flattering))


def test_a_plan_whose_quantity_grew_after_it_was_sized_is_refused() -> None:
    plan = a_plan()

    assert "figures" in refusals(a_case(replace(plan, quantity=plan.quantity * 2)))


def test_flags_against_the_side_refuse_and_those_against_the_other_do_not() -> None:
    assert refusals(a_case(flags=some_flags("rsi"))) == {"flags"}
    assert refusals(a_case(flags=some_flags("funding", strikes=Side.LONG))) == {"flags"}
    assert refusals(a_case(flags=some_flags("funding", strikes=Side.SHORT))) == set()


@pytest.mark.parametrize("confidence", [0.7499, 0.0, float("nan"), 1.01, 85.0, float("inf")])
def test_weak_and_impossible_confidence_is_refused(confidence: float) -> None:
    plan = a_plan(verdict=a_verdict(confidence=confidence))

    assert {"confidence"} <= refusals(a_case(plan)) <= {"confidence", "size"}


@pytest.mark.parametrize("total", [69.9, float("nan"), 101.0, float("inf")])
def test_a_low_or_impossible_score_is_refused(total: float) -> None:
    plan = a_plan(score=ScoreTerms(total, 0.0, 0.0, 0.0, 0.0))

    assert refusals(a_case(plan)) == {"score"}


@pytest.mark.parametrize("stance", [Stance.SHORT, Stance.HOLD])
def test_a_verdict_for_something_else_backs_no_plan(stance: Stance) -> None:
    plan = a_plan(verdict=a_verdict(stance=stance))

    assert refusals(a_case(plan)) == {"verdict"}


def test_a_scanned_plan_without_a_verdict_is_refused() -> None:
    assert refusals(a_case(a_plan(verdict=None))) == {"verdict", "size"}


def test_a_manual_idea_is_not_judged_by_flags_score_or_verdict() -> None:
    plan = a_plan(idea=a_manual_idea_drawn())

    assert plan.origin is Origin.MANUAL
    assert refusals(a_case(plan, flags=some_flags("rsi", "volume"))) == set()


def test_a_manual_idea_meets_every_other_rule() -> None:
    plan = a_plan(idea=a_manual_idea_drawn())
    account = an_account(open_breakers=("daily_loss",), closed_to_entries="paused", last_closed={SOL: NOW})

    assert refusals(a_case(plan, account=account)) == {"breakers", "entries", "cooldown"}


def test_an_annotated_clearance_differs_in_its_notes_only() -> None:
    outcome = examine(a_case(flags=Flags()))
    assert isinstance(outcome, Cleared)

    told = outcome.annotated(("a note",))

    assert told.plan == replace(outcome.plan, notes=("a note",))
