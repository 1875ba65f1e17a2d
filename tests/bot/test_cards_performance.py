"""The card of /metrics: every rate beside its n and its uncertainty."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.cards import MESSAGE_LIMIT, pages, plain, visible_length
from bot.cards_numbers import EXIT_WORDS, mean_r, rate
from bot.cards_performance import MAX_GROUPS, metrics_card, performance_block, trade_line
from core.desk import MetricsView
from core.performance import performance
from core.performance_groups import groups
from core.trade import ExitReason
from tests.handlers import samples

RATES = re.compile(r"(win rate|won|expectancy|profit factor|reward ÷ risk|sqn|mfe) ", re.IGNORECASE)


def many_trades(count: int = 30) -> MetricsView:
    """One an hour, two winners for each loser, alternating advisers."""
    rows = []
    for at in range(count):
        trade = samples.closed_trade(f"t{at}", "-3.45" if at % 3 == 0 else "6.90")
        rows.append(
            replace(
                trade,
                opened_at=samples.NOW - timedelta(hours=at),
                advisers=("claude",) if at % 2 else ("claude", "gpt"),
                exit_reason=ExitReason.TRAILING if at % 2 else ExitReason.STOP,
                mfe=Decimal("6.90"),
                mae=Decimal("-1.725"),
            )
        )
    result = performance(rows, samples.curve(), Decimal(100), ai_cost=Decimal("1.50"))
    return replace(samples.metrics(), all_time=result, groups=groups(rows))


def words_of(view: MetricsView) -> str:
    return plain(metrics_card(view, "paper", is_paper=True).html)


def test_the_card_says_what_matters_first() -> None:
    words = words_of(many_trades())

    # 20 winners of 6.90 and 10 losers of 3.45: 138 - 34.5
    head = words[: words.index("7 days")]
    assert "All time: 🟢 +103.50 USDT · 30 trades" in head
    assert "After AI ($1.5000): +102.00 USDT" in head
    # Wilson at 20 of 30; R: 2 and -1, mean 1
    assert "Win rate 66.7% (n=30, 55–77%)" in head
    assert "Expectancy +1.00R (n=30, +0.66R to +1.34R)" in head
    assert "Profit factor 4.00 (n=30)" in head


def test_every_rate_stands_beside_its_n() -> None:
    for line in words_of(many_trades()).splitlines():
        if RATES.search(line):
            assert "(n=" in line, line


def test_each_group_stands_with_its_interval() -> None:
    words = words_of(many_trades())

    assert "By exit" in words
    assert "trailing stop hit: " in words
    # fifteen each; the odd ones lose at 3, 9, 15, 21, 27: five of fifteen
    line = next(line for line in words.splitlines() if "trailing stop hit" in line)
    assert line.endswith("+1.00R (+0.49R to +1.51R) · won 66.7% (n=15, 50–80%)")
    assert "claude: " in words
    assert "gpt: " in words
    assert "12:00: " in words


def test_groups_are_folded_away() -> None:
    html = metrics_card(many_trades(), "paper", is_paper=True).html

    unfolded = re.sub(r"<blockquote expandable>.*?</blockquote>", "", html, flags=re.DOTALL)

    assert "Win rate" in unfolded
    assert "claude" not in unfolded
    assert "Sharpe" not in unfolded


def test_what_every_trade_shares_is_no_group_of_its_own() -> None:
    words = words_of(many_trades())

    assert "By symbol" not in words
    assert "By side" not in words


def test_excursions_and_averages_are_shown_in_their_units() -> None:
    words = words_of(many_trades())

    assert "MFE +2.00R · MAE -0.50R (n=30)" in words
    assert "Average win +6.90 USDT (n=20)" in words
    assert "Average loss 3.45 USDT (n=10)" in words


def test_without_trades_the_card_claims_nothing() -> None:
    empty = performance((), (), Decimal(100))
    view = replace(samples.metrics(), all_time=empty, groups=groups(()))

    words = words_of(view)

    assert "Win rate n/a (n=0)" in words
    assert "Expectancy n/a (n=0)" in words
    assert "Sharpe n/a · Sortino n/a (n=0 days)" in words
    assert "By adviser" not in words


def test_a_full_card_is_one_message() -> None:
    shown = pages(metrics_card(many_trades(120), "paper", is_paper=True))

    assert len(shown) == 1
    assert visible_length(shown[0]) <= MESSAGE_LIMIT


def test_more_groups_than_fit_are_said_to_be_left_out() -> None:
    rows = [replace(samples.closed_trade(f"t{at}"), symbol=f"C{at}/USDT:USDT") for at in range(30)]
    view = replace(samples.metrics(), groups=groups(rows))

    words = words_of(view)

    assert f"and {30 - MAX_GROUPS} more in /export" in words


def test_every_way_out_has_words() -> None:
    assert set(EXIT_WORDS) == set(ExitReason)
    for reason in ExitReason:
        assert EXIT_WORDS[reason] in trade_line(replace(samples.closed_trade(), exit_reason=reason))


def test_a_period_counts_its_advisers_as_a_cost_of_their_own() -> None:
    result = performance((samples.closed_trade(),), (), Decimal(100), ai_cost=Decimal("0.25"))

    assert "AI $0.2500" in plain(performance_block("Result", result).html)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (rate(0.6, 10), "60.0% (n=10)"),
        (rate(0.6, 10, (0.401, 0.770)), "60.0% (n=10, 40–77%)"),
        (rate(None, 0), "n/a (n=0)"),
        (mean_r(0.3, 5, (-0.41, 1.01)), "+0.30R (n=5, -0.41R to +1.01R)"),
        (mean_r(0.3, 1, None), "+0.30R (n=1)"),
    ],
)
def test_a_rate_is_written_with_what_it_stands_on(shown: str, expected: str) -> None:
    assert shown == expected
