"""Simulations whose decisions are taped: scripted advisers in the providers' own wire forms, everything that
an answer can come to, in a database file that can be carried elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.advisers.capabilities import Shape
from core.adapters.advisers.dialects import error_text, opinion_from, shape_of
from core.advice.facts import shown_figures
from core.advice.rules import judge
from core.advice.verdict import RULES_NAME
from core.analysis.flags import FlagLimits
from core.errors import Throttled, Unknown
from core.journal import Mode
from core.market import Background, Candles, Side, to_ms
from core.opinion import Abstention, Brief, Opinion, Silence
from core.ports import AdviserCall, CachedAnswer
from core.risk.limits import Limits
from core.sim.clock import VirtualClock
from core.sim.history import HistoryMarket
from core.sim.runner import SimSettings, Simulation
from core.trading.decide import trade_terms
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.core.builders import an_instrument

START = datetime(2026, 3, 2, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
EASY = Limits(min_confidence=0.5, min_score=0.0, allow_volatile=True, max_consecutive_losses=99)
FLAGS = FlagLimits(
    rsi_low=30.0, rsi_high=70.0, middle_share=0.10, allow_volatile=True, min_frames_leaning=0,
    is_divergence_on=False, is_funding_on=False, min_volume_ratio=0.1,
)  # fmt: skip
SILENCES = (
    "fenced", "cut", "refused", "scale", "fabricated", "throttled", "reset", "late", "swapped", "spared",
)  # fmt: skip
Answer = Opinion | Abstention
Heard = Callable[[Answer], Awaitable[None]]


def drawn(*parts: object) -> int:
    """The same in every process."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:4], "big")


def walked(seed: int, days: float, before_days: int = 36) -> NDArray[np.float64]:
    """5-minute bars of a seeded walk around 100 whose trend turns every few days."""
    dice = np.random.default_rng(seed)
    count = int((before_days + days) * 288)
    opened = to_ms(START) - before_days * 86_400_000 + np.arange(count) * 300_000
    drift = 0.00012 * np.sign(np.sin(np.arange(count) / 700 + seed))
    close = 100 * np.exp(np.cumsum(drift + dice.normal(0, 0.0012, count)))
    open_ = np.concatenate([[100.0], close[:-1]])
    spread = 1 + np.abs(dice.normal(0, 0.0006, count))
    high, low = np.maximum(open_, close) * spread, np.minimum(open_, close) / spread
    volume = 1000 * (1 + dice.random(count))
    return np.column_stack([opened, open_, high, low, close, volume]).astype(np.float64)


@dataclass
class Voices:
    """A panel: three models whose bodies are journalled and read by the real reader, and the rules."""

    journal: SqlJournal
    clock: VirtualClock
    side: Callable[[Brief], Side]
    names: tuple[str, ...] = ("claude", "gpt", "deepseek", RULES_NAME)
    fails_in: int = 4
    """Every how manyth answer is none."""
    silences: Iterator[str] = field(default_factory=lambda: itertools.cycle(SILENCES))

    async def ask(
        self, brief: Brief, heard: Heard | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        answers = [await self._answer(name, brief) for name in self.names]
        opinions = tuple(answer for answer in answers if isinstance(answer, Opinion))
        return opinions, tuple(answer for answer in answers if isinstance(answer, Abstention))

    async def _answer(self, name: str, brief: Brief) -> Answer:
        if name == RULES_NAME:
            return judge(brief.features, trade_terms(EASY))
        key = f"{name} {brief.hash}"
        kept = await self.journal.cached_answer(key, self.clock.now())
        if kept is not None:
            (call,) = (await self.journal.calls([kept.call_id])).values()
            return opinion_from(call, brief.question, shape_of(name), is_cached=True)
        draw = drawn(name, brief.hash)
        kind = next(self.silences) if draw % self.fails_in == 0 else "said"
        if kind == "late":
            return Abstention(name, Silence.DEADLINE, "no answer within 100 s")
        if kind == "spared":
            return Abstention(name, Silence.NOT_NEEDED, "the answers so far settle the verdict")
        call = self._call(name, brief, kind, draw)
        await self.journal.record_call(call)
        if kind == "swapped":
            return Abstention(name, Silence.SWAPPED, "model-2 answered", call.id)
        answer = opinion_from(call, brief.question, shape_of(name))
        if isinstance(answer, Opinion):
            await self._keep(key, call, brief)
        return answer

    async def _keep(self, key: str, call: AdviserCall, brief: Brief) -> None:
        until = brief.features.bar_closed_at + QUARTER
        if until > self.clock.now():
            kept = CachedAnswer(
                key, call.adviser, call.symbol, call.id, "", "model-1", self.clock.now(), until
            )
            await self.journal.keep_answer(kept)

    def _call(self, name: str, brief: Brief, kind: str, draw: int) -> AdviserCall:
        call = AdviserCall(
            id=f"{name}-{drawn(name, brief.decision_id)}-{draw}",
            adviser=name,
            model_asked="model-1",
            symbol=brief.symbol,
            question_key=f"{name} {brief.hash}",
            request=json.dumps({"question": brief.hash}),
            at=self.clock.now(),
            model_returned="model-1",
            tokens_in=2_000,
            tokens_out=300,
            cost_usd=Decimal("0.00123"),
            latency_s=0.1 + draw % 1000 / 333,
            decision_id=brief.decision_id,
            purpose=brief.purpose,
        )
        if kind == "throttled":
            error = error_text(Silence.THROTTLED, "HTTP 429 rate_limit_exceeded")
            return replace(call, status=429, raw='{"error":{"message":"slow"}}', error=error)
        if kind == "reset":
            return replace(call, error=error_text(Silence.UNREACHABLE, "no connection: ConnectionReset"))
        return replace(call, status=200, raw=body(name, self._said(brief, kind, draw), kind))

    def _said(self, brief: Brief, kind: str, draw: int) -> str:
        shown = shown_figures(brief.features)
        rsi = "12.3" if kind == "fabricated" else shown["1h.rsi14"]
        is_hold = kind == "said" and draw % 11 == 0
        stop, target = (None, None) if is_hold else (4.0, 10.0)
        said: dict[str, Any] = {
            "reasons": ["trend with volume — «so»"],
            "evidence": [f"1h.rsi14={rsi}"],
            "invalidation": "" if is_hold else "a close beyond the swing",
            "stance": "hold" if is_hold else self.side(brief).value,
            "confidence": 75 if kind == "scale" else 0.7 + draw % 20 / 100,
            "p_target_first": None if is_hold else 0.5 + draw % 10 / 100,
            "stop_atr": stop,
            "target_atr": target,
            "horizon_bars": None if is_hold else 96,
        }
        text = json.dumps(said, ensure_ascii=False)
        return f"```json\n{text}\n```" if kind == "fenced" else text


def body(name: str, content: str, kind: str) -> str:
    """As the provider's server would send it."""
    if shape_of(name) is Shape.MESSAGES:
        stop = {"cut": "max_tokens", "refused": "refusal"}.get(kind, "end_turn")
        return json.dumps({"content": [{"type": "text", "text": content}], "stop_reason": stop})
    finish = {"cut": "length", "refused": "content_filter"}.get(kind, "stop")
    return json.dumps({"choices": [{"message": {"content": content}, "finish_reason": finish}]})


class FlakyMarket(HistoryMarket):
    """Now and then a read fails, sometimes two of one decision in different ways."""

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        draw = drawn(symbol, timeframe, until)
        await _late(draw)
        if timeframe != "15m" and draw % 23 == 0:
            raise Throttled(f"{timeframe} candles of {symbol} were not given")
        return await super().candles(symbol, timeframe, until, limit)

    async def background(self, symbol: str) -> Background:
        background = await super().background(symbol)
        draw = drawn(symbol, background.at)
        await _late(draw)
        if draw % 19 == 0:
            raise Unknown(f"no answer about {symbol}")
        return background


async def _late(draw: int) -> None:
    for _ in range(draw // 997 % 5):
        await asyncio.sleep(0)


def by_trend(brief: Brief) -> Side:
    return Side.LONG if (brief.features.frames["1h"].macd or 0.0) > 0 else Side.SHORT


def by_hour(brief: Brief) -> Side:
    """It turns every two hours: what was entered is soon held against them."""
    return Side.LONG if brief.features.bar_closed_at.hour // 2 % 2 else Side.SHORT


async def simulate(
    path: Path, account: str, hours: float, symbols: Sequence[str], mode: Mode, limits: Limits = EASY
) -> SqlJournal:
    """Scans every 5 minutes into the database file, which is closed again."""
    clock = VirtualClock(START)
    bars = {f"{base}/USDT:USDT": walked(drawn(base, account) % 10_000, hours / 24 + 1) for base in symbols}
    instruments = {
        symbol: an_instrument(symbol=symbol, base=symbol.split("/")[0], max_quantity=Decimal(10**6))
        for symbol in bars
    }
    market = FlakyMarket(bars, "5m", instruments, clock)
    database = InlineDatabase(path)
    journal = SqlJournal(database, clock.now)
    voices = Voices(journal, clock, by_hour if mode is Mode.AUTO else by_trend)
    settings = SimSettings(
        tuple(bars), mode=mode, limits=limits, flags=FLAGS, scan_every_s=300.0, account=account
    )
    simulation = Simulation(market, clock, journal, journal, voices, settings)
    await simulation.open()
    await simulation.run(bars, "5m", START, START + timedelta(hours=hours))
    await database.close()
    return journal
