"""One request played: candles at hand → runs → what the chat is told, and its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from bot.backtest_report.words import REFUSAL_WORDS
from bot.backtest_request import Request, Variant
from bot.cards_numbers import percent
from bot.cli.backtest import NOT_PLAYED
from core.adapters.history.reading import read_history
from core.backtest.comparing import difference
from core.backtest.engine import Run, Setup, run
from core.backtest.engine_past import past_of
from core.backtest.features import Features
from core.backtest.history import BadHistory, History, stamp
from core.backtest.judgement import Judged, judge
from core.backtest.metrics import Measured, measured, moment, span_ms
from core.backtest.own_strategy import strategy_named
from core.backtest.strategies import signals_of
from core.backtest_views import (
    BacktestStep,
    BacktestView,
    ComparisonView,
    Difference,
    Played,
    Playground,
    RandomRuns,
    Slice,
)
from core.errors import PerpilotError
from core.market import TIMEFRAMES, coin, to_ms
from core.performance import Group

LEAST_BARS = 150
"""Of a symbol: the slowest shipped average takes 120 to warm up."""
Tell = Callable[[BacktestStep], None]


class Ground:
    """Candles and signals of one request, read once. Raises `PerpilotError` where nothing can be played."""

    def __init__(self, request: Request, trouble: PerpilotError | None) -> None:
        """`trouble`: what kept the newest candles from being fetched."""
        self._request = request
        self._strategy = strategy_named(request.strategy, request.given)
        self._remarks = list(request.remarks)
        histories = self._histories(trouble)
        instruments = {one.symbol: one for one in request.instruments}
        rules = [instruments[one.symbol] for one in histories]
        self._past = past_of(histories, rules, notes=(NOT_PLAYED,))
        self._signals = [
            signals_of(self._strategy, part.symbol, Features(part.bars)) for part in self._past.parts
        ]

    def judged(self, tell: Tell) -> tuple[BacktestView, bytes]:
        request, setup = self._request, _setup(self._request.variants[0])
        played = run(self._past, self._signals, setup)

        def told(done: int, of: int) -> None:
            tell(BacktestStep("random runs", done, of))

        found = judge(
            played, self._past, self._signals, setup, seed=request.seed, runs=request.runs, told=told
        )
        tell(BacktestStep("drawing"))
        return self._view(found), self._picture(found)

    def compared(self) -> tuple[ComparisonView, bytes]:
        from bot.charts_backtest import compared_png

        setups = [_setup(variant) for variant in self._request.variants]
        runs = [run(self._past, self._signals, setup) for setup in setups]
        old, new = [measured(one, self._past, setup.capital) for one, setup in zip(runs, setups, strict=True)]
        name, old_value, new_value = self._request.setting
        found = difference(old.returns, new.returns, np.random.default_rng(self._request.seed))
        view = ComparisonView(
            name=name,
            old_value=old_value,
            new_value=new_value,
            over=self._over(runs[0].remarks),
            old=_played(runs[0], old, setups[0]),
            new=_played(runs[1], new, setups[1]),
            is_same=np.array_equal(runs[0].trades, runs[1].trades),
            difference=found,
        )
        names = (f"now, {old_value}"[:28], f"with {new_value}"[:28])
        title = f"{name} {old_value} → {new_value}"[:52]
        subtitle = f"{self._title()} · {_told_difference(found, is_same=view.is_same)}"
        return view, compared_png(old.curve, new.curve, names, title, subtitle)

    def _view(self, found: Judged) -> BacktestView:
        return BacktestView(
            over=self._over(found.run.remarks),
            played=_played(found.run, found.measured, found.setup),
            hold_return=found.hold.return_share,
            hold_drawdown=found.hold.max_drawdown,
            random=_random(found),
            headline=found.verdict.headline,
            because=found.verdict.because,
            cautions=found.verdict.cautions,
        )

    def _picture(self, found: Judged) -> bytes:
        from bot.charts_backtest import result_png

        finals = found.random.finals if found.random is not None else None
        worst = percent(found.measured.performance.max_drawdown)
        trades = len(found.run.trades)
        words = f"{trades:,} trade{'' if trades == 1 else 's'}"
        subtitle = f"{found.measured.return_share:+.2%} · {words} · deepest drawdown {worst}"
        return result_png(found.measured.curve, found.hold.curve, finals, self._title(), subtitle)

    def _title(self) -> str:
        coins = [coin(part.symbol) for part in self._past.parts]
        named = coins[0] if len(coins) == 1 else f"{len(coins)} symbols"
        start, end = span_ms(self._past)
        days = round((end - start) / TIMEFRAMES["1d"])
        return f"{named} · {self._strategy.name} · {days:,} days of {self._request.timeframe}"

    def _over(self, remarks: Sequence[str]) -> Playground:
        start, end = span_ms(self._past)
        return Playground(
            strategy=self._strategy.words,
            symbols=tuple(part.symbol for part in self._past.parts),
            timeframe=self._request.timeframe,
            start=moment(start),
            end=moment(end),
            bars=sum(len(part.bars) for part in self._past.parts),
            remarks=(*self._remarks, *remarks),
        )

    def _histories(self, trouble: PerpilotError | None) -> list[History]:
        found, missing = [], list[BadHistory]()
        for one in self._request.instruments:
            try:
                found.append(self._history(one.symbol))
            except BadHistory as error:
                missing.append(error)
        if not found:
            raise trouble or missing[0]
        if trouble is not None:
            self._remarks.append(f"The newest candles could not be fetched ({trouble}).")
        self._remarks += [f"Left out: {error}." for error in missing]
        return found

    def _history(self, symbol: str) -> History:
        """What is there of the period; what the venue lacks is remarked."""
        request = self._request
        since = moment(request.since_ms)
        found = read_history(Path(request.folder), symbol, request.timeframe, since, allow_gaps=True)
        if len(found.bars) < LEAST_BARS:
            raise BadHistory(f"{coin(symbol)} has only {len(found.bars)} candles, {LEAST_BARS} are needed")
        self._remarks += _gaps(found, to_ms(since))
        return found


def _gaps(found: History, since_ms: int) -> Iterator[str]:
    first = int(found.bars[0, 0])
    if first > since_ms:
        yield f"{coin(found.symbol)} begins at {stamp(first)}: there is nothing before."
    inner = [gap for gap in found.gaps if gap.from_ms > first]
    if inner:
        bars = sum(gap.bars for gap in inner)
        yield f"{coin(found.symbol)}: {bars:,} candles in between are missing at the exchange."


def _setup(variant: Variant) -> Setup:
    return Setup(variant.limits, variant.capital, variant.leverage)


def _random(found: Judged) -> RandomRuns | None:
    if found.random is None:
        return None
    shares = found.random.finals / found.setup.capital - 1.0
    low, middle, high = (float(value) for value in np.quantile(shares, [0.05, 0.5, 0.95]))
    return RandomRuns(len(shares), low, middle, high, found.random.p, found.random.percentile)


def _played(found: Run, numbers: Measured, setup: Setup) -> Played:
    result = numbers.performance
    return Played(
        capital=setup.capital,
        final=found.final,
        return_share=numbers.return_share,
        trades=result.trades,
        wins=result.wins,
        losses=result.losses,
        win_rate=result.win_rate,
        win_rate_interval=result.win_rate_interval,
        expectancy_r=result.expectancy_r,
        expectancy_interval=result.expectancy_interval,
        profit_factor=result.profit_factor,
        sharpe=result.sharpe,
        days=len(numbers.returns),
        max_drawdown=result.max_drawdown,
        worst_day=min((0.0, *numbers.returns)) if numbers.returns else None,
        fees=float(result.fees),
        funding=float(result.funding),
        exposure=numbers.exposure,
        risk_taken=numbers.risk_taken,
        ambiguous=numbers.ambiguous,
        liquidations=numbers.liquidations,
        refused=tuple((REFUSAL_WORDS.get(why, why), count) for why, count in found.refused.items() if count),
        sides=_slices(numbers.groups["side"]),
        exits=_slices(numbers.groups["exit_reason"]),
    )


def _slices(groups: Sequence[Group]) -> tuple[Slice, ...]:
    return tuple(Slice(one.name, one.trades, one.wins, float(one.net_pnl)) for one in groups)


def _told_difference(found: Difference | None, *, is_same: bool) -> str:
    if is_same:
        return "the same trades"
    if found is None:
        return "too few days to tell from luck"
    told = "not luck alone" if found.is_plain else "not distinguishable from luck"
    return f"{found.share * 100:+.2f} points, {told}"
