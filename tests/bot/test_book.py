"""Settings as they hold: proposed with their effect, recorded, then in force."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

from bot.adviser_roles import auto_barred
from bot.book import CHOICES, SettingsBook, chat_changes, require_paper
from bot.limits import exit_rules_of, flag_limits_of, limits_of
from bot.settings import SettingsError, load_settings, spec_of, specs, with_chat_change
from core.analysis.flags import FlagLimits
from core.errors import JournalError
from core.journal import SettingChange
from core.risk.limits import BreakerLimits, Limits, Policy
from core.sim.clock import VirtualClock
from core.trading.exits import ExitRules
from tests.core.builders import NOW, PAPER, D

KEYS = {"ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef", "OPENAI_API_KEY": "sk-0123456789abcdef0123"}


class FakeJournal:
    def __init__(self) -> None:
        self.rows: list[SettingChange] = []
        self.is_broken = False

    async def record_setting(self, account: str, change: SettingChange) -> None:
        await asyncio.sleep(0)
        if self.is_broken:
            raise JournalError("the disk is full")
        assert account == PAPER
        self.rows.append(change)


class FakeMarket:
    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        return ("A/USDT:USDT", "B/USDT:USDT", "C/USDT:USDT")[:count]


def a_book(**environ: str) -> tuple[SettingsBook, FakeJournal]:
    journal: Any = FakeJournal()
    market: Any = FakeMarket()
    return SettingsBook(load_settings(environ), journal, market, VirtualClock(NOW), PAPER), journal


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("MAX_LEVERAGE", "11", "between 1 and 10"),
        ("RISK_PER_TRADE", "2", "write 0.02"),
        ("RISK_PER_TRADE", "0.11", "must not be above"),
        ("MIN_STOP_LOSS_PERCENT", "0.2", "must not be above"),
        ("RISK_PER_TRADE", "", "needs a value"),
        ("RISK_PER_TRADE", "NaN", "number"),
        ("NO_SUCH", "1", "is no setting"),
        ("USE_PAPER_TRADING", "false", "can't be changed here"),
        ("TELEGRAM_BOT_TOKEN", "1:abc", "can't be changed here"),
        ("TRADING_MODE", "auto", "/mode"),
        ("MAX_LEVERAGE", "5", "already"),
        ("max_leverage", " 5 ", "already"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_reason_and_changes_nothing(
    name: str, text: str, word: str
) -> None:
    book, journal = a_book()
    before = book.settings

    proposed = book.propose(name, text, D(1000))
    changed = await book.change(name, text, "telegram:1")

    assert word in proposed.refusal
    assert changed.refusal == proposed.refusal
    assert (book.settings, journal.rows) == (before, [])


def test_a_proposal_shows_old_new_and_the_worst_case_in_money_and_changes_nothing() -> None:
    book, journal = a_book()

    proposed = book.propose("risk_per_trade", "0.03", D(500))

    assert (proposed.name, proposed.old, proposed.new) == ("RISK_PER_TRADE", "0.02", "0.03")
    assert proposed.raises_risk
    assert proposed.effect == (
        "worst loss of one trade: 2.00% → 3.00% of equity (10.00 → 15.00 USDT); "
        "worst loss of all open trades: 2.00% → 3.00% of equity (10.00 → 15.00 USDT)"
    )
    assert book.settings.risk_per_trade == D("0.02")
    assert journal.rows == []


def test_without_known_equity_the_effect_is_told_in_shares_alone() -> None:
    book, _ = a_book()

    assert "USDT" not in book.propose("RISK_PER_TRADE", "0.03", None).effect


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("MAX_TRADE_LOSS_PERCENT", "0.05", "worst loss of one idea of your own: 10.00% → 5.00%"),
        ("DAILY_LOSS_LIMIT_PERCENT", "0.05", "loss of a day that stops entries: 10.00% → 5.00%"),
        ("MAX_DRAWDOWN_PERCENT", "0.1", "fall from the peak that stops entries: 20.00% → 10.00%"),
        ("MAX_OPEN_POSITIONS", "3", "worst loss of all open trades: 2.00% → 6.00%"),
        ("MAX_OPEN_POSITIONS", "20", "worst loss of all open trades: 2.00% → 10.00%"),
        ("MAX_LEVERAGE", "3", "the worst-case loss at the stops stays the same"),
        ("SCAN_INTERVAL_SECONDS", "60", "the worst-case loss at the stops stays the same"),
    ],
)
def test_the_effect_names_what_the_worst_case_becomes(name: str, text: str, words: str) -> None:
    book, _ = a_book()

    assert words in book.propose(name, text, D(1000)).effect


@pytest.mark.parametrize(
    ("name", "safer", "riskier"),
    [
        ("MAX_LEVERAGE", "3", "6"),
        ("RISK_PER_TRADE", "0.01", "0.03"),
        ("MIN_AI_CONFIDENCE", "0.8", "0.6"),
        ("MAX_STOP_LOSS_PERCENT", "0.08", "0.2"),
        ("POSITION_COOLDOWN_MINUTES", "60", "0"),
        ("ALLOW_VOLATILE", None, "true"),
        ("SCAN_INTERVAL_SECONDS", "600", None),
    ],
)
def test_only_what_raises_risk_says_so(name: str, safer: str | None, riskier: str | None) -> None:
    book, _ = a_book()

    assert safer is None or not book.propose(name, safer, None).raises_risk
    assert riskier is None or book.propose(name, riskier, None).raises_risk


async def test_a_change_is_recorded_then_in_force() -> None:
    book, journal = a_book()

    changed = await book.change("max_leverage", " 3 ", "telegram:7")

    assert not changed.refusal
    assert journal.rows == [SettingChange("MAX_LEVERAGE", "5", "3", "telegram:7", NOW)]
    assert book.rules().limits.max_leverage == 3
    assert [view.source for view in book.views() if view.name == "MAX_LEVERAGE"] == ["chat"]


async def test_what_could_not_be_recorded_is_not_in_force() -> None:
    book, journal = a_book()
    journal.is_broken = True

    with pytest.raises(JournalError):
        await book.change("MAX_LEVERAGE", "3", "telegram:7")

    assert book.rules().limits.max_leverage == 5


async def test_two_changes_at_once_both_hold() -> None:
    book, journal = a_book()

    await asyncio.gather(book.change("MAX_LEVERAGE", "3", "a"), book.change("RISK_PER_TRADE", "0.01", "b"))

    assert (book.settings.max_leverage, book.settings.risk_per_trade) == (3, D("0.01"))
    assert len(journal.rows) == 2


async def test_two_changes_that_exclude_each_other_are_judged_one_after_the_other() -> None:
    book, journal = a_book()

    one, other = await asyncio.gather(
        book.change("MAX_TRADE_LOSS_PERCENT", "0.03", "a"), book.change("RISK_PER_TRADE", "0.05", "b")
    )

    assert not one.refusal
    assert "must not be above" in other.refusal
    assert [row.name for row in journal.rows] == ["MAX_TRADE_LOSS_PERCENT"]


async def test_the_stricter_of_environment_and_chat_holds_for_a_risk_setting() -> None:
    book, journal = a_book(MAX_LEVERAGE="3", MIN_AI_CONFIDENCE="0.8")

    looser = await book.change("MAX_LEVERAGE", "5", "a")
    stricter = await book.change("MAX_LEVERAGE", "2", "a")
    less_sure = await book.change("MIN_AI_CONFIDENCE", "0.5", "a")

    assert "environment" in looser.refusal
    assert not stricter.refusal
    assert "environment" in less_sure.refusal
    assert (book.settings.max_leverage, book.settings.min_ai_confidence) == (2, D("0.8"))
    assert [row.new for row in journal.rows] == ["2"]


async def test_for_other_settings_the_chat_holds() -> None:
    book, _ = a_book(SCAN_INTERVAL_SECONDS="300")

    await book.change("SCAN_INTERVAL_SECONDS", "60", "a")

    assert book.settings.scan_interval_seconds == 60


async def test_recorded_changes_hold_after_a_restart() -> None:
    book, journal = a_book(RISK_PER_TRADE="0.03")
    await book.change("RISK_PER_TRADE", "0.01", "a")
    await book.change("MAX_OPEN_POSITIONS", "2", "a")

    again = load_settings({"RISK_PER_TRADE": "0.03"}, chat_changes(tuple(journal.rows)))

    assert limits_of(again) == book.rules().limits


RISK_FIELDS = {
    "MAX_LEVERAGE": ("max_leverage", "2", 2),
    "POSITION_SIZE_PERCENT": ("position_size", "0.5", D("0.5")),
    "RISK_PER_TRADE": ("risk_per_trade", "0.01", D("0.01")),
    "MAX_TRADE_LOSS_PERCENT": ("max_trade_loss", "0.09", D("0.09")),
    "MIN_STOP_LOSS_PERCENT": ("min_stop", "0.06", D("0.06")),
    "MAX_STOP_LOSS_PERCENT": ("max_stop", "0.09", D("0.09")),
    "MIN_PROFIT_USD": ("min_profit_usd", "4", D(4)),
    "MIN_AI_CONFIDENCE": ("min_confidence", "0.8", 0.8),
    "MIN_OPPORTUNITY_SCORE": ("min_score", "80", 80.0),
    "ALLOW_VOLATILE": ("allow_volatile", "true", True),
    "MAX_OPEN_POSITIONS": ("max_open_positions", "2", 2),
    "POSITION_COOLDOWN_MINUTES": ("cooldown_s", "45", 2700.0),
    "DAILY_LOSS_LIMIT_PERCENT": ("daily_loss", "0.08", D("0.08")),
    "MAX_CONSECUTIVE_LOSSES": ("max_consecutive_losses", "2", 2),
    "MAX_DRAWDOWN_PERCENT": ("max_drawdown", "0.15", D("0.15")),
    "APPROVAL_MAX_DRIFT_PERCENT": ("approval_drift", "0.004", D("0.004")),
}


GUARDING_FIELDS: dict[str, tuple[str, str, object]] = {
    "STOP_SWING_ATR": ("exits.swing_margin_atr", "0.5", 0.5),
    "STOP_ROUND_ATR": ("exits.round_margin_atr", "0.2", 0.2),
    "STOP_COST_MULTIPLE": ("exits.cost_multiple", "4", 4.0),
    "EMERGENCY_LIQUIDATION_PERCENT": ("exits.nearest_liquidation", "0.06", 0.06),
    "SCALP_STOP_PERCENT": ("exits.scalp_stop", "0.06", 0.06),
    "SWING_STOP_PERCENT": ("exits.swing_stop", "0.075", 0.075),
    "SWING_STOP_MOST_PERCENT": ("exits.swing_stop_most", "0.09", 0.09),
    "SWING_HORIZON_HOURS": ("exits.swing_horizon_h", "12", 12.0),
    "STOP_ATR": ("exits.stop_atr", "3", 3.0),
    "BREAK_EVEN_AFTER": ("exits.break_even_after", "2", 2),
    "TRAILING_ATR": ("exits.trail_atr", "3", 3.0),
    "TRAILING_PERCENT": ("exits.trail_fraction", "0.02", 0.02),
    "TRAILING_ARM_R": ("exits.arm_r", "1.5", 1.5),
    "TRAILING_STEP_R": ("exits.step_r", "0.2", 0.2),
    "TIME_STOP_HOURS": ("exits.time_stop_h", "48", 48.0),
    "TARGETS": ("targets", "2:1", ((D(2), D(1)),)),
    "MIN_REWARD_RISK": ("min_reward_risk", "1.8", D("1.8")),
    "EXIT_OPINION": ("is_exit_opinion_on", "false", False),
    "MIN_LIQUIDATION_PERCENT": ("min_liquidation_distance", "0.12", D("0.12")),
    "LIQUIDATION_PER_STOP": ("liquidation_per_stop", "3", D(3)),
    "FULL_SIZE_CONFIDENCE": ("full_confidence", "0.85", 0.85),
    "BAND_SIZE": ("band_size", "0.5", D("0.5")),
    "YELLOW_DRAWDOWN_PERCENT": ("yellow_drawdown", "0.04", D("0.04")),
    "YELLOW_SIZE": ("yellow_size", "0.4", D("0.4")),
    "ORANGE_DRAWDOWN_PERCENT": ("orange_drawdown", "0.09", D("0.09")),
    "PROBE_SIZE": ("probe_size", "0.3", D("0.3")),
    "VOLATILE_SIZE": ("volatile_size", "0.3", D("0.3")),
    "SAME_DIRECTION_PERCENT": ("same_direction_share", "0.5", D("0.5")),
    "SLIPPAGE_PERCENT": ("slippage", "0.001", D("0.001")),
    "MAX_SPREAD_PERCENT": ("max_spread", "0.001", D("0.001")),
    "MAX_BAR_DRIFT_ATR": ("max_bar_drift_atr", "2", D(2)),
    "ROLLING_LOSS_LIMIT_PERCENT": ("breakers.rolling_loss", "0.08", D("0.08")),
    "CONSECUTIVE_LOSS_HOURS": ("breakers.consecutive_cooldown_h", "48", 48.0),
    "LIQUIDATION_RISK_PERCENT": ("breakers.liquidation_distance", "0.08", D("0.08")),
    "STALE_DATA_SECONDS": ("breakers.stale_data_s", "120", 120.0),
    "EXCHANGE_ERRORS": ("breakers.exchange_errors", "4", 4),
    "PRICE_SHOCK_ATR": ("breakers.price_shock_atr", "4", 4.0),
    "FUNDING_EXTREME_PERCENT": ("breakers.funding_per_8h", "0.002", 0.002),
    "BREAKER_COOLDOWN_MINUTES": ("breakers.cooldown_s", "30", 1800.0),
}
FLAG_FIELDS: dict[str, tuple[str, str, object]] = {
    "FLAG_RSI": ("is_rsi_on", "false", False),
    "FLAG_RSI_LOW": ("rsi_low", "25", 25.0),
    "FLAG_RSI_HIGH": ("rsi_high", "75", 75.0),
    "FLAG_VOLUME": ("is_volume_on", "false", False),
    "FLAG_VOLUME_RATIO": ("min_volume_ratio", "0.6", 0.6),
    "FLAG_MIDDLE": ("is_middle_on", "false", False),
    "FLAG_MIDDLE_SHARE": ("middle_share", "0.4", 0.4),
    "FLAG_DIVERGENCE": ("is_divergence_on", "false", False),
    "FLAG_VOLATILE": ("is_volatile_on", "false", False),
    "FLAG_TIMEFRAMES": ("is_timeframes_on", "false", False),
    "FLAG_TIMEFRAMES_COUNT": ("min_frames_leaning", "3", 3),
    "FLAG_FUNDING": ("is_funding_on", "false", False),
    "FLAG_FUNDING_PERCENT": ("max_funding_per_8h", "0.0005", 0.0005),
}
ALSO = {"MIN_PROFIT_USD": {"exits.min_profit_usd"}}
"""The rule book keeps a float of its own of the same number."""


def flat(limits: Limits) -> dict[str, object]:
    """Every number by name; those of the rule book and the breakers with their group's."""
    found: dict[str, object] = {}
    for entry in fields(Limits):
        value = getattr(limits, entry.name)
        if entry.name == "exits":
            found |= {f"exits.{name}": number for name, number in value._asdict().items()}
        elif entry.name == "breakers":
            found |= {f"breakers.{part.name}": getattr(value, part.name) for part in fields(value)}
        else:
            found[entry.name] = value
    return found


@pytest.mark.parametrize("name", [*RISK_FIELDS, *GUARDING_FIELDS])
def test_every_risk_setting_moves_exactly_its_own_limit(name: str) -> None:
    field, text, value = (RISK_FIELDS | GUARDING_FIELDS)[name]
    before, after = flat(limits_of(load_settings({}))), flat(limits_of(load_settings({name: text})))

    assert {key for key in before if before[key] != after[key]} == {field} | ALSO.get(name, set())
    assert after[field] == value


@pytest.mark.parametrize("name", list(FLAG_FIELDS))
def test_every_red_flag_can_be_switched_and_its_threshold_set(name: str) -> None:
    field, text, value = FLAG_FIELDS[name]
    before, after = flag_limits_of(load_settings({})), flag_limits_of(load_settings({name: text}))

    assert {f.name for f in fields(before) if getattr(before, f.name) != getattr(after, f.name)} == {field}
    assert getattr(after, field) == value


@pytest.mark.parametrize("name", [name for name, _ in BreakerLimits().policies])
def test_every_breaker_has_its_own_policy(name: str) -> None:
    limits = limits_of(load_settings({f"{name.upper()}_POLICY": "flatten"})).breakers

    assert limits.policy(name) is Policy.FLATTEN
    assert [key for key, policy in limits.policies if policy is Policy.FLATTEN] == [name]


def test_no_risk_setting_is_left_without_a_limit() -> None:
    elsewhere = {"USE_PAPER_TRADING", "POSITION_CHECK_SECONDS"}
    known = set(RISK_FIELDS) | set(GUARDING_FIELDS) | set(FLAG_FIELDS)

    assert {spec.name for spec in specs() if spec.is_risk} <= known | elsewhere


def test_limits_without_any_setting_are_the_documented_defaults() -> None:
    assert limits_of(load_settings({})) == Limits()
    assert exit_rules_of(load_settings({})) == ExitRules()
    assert flag_limits_of(load_settings({})) == FlagLimits()


def test_every_number_of_the_rule_book_and_the_limits_has_a_setting() -> None:
    fixed = {"max_quote_age_s", "max_bars_age_s", "min_profit_in_r", "breakers.error_window_s"}
    policies = {"breakers.policies"}
    settable = {field for field, _, _ in (RISK_FIELDS | GUARDING_FIELDS).values()}

    assert set(flat(Limits())) == settable | fixed | policies | {"exits.min_profit_usd"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.5",
        "1.5:0.5",
        "3:0.5,1.5:0.5",
        "1.5:0.6,3:0.5",
        "0:1",
        "1:-1,2:2",
        "1:0.2,2:0.2,3:0.2,4:0.2,5:0.2",
    ],
)
def test_a_ladder_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        with_chat_change(load_settings({}), "TARGETS", text)


def test_drawdown_tiers_ascend() -> None:
    with pytest.raises(SettingsError, match="YELLOW_DRAWDOWN_PERCENT"):
        load_settings({"YELLOW_DRAWDOWN_PERCENT": "0.15"})


@pytest.mark.parametrize("name", list(CHOICES))
def test_every_offered_button_is_a_value_that_can_be_taken(name: str) -> None:
    assert spec_of(name).is_chat_editable
    for text in CHOICES[name]:
        try:
            with_chat_change(load_settings({}), name, text)
        except SettingsError as error:
            pytest.fail(str(error))


def test_the_value_that_holds_is_not_offered_again() -> None:
    book, _ = a_book(RISK_PER_TRADE="0.01")

    (view,) = [view for view in book.views() if view.name == "RISK_PER_TRADE"]

    assert view.value == "0.01"
    assert view.choices == ("0.005", "0.02", "0.03")


def test_no_view_shows_a_secret() -> None:
    book, _ = a_book(**KEYS)

    shown = repr(book.views())

    assert not any(secret in shown for secret in KEYS.values())


async def test_the_universe_is_listed_or_asked_of_the_market() -> None:
    listed, _ = a_book(SYMBOLS="sol,BTC")
    top, _ = a_book(SYMBOLS="top:2")

    assert await listed.symbols() == ("SOL/USDT:USDT", "BTC/USDT:USDT")
    assert await top.symbols() == ("A/USDT:USDT", "B/USDT:USDT")


async def test_a_course_is_one_snapshot_of_everything_a_scan_needs() -> None:
    book, _ = a_book(SYMBOLS="sol", APPROVAL_TIMEOUT_SECONDS="120", ALLOW_VOLATILE="true")

    course = await book.course()

    assert (course.symbols, course.approval_lifetime_s) == (("SOL/USDT:USDT",), 120)
    assert course.rules.limits.allow_volatile and course.rules.flags.allow_volatile


@pytest.mark.parametrize(
    ("environ", "trades"),
    [
        ({}, False),
        ({"DECIDER": "rules"}, True),
        (KEYS, True),
        ({**KEYS, "DECIDER": "rules"}, True),
        ({"ANTHROPIC_API_KEY": KEYS["ANTHROPIC_API_KEY"]}, False),
        ({"ANTHROPIC_API_KEY": KEYS["ANTHROPIC_API_KEY"], "DECIDER": "ai"}, False),
    ],
)
def test_auto_trades_with_two_advisers_or_with_rules_chosen_on_purpose(
    environ: dict[str, str], trades: bool
) -> None:
    assert (auto_barred(load_settings(environ)) == "") is trades


def test_live_is_refused_in_words_until_it_is_built() -> None:
    assert require_paper(load_settings({})) == ""
    assert "no entry is made" in require_paper(load_settings({"USE_PAPER_TRADING": "false"}))


def test_money_in_effects_is_exact() -> None:
    book, _ = a_book()

    assert "(1.00 → 1.50 USDT)" in book.propose("RISK_PER_TRADE", "0.03", Decimal("50.00")).effect
