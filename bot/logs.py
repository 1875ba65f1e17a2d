"""Facts for machines: one line each, on standard output and in a rotating file.

Laws:
- Every line passes the redaction before it reaches any sink: registered secrets in every spelling they travel
  in, and whatever has the form of a key.
- Logging never blocks the event loop and never grows without limit: lines wait in a bounded queue for a
  thread, and what does not fit is counted and told.
- One record is one line; a text of others can't start a new one. Traceback lines are indented below theirs.
"""

from __future__ import annotations

import atexit
import copy
import json
import logging
import logging.handlers
import queue
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any

from bot.redaction import Redactor, one_line

LOG_FILE = "perpilot.log"
MAX_FILE_BYTES = 5_000_000
MAX_FILES = 5
"""Old files kept beside the current one: 30 MB in all."""
MAX_QUEUED = 10_000
"""Lines; about a minute of the busiest scan at DEBUG."""
MAX_LINE = 8_000
"""Characters of one line; a traceback may have five times as many."""
KEPT_DAYS = 8
STOP_SECONDS = 5.0
"""Longest wait for the last lines at exit."""

QUIET_LOGGERS = (
    "PIL",
    "aiogram.event",
    "aiohttp.access",
    "aiosqlite",
    "alembic",
    "anthropic",
    "asyncio",
    "ccxt",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "matplotlib",
    "openai",
    "sqlalchemy",
    "urllib3",
)
"""Libraries heard from WARNING on: below, some print headers with keys."""

_LOG = logging.getLogger("perpilot.logs")


class _Safe(logging.Handler):
    """A handler whose own failure never prints the record: it may hold a secret."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        kind = sys.exc_info()[0]
        name = kind.__name__ if kind is not None else "an error"
        if sys.stderr is not None:
            sys.stderr.write(f"a log line of {record.name} could not be written: {name}\n")


class ErrorCounter(_Safe):
    """Counts records of ERROR and above per UTC day.

    `hook(day, count)` is called after each one, in whatever thread logged it: it must not block and not log.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(level=logging.ERROR)
        self.hook: Callable[[date, int], None] | None = None
        self._now = now
        self._counts: dict[date, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `logging` under this handler's lock."""
        try:
            day = self._now().astimezone(UTC).date()
            count = self._add(day, 1)
            if self.hook is not None:
                self.hook(day, count)
        except Exception:  # whoever logs an error must not get another one
            self.handleError(record)

    def count(self, day: date) -> int:
        return self._counts.get(day, 0)

    def today(self) -> int:
        return self.count(self._now().astimezone(UTC).date())

    def restore(self, day: date, count: int) -> None:
        """Adds what was counted before a restart."""
        self.acquire()
        try:
            self._add(day, count)
        finally:
            self.release()

    def _add(self, day: date, count: int) -> int:
        total = self._counts.get(day, 0) + count
        self._counts[day] = total
        for old in sorted(self._counts)[:-KEPT_DAYS]:
            del self._counts[old]
        return total


def configure_logs(
    level: str,
    directory: Path | None,
    secrets: Iterable[str],
    *,
    now: Callable[[], datetime],
    console_level: str = "DEBUG",
) -> ErrorCounter:
    """Takes over the root logger, uncaught exceptions and Python's warnings until `stop_logs`.

    `directory` None, or one that can't be written, means standard output only; the latter is said once.
    Calling it again replaces what was configured before.
    """
    stop_logs()
    redactor = Redactor(secrets)
    sinks: list[logging.Handler] = [_Console(console_level)]
    trouble = _add_file(sinks, directory) if directory is not None else ""
    writer = _Writer(tuple(sinks))
    counter = ErrorCounter(now)
    pipeline = _Pipeline(_Front(writer.waiting, redactor), counter, writer, _Before.taken())
    pipeline.install(level)
    _running.append(pipeline)
    if trouble:
        _LOG.warning("%s", trouble)
    if redactor.unmaskable:
        log_fact(_LOG, "secrets_too_short_to_mask", logging.WARNING, count=redactor.unmaskable)
    return counter


def stop_logs() -> None:
    """Writes what is queued (waiting at most `STOP_SECONDS`) and puts the root logger back as it was."""
    while _running:
        _running.pop().remove()


def log_fact(
    logger: logging.Logger,
    event: str,
    level: int = logging.INFO,
    error: BaseException | None = None,
    /,
    **facts: Any,
) -> None:
    """Logs `event key=value …`; values with anything but plain characters are quoted.

    `error` adds its traceback.
    """
    if logger.isEnabledFor(level):
        line = " ".join([event, *(f"{key}={fact_text(value)}" for key, value in facts.items())])
        logger.log(level, "%s", line, exc_info=error, stacklevel=2)


def fact_text(value: Any) -> str:
    """A value as one word of a log line."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return fact_text(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    is_plain = bool(text) and all(mark.isprintable() and mark not in " \"'=\\" for mark in text)
    return text if is_plain else json.dumps(text, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Before:
    """What `stop_logs` restores."""

    level: int
    handlers: tuple[logging.Handler, ...]
    excepthook: Callable[..., Any]
    unraisablehook: Callable[..., Any]
    thread_hook: Callable[..., Any]

    @classmethod
    def taken(cls) -> _Before:
        root = logging.getLogger()
        hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook)
        return cls(root.level, tuple(root.handlers), *hooks)

    def put_back(self) -> None:
        root = logging.getLogger()
        root.setLevel(self.level)
        for handler in self.handlers:
            root.addHandler(handler)
        sys.excepthook, sys.unraisablehook = self.excepthook, self.unraisablehook
        threading.excepthook = self.thread_hook
        logging.captureWarnings(False)


@dataclass(frozen=True, slots=True)
class _Pipeline:
    front: logging.Handler
    counter: ErrorCounter
    writer: _Writer
    before: _Before

    def install(self, level: str) -> None:
        root = logging.getLogger()
        root.setLevel(level)
        for handler in self.before.handlers:
            if type(handler) is logging.StreamHandler:  # what basicConfig made would print unredacted
                root.removeHandler(handler)
        root.addHandler(self.front)
        root.addHandler(self.counter)
        for name in QUIET_LOGGERS:
            logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
        logging.captureWarnings(True)
        _take_over_hooks()
        self.writer.start()

    def remove(self) -> None:
        root = logging.getLogger()
        root.removeHandler(self.front)
        root.removeHandler(self.counter)
        self.before.put_back()
        self.writer.stop()


_running: list[_Pipeline] = []
"""The one configured pipeline, or none: logging itself is one per process."""

atexit.register(stop_logs)


class _Line(logging.Formatter):
    """`2026-01-02T03:04:05.678Z LEVEL logger message`, traceback indented below."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        head = f"{moment.isoformat(timespec='milliseconds')}Z {record.levelname} {record.name}"
        return f"{head} {super().format(record)}".replace("\n", "\n    ")


_LINE = _Line()


class _Console(_Safe):
    """Standard output, looked up anew for each line so that a replaced one is used."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(_LINE.format(record) + "\n")
            sys.stdout.flush()
        except (OSError, ValueError):  # a closed stream, a broken pipe, an encoding that lacks the character
            self.handleError(record)


class _File(_Safe, logging.handlers.RotatingFileHandler):
    def __init__(self, path: Path, max_bytes: int = MAX_FILE_BYTES) -> None:
        logging.handlers.RotatingFileHandler.__init__(
            self, path, maxBytes=max_bytes, backupCount=MAX_FILES, encoding="utf-8"
        )
        self.setFormatter(_LINE)


def _add_file(sinks: list[logging.Handler], directory: Path) -> str:
    """Adds the file sink; answers with a sentence when it can't be written."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sinks.append(_File(directory / LOG_FILE))
    except OSError as error:
        return f"Logs can't be written to {directory} ({error.strerror}); standard output is all there is."
    return ""


class _Writer:
    """The thread that writes; `None` in the queue ends it."""

    def __init__(self, sinks: tuple[logging.Handler, ...]) -> None:
        self.waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(MAX_QUEUED)
        self._sinks = sinks
        self._thread = threading.Thread(target=self._write, name="logs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        try:
            self.waiting.put(None, timeout=STOP_SECONDS)
            self._thread.join(STOP_SECONDS)
        except queue.Full:
            sys.stderr.write("the last log lines could not be written in time\n")
        for sink in self._sinks:
            sink.close()

    def _write(self) -> None:
        while (record := self.waiting.get()) is not None:
            for sink in self._sinks:
                if record.levelno >= sink.level:
                    sink.handle(record)


class _Front(_Safe, logging.handlers.QueueHandler):
    """Redacts in the thread that logs, then hands over."""

    def __init__(self, waiting: queue.Queue[logging.LogRecord | None], redactor: Redactor) -> None:
        logging.handlers.QueueHandler.__init__(self, waiting)
        self._waiting = waiting
        self._redactor = redactor
        self._lost = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """A copy that holds final text only: no arguments, no exception object."""
        safe = copy.copy(record)
        safe.msg = _cut(one_line(self._redactor.redact(record.getMessage())), MAX_LINE)
        safe.args = None
        safe.exc_text = self._safe_lines(_trace_text(record))
        safe.exc_info = None
        safe.stack_info = self._safe_lines(record.stack_info)
        return safe

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            if self._lost:
                self._waiting.put_nowait(self._loss(record))
                self._lost = 0
            self._waiting.put_nowait(record)
        except queue.Full:
            self._lost += 1

    def _safe_lines(self, text: str | None) -> str | None:
        if not text:
            return None
        lines = "\n".join(one_line(line) for line in self._redactor.redact(text).split("\n"))
        return _cut(lines, 5 * MAX_LINE)

    def _loss(self, record: logging.LogRecord) -> logging.LogRecord:
        note = copy.copy(record)
        note.name, note.levelno, note.levelname = _LOG.name, logging.WARNING, "WARNING"
        note.msg = f"log_lines_lost count={self._lost}"
        note.exc_text = note.stack_info = None
        return note


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} … {len(text) - limit} characters more"


def _trace_text(record: logging.LogRecord) -> str | None:
    if record.exc_text or record.exc_info is None or record.exc_info[0] is None:
        return record.exc_text
    return _LINE.formatException(record.exc_info)


def _take_over_hooks() -> None:
    """Uncaught exceptions go through the log, and so through the redaction, instead of bare to stderr."""

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            _LOG.critical("uncaught error=%s", kind.__name__, exc_info=(kind, error, trace))

    def uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        _LOG.error("unraisable error=%s", args.exc_type.__name__, exc_info=args.exc_value)

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
    sys.unraisablehook = unraisable
