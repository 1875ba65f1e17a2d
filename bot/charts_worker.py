"""The process that draws: requests on standard input, pictures on standard output, frames as in `bot.charts`.

It ends when its input ends, so a bot that was killed leaves nothing behind. A request that can't be drawn
is answered with an error; a bug ends the process with its traceback on standard error, and the bot starts
another.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import warnings
from typing import Any, BinaryIO

import numpy as np

from bot.charts_look import CannotDraw

NICENESS = 5
"""Trading comes first on a small machine."""


def main() -> None:
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a stray print must not break the frames
    warnings.simplefilter("ignore")  # a missing glyph is drawn as a box
    os.nice(NICENESS)
    while request := read_frame(source):
        header, body = request
        try:
            answer, picture = {}, draw(header, body)
        except CannotDraw as error:
            answer, picture = {"error": str(error)}, b""
        write_frame(sink, answer, picture)


def draw(header: dict[str, Any], body: bytes) -> bytes:
    rows = np.frombuffer(body, dtype="<f8").reshape(header["shape"])
    if header["kind"] == "equity":
        from bot.charts_equity import equity_png

        return equity_png(rows, header["title"])
    if header["kind"] == "risk":
        from bot.charts_risk import Bar, risk_png

        bars = [Bar(*bar) for bar in header["bars"]]
        return risk_png(bars, header["title"], header["subtitle"])
    if header["kind"] == "models":
        from bot.charts_models import Panel, Point, models_png

        panels = [
            Panel(name, words, tuple(Point(*numbers) for numbers in points))
            for name, words, points in header["panels"]
        ]
        return models_png(panels, header["title"], header["subtitle"])
    from bot.charts_candles import Line, candles_png

    lines = [Line(label, float(price), role) for label, price, role in header["lines"]]
    return candles_png(rows, header["timeframe"], lines, header["title"], header["subtitle"])


def read_frame(source: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """None when the other side is gone, in the middle of a frame too."""
    prefix = source.read(4)
    if len(prefix) < 4:
        return None
    text = source.read(struct.unpack(">I", prefix)[0])
    try:
        header = json.loads(text)
    except ValueError:
        return None
    body = source.read(header["body_bytes"])
    return (header, body) if len(body) == header["body_bytes"] else None


def write_frame(sink: BinaryIO, header: dict[str, Any], body: bytes) -> None:
    text = json.dumps({**header, "body_bytes": len(body)}).encode()
    sink.write(struct.pack(">I", len(text)) + text + body)
    sink.flush()


if __name__ == "__main__":
    main()
