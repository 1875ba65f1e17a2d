"""Properties of sizing and checking: for any input no cap is broken, and nothing raises."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, Context, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market import Instrument, Quote, Side
from core.plan import Cleared, Origin, Plan, Refused
from core.risk.checks import Case, examine
from core.risk.limits import Limits
from core.risk.planning import draw, repriced, resized
from core.risk.sizing import quantity_for
from tests.core.builders import (
    NOW,
    SOL,
    TIERS,
    D,
    a_case,
    a_manual_idea_drawn,
    a_plan,
    a_quote,
    an_account,
    an_idea,
    an_instrument,
    some_flags,
    some_limits,
)

EXACT = Context(prec=80)
POISON = tuple(map(D, ("NaN", "sNaN", "Infinity", "-Infinity", "0", "-1", "1E+999999", "1E-999999")))


def ten_to(low: int, high: int) -> st.SearchStrategy[D]:
    """A number of a few digits at any magnitude."""
    return st.builds(lambda m, e: D(m).scaleb(e), st.integers(1, 9999), st.integers(low, high))


@st.composite
def worlds(pick: st.DrawFn, *, is_wild: bool = True) -> tuple[Any, Quote, Instrument, D, Limits]:
    """Idea, quote, rules, equity and limits, from dust to billions; tame ones mostly make a sound plan."""
    side = pick(st.sampled_from(Side))
    price, equity = pick(ten_to(-8, 5)), pick(ten_to(-2, 7))
    tick, lot = D(1).scaleb(pick(st.integers(-10, 0))), D(1).scaleb(pick(st.integers(-8, 6)))
    if not is_wild:
        equity = pick(ten_to(0, 3))
        tick = D(1).scaleb(price.adjusted() - pick(st.integers(3, 7)))
        lot = D(1).scaleb((equity / price).adjusted() - pick(st.integers(2, 6)))
    lot *= pick(st.sampled_from((1, 1, 2, 5)))
    rules = an_instrument(
        tick=tick,
        lot=lot,
        min_quantity=lot * pick(st.integers(1, 20)),
        max_quantity=lot * pick(st.integers(20 if is_wild else 10**5, 10**9)),
        min_notional=pick(st.sampled_from((D(5), D(20), D(100)))) if is_wild else min(D(5), equity / 20),
        taker_fee=pick(st.sampled_from((D(0), D("0.0005"), D("0.002") if is_wild else D("0.001")))),
    )
    limits = some_limits(
        max_leverage=pick(st.integers(1, 10)),
        position_size=pick(st.decimals("0.01", 1, places=2)),
        risk_per_trade=pick(st.decimals("0.001", "0.1", places=3)),
        max_trade_loss=pick(st.decimals("0.001", "0.2", places=3)),
        min_profit_usd=pick(st.sampled_from((D(0), D("2.5")))),
        daily_loss=pick(st.decimals("0.01", "0.5", places=2)),
    )
    fraction = pick(st.decimals("0.04" if is_wild else "0.05", "0.11" if is_wild else "0.1", places=4))
    make = pick(st.sampled_from((an_idea, a_manual_idea_drawn)))
    idea = make(
        side,
        risk=pick(st.sampled_from((limits.risk_per_trade, D("0.09"), D("0.5")))),
        leverage_wanted=pick(st.integers(-1, 150)),
        stop_fraction=fraction,
        targets=((fraction * pick(st.decimals("1.5" if is_wild else "1.8", 5, places=2)), D(1)),),
    )
    # The swing of the made-up features lies near 97; at another price it is no place for a stop.
    hour = replace(idea.features.frames["1h"], swing_low=None, swing_high=None)
    features = replace(idea.features, frames={**idea.features.frames, "1h": hour})
    quote = a_quote(price, bid=price * (1 - pick(st.decimals(0, "0.0018", places=4))))
    return replace(idea, features=features), quote, rules, equity, limits


def broken_rules(case: Case) -> list[str]:
    """SPEC 5 once more, worked out from prices, quantity and leverage alone."""
    plan, rules, limits, account = case.plan, case.instrument, case.limits, case.account
    assert account.equity and account.available and account.day_opening and account.peak
    with localcontext(EXACT):
        sign = 1 if plan.side is Side.LONG else -1
        away, slip, fee = (plan.entry - plan.stop) * sign, limits.slippage, rules.taker_fee

        def result(quantity: D, end: D) -> D:
            paid, got = plan.entry * (1 + slip * sign), end * (1 - slip * sign)
            return (got - paid) * quantity * sign - (paid + got) * quantity * fee

        loss = -result(plan.quantity, plan.stop)
        gain = sum((result(plan.quantity * t.share, t.price) for t in plan.targets), D(0))
        notional = plan.quantity * plan.entry
        liquidation = nearest_liquidation(plan, notional)
        room = (plan.entry - liquidation) * sign
        allowed = limits.max_trade_loss if plan.origin is Origin.MANUAL else limits.risk_per_trade
        near = D(1) - D("1e-25")  # the plan's own figures have 28 digits
        rows = {
            "stop side": away > 0,
            "stop distance": limits.min_stop * plan.entry <= away <= limits.max_stop * plan.entry,
            "stop tick": plan.stop % rules.tick == 0,
            "loss": 0 < loss * near <= account.equity * min(allowed, limits.max_trade_loss),
            "leverage": 1 <= plan.leverage <= limits.max_leverage,
            "margin": notional * near <= account.equity * limits.position_size * plan.leverage,
            "lots": plan.quantity % rules.lot == 0 and plan.quantity > 0,
            "order": rules.min_quantity <= plan.quantity <= rules.max_quantity,
            "notional": notional >= rules.min_notional,
            "liquidation": room >= max(2 * away, plan.entry / 10) * near,
            "reward": gain >= loss * D("1.5") * near,
            "profit": gain >= min(limits.min_profit_usd, D("1.25") * loss) * near,
            "day": loss * near <= limits.daily_loss * account.day_opening,
            "drawdown": loss * near <= limits.max_drawdown * account.peak,
        }
    return [name for name, holds in rows.items() if not holds]


def nearest_liquidation(plan: Plan, notional: D) -> D:
    """By walking the brackets: the one that holds the notional at its own liquidation price."""
    sign = 1 if plan.side is Side.LONG else -1
    margin = notional / plan.leverage
    for tier in TIERS:
        price = (margin + tier.maintenance_deduction - sign * notional) / (
            plan.quantity * (tier.maintenance_rate - sign)
        )
        is_last = tier is TIERS[-1]
        if price <= 0 or (
            tier.floor <= price * plan.quantity and (is_last or price * plan.quantity <= tier.cap)
        ):
            return max(price, D(0))
    raise AssertionError("no bracket holds its own liquidation price")


@settings(max_examples=150)
@given(worlds(is_wild=False) | worlds())
def test_a_cleared_plan_holds_every_rule_worked_out_again(world: Any) -> None:
    idea, quote, rules, equity, limits = world
    plan = draw(idea, quote, rules, equity, limits, NOW)
    case = a_case(plan, quote=quote, instrument=rules, account=an_account(equity), limits=limits)

    outcome = examine(case)

    if isinstance(outcome, Cleared):
        assert broken_rules(case) == []


@settings(max_examples=120)
@given(worlds())
def test_no_drawn_plan_breaks_a_cap_cleared_or_not(world: Any) -> None:
    idea, quote, rules, equity, limits = world

    plan = draw(idea, quote, rules, equity, limits, NOW)

    assert plan.quantity >= 0
    assert plan.quantity % rules.lot == 0
    assert plan.quantity <= rules.max_quantity
    assert 1 <= plan.leverage <= limits.max_leverage
    assert plan.loss_at_stop <= equity * min(idea.risk, limits.max_trade_loss)
    assert plan.margin <= equity * limits.position_size


@settings(max_examples=60)
@given(worlds(), st.sampled_from(("5", "9", "1")))
def test_most_sane_worlds_are_sized_as_far_as_risk_allows(world: Any, digits: str) -> None:
    """Rounding down loses less than one lot: a sizing that shrank for nothing would show here."""
    idea, quote, rules, equity, limits = world
    plan = draw(idea, quote, rules, equity, limits, NOW)
    if plan.notes and plan.notes[-1].startswith("size cut"):
        return

    one_more = replace(plan, quantity=plan.quantity + rules.lot)

    sign, slip = plan.side.sign, limits.slippage
    paid, got = plan.entry * (1 + slip * sign), plan.stop * (1 - slip * sign)
    per_unit = (paid - got) * sign + (paid + got) * rules.taker_fee
    if per_unit > 0:
        budget = equity * min(idea.risk, limits.max_trade_loss)
        assert one_more.quantity * per_unit >= budget * (1 - D("1e-20"))


@settings(max_examples=120)
@given(
    worlds(is_wild=False),
    st.lists(
        st.tuples(
            st.sampled_from(
                ("bid", "ask", "mark", "tick", "lot", "min_notional", "equity", "risk", "stop", "taker_fee")
            ),
            st.sampled_from(POISON),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_poison_anywhere_never_raises_and_never_slips_a_cap(world: Any, doses: list[Any]) -> None:
    idea, quote, rules, equity, limits = world
    for field, poison in doses:
        if field in ("bid", "ask", "mark"):
            quote = replace(quote, **{field: poison})
        elif field in ("tick", "lot", "min_notional", "taker_fee"):
            rules = replace(rules, **{field: poison})
        elif field == "equity":
            equity = poison
        elif field == "risk":
            idea = replace(idea, risk=poison)
        else:
            idea = replace(idea, stop_fraction=poison)
    plan = draw(idea, quote, rules, equity, limits, NOW)
    case = a_case(
        plan,
        quote=quote,
        instrument=rules,
        account=replace(an_account(), equity=equity, available=equity, day_opening=equity, peak=equity),
        limits=limits,
    )

    outcome = examine(case)

    if isinstance(outcome, Cleared):
        assert broken_rules(case) == []


@settings(max_examples=120)
@given(
    worlds(is_wild=False) | worlds(),
    st.decimals("0.9", "1.1", places=4),
    st.booleans(),
    st.decimals(0, 2, places=2),
)
def test_repricing_and_halving_never_raise_risk_quantity_or_leverage(
    world: Any, move: D, keep_levels: bool, share: D
) -> None:
    idea, quote, rules, equity, limits = world
    plan = draw(idea, quote, rules, equity, limits, NOW)

    moved = repriced(plan, plan.entry * move, rules, limits, keep_levels=keep_levels)
    cut = resized(moved, share, rules, limits)

    for later in (moved, cut):
        assert 0 <= later.quantity <= plan.quantity
        assert later.quantity % rules.lot == 0
        assert later.loss_at_stop <= plan.loss_at_stop
        assert later.leverage == plan.leverage
        assert later.full_size_loss == plan.full_size_loss
    assert moved.margin <= plan.margin


@settings(max_examples=60)
@given(worlds(), st.integers(1, 10))
def test_profit_and_loss_do_not_know_leverage(world: Any, leverage: int) -> None:
    idea, quote, rules, equity, limits = world
    limits = replace(limits, position_size=D(1), max_leverage=10)
    small = replace(idea, risk=D("0.001"))  # never cut by margin, so only leverage differs

    one = draw(replace(small, leverage_wanted=1), quote, rules, equity, limits, NOW)
    other = draw(replace(small, leverage_wanted=leverage), quote, rules, equity, limits, NOW)

    assert (one.quantity, one.loss_at_stop, one.gain_at_targets) == (
        other.quantity,
        other.loss_at_stop,
        other.gain_at_targets,
    )


@given(
    budget=ten_to(-6, 8), entry=ten_to(-8, 5), share=st.decimals("0.001", "0.5", places=3), lot=ten_to(-8, 4)
)
def test_whole_lots_lose_no_more_than_the_budget_and_one_more_would(
    budget: D, entry: D, share: D, lot: D
) -> None:
    stop = entry * (1 - share)

    quantity = quantity_for(budget, Side.LONG, entry, stop, an_instrument(lot=lot), some_limits())

    with localcontext(EXACT):
        paid, got = entry * D("1.0005"), stop * D("0.9995")
        per_unit = paid - got + (paid + got) * D("0.0005")
        assert quantity % lot == 0
        assert quantity * per_unit <= budget * (1 + D("1e-25"))
        assert (quantity + lot) * per_unit > budget * (1 - D("1e-25"))


def test_a_budget_short_by_a_digit_beyond_sight_buys_one_lot_less() -> None:
    rules, limits = an_instrument(lot=D(1)), some_limits()
    with localcontext(
        EXACT
    ):  # three lots from 100 to 94.9 with costs, less a hair that a quotient rounds away
        loss = 3 * (D("100.05") - D("94.85255") + (D("100.05") + D("94.85255")) * D("0.0005"))
        short = loss - D("1e-40")

    assert quantity_for(loss, Side.LONG, D(100), D("94.9"), rules, limits) == 3
    assert quantity_for(short, Side.LONG, D(100), D("94.9"), rules, limits) == 2


def refused_for_size(case: Case) -> str:
    outcome = examine(case)
    assert isinstance(outcome, Refused)
    (reason,) = [reason for reason in outcome.reasons if reason.check == "minimums"]
    return reason.mend


def under(mend: str, limits: Limits, equity: D) -> tuple[Limits, D, D | None]:
    """What the mend says, applied: limits, equity, the risk of a manual idea."""
    risk = None
    for part in mend.split(" and "):
        if part.startswith("equity of "):
            equity = D(part.split()[2])
        elif part.startswith("a risk of "):
            risk = D(part.split()[3]) / 100
        else:
            name, _, value = part.partition("=")
            field = {"RISK_PER_TRADE": "risk_per_trade", "POSITION_SIZE_PERCENT": "position_size"}[name]
            limits = replace(limits, **{field: D(value)})
    return limits, equity, risk


@settings(max_examples=120)
@given(
    side=st.sampled_from(Side),
    equity=st.integers(1, 3000),
    price=ten_to(-4, 2),
    lot=st.sampled_from(("0.001", "0.1", "1", "1000")),
    stop=st.decimals("0.05", "0.1", places=4),
    leverage=st.integers(1, 5),
    size=st.sampled_from(("0.05", "0.3", "0.8")),
    is_manual=st.booleans(),
)
def test_the_named_setting_really_allows_the_order_it_names(
    side: Side, equity: int, price: D, lot: str, stop: D, leverage: int, size: str, is_manual: bool
) -> None:
    rules = an_instrument(
        lot=D(lot), min_quantity=D(lot), tick=D("1e-12"), min_notional=D(100), max_quantity=D(10**15)
    )
    limits = some_limits(position_size=D(size), min_profit_usd=D(0))
    make = a_manual_idea_drawn if is_manual else an_idea
    idea = make(side, stop_fraction=stop, targets=((stop * D("2.2"), D(1)),), leverage_wanted=leverage)
    hour = replace(idea.features.frames["1h"], swing_low=None, swing_high=None)
    idea = replace(idea, features=replace(idea.features, frames={**idea.features.frames, "1h": hour}))
    quote = a_quote(price)

    def tried(idea: Any, limits: Limits, equity: D) -> Case:
        plan = draw(idea, quote, rules, equity, limits, NOW)
        return a_case(plan, quote=quote, instrument=rules, account=an_account(equity), limits=limits)

    case = tried(idea, limits, D(equity))
    if isinstance(examine(case), Cleared):
        return
    mend = refused_for_size(case)
    if not mend:  # the smallest order is over the largest position: no setting would help
        assert D(lot) * case.plan.entry > TIERS[-1].cap
        return

    mended_limits, mended_equity, risk = under(mend, limits, D(equity))
    risk = risk if risk is not None else mended_limits.risk_per_trade
    outcome = examine(tried(replace(idea, risk=risk), mended_limits, mended_equity))

    assert isinstance(outcome, Cleared), (mend, outcome)


def test_the_mend_names_setting_and_value() -> None:
    # 5 USDT at 100 is 0.05; stopped 5 % away it loses 0.2598, which is 2.6 % of 10.
    plan = a_plan(equity=10, instrument=an_instrument(lot=D("0.05")), limits=some_limits(min_profit_usd=D(0)))
    case = a_case(plan, account=an_account(10), instrument=an_instrument(lot=D("0.05")))

    assert refused_for_size(case) == "RISK_PER_TRADE=0.0262"


def test_where_no_setting_helps_the_mend_is_an_equity_rounded_up() -> None:
    plan = a_plan(equity=1)
    # The smallest order loses 0.2598 and must be at most 2 %, with half a percent of headroom: 13.05.

    assert refused_for_size(a_case(plan, account=an_account(1))) == "equity of 14 USDT"


def test_a_half_card_under_the_smallest_order_names_the_full_size() -> None:
    full = a_plan(equity=20)
    half = resized(full, D("0.5"), an_instrument(min_notional=D(5)), some_limits())
    case = a_case(half, account=an_account(20), instrument=an_instrument(min_notional=D(5)))

    assert full.notional > 5 > half.notional
    assert refused_for_size(case) == "the full size"


@pytest.mark.parametrize("leverage", [1, 5])
def test_a_manual_idea_is_told_the_risk_to_type(leverage: int) -> None:
    rules = an_instrument(lot=D("0.05"))
    plan = a_plan(idea=a_manual_idea_drawn(leverage_wanted=leverage), equity=10, instrument=rules)

    assert refused_for_size(a_case(plan, account=an_account(10), instrument=rules)) == "a risk of 2.62 %"


def test_unknown_flags_and_symbols_change_nothing_about_size() -> None:
    case = a_case(flags=some_flags("rsi"))

    assert case.plan == a_plan()
    assert case.plan.symbol == SOL
    assert case.plan.quantity == (D(20) / D("5.195001")).quantize(D("0.01"), ROUND_CEILING) - D("0.01")
