"""Backtests of the running bot over real sockets: refusals first, then the process, its candles, its end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from bot.backtest_desk import BacktestDesk, Source
from bot.backtest_process import COMMAND, PROJECT_ROOT, BacktestFailed, BacktestProcess, Lender
from bot.backtest_request import Request, Variant
from bot.book import SettingsBook
from bot.cli.backtest_child import RUNNING
from bot.cli.backtest_playing import Ground
from bot.demo.exchange import ExchangeStandIn
from bot.demo.market import SeededMarket
from bot.limits import limits_of
from bot.settings import SettingsError, load_settings
from core.adapters.clock import SystemClock
from core.adapters.exchange.market import CcxtMarket
from core.adapters.history.keeping import KeptSeries
from core.adapters.history.tables import Kind
from core.backtest_views import STRATEGIES, BacktestStep, BacktestWish
from core.codec import to_text
from core.errors import PerpilotError, Unknown, UnknownSymbol
from core.market import to_ms
from tests.adapters.history.shelves import text, write
from tests.core.backtest.worlds import START_MS, bars_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

BTC = "BTC/USDT:USDT"
BARS = 30 * 24


@dataclass
class Rig:
    desk: BacktestDesk
    process: BacktestProcess
    market: CcxtMarket
    folder: Path
    exchange: ExchangeStandIn
    steps: list[BacktestStep] = field(default_factory=list)

    @property
    def candles_asked(self) -> int:
        return sum(
            self.exchange.requests.get(f"/fapi/v1/{path}", 0) for path in ("klines", "markPriceKlines")
        )

    async def backtest(self, symbol: str = BTC, days: int = 30, strategy: str = "", run: str = "1") -> object:
        return await self.desk.backtest(BacktestWish(symbol, days, strategy, run), self.steps.append)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    home, clock = tmp_path_factory.mktemp("home"), SystemClock()
    exchange = ExchangeStandIn(SeededMarket(lambda: time.time_ns() // 1_000_000))
    await exchange.start()
    market = CcxtMarket("binanceusdm", clock=clock, url=exchange.url)
    await market.open()
    book = SettingsBook(load_settings({"SYMBOLS": "BTC"}), None, market, clock, "paper")  # type: ignore[arg-type]
    process = BacktestProcess(Lender(market.budget, clock))
    source = Source("binanceusdm", exchange.url, home / "binanceusdm")
    desk = BacktestDesk(book, market, clock, source, process, lambda: Decimal(2_500))
    yield Rig(desk, process, market, source.folder, exchange)
    await market.close()
    await exchange.stop()


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "strategy", ["moonshot", "mine.py", "/etc/passwd.py:Evil", "../x.py:Mine", "recorded"]
)
async def test_a_strategy_that_is_not_named_here_is_never_run(rig: Rig, strategy: str) -> None:
    with pytest.raises(BacktestFailed, match=r"trend, mean_reversion.*a chat must not start programs"):
        await rig.backtest(strategy=strategy)

    assert rig.process.pid is None


@pytest.mark.parametrize("days", [-1, 6, 731])
async def test_days_out_of_all_reason_are_refused(rig: Rig, days: int) -> None:
    with pytest.raises(BacktestFailed, match="from 7 to 730"):
        await rig.backtest(days=days)


async def test_a_symbol_that_the_exchange_does_not_list_is_refused_at_once(rig: Rig) -> None:
    with pytest.raises(UnknownSymbol, match="NOPE"):
        await rig.backtest("NOPE/USDT:USDT")

    assert rig.process.pid is None


async def test_a_value_that_cannot_hold_is_not_played(rig: Rig) -> None:
    with pytest.raises(SettingsError, match="MAX_LEVERAGE"):
        await rig.desk.what_if("MAX_LEVERAGE", "500", "1", rig.steps.append)


async def test_names_of_strategies_are_those_that_are_shipped() -> None:
    from core.backtest.shipped import SHIPPED

    assert set(STRATEGIES) == set(SHIPPED)


async def test_nothing_to_stop_is_said(rig: Rig) -> None:
    assert not rig.desk.stop("1")


# ---------------------------------------------------------------- the process


async def test_one_at_a_time_and_a_stop_leaves_no_process_and_whole_files(rig: Rig) -> None:
    playing = asyncio.create_task(rig.backtest("ETH/USDT:USDT", run="7"))
    while not any(step.words.startswith("fetching candles of") for step in rig.steps):
        await asyncio.sleep(0.01)
    pid = rig.process.pid
    assert pid is not None

    with pytest.raises(BacktestFailed, match="one at a time"):
        await rig.backtest(run="8")
    was_it = (rig.desk.stop("8"), rig.desk.stop("7"))
    found = await asyncio.wait_for(playing, 10)

    assert was_it == (False, True) and found is None
    assert not Path(f"/proc/{pid}").exists() and rig.process.pid is None
    for kind in Kind:
        assert len(KeptSeries(rig.folder, "ETHUSDT", kind, "1h").rows) >= 0, "what is there can be read"


@pytest.mark.timeout(400)  # the first on a machine compiles the engine
async def test_candles_are_fetched_once_played_and_judged(rig: Rig) -> None:
    rig.steps.clear()
    before = rig.candles_asked
    found = await rig.backtest(days=90)
    fetched = rig.candles_asked
    compared = await rig.desk.what_if("RISK_PER_TRADE", "0.01", "3", rig.steps.append)

    words = [step.words for step in rig.steps]
    assert found is not None and found.over.symbols == (BTC,) and found.over.bars == 90 * 24
    assert found.played.capital == 2_500 and found.played.wins + found.played.losses <= found.played.trades
    assert found.picture is not None and found.picture.startswith(b"\x89PNG")
    assert any("Not played" in text for text in found.over.remarks)
    assert {"fetching candles", "fetching candles of BTC", RUNNING, "random runs", "drawing"} <= set(words)
    assert fetched > before and rig.candles_asked == fetched, "what is on disk is not asked for again"
    assert compared is not None and (compared.old_value, compared.new_value) == ("0.02", "0.01")
    assert compared.over.symbols == (BTC,) and compared.difference is not None
    assert compared.new.risk_taken is not None and compared.old.risk_taken is not None
    assert compared.new.risk_taken < compared.old.risk_taken
    assert rig.process.pid is None


async def request_of(rig: Rig, folder: Path) -> Request:
    settings = load_settings({})
    return Request(
        exchange="binanceusdm",
        url="http://127.0.0.1:9",  # nobody listens
        folder=str(folder),
        instruments=(await rig.market.instrument(BTC),),
        timeframe="1h",
        since_ms=to_ms(SystemClock().now()) - 30 * 86_400_000,
        strategy="trend",
        variants=(Variant(limits_of(settings), 1_000.0, settings.max_leverage),),
        runs=20,
    )


@pytest.mark.timeout(400)  # as above
async def test_what_is_at_hand_is_played_while_the_exchange_is_silent(rig: Rig, tmp_path: Path) -> None:
    rows = bars_of(np.random.default_rng(1), BARS, step=0.02)
    write(tmp_path / "BTCUSDT-1h.csv", text(rows))
    asked = replace(await request_of(rig, tmp_path), since_ms=START_MS)

    ground = Ground(asked, Unknown("binanceusdm does not answer"))

    found, _ = ground.judged(rig.steps.append)

    assert found.over.bars == BARS
    assert any("could not be fetched (binanceusdm does not answer)" in text for text in found.over.remarks)


async def test_without_a_candle_at_hand_the_silence_is_the_answer(rig: Rig, tmp_path: Path) -> None:
    tmp_path.joinpath("none").mkdir()

    with pytest.raises(PerpilotError, match="does not answer"):
        Ground(await request_of(rig, tmp_path / "none"), Unknown("binanceusdm does not answer"))


async def test_a_bot_that_was_killed_leaves_no_process(rig: Rig, tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*COMMAND, stdin=pipe, stdout=pipe, cwd=PROJECT_ROOT)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(to_text(await request_of(rig, tmp_path)).encode() + b"\n")
    said = await child.stdout.readline()

    child.stdin.close()

    assert b"fetching" in said
    assert await asyncio.wait_for(child.wait(), 5) == 1


async def test_it_steps_back_behind_trading() -> None:
    code = "import os; from bot.cli.backtest_child import step_back; step_back(); "
    code += "print(os.nice(0), open('/proc/self/oom_score_adj').read())"
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, check=True
    )

    assert [int(word) for word in ended.stdout.split()] == [min(os.nice(0) + 15, 19), 1000]
