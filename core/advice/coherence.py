"""Whether an answer for a side contradicts itself. What does is no answer; nothing is mended.

Laws:
- Judged by the answer's own figures and the costs that it was told, never by what we would like.
- A rule here can only take a side's vote away. What holds is never refused for its figures.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST_REWARD_RISK = 1.0
"""A target nearer than the stop is no idea of this game; what lies between 1 and the owner's least is left to
the risk checks, which name both numbers."""
WIDEST_GAP = 0.7
"""Between confidence in the stance and chance of its target. Far targets make honest gaps: at 5 R a chance
of 0.25 pays, and confidence in that can be 0.9. Nearly sure and nearly hopeless at once is no judgement."""
HAIR = 1e-9
"""Floats: 0.8 - 0.1 is not quite 0.7."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A side's figures; units as in `Opinion`."""

    confidence: float
    p_target_first: float
    stop_atr: float
    target_atr: float


def contradiction(stated: Stated, round_trip_atr: float) -> str:
    """The broken relation with both values; empty where none is. `round_trip_atr`: costs in 1h ATR, 0 where
    they are unknown."""
    stop, target = stated.stop_atr, stated.target_atr
    if target < stop * LEAST_REWARD_RISK * (1 - HAIR):
        return f"target_atr {target:g} must not be nearer than stop_atr {stop:g}"
    # `break_even_probability` times the stop above and below: no stop is so small that it overflows.
    needed = (stop + round_trip_atr) / (stop + target)
    if stated.p_target_first < needed - HAIR:
        return (
            f"p_target_first {stated.p_target_first:g} must reach the break-even {needed:.3f}"
            " of its own stop and target"
        )
    if abs(stated.confidence - stated.p_target_first) > WIDEST_GAP + HAIR:
        return (
            f"confidence {stated.confidence:g} and p_target_first {stated.p_target_first:g}"
            f" must not be more than {WIDEST_GAP:g} apart"
        )
    return ""
