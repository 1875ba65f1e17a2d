"""Which typed sentence arms real money, and when its cap may rise: refusals first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.growth import units_at
from core.journal import Arming, EquityPoint
from core.risk.arming import (
    OVERRIDE,
    SENTENCE,
    UNKNOWN_KEY,
    LiveRecord,
    next_cap,
    overrides_unknown_key,
    rise_needs,
    rule,
)
from core.trade import ExitReason
from tests.core.builders import NOW, D, a_closed_trade

LIVE = "live:binanceusdm"
ARMED = Arming(LIVE, D(100), "telegram:1", NOW - timedelta(days=14), SENTENCE)


def unarmed(**fields: Any) -> LiveRecord:
    return replace(LiveRecord(None, (), (), 0, D(100), NOW), **fields)


def proven(**fields: Any) -> LiveRecord:
    """Fourteen days armed with 100, ten live trades won: the cap may rise."""
    trades = tuple(a_closed_trade(1, id=f"live-{at}") for at in range(10))
    curve = (point(100, 1), point(110, 2))
    return replace(LiveRecord(ARMED, trades, curve, 0, D(100), NOW), **fields)


def point(equity: int, day: int) -> EquityPoint:
    return EquityPoint(ARMED.at + timedelta(days=day), D(equity), D(0))


# ---------------------------------------------------------------- the sentence


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "yes",
        "i understand the risks",
        "I UNDERSTAND THE RISK",
        "I UNDERSTAND THE RISKS.",
        "I UNDERSTAND THE RISKS AND OVERRIDE IT",
        "AND OVERRIDE",
    ],
)
def test_any_other_sentence_arms_nothing_and_the_right_one_is_named(typed: str) -> None:
    ready, unready = rule(typed, None, (), unarmed()), rule(typed, None, ("weeks",), unarmed())

    assert ready.cap is None and ready.refusal.endswith(SENTENCE)
    assert unready.cap is None and unready.refusal.endswith(OVERRIDE)


def test_the_plain_sentence_is_refused_while_an_item_does_not_hold() -> None:
    ruling = rule(SENTENCE, None, ("2 of 4 weeks", "no trades"), unarmed())

    assert ruling.cap is None
    assert ruling.reasons == ("2 of 4 weeks", "no trades")
    assert OVERRIDE in ruling.refusal


def test_the_override_arms_and_takes_down_what_did_not_hold() -> None:
    ruling = rule(OVERRIDE, None, ("2 of 4 weeks",), unarmed())

    assert (ruling.cap, ruling.unmet, ruling.refusal) == (D(100), ("2 of 4 weeks",), "")


@pytest.mark.parametrize("sentence", [SENTENCE, OVERRIDE])
def test_both_sentences_arm_when_everything_holds(sentence: str) -> None:
    ruling = rule(sentence, None, (), unarmed())

    assert (ruling.cap, ruling.unmet) == (D(100), ())


@pytest.mark.parametrize("sentence", [SENTENCE, OVERRIDE])
def test_the_first_cap_is_never_above_the_setting(sentence: str) -> None:
    ruling = rule(sentence, D("100.01"), (), unarmed())

    assert ruling.cap is None
    assert "LIVE_CAPITAL_CAP 100" in ruling.refusal


def test_the_first_cap_may_be_less() -> None:
    assert rule(SENTENCE, D(50), (), unarmed()).cap == D(50)


@pytest.mark.parametrize("cap", ["0", "-5", "NaN", "Infinity"])
def test_a_cap_that_is_no_amount_is_refused(cap: str) -> None:
    for record in (unarmed(), proven()):
        assert rule(OVERRIDE, Decimal(cap), (), record).cap is None


# ---------------------------------------------------------------- raising the cap


@pytest.mark.parametrize("sentence", [SENTENCE, OVERRIDE])
def test_the_cap_never_more_than_doubles(sentence: str) -> None:
    ruling = rule(sentence, D("200.01"), (), proven())

    assert ruling.cap is None
    assert "at most double" in ruling.refusal


def test_the_cap_doubles_after_a_proven_stage() -> None:
    assert rise_needs(proven()) == ()
    assert next_cap(proven()) == D(200)
    assert rule(SENTENCE, D(200), (), proven()).cap == D(200)


NOT_YET = {
    "13 of 14 days": {"armed": replace(ARMED, at=NOW - timedelta(days=13, hours=23))},
    "9 of 10 live trades": {"trades": tuple(a_closed_trade(1, id=f"live-{at}") for at in range(9))},
    "P&L +0.00": {"trades": tuple(a_closed_trade(1 if at % 2 else -1, id=f"live-{at}") for at in range(10))},
    "P&L -1.00": {"trades": tuple(a_closed_trade("-0.1", id=f"live-{at}") for at in range(10))},
    "drawdown 20.0%": {"curve": (point(100, 1), point(80, 2))},
    "no equity was recorded": {"curve": ()},
    "1 liquidations": {
        "trades": (*proven().trades, a_closed_trade(-1, exit_reason=ExitReason.LIQUIDATED)),
    },
    "1 times a position had no stop": {
        "trades": (*proven().trades, a_closed_trade(-1, exit_reason=ExitReason.UNPROTECTED)),
    },
    "2 times a position had no stop": {"naked": 2},
}


@pytest.mark.parametrize("said", NOT_YET)
def test_every_condition_of_a_stage_alone_keeps_the_cap_down(said: str) -> None:
    record = proven(**NOT_YET[said])
    ruling = rule(SENTENCE, D(200), (), record)

    (need,) = rise_needs(record)
    assert said in need
    assert next_cap(record) is None
    assert (ruling.cap, ruling.reasons) == (None, (need,))


def test_the_override_raises_it_sooner_and_takes_down_what_was_missing() -> None:
    record = proven(naked=1)
    ruling = rule(OVERRIDE, D(150), (), record)

    assert ruling.cap == D(150)
    assert ruling.unmet == rise_needs(record)


def test_the_cap_may_be_lowered_at_any_time() -> None:
    assert rule(SENTENCE, D(40), (), proven(trades=(), curve=())).cap == D(40)


@pytest.mark.parametrize("wanted", [None, D(100)])
def test_an_armed_account_without_another_cap_changes_nothing(wanted: Decimal | None) -> None:
    ruling = rule(SENTENCE, wanted, (), proven())

    assert ruling.cap is None
    assert "already" in ruling.refusal


def test_before_the_first_arming_the_next_cap_is_the_first() -> None:
    assert next_cap(unarmed()) == D(100)


# ---------------------------------------------------------------- a key, and what no sentence goes past

UNKNOWN = f"{UNKNOWN_KEY}: the exchange does not say"
PAST = replace(ARMED, unmet=("2 of 4 weeks", UNKNOWN), sentence=OVERRIDE)


@pytest.mark.parametrize("sentence", [SENTENCE, OVERRIDE])
@pytest.mark.parametrize("record", [unarmed(), proven()])
def test_what_no_sentence_goes_past_refuses_arming_and_every_rise(sentence: str, record: LiveRecord) -> None:
    wanted = D(200) if record.armed is not None else None
    ruling = rule(sentence, wanted, (), record, never=("the key may withdraw",))

    assert ruling.cap is None and ruling.reasons == ("the key may withdraw",)


def test_the_cap_may_be_lowered_whatever_stands_against_it() -> None:
    assert rule(SENTENCE, D(40), (UNKNOWN,), proven(), never=("the key may withdraw",)).cap == D(40)


def test_an_unknown_key_keeps_the_cap_down_without_the_override() -> None:
    plain, over = (rule(s, D(200), (UNKNOWN, "2 of 4 weeks"), proven()) for s in (SENTENCE, OVERRIDE))

    assert plain.cap is None and plain.reasons == (UNKNOWN,)
    assert (over.cap, over.unmet) == (D(200), (UNKNOWN,))
    assert rule("yes", D(200), (UNKNOWN,), proven()).refusal.endswith(OVERRIDE)


def test_a_key_that_became_unknown_since_is_gone_past_under_the_same_cap() -> None:
    plain, over = (rule(s, None, (UNKNOWN,), proven()) for s in (SENTENCE, OVERRIDE))
    again = rule(OVERRIDE, None, (UNKNOWN,), proven(armed=PAST))

    assert plain.cap is None and plain.reasons == (UNKNOWN,)
    assert (over.cap, over.unmet) == (D(100), (UNKNOWN,))
    assert again.cap is None and "already" in again.refusal


def test_a_lowered_cap_keeps_what_was_recorded_of_the_key() -> None:
    assert rule(SENTENCE, D(40), (), proven(armed=PAST)).unmet == (UNKNOWN,)
    assert overrides_unknown_key(PAST)
    assert not overrides_unknown_key(ARMED) and not overrides_unknown_key(None)


def test_a_stage_that_lost_a_fifth_of_its_cap_may_not_rise_however_large_the_wallet() -> None:
    record = proven(curve=(point(10_000, 1), point(9_980, 2)))

    assert any("drawdown 20.0%" in need for need in rise_needs(record))


def test_a_transfer_makes_and_hides_no_loss_of_a_stage() -> None:
    first = point(10_000, 1)
    paid_in = units_at(point(9_995, 2), D(99_995), D(90_000))
    paid_out = units_at(point(9_980, 2), D(980), D(-9_000))
    larger = EquityPoint(ARMED.at + timedelta(days=3), D(99_995), D(0), D(90_000), paid_in)
    smaller = EquityPoint(ARMED.at + timedelta(days=3), D(980), D(0), D(-9_000), paid_out)

    calm = rise_needs(proven(curve=(first, point(9_995, 2), larger)))
    lost = rise_needs(proven(curve=(first, smaller)))

    assert not any("drawdown" in need for need in calm)
    assert any("drawdown 20.0%" in need for need in lost)
