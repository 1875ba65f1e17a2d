from __future__ import annotations

import base64
import json
import logging
import os
import queue
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, quote_plus
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import logs
from bot.logs import ErrorCounter, configure_logs, fact_text, log_fact, stop_logs
from bot.redaction import Redactor, one_line

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
CANARY = "c4n@ry/s3cret+key=91f3"
LOG = logging.getLogger("perpilot.test")

Start = Callable[..., ErrorCounter]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    def begin(level: str = "INFO", secrets: tuple[str, ...] = (CANARY,)) -> ErrorCounter:
        return configure_logs(level, tmp_path / "logs", secrets, now=lambda: NOON)

    yield begin
    stop_logs()


def written(tmp_path: Path) -> str:
    """The file once everything queued is in it."""
    stop_logs()
    return (tmp_path / "logs" / logs.LOG_FILE).read_text(encoding="utf-8")


def test_a_fact_is_one_line_with_time_level_logger_event_and_values(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start()
    log_fact(LOG, "scan_done", symbols=10, seconds=1.25, equity=Decimal("100.00"), why="two words")
    text = written(tmp_path)

    line = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO perpilot\.test scan_done "
    assert re.fullmatch(line + r'symbols=10 seconds=1\.25 equity=100\.00 why="two words"\n', text)
    assert capsys.readouterr().out == text


def test_the_folder_is_for_its_owner_only(start: Start, tmp_path: Path) -> None:
    start()

    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700


def test_what_is_below_the_level_is_not_written(start: Start, tmp_path: Path) -> None:
    start("WARNING")
    LOG.info("quiet")
    LOG.warning("loud")

    assert "quiet" not in written(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f"https://a.example/?x={quote(CANARY, safe='')}&y=1",
        f"https://a.example/?x={quote_plus(CANARY)}",
        json.dumps({"k": CANARY}),
        repr({"k": CANARY}),
        "Basic " + base64.b64encode(f"u:{CANARY}".encode()).decode(),
        "Basic " + base64.b64encode(f"us:{CANARY}".encode()).decode(),
        "Basic " + base64.b64encode(f"usr:{CANARY}".encode()).decode(),
        base64.urlsafe_b64encode(CANARY.encode()).decode(),
    ],
)
def test_a_registered_secret_is_hidden_in_every_spelling(text: str) -> None:
    hidden = Redactor([CANARY]).redact(f"before {text} after")
    traces = (CANARY, quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode()[4:16])

    assert hidden.startswith("before ")
    assert hidden.endswith(" after")
    assert "***" in hidden
    assert [trace for trace in traces if trace in hidden] == []
    assert "s3cret" not in hidden


@given(st.binary(min_size=6, max_size=40), st.binary(max_size=7), st.binary(max_size=7))
def test_base64_hides_a_secret_wherever_it_begins(raw: bytes, before: bytes, after: bytes) -> None:
    secret = raw.hex()
    text = base64.b64encode(before + secret.encode() + after).decode()
    left = Redactor([secret]).redact(text).replace("***", "")

    assert len(text) - len(left) >= len(secret) * 4 // 3 - 3


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://api.telegram.org/bot7123456789:AAEqWxvutsrqponmlkjihgfedcba98765/getMe", "/getMe"),
        ("token 7123456789:AAEqWxvutsrqponmlkjihgfedcba98765", "token"),
        ("GET /fapi/v1/order?symbol=BTCUSDT&signature=deadbeef01 HTTP", "symbol=BTCUSDT"),
        ("{'apiKey': 'AbCdEf123456', 'symbol': 'BTC'}", "'symbol': 'BTC'"),
        ('{"X-MBX-APIKEY": "AbCdEf123456"}', "X-MBX-APIKEY"),
        ("Authorization: Bearer abcdef.ghijkl-mnop", "Authorization"),
        ("x-api-key: sk-ant-abcdefghijkl", "x-api-key"),
        ("key sk-proj-abcdefghijkl failed", "failed"),
        ("postgresql://me:hunter2hunter2@db:5432/x", "@db:5432/x"),
        ("listenKey=abcdef123456", "listenKey"),
        ("password='hunter2hunter2'", "password"),
    ],
)
def test_what_looks_like_a_key_is_hidden_although_nobody_registered_it(text: str, kept: str) -> None:
    hidden = Redactor([]).redact(text)

    assert "***" in hidden
    assert kept in hidden
    assert not re.search("AAEqWx|deadbeef|AbCdEf|abcdef|hunter2", hidden)


@pytest.mark.parametrize(
    "text",
    [
        "scan_done symbols=10 tokens=1234 tokens_in=900 seconds=1.2",
        "http://127.0.0.1:8000/health at 12:30:45 ratio 3:2",
        "2026-01-02T03:04:05.678Z INFO order=pp7f3a side=long price=101.25",
        "BTC/USDT:USDT stop 101.2 must be below entry 100.0 for a long",
        "id 123456:7 key levels 100 and 105; secretary",
    ],
)
def test_ordinary_facts_are_left_as_they_are(text: str) -> None:
    assert Redactor([CANARY]).redact(text) == text


@given(st.text(max_size=200))
def test_redacting_twice_changes_nothing(text: str) -> None:
    redactor = Redactor([CANARY])
    once = redactor.redact(f"{text}{CANARY}{text}")

    assert redactor.redact(once) == once
    assert CANARY not in once


def test_secrets_appear_in_no_sink_by_message_argument_traceback_or_stack(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start("DEBUG")
    LOG.info(f"in the message {CANARY}")
    LOG.info("as an argument %s and %r", CANARY, {"deep": [CANARY]})
    log_fact(LOG, "fact", url=f"https://x/?k={quote(CANARY, safe='')}")
    try:
        try:
            raise ValueError(f"inner {CANARY}")
        except ValueError as error:
            raise RuntimeError(f"signed with signature=feedface77 {CANARY}") from error
    except RuntimeError:
        LOG.exception("failed")
    LOG.warning("with stack %s", CANARY, stack_info=True)
    out = capsys.readouterr
    text = written(tmp_path)
    seen = text + "".join(out())

    assert text.count("***") >= 6
    assert "s3cret" not in seen
    assert "feedface" not in seen
    assert "RuntimeError" in text


def test_a_foreign_text_cannot_start_a_new_line(start: Start, tmp_path: Path) -> None:
    start()
    evil = "x\n2026-01-01T00:00:00.000Z INFO perpilot.trading trade_closed pnl=1000\r\x1b[2J\u2028y"
    log_fact(LOG, "heard", text=evil)
    LOG.info("raw %s", evil)
    text = written(tmp_path)

    assert len(text.splitlines()) == 2
    assert "\x1b" not in text
    assert "\u2028" not in text


def test_an_endless_text_is_cut_and_says_so(start: Start, tmp_path: Path) -> None:
    start()
    LOG.info("%s", "x" * 1_000_000)
    text = written(tmp_path)

    assert len(text) < logs.MAX_LINE + 200
    assert text.endswith(f"… {1_000_000 - logs.MAX_LINE} characters more\n")


def test_traceback_lines_are_indented_below_their_record(start: Start, tmp_path: Path) -> None:
    start()
    try:
        raise ValueError("first\nINFO second\x1b[0m")
    except ValueError as error:
        log_fact(LOG, "failed", logging.ERROR, error, step="close")
    lines = written(tmp_path).splitlines()

    assert lines[0].endswith("ERROR perpilot.test failed step=close")
    assert all(line.startswith("    ") for line in lines[1:])
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("name", ["ccxt.base.exchange", "aiohttp.access", "httpx2", "openai._base_client"])
def test_libraries_are_heard_from_warning_on_even_at_debug(name: str, start: Start, tmp_path: Path) -> None:
    start("DEBUG")
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble")
    text = written(tmp_path)

    assert "chatter" not in text
    assert "trouble" in text


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (Colour.RED, "red"),
        (Decimal("1E+2"), "100"),
        (0.1 + 0.2, "0.3"),
        (NOON, "2026-01-02T12:00:00+00:00"),
        ("", '""'),
        ("a=b", '"a=b"'),
        ('say "no"', '"say \\"no\\""'),
        ("BTC/USDT:USDT", "BTC/USDT:USDT"),
        ("日本", "日本"),
        (("a", 1), "\"('a', 1)\""),
    ],
)
def test_a_value_is_one_word_of_the_line(value: object, text: str) -> None:
    assert fact_text(value) == text


@given(st.text(max_size=50))
def test_any_text_becomes_one_line(text: str) -> None:
    assert len(f"x{one_line(text)}x".splitlines()) == 1
    assert one_line(text).isprintable()


def test_errors_are_counted_per_utc_day_and_told_to_the_hook() -> None:
    moment = [NOON]
    told: list[tuple[date, int]] = []
    counter = configure_logs("INFO", None, (), now=lambda: moment[0])
    counter.hook = lambda day, count: told.append((day, count))
    LOG.error("one")
    LOG.warning("no error")
    LOG.critical("two")
    moment[0] = NOON + timedelta(hours=12)
    LOG.error("three")
    stop_logs()

    assert counter.count(date(2026, 1, 2)) == 2
    assert counter.today() == 1
    assert told == [(date(2026, 1, 2), 1), (date(2026, 1, 2), 2), (date(2026, 1, 3), 1)]


def test_the_day_of_an_error_is_utcs_whatever_zone_the_clock_speaks() -> None:
    counter = ErrorCounter(lambda: datetime(2026, 1, 2, 5, tzinfo=ZoneInfo("Asia/Tokyo")))
    counter.handle(logging.LogRecord("a", logging.ERROR, "", 0, "x", (), None))

    assert counter.count(date(2026, 1, 1)) == 1


def test_errors_of_before_a_restart_are_added() -> None:
    counter = ErrorCounter(lambda: NOON)
    counter.restore(NOON.date(), 4)
    counter.handle(logging.LogRecord("a", logging.ERROR, "", 0, "x", (), None))

    assert counter.today() == 5


def test_only_the_last_days_are_remembered() -> None:
    counter = ErrorCounter(lambda: NOON)
    for back in range(30):
        counter.restore(NOON.date() - timedelta(days=back), 1)

    assert counter.count(NOON.date()) == 1
    assert counter.count(NOON.date() - timedelta(days=logs.KEPT_DAYS)) == 0


def test_a_failing_hook_does_not_fail_whoever_logs(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(day: date, count: int) -> None:
        raise RuntimeError(CANARY)

    counter = start()
    counter.hook = fails
    LOG.error("one %s", CANARY)
    stop_logs()
    seen = "".join(capsys.readouterr())

    assert counter.today() == 1
    assert "could not be written: RuntimeError" in seen
    assert "s3cret" not in seen


def test_a_message_that_does_not_fit_its_arguments_shows_neither(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    start()
    logs._running[0].front.handle(logging.LogRecord("a", logging.INFO, "", 0, "%d", (CANARY,), None))
    stop_logs()
    seen = "".join(capsys.readouterr())

    assert "a log line of a could not be written: TypeError" in seen
    assert "s3cret" not in seen


def test_a_folder_that_cannot_be_written_is_one_sentence_and_the_lines_still_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    configure_logs("INFO", blocked / "logs", (), now=lambda: NOON)
    LOG.info("still here")
    stop_logs()
    seen = capsys.readouterr()

    assert "can't be written to" in seen.out
    assert "standard output is all there is" in seen.out
    assert "still here" in seen.out
    assert "Traceback" not in seen.out + seen.err


def test_the_file_rotates_within_its_bound(tmp_path: Path) -> None:
    sink = logs._File(tmp_path / logs.LOG_FILE, max_bytes=2_000)
    for number in range(400):
        sink.handle(
            logging.LogRecord("a", logging.INFO, "", 0, f"line {number} of ordinary length", (), None)
        )
    sink.close()
    files = list(tmp_path.iterdir())

    assert len(files) == logs.MAX_FILES + 1
    assert all(0 < file.stat().st_size <= 2_000 for file in files)


def test_lines_that_find_no_place_are_counted_and_told() -> None:
    waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(2)
    front = logs._Front(waiting, Redactor([]))
    for number in range(5):
        front.handle(logging.LogRecord("a", logging.INFO, "", 0, f"n{number}", (), None))
    waiting.get()
    waiting.get()
    front.handle(logging.LogRecord("a", logging.INFO, "", 0, "after", (), None))
    queued = [waiting.get_nowait(), waiting.get_nowait()]

    assert [record.msg for record in queued if record] == ["log_lines_lost count=3", "after"]


def test_logging_does_not_wait_for_a_slow_sink(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    written_by: list[str] = []

    class SlowOut:
        def write(self, text: str) -> None:
            released.wait(10)
            written_by.append(threading.current_thread().name)

        def flush(self) -> None: ...

    monkeypatch.setattr(sys, "stdout", SlowOut())
    start()
    for _ in range(100):
        LOG.info("x")
    waited_for_none = not written_by
    released.set()
    stop_logs()

    assert waited_for_none
    assert set(written_by) == {"logs"}
    assert len(written_by) == 100


def test_configuring_twice_writes_every_line_once(start: Start, tmp_path: Path) -> None:
    start()
    start()
    LOG.info("once")

    assert written(tmp_path).count("once") == 1


def test_stopping_puts_everything_back(start: Start) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), sys.excepthook, threading.excepthook, sys.unraisablehook)
    start("DEBUG")
    stop_logs()

    assert (
        root.level,
        list(root.handlers),
        sys.excepthook,
        threading.excepthook,
        sys.unraisablehook,
    ) == before


def test_a_secret_too_short_to_hide_is_told(start: Start, tmp_path: Path) -> None:
    start(secrets=("abc", CANARY))

    assert "secrets_too_short_to_mask count=1" in written(tmp_path)


DYING = """
import asyncio, logging, sys, threading, datetime
from pathlib import Path
from bot.logs import configure_logs
logging.basicConfig()
now = lambda: datetime.datetime.now(datetime.timezone.utc)
configure_logs("INFO", Path(sys.argv[1]), ["canary-s3cret"], now=now)
for number in range(500):
    logging.getLogger("perpilot").info("line %d", number)
thread = threading.Thread(target=lambda: 1 / int("0 canary-s3cret"[:1]))
thread.start(); thread.join()
async def dies():
    asyncio.get_running_loop().call_soon(lambda: [][0] or "canary-s3cret")
    task = asyncio.create_task(asyncio.sleep(0))
    await asyncio.sleep(0.01)
    raise RuntimeError("died with canary-s3cret")
asyncio.run(dies())
"""


def test_a_dying_process_writes_its_last_lines_and_no_secret(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    text = (tmp_path / logs.LOG_FILE).read_text(encoding="utf-8")

    assert run.returncode == 1
    assert text.count(" INFO perpilot line ") == 500
    assert "CRITICAL perpilot.logs uncaught error=RuntimeError" in text
    assert "uncaught error=ZeroDivisionError" in text
    assert "IndexError" in text
    assert "died with ***" in text
    assert "canary" not in text + run.stdout + run.stderr
    assert run.stderr == ""


def test_a_quiet_console_leaves_everything_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("INFO", tmp_path / "logs", (), now=lambda: NOON, console_level="WARNING")

    LOG.info("only in the file")
    LOG.warning("in both")
    text = written(tmp_path)

    assert "only in the file" in text
    assert "in both" in text
    shown = capsys.readouterr().out
    assert "in both" in shown
    assert "only in the file" not in shown
