"""Cards: whatever is written into them, Telegram can parse them, and the numbers stay true."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cards import (
    CAPTION_LIMIT,
    MESSAGE_LIMIT,
    Block,
    Card,
    caption,
    card,
    esc,
    folded,
    lines,
    pages,
    plain,
    sentence,
    visible_length,
)
from bot.cards_breakers import breakers_card, clearing_question
from bot.cards_costs import costs_card
from bot.cards_foreign import foreign_card, foreign_close_question
from bot.cards_help import help_card, start_card
from bot.cards_ideas import (
    analysis_card,
    analysis_progress,
    approval_card,
    scan_card,
    scan_progress,
    settled_card,
    why_card,
    why_of_plan,
    why_symbol_card,
)
from bot.cards_notices import again, notice_card
from bot.cards_numbers import (
    badge,
    cost,
    gain,
    moment,
    percent,
    price,
    quantity,
    rate,
    span,
    usdt,
)
from bot.cards_performance import history_card, metrics_card, period_card
from bot.cards_readiness import golive_card, readiness_card
from bot.cards_risk import risk_card
from bot.cards_settings import change_card, section_card, sections_card, setting_card
from bot.cards_status import (
    close_all_question,
    close_question,
    doctor_card,
    mode_question,
    panic_question,
    position_block,
    positions_card,
    status_card,
    version_card,
)
from bot.demo.telegram_html import parse_html, utf16_length
from core.advice.budget import budget_reached
from core.codec import to_plain
from core.desk import CloseEstimate, ProposedChange, ScanProgress, TradingState
from core.journal import ApprovalState, Mode
from core.notice import Notice, NoticeKind
from core.performance import performance
from core.trading import notices
from tests.handlers import samples

HOSTILE = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=()), max_size=200),
    st.text(alphabet="<>&/\"'=b;#x10 \n", max_size=200),
    st.sampled_from(
        [
            "</blockquote><b>",
            "<tg-time unix='x'>",
            "&amp;&lt;&#x3C;",
            "🚀" * 400,
            "a\u202eb\x00c\ud800",
            "x" * 9000,
            "<" * 5000,
            "\n" * 50,
            "]]><!--",
        ]
    ),
)


def poisoned(value: Any, text: str) -> Any:
    """The same word with every text in it replaced; enums, keys and numbers stay."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return text
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: poisoned(getattr(value, f.name), text) for f in dataclasses.fields(value) if f.init}
        return replace(value, **fields)
    if isinstance(value, tuple):
        return tuple(poisoned(item, text) for item in value)
    if isinstance(value, Mapping):
        return {key: poisoned(item, text) for key, item in value.items()}
    return value


def every_card(text: str) -> Iterator[Card]:
    def bad(value: Any) -> Any:
        return poisoned(value, text)

    estimate = CloseEstimate(text, Decimal("0.5"), Decimal(1), Decimal(2), Decimal(3), Decimal("0.1"))
    view = bad(samples.status())
    approval = bad(samples.approval())
    yield status_card(view)
    yield positions_card(view)
    foreign = bad(samples.foreign_view())
    yield positions_card(replace(view, foreign=(foreign, replace(foreign, stop=None, exit_fee=None))))
    yield foreign_card(foreign, badge(text, is_paper=True))
    yield foreign_close_question(foreign, badge(text, is_paper=False))
    yield readiness_card(bad(samples.readiness_view()))
    yield golive_card(bad(replace(samples.readiness_view(), is_paper=False, next_cap=Decimal(100))))
    yield start_card(view, may_act=True)
    yield breakers_card(view.breakers, (bad(samples.breaker_event()),))
    yield clearing_question(view.breakers[0], "a reason of a person <b>")
    yield doctor_card(bad(samples.doctor_lines()))
    yield version_card(bad(samples.version()))
    yield close_question(estimate, badge(text, is_paper=False))
    yield close_all_question([estimate], badge(text, is_paper=True))
    yield panic_question(1, badge(text, is_paper=True), is_last=False)
    yield mode_question(Mode.AUTO)
    yield approval_card(approval, is_paper=True)
    yield settled_card(replace(approval, state=ApprovalState.REFUSED, reasons=(text, text)), is_paper=False)
    yield why_of_plan(approval)
    yield analysis_progress(text, bad(samples.verdict()).opinions)
    yield analysis_card(bad_analysis(text), badge(text, is_paper=True))
    yield scan_progress(ScanProgress(1, 2, text, text))
    yield scan_card(bad(samples.scan_report()))
    yield why_card(bad(samples.scan_report()))
    yield why_symbol_card(bad(samples.decision_record()))
    yield metrics_card(bad(samples.metrics()), text, is_paper=True)
    yield risk_card(bad(samples.risk_view()), text, is_paper=False)
    yield costs_card(bad(samples.costs()), text, is_paper=False)
    yield period_card(replace(samples.period(), by_symbol={text: (1, Decimal(1))}), text, is_paper=False)
    yield history_card([bad(samples.closed_trade(note="n"))] * 30, text, is_paper=True)
    yield sections_card(bad(samples.settings_views()))
    yield section_card(text, bad(samples.settings_views()))
    yield setting_card(bad(samples.settings_views())[0])
    yield change_card(ProposedChange(text, text, text, text, raises_risk=True))
    yield help_card({text: [(text, text)]})
    yield sentence(text, text)


def bad_analysis(text: str) -> Any:
    analysis = samples.analysis()
    outcome = poisoned(analysis.decision.outcome, text)
    decision = replace(
        analysis.decision,
        symbol=text,
        outcome=outcome,
        features=poisoned(analysis.decision.features, text),
        verdict=poisoned(analysis.decision.verdict, text),
    )
    return replace(analysis, decision=decision, opinions=poisoned(analysis.opinions, text))


def sample_notices() -> list[Notice]:
    trade, position, closed = samples.trade(), samples.position(), samples.closed_trade()
    return [
        notices.system("k1", "the scanner died"),
        notices.started(
            "k2", "paper", True, "semi_auto", ["SOL long is open"], ["REDIS_URL is not built yet"]
        ),
        notices.stopped("k3", 1, ["SOL"]),
        notices.approval_card(samples.approval()),
        notices.approval_closed("a1", ApprovalState.EXPIRED, ["nobody answered"]),
        notices.signal(samples.plan()),
        notices.entry_sent(trade, "telegram:1001"),
        notices.opened(trade, position, stop_resting=True),
        notices.changed(trade, "c1", "stop moved to 64,000"),
        notices.closed(closed),
        notices.entry_failed(trade, "the venue said no"),
        notices.naked(trade, "placing it again", 1),
        notices.near_stop(trade, Decimal(64000)),
        notices.liquidation_ladder(trade, position, 25),
        notices.outside_change("k4", "a position in SOL"),
        notices.foreign(samples.foreign_view(), "k7"),
        notices.adopted(trade, position, "adopted by telegram:1001"),
        notices.breaker_tripped(samples.breaker_event(), "at 00:00 UTC, or when you acknowledge it"),
        notices.breaker_cleared("daily_loss", "telegram:1001", samples.NOW, "known"),
        notices.ai_degraded("k5", ["Claude: timeout"], 1),
        budget_reached("paper", samples.NOW.date(), Decimal("0.50"), Decimal("0.0004")),
        notices.summary("k6", "weekly", performance([closed], [], Decimal(100)), Decimal("101.5")),
    ]


def assert_tellable(shown: Card) -> None:
    for page in pages(shown):
        text, entities = parse_html(page)
        assert utf16_length(text) <= MESSAGE_LIMIT
        assert utf16_length(text) == visible_length(page)
        assert len(entities) <= 100
        assert text.strip()
    text, _ = parse_html(caption(shown))
    assert utf16_length(text) <= CAPTION_LIMIT


@given(HOSTILE)
def test_every_card_parses_and_fits_whatever_the_texts_say(text: str) -> None:
    for shown in every_card(text):
        assert_tellable(shown)


@given(HOSTILE, st.sampled_from(sample_notices()))
def test_every_notice_parses_and_fits_whatever_its_facts_say(text: str, notice: Notice) -> None:
    assert_tellable(notice_card(notice, text, is_paper=False))
    assert_tellable(again(notice_card(replace(notice, facts=poisoned(notice.facts, text)), text, True)))


def test_every_kind_of_notice_has_a_card_of_its_own() -> None:
    told = sample_notices()
    cards = {notice.kind: notice_card(notice, "paper", is_paper=True).html for notice in told}

    assert set(cards) == set(NoticeKind)
    assert all("PAPER" in html for kind, html in cards.items() if kind not in WITHOUT_MONEY)
    assert not any(kind.value in html for kind, html in cards.items() if "_" in kind.value)


WITHOUT_MONEY = {NoticeKind.SYSTEM, NoticeKind.AI_DEGRADED, NoticeKind.APPROVAL_CLOSED}


def test_facts_that_cannot_be_read_are_shown_as_they_are() -> None:
    shown = notice_card(Notice(NoticeKind.CLOSED, "k", {"closed": {"net": "<b>7"}}), "paper", is_paper=True)

    assert "closed" in plain(shown.html)
    assert "<b>7" in plain(shown.html)
    assert_tellable(shown)


@given(st.lists(st.text(alphabet="ab<&🚀\n", max_size=3000), max_size=12), st.integers(60, 400))
def test_pages_hold_every_line_in_order_and_never_cut_a_tag(texts: list[str], limit: int) -> None:
    shown = card(*(folded([f"<b>{esc(text, 5000)}</b>", "end"]) for text in texts))

    split = pages(shown, limit)

    words = "".join(plain(page) for page in split).replace("\n", "")
    expected = "".join(plain(f"{esc(text, 5000)}") + "end" for text in texts)
    assert words.replace(" ", "") == (expected or "…").replace(" ", "")
    for page in split:
        text, _ = parse_html(page)
        assert utf16_length(text) <= limit


def test_a_page_never_has_more_entities_than_telegram_keeps() -> None:
    shown = card(lines(*(f"<b>{number}</b>" for number in range(500))))

    split = pages(shown)

    assert len(split) == 6
    assert all(len(parse_html(page)[1]) <= 90 for page in split)


def test_a_caption_drops_reasons_before_numbers() -> None:
    reasons = folded([f"reason {number} " + "x" * 60 for number in range(40)], is_optional=True)
    shown = card(lines("head"), reasons, lines("tail"))

    words = plain(caption(shown))

    assert words.startswith("head")
    assert words.endswith("tail")
    assert "reason 0" in words
    assert "reason 39" not in words
    assert visible_length(caption(shown)) <= CAPTION_LIMIT


def test_an_empty_card_is_still_a_message() -> None:
    assert pages(card(lines(None, ""))) == ["…"]
    assert pages(Card((Block(()),))) != [""]


def test_a_plan_says_what_funding_it_counts_on_and_what_cut_its_size() -> None:
    shown = replace(
        samples.approval(),
        plan=replace(
            samples.plan(),
            funding_cost=Decimal("0.0018"),
            beta=Decimal("0.62"),
            notes=("size × 0.75: confidence 0.76 is under 0.80",),
        ),
    )

    words = plain(approval_card(shown, is_paper=True).html)

    assert "Expected funding until the exit: -0.13 USDT, in both figures" in words  # 0.18 % of 67.32
    assert "beta to BTC 0.62" in words
    assert "size × 0.75: confidence 0.76 is under 0.80" in words


def test_the_approval_card_says_everything_the_owner_must_know() -> None:
    words = plain(approval_card(samples.approval(), is_paper=True).html)

    for part in [
        "PAPER",
        "BTC LONG 3x (asked 5x)",
        "Entry 67,321.5",
        "stop 63,955.4",
        "72,000 (50%), 74,000 (50%)",
        "Size 0.001 BTC = 67.32 USDT",
        "margin 22.44 USDT",
        "If stopped: -3.46 USDT after fees",
        "If targets are met: +5.57 USDT after fees",
        "Liquidation 45,200",
        "Reward ÷ risk 1.6",
        "Effective leverage 0.67x of equity 100.00 USDT · applied 3x, asked for 5x",
        "beta to BTC n/a",
        "Claude: long 82%",
        "DeepSeek: no answer (timeout)",
        "higher highs on rising volume",
        "Answer by 12:05:00 UTC",
    ]:
        assert part in words, part


def test_the_reasons_of_a_card_are_folded_away() -> None:
    html = approval_card(samples.approval(), is_paper=True).html

    folded_part = html[html.index("<blockquote expandable>") : html.index("</blockquote>")]

    assert "higher highs on rising volume" in folded_part


def test_a_settled_card_says_what_became_of_it_and_asks_nothing() -> None:
    over = replace(samples.approval(), state=ApprovalState.EXPIRED, settled_at=samples.NOW)

    words = plain(settled_card(over, is_paper=True).html)

    assert words.startswith("⌛ Expired unanswered, nothing was sent")
    assert "Answer by" not in words


@pytest.mark.parametrize(
    ("account", "is_paper", "words"),
    [
        ("paper", True, "PAPER"),
        ("demo", True, "DEMO"),
        ("live:binanceusdm", False, "LIVE · live:binanceusdm"),
    ],
)
def test_money_always_says_whose_it_is(account: str, is_paper: bool, words: str) -> None:
    view = replace(samples.status(), account=account, is_paper=is_paper)

    assert words in plain(status_card(view).html)
    assert words in plain(history_card([], account, is_paper).html)


@pytest.mark.parametrize(
    ("value", "balance", "signed", "paid"),
    [
        ("1234.567", "1,234.56 USDT", "+1,234.56 USDT", "1,234.57 USDT"),
        ("-0.001", "-0.01 USDT", "-0.01 USDT", "0.00 USDT"),
        ("0", "0.00 USDT", "+0.00 USDT", "0.00 USDT"),
        ("-0", "0.00 USDT", "+0.00 USDT", "0.00 USDT"),
    ],
)
def test_money_has_cents_and_is_never_shown_better_than_it_is(
    value: str, balance: str, signed: str, paid: str
) -> None:
    assert usdt(Decimal(value)) == balance
    assert gain(Decimal(value)) == signed
    assert cost(Decimal(value)) == paid


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("67321.50000", "67,321.5"),
        ("67321.4285714", "67,321.4"),
        ("0.00001234", "0.00001234"),
        ("1E+5", "100,000"),
        ("100", "100"),
    ],
)
def test_prices_are_exact_or_to_six_digits_and_never_have_an_exponent(value: str, shown: str) -> None:
    assert price(Decimal(value)) == shown
    assert "E" not in quantity(Decimal(value))


def test_unknown_is_never_zero() -> None:
    unknown: list[Callable[[None], str]] = [usdt, gain, cost, price, quantity, percent, span, moment]

    assert {show(None) for show in unknown} == {"n/a"}
    assert rate(None, 0) == "n/a (n=0)"


def test_a_rate_stands_beside_its_sample_size() -> None:
    words = plain(metrics_card(samples.metrics(), "paper", is_paper=True).html)

    assert "Win rate 50.0% (n=2, 16–84%)" in words
    assert "win rate n/a (n=0)" in words


def test_a_time_carries_utc_where_the_app_cannot_show_the_readers_own() -> None:
    shown = moment(datetime(2026, 3, 1, 12, 0, tzinfo=UTC), with_date=True)

    text, entities = parse_html(shown)

    assert text == "2026-03-01 12:00 UTC"
    assert [entity["type"] for entity in entities] == ["date_time"]


def test_a_naked_position_is_shown_as_one() -> None:
    naked = replace(samples.position_view(), stop=None)

    assert "Stop ⚠️ none" in plain(positions_card(samples.status((naked,))).html)


def test_equity_that_is_unknown_is_said_to_be() -> None:
    words = plain(status_card(replace(samples.status(), equity=None, wallet=None, daily_pnl=None)).html)

    assert "Equity is unknown right now" in words and "n/a" not in words


def test_a_source_of_news_that_is_silent_is_named_in_the_status() -> None:
    silent = replace(samples.status(), unheard=("news.example", "<b>"))

    assert "Nothing known of: news.example, <b>" in plain(status_card(silent).html)
    assert "Nothing known of" not in plain(status_card(samples.status()).html)


def test_the_notices_facts_are_plain_json() -> None:
    assert all(to_plain(notice.facts) == notice.facts for notice in sample_notices())


def test_who_did_it_is_said_in_words() -> None:
    over = replace(samples.approval(), state=ApprovalState.APPROVED, settled_by="telegram:1001")

    assert "Approved by Telegram user 1001" in plain(settled_card(over, is_paper=True).html)


def test_who_paused_is_said_in_words() -> None:
    paused = replace(samples.status(), why="paused by telegram:1001")

    assert "paused by Telegram user 1001" in plain(status_card(paused).html)


def test_who_rejected_stands_beside_the_rejection() -> None:
    over = replace(
        samples.approval(), state=ApprovalState.REJECTED, settled_by="telegram:1001", settled_at=samples.NOW
    )

    words = plain(settled_card(over, is_paper=True).html)

    assert words.startswith("✖️ Rejected by Telegram user 1001 at 12:00:00 UTC, nothing was sent")


def test_an_exit_opinion_is_told_as_one_and_names_no_flags() -> None:
    record = samples.decision_record(gate="exit")

    words = plain(why_symbol_card(record).html)

    assert "the advisers were asked about the open position" in words
    assert "ended at" not in words and "flag" not in words


def test_what_is_locked_in_after_a_target_is_told_of_the_rest() -> None:
    half = replace(
        samples.position_view(), loss_at_stop=Decimal("-3"), targets=(Decimal(70000), Decimal(75000))
    )

    words = plain(position_block(replace(half, targets_left=1)).html)

    assert "🔒 There the rest locks in +3.00 USDT, costs included" in words
    assert "There it loses 3.00 USDT" in plain(
        position_block(replace(half, targets_left=2, loss_at_stop=Decimal(3))).html
    )


def test_what_a_decision_stood_on_is_shown_with_it() -> None:
    refused = plain(why_symbol_card(samples.decision_record(samples.ETH, "flags")).html)
    cleared = plain(why_symbol_card(samples.decision_record()).html)

    assert "rsi: 82 against 80 (both sides)" in refused
    assert "RSI 82 above 80" not in refused, "the flag is the reason, told once"
    assert "Score 88/100 = confidence 33 + agreement 20" in cleared
    assert "Claude: long 82%" in cleared


def test_what_cannot_be_sized_is_named_with_its_mend_in_settings_and_scan() -> None:
    small = (("LINK/USDT:USDT", "RISK_PER_TRADE=0.0525"),)

    shown = sections_card([], small)

    assert any(
        "LINK would need RISK_PER_TRADE=0.0525" in line for block in shown.blocks for line in block.lines
    )


def shown(notice: Notice) -> str:
    return plain(notice_card(notice, "paper", True).html)


def test_a_value_at_its_limit_is_not_said_to_be_beyond_it() -> None:
    event = replace(samples.breaker_event(), value="3", threshold="3")

    words = shown(notices.breaker_tripped(event, "later"))

    assert "It stands at 3, the limit is 3." in words


def test_a_protective_exit_is_told_in_words() -> None:
    told = notices.changed(samples.trade(), "leaving", "closing at once: liquidation_guard")

    assert "closing at once: closed before liquidation" in shown(told)


def test_a_change_on_the_exchange_names_the_coin_as_people_do() -> None:
    words = shown(notices.outside_change("k", "SOL/USDT:USDT: its stop was cancelled"))

    assert "SOL: its stop was cancelled" in words


def test_every_row_of_a_week_is_shown_with_its_limit() -> None:
    words = plain(readiness_card(samples.readiness_view()).html)

    assert all(limit in words for limit in ("> 99%", "< 5", "> 1.5", "< 10%")) and "liquidations" in words


def test_an_armed_account_shows_its_cap_and_a_disarmed_one_none() -> None:
    armed = replace(samples.status(), cap=Decimal(500))

    assert "Armed with a cap of 500.00 USDT" in plain(status_card(armed).html)
    assert "cap" not in plain(status_card(replace(armed, state=TradingState.DISARMED)).html)
    assert "cap" not in plain(status_card(samples.status()).html)


@pytest.mark.parametrize("is_last", [False, True])
def test_panic_says_before_both_taps_what_it_leaves_open(is_last: bool) -> None:
    words = plain(panic_question(1, "here", is_last, ("ETH/USDT:USDT",)).html)

    assert "Not mine, so it stays open: ETH" in words
    assert "Not mine" not in plain(panic_question(1, "here", is_last).html)


def test_the_greeting_of_a_disarmed_account_says_that_it_is() -> None:
    disarmed = replace(samples.status(), state=TradingState.DISARMED)

    assert "Disarmed" in plain(start_card(disarmed, may_act=True).html)
    assert "Disarmed" not in plain(start_card(samples.status(), may_act=True).html)


def test_what_a_symbol_would_need_is_not_shown_as_what_is_set() -> None:
    words = plain(status_card(samples.status()).html)

    assert "ETH would need INITIAL_CAPITAL 250" in words
