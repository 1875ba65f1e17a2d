"""The card and the bars of /risk: unknown is said, never shown as nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.cards import plain
from bot.cards_risk import risk_bars, risk_card, risk_subtitle
from core.desk import BreakerView, Exposure, RiskView
from core.market import Side
from tests.handlers import samples

D = Decimal


def words_of(view: RiskView) -> str:
    return plain(risk_card(view, "paper", is_paper=True).html)


def exposure(kind: str = "position", **fields: object) -> Exposure:
    made = Exposure("SOL/USDT:USDT", Side.SHORT, kind, D(50), D(20), D(3), D(5), D("0.3"), D("1.4"))
    return replace(made, **fields)


def blind(view: RiskView) -> RiskView:
    """As when the venue does not answer."""
    unseen = exposure(
        "unseen", notional=None, margin=None, loss_at_gap=None, liquidation_distance=None, beta=None
    )
    return replace(
        view,
        equity=None,
        day_opening=None,
        peak=None,
        drawdown=None,
        tier="unknown",
        size_share=D(0),
        exposures=(unseen,),
        gross_notional=None,
        net_notional=None,
        beta_notional=None,
        margin_used=None,
        margin_share=None,
        daily_left=None,
        drawdown_left=None,
        loss_at_stops=D(3),
        loss_at_gap=D(3),
    )


def untripped() -> RiskView:
    calm = BreakerView("drawdown", "1.04 %", "20.00 %", False, None, "", title="Drawdown", used=0.052)
    return replace(samples.risk_view(), breakers=(calm,))


def test_the_worst_case_comes_first_and_in_money() -> None:
    words = words_of(untripped())

    assert words.index("If every stop is hit: -4.13 USDT (4.1% of equity)") < words.index("Equity")
    assert "At a 10 % gap against all: -6.80 USDT (6.7% of equity)" in words
    assert "May still be lost today: 9.88 USDT" in words
    assert "green · a new trade has 100% of its size" in words
    assert "Drawdown: 1.04 %, limit 20.00 % (5% used)" in words


def test_the_liquidation_distance_has_a_floor_and_no_limit_to_use_up() -> None:
    near = BreakerView(
        "liquidation_risk", "16.82 %", "7.50 %", False, None, "", "Liquidation risk", used=0.45
    )

    words = words_of(replace(untripped(), breakers=(near,)))

    assert "Liquidation risk: 16.82 %, trips under 7.50 % (45% used)" in words


def test_what_is_open_and_its_net_agree_to_the_cent() -> None:
    short = replace(untripped(), gross_notional=D("273.1251"), net_notional=D("-273.1251"))

    assert "Open 273.12 USDT · net -273.12 USDT" in words_of(short)


def test_each_position_shows_its_own_losses() -> None:
    words = words_of(replace(untripped(), exposures=(exposure(),)))

    assert "SOL SHORT · 50.00 USDT" in words
    assert "At its stop -3.00 USDT · at a 10 % gap -5.00 USDT" in words
    assert "Liquidation 30.0% away · beta 1.40" in words


def test_unknown_is_never_shown_as_zero() -> None:
    words = words_of(blind(samples.risk_view()))

    assert "0.00" not in words
    assert "At a 10 % gap against all: at least -3.00 USDT (n/a of equity)" in words
    assert "position not seen right now" in words
    assert "Liquidation unknown · beta n/a, counted as 1" in words
    assert "Margin in use n/a (n/a of equity)" in words
    assert "unknown: nothing is opened" in words


def test_foreign_positions_and_open_ideas_are_told_apart() -> None:
    words = words_of(replace(untripped(), exposures=(exposure("foreign"), exposure("card"))))

    assert "not mine, no stop of mine" in words
    assert "All of it -3.00 USDT" in words
    assert "open idea, not entered" in words
    assert "(1 open idea counted)" in words


def test_a_tripped_breaker_is_said_where_the_size_would_stand() -> None:
    words = words_of(samples.risk_view())

    assert "nothing is opened while a breaker is tripped" in words
    assert "of its size" not in words
    assert "⛔ 1 breaker tripped" in words


def test_a_yellow_drawdown_halves_and_an_orange_one_ends_it() -> None:
    yellow = replace(untripped(), tier="yellow", size_share=D("0.5"))
    orange = replace(untripped(), tier="orange", size_share=D(0))

    assert "yellow · a new trade has 50% of its size" in words_of(yellow)
    assert "orange: nothing is opened" in words_of(orange)


def test_nothing_open_is_said_in_words() -> None:
    assert "Nothing is open." in words_of(replace(untripped(), exposures=()))


def test_bars_show_each_breaker_then_margin_and_losses_of_equity() -> None:
    bars = risk_bars(untripped())

    assert [(bar.label, bar.words, bar.role) for bar in bars] == [
        ("Drawdown", "5 %", "limit"),
        ("Margin in use", "22.0 %", "margin"),
        ("Lost at the stops", "4.1 %", "loss"),
        ("Lost at a 10 % gap", "6.7 %", "loss"),
    ]
    assert [bar.share for bar in bars[:2]] == [0.052, 0.22]


def test_bars_of_what_is_unknown_have_no_share() -> None:
    dark = BreakerView("stale_data", "unknown", "180 s", False, None, "", title="Stale prices")

    bars = risk_bars(replace(blind(samples.risk_view()), breakers=(dark,)))

    assert [bar.share for bar in bars] == [None] * 4
    assert {bar.words for bar in bars} == {"unknown"}


def test_a_loss_that_is_partly_unknown_is_at_least_so_much() -> None:
    unseen = exposure("unseen", loss_at_gap=None)

    bars = risk_bars(replace(untripped(), exposures=(unseen,)))

    assert bars[-1].words == "≥ 6.7 %"


def test_the_subtitle_says_equity_and_drawdown() -> None:
    assert risk_subtitle(untripped()) == "Equity 101.93 USDT · drawdown 1.0 %, green"
    assert risk_subtitle(blind(untripped())) == "Equity n/a · drawdown unknown"


def test_a_capital_cap_is_shown_with_what_it_bounds_and_an_unknown_one_with_what_follows() -> None:
    words, unknown = words_of(replace(untripped(), cap=D(100))), words_of(replace(untripped(), cap=D(0)))

    assert "Capital cap 100.00 USDT: sizes, drawdown and what may still be lost count on no more" in words
    assert "The capital cap is unknown: nothing is opened" in unknown
    assert "cap" not in words_of(untripped()).lower()
