from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from bot.demo.instruments import LISTED, instrument_for
from bot.demo.market import FUTURE_DAYS, ScaledClock, SeededMarket, regime_table
from bot.demo.market_regimes import EpisodePlan, Regime, Script, Scripted
from bot.demo.market_series import DAY_MS, HOUR_MS, MINUTE_MS, Bars, resampled
from tests.demo.hand_clock import NOON_MS, HandClock

INTERVALS = [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, DAY_MS]


def a_market(clock: HandClock, seed: int = 3, days: int = 4, count: int = 4) -> SeededMarket:
    """A small one: few symbols, short history, no script."""
    return SeededMarket(clock, seed, instruments=LISTED[:count], scenario={}, history_days=days)


def all_bars(market: SeededMarket, symbol: str, interval_ms: int = MINUTE_MS) -> Bars:
    return market.candles(symbol, interval_ms, 0, market.now_ms(), market.now_ms())


def same(one: Bars, other: Bars) -> bool:
    pairs = zip(
        (one.start_ms, one.open, one.high, one.low, one.close, one.volume),
        (other.start_ms, other.open, other.high, other.low, other.close, other.volume),
        strict=True,
    )
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


def closed(bars: Bars, at_ms: int, interval_ms: int) -> Bars:
    return bars.part(bars.start_ms + interval_ms <= at_ms)


def test_the_same_seed_and_start_give_the_same_market() -> None:
    one, other = a_market(HandClock()), a_market(HandClock())

    assert same(all_bars(one, "ETHUSDT"), all_bars(other, "ETHUSDT"))
    assert one.price("ETHUSDT", NOON_MS + 1_234) == other.price("ETHUSDT", NOON_MS + 1_234)


def test_another_seed_gives_another_market() -> None:
    one, other = a_market(HandClock(), seed=3), a_market(HandClock(), seed=4)

    assert not same(all_bars(one, "ETHUSDT"), all_bars(other, "ETHUSDT"))


def test_the_shape_of_the_history_does_not_depend_on_the_hour_of_the_start() -> None:
    late = HandClock(NOON_MS + 7 * HOUR_MS + 25 * MINUTE_MS)
    one, other = a_market(HandClock()), a_market(late)

    mine = one.candles("SOLUSDT", HOUR_MS, 0, NOON_MS - 1, NOON_MS)
    theirs = other.candles("SOLUSDT", HOUR_MS, 0, NOON_MS + 7 * HOUR_MS - 1, late())

    assert np.array_equal(mine.close, theirs.close)


def test_the_future_does_not_depend_on_when_or_how_often_one_looks() -> None:
    patient, curious = HandClock(), HandClock()
    one, other = a_market(patient), a_market(curious)
    for _ in range(60):
        curious.forward(hours=1, seconds=17)
        other.price("BTCUSDT", curious())
        other.funding("BTCUSDT", curious())
    patient.ms = curious.ms

    assert same(all_bars(one, "BNBUSDT"), all_bars(other, "BNBUSDT"))


@pytest.mark.parametrize("interval_ms", INTERVALS)
def test_candles_are_sane_and_contiguous(interval_ms: int) -> None:
    clock = HandClock()
    market = a_market(clock)
    clock.forward(hours=30, seconds=41)

    for symbol in market.symbols():
        bars = all_bars(market, symbol, interval_ms)
        assert (np.diff(bars.start_ms) == interval_ms).all()
        assert (bars.start_ms % interval_ms == 0).all()
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()
        assert (bars.low > 0).all()
        assert (bars.volume[:-1] > 0).all()


@pytest.mark.parametrize("interval_ms", INTERVALS[1:])
def test_longer_candles_are_exactly_the_shorter_ones_together(interval_ms: int) -> None:
    clock = HandClock()
    market = a_market(clock)
    clock.forward(hours=5, minutes=7, seconds=13.5)
    longer = all_bars(market, "SOLUSDT", interval_ms)
    first = int(longer.start_ms[0])

    minutes = market.candles("SOLUSDT", MINUTE_MS, first, clock(), clock())

    assert same(longer, resampled(minutes, interval_ms))


@pytest.mark.parametrize("interval_ms", [MINUTE_MS, 15 * MINUTE_MS, 4 * HOUR_MS])
def test_a_closed_candle_never_changes_whatever_is_done_later(interval_ms: int) -> None:
    clock = HandClock()
    market = a_market(clock)
    clock.forward(seconds=20)
    before = closed(all_bars(market, "BTCUSDT", interval_ms), clock(), interval_ms)

    market.nudge("BTCUSDT", 0.2, 30)
    market.set_price("BTCUSDT", Decimal(90_000))
    clock.forward(hours=26)

    assert same(before, all_bars(market, "BTCUSDT", interval_ms).part(slice(0, len(before))))


def test_the_unfinished_candle_grows_into_the_closed_one() -> None:
    clock = HandClock()
    market = a_market(clock)
    seen = []
    for _ in range(59):
        clock.forward(seconds=1)
        seen.append(all_bars(market, "ETHUSDT").part(slice(-1, None)))
    clock.forward(seconds=5)
    whole = all_bars(market, "ETHUSDT").part(slice(-2, -1))

    highs, lows = [int(bar.high[0]) for bar in seen], [int(bar.low[0]) for bar in seen]
    volumes = [int(bar.volume[0]) for bar in seen]
    assert highs == sorted(highs) and lows == sorted(lows, reverse=True) and volumes == sorted(volumes)
    assert max(highs) == whole.high[0] and min(lows) == whole.low[0]
    assert {int(bar.open[0]) for bar in seen} == {int(whole.open[0])}
    assert volumes[0] * 20 < volumes[-1] <= whole.volume[0]


def test_price_candle_day_and_book_tell_one_story_at_one_instant() -> None:
    clock = HandClock()
    market = a_market(clock)
    clock.forward(minutes=3, seconds=22.7)
    at = clock()

    price = market.price("SOLUSDT", at)
    bar = market.candles("SOLUSDT", HOUR_MS, at - HOUR_MS, at, at)
    book = market.book("SOLUSDT", at, 20)

    assert market.price("SOLUSDT", at) == price == market.day("SOLUSDT", at).last
    assert Decimal(int(bar.close[-1])).scaleb(-2) == price
    assert int(bar.close[-1]) in (book.bid_ticks[0], book.ask_ticks[0])
    assert book.bid_ticks[0] < book.ask_ticks[0]
    assert (np.diff(book.bid_ticks) < 0).all() and (np.diff(book.ask_ticks) > 0).all()
    assert (book.bid_lots > 0).all() and (book.ask_lots > 0).all()


def test_mark_and_index_stay_close_to_the_last_price_and_have_candles_of_their_own() -> None:
    market = a_market(HandClock())

    for symbol in market.symbols():
        last = market.price(symbol, NOON_MS)
        marks = market.candles(symbol, HOUR_MS, NOON_MS - DAY_MS, NOON_MS, NOON_MS, "mark")
        assert abs(market.mark_price(symbol, NOON_MS) / last - 1) < Decimal("0.002")
        assert abs(market.index_price(symbol, NOON_MS) / last - 1) < Decimal("0.005")
        assert Decimal(int(marks.close[-1])).scaleb(-market.decimals(symbol, "mark")[0]) == market.mark_price(
            symbol, NOON_MS
        )


def test_a_nudge_moves_last_mark_index_and_book_by_its_fraction_and_only_that_symbol() -> None:
    clock, twin_clock = HandClock(), HandClock()
    market, twin = a_market(clock), a_market(twin_clock)
    market.nudge("SOLUSDT", -0.06, 90)
    clock.forward(seconds=95)
    at = clock()

    ratio = market.price("SOLUSDT", at) / twin.price("SOLUSDT", at)
    marked = market.mark_price("SOLUSDT", at) / twin.mark_price("SOLUSDT", at)
    best = market.book("SOLUSDT", at, 1).bid_ticks[0] / twin.book("SOLUSDT", at, 1).bid_ticks[0]

    assert float(ratio) == pytest.approx(0.94, abs=2e-4)
    assert float(marked) == pytest.approx(0.94, abs=2e-4)
    assert float(best) == pytest.approx(0.94, abs=5e-4)
    assert market.price("ETHUSDT", at) == twin.price("ETHUSDT", at)


def test_a_nudge_is_smooth_and_shows_in_the_candles() -> None:
    clock = HandClock()
    market = a_market(clock)
    before = market.price("BTCUSDT", clock())
    market.nudge("BTCUSDT", -0.10, 60)
    prices = []
    for _ in range(61):
        clock.forward(seconds=1)
        prices.append(market.price("BTCUSDT", clock()))
    bars = all_bars(market, "BTCUSDT")

    assert max(abs(after / now - 1) for now, after in zip(prices, prices[1:], strict=False)) < Decimal(
        "0.005"
    )
    assert prices[-1] < before * Decimal("0.91")
    assert Decimal(int(bars.low[-2:].min())).scaleb(-1) == min(prices)


def test_setting_a_price_is_a_gap_at_that_very_instant() -> None:
    clock = HandClock()
    market = a_market(clock)
    clock.forward(seconds=30.5)
    before = market.price("BTCUSDT", clock() - 1)

    market.set_price("BTCUSDT", Decimal("60000.1"))
    clock_now = market.price("BTCUSDT", clock())
    clock.forward(minutes=2)
    bars = all_bars(market, "BTCUSDT")
    minute = bars.part(bars.start_ms == NOON_MS)

    assert clock_now == Decimal("60000.1")
    assert market.price("BTCUSDT", NOON_MS + 30_499) == before
    assert minute.open[0] > 640_000 and minute.low[0] <= 600_001


@pytest.mark.parametrize("fraction", [-1.0, -2.0, 100.0, float("nan")])
def test_a_move_to_nothing_or_beyond_reason_is_refused(fraction: float) -> None:
    market = a_market(HandClock())

    with pytest.raises(ValueError, match="a price can move by more than -1"):
        market.nudge("BTCUSDT", fraction, 10)


def test_a_price_below_one_tick_is_refused() -> None:
    market = a_market(HandClock())

    with pytest.raises(ValueError, match="below one tick"):
        market.set_price("BTCUSDT", Decimal("0.01"))


def test_the_default_history_holds_three_hundred_closed_bars_of_four_hours() -> None:
    clock = HandClock(NOON_MS + 59 * MINUTE_MS)
    market = SeededMarket(clock)

    bars = market.candles("BTCUSDT", 4 * HOUR_MS, 0, clock(), clock())

    assert len(closed(bars, clock(), 4 * HOUR_MS)) >= 300
    assert len(market.symbols()) >= 15


def test_volatility_clusters_volume_follows_it_and_bitcoin_leads() -> None:
    clock = HandClock()
    market = SeededMarket(clock, 11, scenario={}, history_days=40)
    hours = {symbol: all_bars(market, symbol, HOUR_MS) for symbol in market.symbols()}
    returns = {symbol: np.diff(np.log(bars.close)) for symbol, bars in hours.items()}
    pace = {symbol: np.abs(each) for symbol, each in returns.items()}

    clustering = [np.corrcoef(each[1:], each[:-1])[0, 1] for each in pace.values()]
    bustle = [np.corrcoef(pace[symbol], hours[symbol].volume[1:])[0, 1] for symbol in pace]
    leading = [np.corrcoef(returns["BTCUSDT"], returns[each])[0, 1] for each in pace if each != "BTCUSDT"]

    assert np.mean(clustering) > 0.08
    assert np.mean(bustle) > 0.3
    assert 0.25 < np.mean(leading) < 0.8


def test_a_trend_trends_and_a_range_does_not() -> None:
    scenario = {
        "BTCUSDT": Script((Scripted(Regime.TREND_UP, 60.0, jumps_a_day=0.0),)),
        "ETHUSDT": Script((Scripted(Regime.RANGE, 60.0, jumps_a_day=0.0),)),
        "SOLUSDT": Script((Scripted(Regime.TREND_DOWN, 60.0, jumps_a_day=0.0),)),
        "BNBUSDT": Script((Scripted(Regime.VOLATILE, 60.0),)),
    }
    market = SeededMarket(HandClock(), 5, instruments=LISTED[:4], scenario=scenario, history_days=10)

    def net(symbol: str) -> float:
        """The way made good in calm hours, over the 48 hours before the start."""
        bars = all_bars(market, symbol, HOUR_MS).part(slice(-49, -1))
        change = np.log(bars.close[-1] / bars.open[0])
        return float(change / market.instruments[symbol].hour_volatility)

    assert net("BTCUSDT") > 5 and net("SOLUSDT") < -5
    assert abs(net("ETHUSDT")) < 5
    assert market.regime("BNBUSDT", NOON_MS) is Regime.VOLATILE
    assert market.regime("BNBUSDT", NOON_MS - 49 * HOUR_MS) is Regime.VOLATILE


def test_a_script_longer_than_the_history_is_refused() -> None:
    script = Script((Scripted(Regime.RANGE, 80.0),), hours_after_start=10.0)

    with pytest.raises(ValueError, match="does not fit"):
        EpisodePlan("BTCUSDT", 1, 48.0, script)


def test_funding_is_settled_every_eight_hours_as_it_was_announced() -> None:
    clock = HandClock()
    market = a_market(clock)
    funding = market.funding("BTCUSDT", clock())
    clock.ms = funding.next_ms
    announced = market.funding("BTCUSDT", funding.next_ms - 1).rate

    settled = market.settlements("BTCUSDT", 0, clock())

    assert funding.next_ms % (8 * HOUR_MS) == 0 and funding.next_ms - NOON_MS == 4 * HOUR_MS
    assert settled[-1].at_ms == funding.next_ms
    assert settled[-1].rate == pytest.approx(announced, abs=1e-6)
    assert {after.at_ms - one.at_ms for one, after in zip(settled, settled[1:], strict=False)} == {
        8 * HOUR_MS
    }
    assert all(abs(each.rate) < 0.003 for each in settled)


def test_open_interest_is_in_coin_and_changes_slowly() -> None:
    market = a_market(HandClock())

    now, hour_ago = (market.open_interest("BTCUSDT", NOON_MS - ago) for ago in (0, HOUR_MS))

    assert 20_000 < now < 300_000
    assert now != hour_ago and abs(now / hour_ago - 1) < Decimal("0.05")


def test_after_its_last_day_the_market_stands_still_and_says_so() -> None:
    clock = HandClock()
    market = SeededMarket(clock, 3, instruments=LISTED[:1], scenario={}, history_days=1)
    end = NOON_MS + FUTURE_DAYS * DAY_MS

    assert market.notice(end - 1) is None
    assert "prices stand still" in (market.notice(end) or "")


def test_a_scaled_clock_runs_faster_from_its_origin_and_two_of_them_agree() -> None:
    real = HandClock()
    one, other = ScaledClock(NOON_MS, 60, real), ScaledClock(NOON_MS, 60, real)

    real.forward(seconds=2)

    assert one() == other() == NOON_MS + 120_000


@pytest.mark.parametrize("speed", [0, -1, 10_001, float("nan")])
def test_a_clock_that_stands_or_races_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="a clock can run"):
        ScaledClock(NOON_MS, speed)


def test_the_regime_table_names_every_symbol() -> None:
    lines = regime_table(3, {}).splitlines()

    assert len(lines) == len(LISTED)
    assert all(line.split(maxsplit=1)[1] in {each.value for each in Regime} for line in lines)


@pytest.mark.parametrize("instrument", LISTED, ids=lambda each: each.base)
def test_leverage_brackets_rise_without_a_step_in_maintenance_margin(instrument: object) -> None:
    brackets = instrument.brackets  # type: ignore[attr-defined]

    assert brackets[0].floor == 0 and brackets[0].cumulative == 0
    for lower, upper in zip(brackets, brackets[1:], strict=False):
        below = lower.cap * lower.maintenance_fraction - lower.cumulative
        above = upper.floor * upper.maintenance_fraction - upper.cumulative
        assert lower.cap == upper.floor and lower.leverage > upper.leverage
        assert below == pytest.approx(above)
        assert 1 / upper.leverage > upper.maintenance_fraction


def test_a_symbol_that_is_not_listed_gets_plain_rules() -> None:
    instrument = instrument_for("FOOUSDT", 12.5, 0.0)

    assert (instrument.base, instrument.symbol) == ("FOO", "FOOUSDT")
    assert instrument.day_volume_usdt > 0 and instrument.brackets
