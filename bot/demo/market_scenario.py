"""The market that the demo opens with: which episodes the symbols have behind them.

Only episodes are written here; the seed draws every return. So with another seed the same states look
different, and a setup may come earlier, later or not at all.
"""

from __future__ import annotations

from typing import Final

from bot.demo.market_regimes import Regime, Scenario, Script, Scripted

DEFAULT_SEED: Final = 7
_AFTER: Final = 14.0  # hours for which the last episode goes on when the market has opened


def _trend(regime: Regime, hours: float, *, drift: float, phase: float, before: float = 48.0) -> Script:
    """A range, then a calm trend whose swing has `phase` at the opening (0: a push begins to gain pace)."""
    period, wave = 20.0, 1.1
    leg = Scripted(
        regime,
        hours,
        drift=drift,
        volatility=0.8,
        half_life=6.0,
        wave=wave if drift > 0 else -wave,
        period=period,
        phase=(phase - (hours - _AFTER) / period) % 1.0,
        jumps_a_day=0.0,
    )
    calm = Scripted(Regime.RANGE, before, jumps_a_day=0.0)
    return Script((calm, leg), hours_after_start=_AFTER)


def _range(hours: float = 60.0) -> Script:
    return Script((Scripted(Regime.RANGE, hours),), hours_after_start=_AFTER)


DEFAULT_SCENARIO: Final[Scenario] = {
    "BTCUSDT": _trend(Regime.TREND_UP, 70.0, drift=0.16, phase=0.95),
    "ETHUSDT": _range(),
    "SOLUSDT": _trend(Regime.TREND_UP, 64.0, drift=0.22, phase=0.92),
    "BNBUSDT": _range(70.0),
    "XRPUSDT": _trend(Regime.TREND_UP, 56.0, drift=0.20, phase=0.98),
    "DOGEUSDT": Script((Scripted(Regime.VOLATILE, 14.0),), hours_after_start=5.0),
    "ADAUSDT": _range(50.0),
    "AVAXUSDT": _trend(Regime.TREND_DOWN, 60.0, drift=-0.20, phase=0.95),
    "LINKUSDT": _trend(Regime.TREND_DOWN, 66.0, drift=-0.22, phase=0.90),
    "LTCUSDT": _range(64.0),
}
