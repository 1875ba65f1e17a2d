"""Words of judgement: features, flags, opinions, verdict."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.market import Candles, Regime, Side
from core.strategy_use import NO_STRATEGIES, Strategies


class Stance(StrEnum):
    LONG = "long"
    SHORT = "short"
    HOLD = "hold"

    @property
    def side(self) -> Side | None:
        """None for hold."""
        return None if self is Stance.HOLD else Side(self.value)


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """Indicators of one timeframe at its last closed bar. None means n/a (too little history)."""

    timeframe: str
    close: float
    rsi: float | None
    """0..100, Wilder, 14 bars."""
    macd: float | None
    macd_signal: float | None
    macd_histogram: float | None
    """All three in price units; 12/26/9."""
    bollinger_low: float | None
    bollinger_mid: float | None
    bollinger_high: float | None
    """20 bars, 2 standard deviations, price units."""
    ema_fast: float | None
    ema_slow: float | None
    sma_long: float | None
    """EMA 20, EMA 50, SMA 200; price units."""
    atr: float | None
    """Wilder, 14 bars, price units."""
    adx: float | None
    """0..100, 14 bars."""
    obv_slope: float | None
    """Change of on-balance volume over 20 bars ÷ volume of those bars; -1..1."""
    volume_ratio: float | None
    """Last closed bar's volume ÷ mean of the 20 bars before it."""
    divergence: Side | None
    """MACD against price: LONG is a bullish divergence, SHORT a bearish one, None none."""
    swing_low: float | None
    swing_high: float | None
    """The latest confirmed swing points, price units."""
    lean: Stance
    """The side this timeframe points to."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of a symbol from closed bars; per-bar quantities only, no live price."""

    symbol: str
    bar_closed_at: datetime
    """Close of the newest 15-minute bar used."""
    frames: dict[str, FrameFeatures]
    """Keys 15m, 1h, 4h."""
    regime: Regime
    support: float | None
    resistance: float | None
    """Nearest levels of 1h and 4h around the last close, price units."""
    funding_per_8h: float | None
    """Fraction; positive: longs pay."""
    quote_volume_24h: float | None
    open_interest: float | None
    missing: tuple[str, ...] = ()
    """Names of the features that are n/a."""

    @property
    def close(self) -> float:
        """Last closed 15m price."""
        return self.frames["15m"].close

    def share_leaning(self, side: Side) -> float:
        """Fraction of the timeframes whose lean is `side`."""
        leans = [frame.lean for frame in self.frames.values()]
        return sum(lean.value == side.value for lean in leans) / len(leans) if leans else 0.0


@dataclass(frozen=True, slots=True)
class Flag:
    """One red flag that struck: its name, the value met, the threshold, and whom it strikes."""

    name: str
    value: str
    threshold: str
    strikes: Side | None
    """None strikes both sides."""


@dataclass(frozen=True, slots=True)
class Flags:
    struck: tuple[Flag, ...] = ()

    def strikes(self, side: Side) -> bool:
        return any(flag.strikes is None or flag.strikes is side for flag in self.struck)

    @property
    def strike_both(self) -> bool:
        return self.strikes(Side.LONG) and self.strikes(Side.SHORT)


class Role(StrEnum):
    """What an adviser's answer may do."""

    VOTER = "voter"
    VETO = "veto"
    """It may only refuse or reduce what the voters want."""
    SHADOW = "shadow"
    """It is recorded and has no effect."""


class Purpose(StrEnum):
    """What a model is asked for; who pays and what stops it depend on it."""

    ENTRY = "entry"
    """A scan: stops with everything that keeps entries closed."""
    EXIT = "exit"
    """An open trade, at a 15-minute close."""
    LOOK = "look"
    """A person asked; nothing can be traded from it."""
    READING = "reading"
    """Text of the outside world turned into enums."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One adviser's validated answer."""

    adviser: str
    stance: Stance
    confidence: float
    """Stated, 0..1."""
    p_target_first: float | None
    """Stated probability that the target is met before the stop, 0..1."""
    stop_atr: float | None
    target_atr: float | None
    """Distances in multiples of the 1h ATR; None where the adviser holds."""
    horizon_bars: int | None
    """15-minute bars."""
    reasons: tuple[str, ...]
    evidence: tuple[str, ...]
    invalidation: str
    model: str
    """The id that the provider returned."""
    call_id: str
    """The journal row that holds the raw answer."""
    is_cached: bool = False
    cost_usd: Decimal = Decimal(0)
    latency_s: float = 0.0
    role: Role = Role.VOTER
    """Set by the verdict, from the roles that held."""


class Silence(StrEnum):
    """Why an adviser did not answer."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    INVALID = "invalid"
    NOT_ALLOWED = "not_allowed"
    OUT_OF_CREDIT = "out_of_credit"
    DEADLINE = "deadline"
    FAILED = "failed"
    FABRICATED = "fabricated"
    """It cites a figure that the question does not hold."""
    SWAPPED = "swapped"
    """Another model answered than the one that answered so far."""
    RESTING = "resting"
    """Its provider said that quota or credit is used up; it is not asked for a while."""
    BUDGET = "budget"
    """What the answer might cost is more than is left."""
    BARRED = "barred"
    """No request may leave now: paused, a breaker, closed entries."""
    NOT_NEEDED = "not_needed"
    """The answers so far settle the verdict."""


@dataclass(frozen=True, slots=True)
class Abstention:
    adviser: str
    why: Silence
    detail: str
    call_id: str | None = None
    role: Role = Role.VOTER


@dataclass(frozen=True, slots=True)
class Panel:
    """All answers to one question."""

    opinions: tuple[Opinion, ...] = ()
    abstentions: tuple[Abstention, ...] = ()


class Decider(StrEnum):
    """Whose judgement the verdict is."""

    AI = "ai"
    RULES = "rules"


@dataclass(frozen=True, slots=True)
class Verdict:
    stance: Stance
    confidence: float
    """Mean stated confidence of those who agree; 0 for hold without agreement."""
    decider: Decider
    is_single: bool
    """Only one adviser answered: may be shown in semi_auto, never traded in auto."""
    is_unanimous: bool
    """At least two answered and all agree."""
    opinions: tuple[Opinion, ...]
    abstentions: tuple[Abstention, ...]
    reasons: tuple[str, ...]
    """Why it is what it is, most important first; for a hold, the rule that made it one."""
    share: float = 1.0
    """What vetoes and the mood leave of the full size, above 0 and at most 1."""
    cautions: tuple[str, ...] = ()
    """Why `share` is below 1, in words."""


def behind(verdict: Verdict | None, side: Side) -> tuple[Opinion, ...]:
    """The voters that stand for that side; neither shadows nor vetoes are among them."""
    opinions = verdict.opinions if verdict is not None else ()
    return tuple(one for one in opinions if one.role is Role.VOTER and one.stance.side is side)


@dataclass(frozen=True, slots=True)
class Brief:
    """The question put to every adviser: closed bars and per-bar quantities only."""

    symbol: str
    features: Features
    candles: dict[str, Candles] = field(repr=False, default_factory=dict)
    system: str = ""
    question: str = ""
    """The exact texts sent; static rubric and the facts."""
    version: str = ""
    order: tuple[Stance, ...] = tuple(Stance)
    """In which order the question names the stances; drawn from the facts' hash."""
    decision_id: str = ""
    purpose: Purpose = Purpose.ENTRY
    """These two are for the books: no part of the question."""
    strategies: Strategies = NO_STRATEGIES
    """Those that are asked beside the models; no part of what these read."""

    @property
    def hash(self) -> str:
        """SHA-256 of the exact texts, hexadecimal."""
        return hashlib.sha256(f"{self.system}\x00{self.question}".encode()).hexdigest()
