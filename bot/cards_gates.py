"""The funnel of a scan, and what the ideas that were not taken would have made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.cards import Block, esc, folded, lines
from bot.cards_numbers import many
from core.desk import EVERY_GATE, GateRecord

PASSED = (
    (("symbol", "data", "fault"), "had prices and candles"),
    (("flags",), "had no red flag against both sides"),
    (("entries",), "were open to an entry"),
    (("advisers",), "were answered by an adviser"),
    (("verdict", "confidence"), "had a verdict for a side"),
    (("structure",), "had room for a stop"),
    (("risk",), "passed every check"),
)
"""Gates in the order of the straight line, and what a symbol has done that came through them."""
MOST_GATES = 12
"""Lines of checks; the rest are counted in the first line all the same."""
GATE_WORDS = {
    "rejected": "rejected by you",
    "expired": "expired unanswered",
    "refused": "refused at the tap",
    "entries": "entries closed",
    "breakers": "breaker open",
    "loss_at_stop": "loss at stop",
    "reward_risk": "reward ÷ risk",
    "min_profit": "minimum profit",
    "positions": "no place left",
}


def funnel_lines(symbols: int, funnel: Mapping[str, int]) -> Block:
    """How many were left after each gate, in order; an unknown gate's are named below."""
    left = symbols
    rows = [f"🔻 <b>{many(symbols, 'symbol')}</b> scanned"]
    for gates, words in PASSED:
        ended = sum(funnel.get(gate, 0) for gate in gates)
        left -= ended
        fell = f" · {ended} ended here ({_ended_at(gates, funnel)})" if ended else ""
        rows.append(f"▸ <b>{left}</b> {words}{fell}")
    known = {gate for gates, _ in PASSED for gate in gates} | {"cleared"}
    others = [f"{esc(gate, 40)} {count}" for gate, count in funnel.items() if count and gate not in known]
    return lines(*rows, f"Ended elsewhere: {', '.join(others)}" if others else None)


def _ended_at(gates: Sequence[str], funnel: Mapping[str, int]) -> str:
    return ", ".join(f"{esc(gate, 40)} {funnel[gate]}" for gate in gates if funnel.get(gate))


def gates_block(gates: Sequence[GateRecord]) -> Block | None:
    """In plain words what was saved or missed; None when nothing was followed yet."""
    whole = next((one for one in gates if one.gate == EVERY_GATE), None)
    if whole is None:
        return None
    each = [one for one in gates if one.gate != EVERY_GATE]
    return folded(
        [
            f"👣 <b>Ideas not taken</b>: {_saved_or_cost(whole)}{_pending(whole)}",
            *(
                f"• {esc(_words(one.gate), 60)}: {_saved_or_cost(one)}{_pending(one)}"
                for one in each[:MOST_GATES]
            ),
            "Each followed to its stop, target or time with the same exits; costs in, funding not.",
            "What several checks stopped counts for each of them.",
        ]
    )


def _words(gate: str) -> str:
    return GATE_WORDS.get(gate, gate.replace("_", " "))


def _saved_or_cost(record: GateRecord) -> str:
    """`saved 3.2 R (n=12, mean -0.27 R, 80 % between -0.60 and +0.06)`."""
    if not record.ended or record.mean_r is None:
        return "no result yet"
    total = abs(record.sum_r)
    verb = "saved" if record.sum_r < 0 else "cost"
    between = ""
    if record.interval_r is not None:
        low, high = record.interval_r
        between = f", 80 % between {low:+.2f} and {high:+.2f}"
        between += "" if low > 0 or high < 0 else ": may be chance"
    return f"{verb} {total:.1f} R (n={record.ended}, mean {record.mean_r:+.2f} R{between})"


def _pending(record: GateRecord) -> str:
    return f", {record.still_open} still followed" if record.still_open else ""
