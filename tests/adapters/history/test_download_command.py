"""`download` as a process: killed, interrupted, gone on with; and what it draws."""

from __future__ import annotations

import asyncio
import io
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from bot.cli.download import ProgressBar, add_download, drawn, report
from bot.cli.options import OneLineParser
from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_faults import Failure
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from core.adapters.history.downloading import Outcome, Progress
from core.adapters.history.instruments import instruments_of
from core.adapters.history.reading import read_history
from core.backtest.history import Gap

NOON_MS = 1_777_896_000_000  # 2026-05-04 12:00
PERIOD = ["--timeframe", "1m", "--from", "2026-05-02", "--to", "2026-05-04T11:00"]
COMMAND = """
import sys
from pathlib import Path
from bot.cli.download import add_download, run_download
from bot.cli.options import OneLineParser
from core.errors import PerpilotError
parser = OneLineParser(prog="download")
parser.add_argument("--env", type=Path, default=Path("none"))
add_download(parser)
try:
    code = run_download(parser.parse_args(sys.argv[1:]))
except PerpilotError as error:
    code = f"{error}"
sys.exit(code)
"""


@pytest.fixture
async def exchange() -> AsyncIterator[ExchangeStandIn]:
    market = SeededMarket(lambda: NOON_MS, 3, instruments=LISTED[:1], scenario={}, history_days=3)
    stand_in = ExchangeStandIn(market)
    await stand_in.start()
    try:
        yield stand_in
    finally:
        await stand_in.stop()


async def started(exchange: ExchangeStandIn, folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        COMMAND,
        *["--symbols", "BTC", *PERIOD, "--data", str(folder), *arguments],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env={"EXCHANGE_URL": exchange.url, "PYTHONPATH": "."},
    )


async def until_hung(process: asyncio.subprocess.Process) -> None:
    """Three pages of candles have come, of which two are on disk; the fourth stays away."""
    assert process.stderr is not None
    while b"3,000 new rows" not in (line := await process.stderr.readline()):
        assert line, "it ended early"


def kept(folder: Path) -> int:
    return pl.read_ipc((folder / "binanceusdm/candles/BTCUSDT-1m.feather").read_bytes()).height


async def test_a_killed_download_leaves_a_whole_file_and_the_same_command_goes_on(
    exchange: ExchangeStandIn, tmp_path: Path
) -> None:
    exchange.faults.fail_next(1, Failure.SWALLOWED, path="/fapi/v1/klines", skip=3)
    process = await started(
        exchange,
        tmp_path,
    )
    await until_hung(process)
    process.kill()
    await process.communicate()
    rows_then = kept(tmp_path)
    exchange.faults.heal()

    again = await started(exchange, tmp_path)
    said, _told = await again.communicate()

    assert rows_then == 2_000 and again.returncode == 0
    assert "3,540 rows, 2026-05-02 00:00 to 2026-05-04 10:59, 1,540 new" in said.decode()
    history = read_history(
        tmp_path, "BTC", "1m", datetime(2026, 5, 2, tzinfo=UTC), datetime(2026, 5, 4, 11, tzinfo=UTC)
    )
    assert len(history.bars) == 3_540
    rules = instruments_of([history], tmp_path)
    assert "BTCUSDT instrument: tick 0.1, lot 0.001, from 0.001 and " in said.decode()
    assert rules.instruments[0].tick == Decimal("0.1") and "Binance tells its own only" in rules.remarks[0]
    assert not list(tmp_path.rglob("*.part"))


async def test_an_interrupted_download_keeps_every_row_that_came(
    exchange: ExchangeStandIn, tmp_path: Path
) -> None:
    exchange.faults.fail_next(1, Failure.SWALLOWED, path="/fapi/v1/klines", skip=3)
    process = await started(exchange, tmp_path)
    await until_hung(process)
    process.send_signal(signal.SIGINT)
    _said, told = await process.communicate()

    assert process.returncode == 130
    assert b"what was fetched is kept" in told and b"Traceback" not in told
    assert kept(tmp_path) == 3_000


async def test_an_exchange_that_does_not_list_the_symbol_ends_with_one_sentence(
    exchange: ExchangeStandIn, tmp_path: Path
) -> None:
    process = await started(exchange, tmp_path, "--symbols", "NOPE")
    said, told = await process.communicate()

    assert (process.returncode, said) == (1, b"")
    assert told.decode().splitlines() == ["binanceusdm lists no perpetual NOPE/USDT:USDT"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--symbols", "B!"], "'B!' is not a symbol"),
        (["--symbols", ","], "1 to 100 symbols are taken, not 0"),
        (["--symbols", "BTC", "--from", "soon"], "'soon' is not a date like 2025-01-31"),
        (["--symbols", "BTC", "--from", "2025-01-01", "--timeframe", "7m"], "invalid choice: '7m'"),
        (["--from", "2025-01-01"], "arguments are required: --symbols"),
    ],
)
def test_wrong_arguments_end_with_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = OneLineParser(prog="download")
    add_download(parser)

    with pytest.raises(SystemExit) as ended:
        parser.parse_args(arguments)

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in told and told.count("\n") == 1


def test_symbols_and_dates_are_understood_as_people_write_them() -> None:
    parser = OneLineParser(prog="download")
    add_download(parser)

    options = parser.parse_args(["--symbols", "btc, ETHUSDT,BTC/USDT", "--from", "2025-01-31"])

    assert options.symbols == ("BTC/USDT:USDT", "ETH/USDT:USDT")
    assert options.since == datetime(2025, 1, 31, tzinfo=UTC) and options.until is None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_is_drawn_over_itself() -> None:
    screen = Terminal()
    bar = ProgressBar(screen)

    for fraction in (0.0, 0.5, 1.0):
        bar.tell(Progress("BTCUSDT 1m candles", fraction, 1_000))
    bar.tell(Progress("BTCUSDT 1m mark", 1.0, 3))

    lines = screen.getvalue().split("\n")
    assert [line.rpartition("\r")[2].split()[0] for line in lines[:2]] == ["BTCUSDT", "BTCUSDT"]
    assert "[########################] 100% 1,000 new rows" in lines[0] and lines[2] == ""


def test_where_nobody_sees_it_move_a_quarter_is_a_line() -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream)

    for percent in range(101):
        bar.tell(Progress("BTCUSDT funding", percent / 100, percent))
    bar.tell(Progress("BTCUSDT funding", -1.0, 0, "too many requests; asking again in 60 s"))

    lines = stream.getvalue().splitlines()
    assert [line.split(":")[1].split(",")[0].strip() for line in lines[:-1]] == ["25%", "50%", "75%", "100%"]
    assert lines[-1] == "BTCUSDT funding: too many requests; asking again in 60 s"


def test_the_bar_tells_how_long_it_will_take() -> None:
    assert drawn(Progress("BTCUSDT funding", 0.25, 10), 30.0).endswith(
        "25% 10 new rows, 90 s left".replace("90 s", "2 min")
    )


def test_the_report_names_what_the_exchange_does_not_have() -> None:
    start, minute = NOON_MS, 60_000
    gaps = (
        Gap(start - 10 * minute, start, 10),
        Gap(start + 5 * minute, start + 7 * minute, 2),
        Gap(start + 100 * minute, start + 110 * minute, 10),
    )
    there = Outcome("BTCUSDT 1m candles", Path("a.feather"), 98, 98, start, start + 99 * minute, gaps)
    none = Outcome("NEWUSDT funding", Path("b.feather"), 0, 0, None, None, ())

    assert report([there, none]).splitlines() == [
        "BTCUSDT 1m candles: 98 rows, 2026-05-04 12:00 to 2026-05-04 13:39, 98 new, in a.feather",
        "  begins at 2026-05-04 12:00: the exchange has nothing before",
        "  missing at the exchange: 2026-05-04 12:05 to 2026-05-04 12:07 (2)",
        "  ends at 2026-05-04 13:39: the exchange has nothing after",
        "NEWUSDT funding: the exchange has none in this period",
    ]
