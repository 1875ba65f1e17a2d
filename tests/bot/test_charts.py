"""Pictures over the real worker process, and the arithmetic of where things are drawn."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.charts import MAX_POINTS, WORKER_COMMAND, ChartUnavailable, ChartWorker
from bot.charts_candles import MIN_CANDLE_SHARE, Line, price_range
from bot.charts_equity import drawdown
from bot.charts_look import decimals_of, price_words, tick_decimals, time_ticks
from bot.charts_tags import spread_apart
from core.desk import Bar
from core.growth import CurvePoint
from core.market import Candles

SIZE = (2000, 1280)
START = datetime(2026, 1, 1, tzinfo=UTC)
RED, GREEN, BLUE, ORANGE = (246, 70, 93), (46, 189, 133), (76, 141, 255), (255, 159, 67)
ECHO = """
import json, struct, sys
while prefix := sys.stdin.buffer.read(4):
    header = json.loads(sys.stdin.buffer.read(*struct.unpack(">I", prefix)))
    sys.stdin.buffer.read(header["body_bytes"])
    title = header["title"].encode()
    text = json.dumps({"body_bytes": len(title)}).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(text)) + text + title)
    sys.stdout.flush()
"""
"""A worker that answers with the title, where living and dying matter and drawing doesn't."""
PATIENCE_S = 20.0
"""Deadline of what is waited for; a busy machine needs it, a broken worker runs into it."""


def market(price: float = 100.0, bars: int = 150, decimals: int = 2) -> Candles:
    rng = np.random.default_rng(5)
    close = np.round(price * np.exp(np.cumsum(rng.normal(0, 0.004, bars))), decimals)
    opened = np.concatenate((close[:1], close[:-1]))
    wick = price * 0.003
    rows = np.column_stack(
        [
            START.timestamp() * 1000 + 900_000.0 * np.arange(bars),
            opened,
            np.maximum(opened, close) + wick,
            np.minimum(opened, close) - wick,
            close,
            rng.lognormal(3, 0.5, bars),
        ]
    )
    return Candles("BTC/USDT:USDT", "15m", rows)


def plan(last: float) -> list[tuple[str, Decimal, str]]:
    def at(factor: float) -> Decimal:
        return Decimal(str(round(last * factor, 6)))

    return [
        ("Entry", at(1.0), "entry"),
        ("Stop", at(0.97), "stop"),
        ("Target 1", at(1.03), "target"),
        ("Target 2", at(1.05), "target"),
        ("Liquidation", at(0.70), "liquidation"),
    ]


@asynccontextmanager
async def worker(
    command: Sequence[str], timeout_s: float = PATIENCE_S, idle_s: float = 60.0
) -> AsyncIterator[ChartWorker]:
    charts = ChartWorker(command, timeout_s=timeout_s, idle_s=idle_s)
    try:
        yield charts
    finally:
        await charts.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def charts() -> AsyncIterator[ChartWorker]:
    """The real worker, shared by the tests that look at pictures."""
    async with worker(WORKER_COMMAND) as shared:
        yield shared


def curve(points: Sequence[tuple[datetime, float]], flows: Sequence[float] | None = None) -> list[CurvePoint]:
    """Grown from the first equity; what flowed is left out of the growth."""
    paid = flows or [0.0] * len(points)
    return [
        CurvePoint(at, equity, flow, (equity - flow) / points[0][1])
        for (at, equity), flow in zip(points, paid, strict=True)
    ]


def script(text: str) -> tuple[str, ...]:
    """A worker that misbehaves."""
    return (sys.executable, "-c", text)


def pixels(picture: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(picture))
    assert image.format == "PNG"
    assert image.size == SIZE
    return np.asarray(image.convert("RGB"))


def count_of(colour: tuple[int, int, int], area: np.ndarray) -> int:
    return int((area == colour).all(axis=-1).sum())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while is_alive(pid):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("price", "decimals"), [(0.08, 5), (0.000012, 8), (100_000.0, 1)])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_plan_is_drawn_with_a_filled_tag_for_every_line(
    charts: ChartWorker, price: float, decimals: int
) -> None:
    candles = market(price, decimals=decimals)
    last = float(candles.close[-1])

    bare = pixels(await charts.candles_png(candles, [], "BTC"))
    drawn = pixels(await charts.candles_png(candles, plan(last), "BTC long", "3x · paper"))

    gutter, bare_gutter = drawn[:, 1460:], bare[:, 1460:]
    for colour in (RED, BLUE, ORANGE):
        assert count_of(colour, gutter) > 10_000 + count_of(colour, bare_gutter)
    assert count_of(GREEN, gutter) > 20_000 + count_of(GREEN, bare_gutter)


@pytest.mark.asyncio(loop_scope="module")
async def test_an_equity_curve_is_drawn_in_the_colour_of_its_outcome(charts: ChartWorker) -> None:
    up = [(START + timedelta(hours=i), 1000.0 + 5 * i - 20 * (i % 3)) for i in range(30)]
    down = [(at, 2000.0 - equity) for at, equity in up]

    risen = pixels(await charts.equity_png(curve(up), "Equity"))
    fallen = pixels(await charts.equity_png(curve(down), "Equity"))

    assert count_of(GREEN, risen) > 2_000
    assert count_of(GREEN, fallen) < 100
    assert count_of(RED, risen) > 500


@pytest.mark.asyncio(loop_scope="module")
async def test_without_two_points_the_picture_says_that_nothing_is_closed_yet(charts: ChartWorker) -> None:
    none = pixels(await charts.equity_png([], "Equity"))
    opening = pixels(await charts.equity_png(curve([(START, 1000.0)]), "Equity"))
    two = pixels(await charts.equity_png(curve([(START, 1000.0), (START, 990.0)]), "Equity"))

    words = np.s_[560:740, 700:1300]
    assert (none[words] > 150).sum() > 1_000
    assert np.array_equal(none[words], opening[words])
    assert not np.array_equal(two[words], opening[words])


@pytest.mark.asyncio(loop_scope="module")
async def test_more_points_than_fit_are_thinned(charts: ChartWorker) -> None:
    lost_at = MAX_POINTS * 2
    many = [
        (START + timedelta(minutes=i), 1000.0 + i % 7 - 200 * (i >= lost_at)) for i in range(MAX_POINTS * 3)
    ]

    drawn = pixels(await charts.equity_png(curve(many), "Equity"))
    begun = pixels(await charts.equity_png(curve(many[:MAX_POINTS]), "Equity"))

    assert count_of(GREEN, begun) > 2_000
    assert count_of(GREEN, drawn) < 100  # the end, and so the outcome, is among what is left


@pytest.mark.asyncio(loop_scope="module")
async def test_money_paid_in_is_marked_and_makes_no_drawdown(charts: ChartWorker) -> None:
    points = [(START + timedelta(hours=i), 1000.0 + 500 * (i >= 10) - 400 * (i >= 20)) for i in range(30)]
    paid = [500.0 * (i >= 10) - 400 * (i >= 20) for i in range(30)]

    flowing = pixels(await charts.equity_png(curve(points, paid), "Equity"))
    falling = pixels(await charts.equity_png(curve(points), "Equity"))

    assert count_of(BLUE, flowing) > 200 + count_of(BLUE, falling)
    assert count_of(RED, falling) > 200 + count_of(RED, flowing)


def bars(*shares: float | None) -> list[Bar]:
    limits = [Bar("Limits", f"Breaker {i}", share, "words", "limit") for i, share in enumerate(shares)]
    return [*limits, Bar("Equity", "Margin in use", 0.5, "50 %", "margin")]


@pytest.mark.asyncio(loop_scope="module")
async def test_bars_of_risk_are_coloured_by_how_much_of_a_limit_is_used(charts: ChartWorker) -> None:
    calm = pixels(await charts.risk_png(bars(0.3), "Risk", "words"))
    warm = pixels(await charts.risk_png(bars(0.6), "Risk", "words"))
    hot = pixels(await charts.risk_png(bars(1.7), "Risk", "words"))

    for picture, colour in ((calm, GREEN), (warm, ORANGE), (hot, RED)):
        counts = {each: count_of(each, picture) for each in (GREEN, ORANGE, RED)}
        assert max(counts, key=lambda each: counts[each]) == colour
        assert counts[colour] > 20_000
        assert count_of(BLUE, picture) > 20_000


@pytest.mark.asyncio(loop_scope="module")
async def test_an_unknown_bar_is_drawn_neither_empty_nor_full(charts: ChartWorker) -> None:
    unknown = pixels(await charts.risk_png(bars(None), "Risk", ""))
    nan = pixels(await charts.risk_png(bars(float("nan")), "Risk", ""))
    empty = pixels(await charts.risk_png(bars(0.0), "Risk", ""))

    assert np.array_equal(unknown, nan)
    assert not np.array_equal(unknown, empty)
    assert count_of(GREEN, unknown) == count_of(GREEN, empty) == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_bars_with_hostile_words_are_drawn_and_none_at_all_are_refused(charts: ChartWorker) -> None:
    words = "$x^{$ <b> " + "W" * 5000
    pixels(await charts.risk_png([Bar(words, words, 0.4, words, words)] * 40, words, words))

    with pytest.raises(ChartUnavailable, match="nothing to draw"):
        await charts.risk_png([], "Risk", "")


@pytest.mark.asyncio(loop_scope="module")
async def test_reliability_is_drawn_for_four_advisers_at_most_and_for_none_refused(
    charts: ChartWorker,
) -> None:
    words = "$x^{$ <b> " + "W" * 500
    points = ((0.0, 0.0, 0.0, 0.3, 0.3, 4), (0.55, 0.4, 0.35, 0.45, 0.42, 900), (1.0, 1.0, 0.2, 1.0, 0.5, 2))

    one = pixels(await charts.models_png([(words, words, points)], "Advisers", words))
    four = pixels(await charts.models_png([(words, words, points)] * 9, "Advisers", words))

    assert count_of(ORANGE, one) > 1_000
    assert count_of(ORANGE, four) > 2_000
    with pytest.raises(ChartUnavailable, match="no adviser has a judged answer"):
        await charts.models_png([], "Advisers", "")


@pytest.mark.asyncio(loop_scope="module")
async def test_titles_are_drawn_as_they_are_whatever_is_in_them(charts: ChartWorker) -> None:
    titles = ("", "$x^{$ 100% <b>&amp;", "🚀 до луны", "W" * 10_000, "two\nlines")

    blank, *written = [
        pixels(await charts.candles_png(market(), [(title, Decimal(100), title)], title, title))
        for title in titles
    ]

    head = np.s_[:100]
    assert all((drawn[head] > 150).sum() > 500 + (blank[head] > 150).sum() for drawn in written)


@pytest.mark.asyncio(loop_scope="module")
async def test_two_bars_and_a_price_that_never_moved_are_enough(charts: ChartWorker) -> None:
    still = market(bars=2)
    still.rows[:, 1:5] = 7.0
    still.rows[:, 5] = 0.0

    drawn = pixels(await charts.candles_png(still, [("Entry", Decimal(7), "entry")], "BTC"))

    assert count_of(BLUE, drawn) > 1_000


@pytest.mark.asyncio(loop_scope="module")
async def test_what_cannot_be_drawn_is_refused_and_the_worker_lives_on(charts: ChartWorker) -> None:
    await charts.candles_png(market(), [], "BTC")
    pid = charts.pid

    with pytest.raises(ChartUnavailable, match="too few"):
        await charts.candles_png(market(bars=1), [], "BTC")
    with pytest.raises(ChartUnavailable, match="above zero"):
        await charts.candles_png(market(), [("Stop", Decimal(0), "stop")], "BTC")
    with pytest.raises(ChartUnavailable, match="order of time"):
        await charts.equity_png(curve([(START, 1.0), (START - timedelta(hours=1), 2.0)]), "Equity")
    with pytest.raises(ChartUnavailable, match="finite"):
        await charts.equity_png(curve([(START, 1.0), (START, float("nan"))]), "Equity")

    await charts.candles_png(market(), [], "BTC")
    assert charts.pid == pid


@pytest.mark.asyncio(loop_scope="module")
async def test_moments_without_a_time_zone_are_refused(charts: ChartWorker) -> None:
    with pytest.raises(ValueError, match="time zone"):
        await charts.equity_png(curve([(START.replace(tzinfo=None), 1.0)]), "Equity")


async def test_pictures_asked_for_together_are_all_drawn_by_one_worker() -> None:
    async with worker(script(ECHO)) as charts:
        pictures = await asyncio.gather(
            *(charts.candles_png(market(price), [], f"{price}") for price in (1.0, 10.0, 100.0))
        )

        assert pictures == [b"1.0", b"10.0", b"100.0"]


async def test_a_worker_that_died_is_replaced() -> None:
    async with worker(script(ECHO)) as charts:
        await charts.candles_png(market(), [], "BTC")
        first = charts.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        after = await charts.candles_png(market(), [], "BTC")

        assert after == b"BTC"
        assert charts.pid not in {None, first}


async def test_an_idle_worker_ends_and_a_later_picture_starts_another() -> None:
    async with worker(script(ECHO), idle_s=0.05) as charts:
        await charts.candles_png(market(), [], "BTC")
        first = charts.pid
        assert first is not None
        await until_gone(first)

        after = await charts.candles_png(market(), [], "BTC")

        assert after == b"BTC"
        assert charts.pid != first


async def test_a_worker_that_does_not_answer_in_time_is_killed() -> None:
    async with worker(script("import time; time.sleep(600)"), timeout_s=0.3) as charts:
        with pytest.raises(ChartUnavailable, match=r"longer than 0\.3 s"):
            await charts.candles_png(market(), [], "BTC")

        assert charts.pid is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "raise SystemExit(3)",
        "import sys; print('not a frame at all', flush=True); sys.stdin.read()",
        r"import sys; print('\0\0\0\2{}', end='', flush=True); sys.stdin.read()",
        r"print('\0\0\0\t{', end='', flush=True)",
    ],
    ids=["ends at once", "fails", "writes rubbish", "sends an empty header", "ends in the middle"],
)
async def test_a_worker_that_talks_nonsense_means_no_picture(text: str) -> None:
    async with worker(script(text)) as charts:
        with pytest.raises(ChartUnavailable):
            await charts.candles_png(market(), [], "BTC")

        assert charts.pid is None


async def test_a_worker_that_cannot_be_started_means_no_picture() -> None:
    async with worker(("/no/such/program",)) as charts:
        with pytest.raises(ChartUnavailable, match="failed"):
            await charts.candles_png(market(), [], "BTC")


async def test_a_caller_that_gives_up_leaves_no_half_answer_behind() -> None:
    async with worker(script(ECHO)) as charts:
        await charts.candles_png(market(), [], "BTC")
        left = charts.pid
        assert left is not None
        asking = asyncio.create_task(charts.candles_png(market(), [], "given up"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        after = await charts.equity_png([], "Equity")

        assert after == b"Equity"
        assert not is_alive(left)


async def test_after_closing_no_process_is_left_and_no_picture_is_drawn() -> None:
    charts = ChartWorker(script(ECHO), timeout_s=PATIENCE_S)
    await charts.candles_png(market(), [], "BTC")
    pid = charts.pid
    assert pid is not None

    await charts.close()

    assert not is_alive(pid)
    with pytest.raises(ChartUnavailable, match="closed"):
        await charts.candles_png(market(), [], "BTC")


def test_the_worker_ends_with_its_input() -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "bot.charts_worker"]

    for cut in (b"", struct.pack(">I", 900) + b'{"kind"'):
        done = subprocess.run(
            command, input=cut, cwd=root, capture_output=True, timeout=PATIENCE_S, check=False
        )

        assert (done.returncode, done.stdout) == (0, b"")


def test_the_bot_itself_never_imports_the_drawing_library() -> None:
    root = Path(__file__).resolve().parents[2]
    question = "import sys, bot.charts; print('matplotlib' in sys.modules)"

    answer = subprocess.run(
        [sys.executable, "-c", question],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )

    assert answer.stdout.strip() == "False"


@given(st.lists(st.floats(-50, 1050), max_size=14).map(sorted), st.floats(10, 60))
def test_tags_keep_their_order_and_their_distance_inside_the_plot(wanted: list[float], height: float) -> None:
    placed = spread_apart(wanted, height, 0.0, 1000.0)

    assert len(placed) == len(wanted)
    assert all(height / 2 - 1e-6 <= y <= 1000 - height / 2 + 1e-6 for y in placed)
    assert all(b - a >= height - 1e-6 for a, b in zip(placed, placed[1:], strict=False))


def test_a_tag_with_room_stays_where_its_line_is() -> None:
    assert spread_apart([100.0, 130.0, 500.0], 20, 0.0, 1000.0) == [100.0, 130.0, 500.0]


def test_tags_that_touch_share_the_shift() -> None:
    assert spread_apart([100.0, 104.0], 20, 0.0, 1000.0) == [92.0, 112.0]


def test_more_tags_than_fit_are_spread_over_the_whole() -> None:
    assert spread_apart([5.0, 5.0, 5.0], 50, 0.0, 100.0) == [25.0, 50.0, 75.0]


def test_a_near_stop_widens_the_axis_and_a_far_liquidation_does_not() -> None:
    rows = market().rows
    low, high = float(rows[:, 3].min()), float(rows[:, 2].max())
    stop, liquidation = Line("Stop", low * 0.99, "stop"), Line("Liquidation", low * 0.5, "liquidation")

    bottom, top = price_range(rows, [liquidation, stop])

    assert liquidation.price < bottom < stop.price
    assert top > high
    assert (high - low) / (top - bottom) > MIN_CANDLE_SHARE * 0.85


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        ([0.08385, 0.0841], "0.08385"),
        ([104321.9, 104000.0], "104,322"),
        ([61234.5], "61,234.5"),
        ([2345.67], "2,345.67"),
        ([142.0, 143.0], "142"),
        ([0.00001211], "0.00001211"),
        ([1 / 3], "0.333333"),
    ],
)
def test_prices_are_written_with_the_decimals_they_need(prices: list[float], words: str) -> None:
    assert price_words(prices[0], decimals_of(prices)) == words


@pytest.mark.parametrize(
    ("ticks", "decimals"),
    [([78_000, 78_500, 79_000], 0), ([0.0000110, 0.0000115], 7), ([101.25, 101.5], 2), ([5.0], 2)],
)
def test_ticks_are_told_apart(ticks: list[float], decimals: int) -> None:
    assert tick_decimals([float(tick) for tick in ticks]) == decimals


def test_times_are_round_and_midnight_names_the_day() -> None:
    start = START.timestamp() * 1000 - 6 * 3_600_000

    ticks = time_ticks(start, start + 27 * 3_600_000)

    assert [words for _, words in ticks] == ["18:00", "1 Jan", "06:00", "12:00", "18:00"]


@given(st.integers(0, 10**12), st.integers(1, 4 * 10**11))
def test_there_are_never_more_times_than_fit(first: int, span: int) -> None:
    ticks = time_ticks(float(first), float(first + span))

    assert len(ticks) <= 7
    assert all(first <= at <= first + span for at, _ in ticks)


def test_drawdown_is_measured_from_the_highest_so_far() -> None:
    fall = drawdown(np.array([1.0, 1.2, 0.9, 1.21, 0.0]))

    np.testing.assert_allclose(fall, [0, 0, 0.25, 0, 1])


def test_a_curve_that_begins_below_its_opening_begins_in_a_drawdown() -> None:
    np.testing.assert_allclose(drawdown(np.array([0.8, 0.9])), [0.2, 0.1])
