"""What news and mood may do to a verdict: refuse it or make it smaller, nothing else.

Laws:
- No mood, whatever it holds, makes a side of a hold, raises a confidence or raises a share.
- A source that is configured and silent changes nothing; the verdict says so. News only ever reduces, so a
  bot without its feeds is the bot as it is without this feature. A stranger's web server that is down must
  not stop trading, nor teach an owner to switch the feeds off. The owner is told by a notice.

| Met | Effect |
|---|---|
| hack, delisting or outage, severity 2 or 3 | refused, both sides: such prices jump over stops |
| anything of severity 3 against the side | refused |
| anything of severity 2 against the side | half the size |
| extreme greed for a long, extreme fear for a short, with a spike of mentions | half the size |

News whose direction is mixed or unknown is against both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.market import Side
from core.mood import Chatter, Direction, FearGreed, Mood, NewsEvent
from core.opinion import Stance, Verdict

BREAKING_EVENTS = frozenset({NewsEvent.HACKED, NewsEvent.DELISTING, NewsEvent.OUTAGE})
BREAKING_SEVERITY = 2
REFUSING_SEVERITY = 3
HALVING_SEVERITY = 2
HALF = 0.5
LEAST_SHARE = 0.25
"""Of several reductions together: below a quarter a position is mostly fees."""

_FOR = {Side.LONG: Direction.UP, Side.SHORT: Direction.DOWN}
_CROWDED = {Side.LONG: FearGreed.EXTREME_GREED, Side.SHORT: FearGreed.EXTREME_FEAR}


def tempered(verdict: Verdict, mood: Mood) -> Verdict:
    """The verdict as the mood leaves it; a hold stays as it is."""
    side = verdict.stance.side
    if side is None:
        return verdict
    if refusal := refusal_of(mood, side):
        reasons = (refusal, *verdict.reasons)
        return replace(verdict, stance=Stance.HOLD, confidence=0.0, reasons=reasons)
    cautions = tuple(cautions_of(mood, side))
    reduced = max(verdict.share * HALF ** len(cautions), LEAST_SHARE) if cautions else verdict.share
    return replace(
        verdict,
        share=min(verdict.share, reduced),
        cautions=(*verdict.cautions, *cautions),
        reasons=(*verdict.reasons, *silences_of(mood)),
    )


def refusal_of(mood: Mood, side: Side) -> str:
    """Why this side is not traded now; empty where news does not refuse it."""
    severity = mood.severity or 0
    breaks = mood.event in BREAKING_EVENTS and severity >= BREAKING_SEVERITY
    if breaks or (severity >= REFUSING_SEVERITY and is_against(mood, side)):
        return f"News: {news_words(mood)}; no {side.value}: hold."
    return ""


def cautions_of(mood: Mood, side: Side) -> Iterator[str]:
    """One sentence without its full stop for every halving."""
    if (mood.severity or 0) >= HALVING_SEVERITY and is_against(mood, side):
        yield f"News: {news_words(mood)}; half the size"
    if mood.fear_greed is _CROWDED[side] and mood.chatter is Chatter.SPIKE:
        crowd = mood.fear_greed.value.replace("_", " ")
        yield f"Crowd: {crowd} with a spike of mentions; half the size"


def is_against(mood: Mood, side: Side) -> bool:
    return mood.direction is not _FOR[side]


def news_words(mood: Mood) -> str:
    """`hack, severity 3, down`."""
    event = (mood.event or NewsEvent.OTHER).value
    direction = (mood.direction or Direction.NONE).value
    told = {"mixed": "direction mixed", "none": "direction unclear"}.get(direction, direction)
    return f"{event}, severity {mood.severity or 0}, {told}"


def silences_of(mood: Mood) -> tuple[str, ...]:
    if not mood.missing:
        return ()
    return (f"Mood is not fully known, without effect: {', '.join(dict.fromkeys(mood.missing))}.",)
