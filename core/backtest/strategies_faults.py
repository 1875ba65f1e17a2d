"""What is wrong with a strategy, as one sentence, also where it is code that nobody here has read."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from core.errors import PerpilotError


class BadStrategy(PerpilotError):
    """One sentence: which strategy, file and line, and what is wrong with it."""


class naming_faults:  # noqa: N801 - reads as a statement
    """Around code of the owner's own: whatever it raises becomes one sentence with file and line.

    It may use any library, and the compiler's errors alone have no ancestor but the most general one.
    """

    def __init__(self, name: str, file: str) -> None:
        self._name, self._file = name, file

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, BadStrategy | KeyboardInterrupt | GeneratorExit):
            return
        line = _line_of(error, trace, str(Path(self._file).absolute()))  # as Python names what it runs
        place = f"{self._file} line {line}" if line else self._file
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        detail = " ".join(text.split())[:200]
        raise BadStrategy(
            f"{self._name}: {place}: {type(error).__name__}{f': {detail}' if detail else ''}"
        ) from error


def _line_of(error: BaseException, trace: TracebackType | None, file: str) -> int | None:
    """The deepest line in `file` that led to the error."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
