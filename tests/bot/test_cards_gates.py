"""The funnel in order, and in plain words what the gates saved or cost."""

from __future__ import annotations

from bot.cards import plain
from bot.cards_gates import funnel_lines, gates_block
from core.desk import EVERY_GATE, GateRecord


def rows(symbols: int, **funnel: int) -> list[str]:
    return plain(funnel_lines(symbols, funnel).html).split("\n")


def said(*records: GateRecord) -> str:
    block = gates_block(records)
    assert block is not None
    return plain(block.html)


def test_the_funnel_counts_what_is_left_after_each_gate() -> None:
    found = rows(10, data=1, flags=4, verdict=2, risk=1, cleared=2)

    assert [int(row.split()[1]) for row in found] == [10, 9, 5, 5, 5, 3, 3, 2]
    assert "4 ended here (flags 4)" in found[2]
    assert found[-1] == "▸ 2 passed every check · 1 ended here (risk 1)"


def test_a_gate_nobody_knows_is_named_all_the_same() -> None:
    assert rows(3, quantum=3)[-1] == "Ended elsewhere: quantum 3"


def test_nothing_followed_is_nothing_said() -> None:
    assert gates_block(()) is None


def test_losses_that_were_not_taken_were_saved() -> None:
    text = said(
        GateRecord(EVERY_GATE, 12, 1, -3.2, -0.267, (-0.6, -0.01)),
        GateRecord("reward_risk", 12, 1, -3.2, -0.267, (-0.6, -0.01)),
    )

    assert "saved 3.2 R (n=12, mean -0.27 R, 80 % between -0.60 and -0.01), 1 still followed" in text
    assert "• reward ÷ risk: saved 3.2 R" in text
    assert "chance" not in text


def test_gains_that_were_not_taken_are_a_cost_and_may_be_chance() -> None:
    text = said(
        GateRecord(EVERY_GATE, 6, 0, 2.0, 0.33, (-0.2, 0.9)), GateRecord("rejected", 6, 0, 2.0, 0.33, None)
    )

    assert "cost 2.0 R" in text and "may be chance" in text
    assert "• rejected by you: cost 2.0 R (n=6, mean +0.33 R)" in text


def test_what_has_no_end_yet_has_no_result() -> None:
    assert "no result yet, 2 still followed" in said(GateRecord(EVERY_GATE, 0, 2, 0.0, None, None))
