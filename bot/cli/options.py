"""The command line: names, arguments and help, without importing what the commands need."""

from __future__ import annotations

import argparse
from pathlib import Path

DEMO_SEED = 7
"""A market that shows a tradable setup right at the start; other seeds show other markets."""


class OneLineParser(argparse.ArgumentParser):
    """Wrong arguments end with one clear sentence."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    top = OneLineParser(
        prog="main.py",
        description="Perpilot: a Telegram-first, AI-assisted trader for crypto perpetual futures. "
        "Without a command it runs the bot as .env says (paper trading unless told otherwise).",
    )
    top.add_argument("--env", type=Path, default=Path(".env"), help="settings file (default: .env)")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=OneLineParser)
    _demo(commands.add_parser("demo", help="the same bot against stand-ins on loopback: no key, no account"))
    doctor = commands.add_parser(
        "doctor", help="checks everything that trading needs and says how to mend it"
    )
    doctor.add_argument("--notify", action="store_true", help="send a test message and wait for its button")
    _download(
        commands.add_parser("download", help="recorded candles, funding and trading rules for backtests")
    )
    _backtest(commands.add_parser("backtest", help="a strategy over recorded candles, judged against luck"))
    _optimize(commands.add_parser("optimize", help="parameters searched, and weighed on what came after"))
    _lookahead(commands.add_parser("lookahead", help="whether a strategy knows the future"))
    commands.add_parser("status", help="status of the running bot, without Telegram")
    commands.add_parser("pause", help="no new entries in the running bot, without Telegram")
    commands.add_parser("panic", help="pause and close every position of the running bot, without Telegram")
    _replay(commands.add_parser("replay", help="decisions derived again from the journal, and compared"))
    return top


def _replay(replay: argparse.ArgumentParser) -> None:
    what = replay.add_mutually_exclusive_group(required=True)
    what.add_argument("decision", nargs="?", metavar="ID", help="one decision, with what it was made from")
    what.add_argument("--all", action="store_true", help="every decision; differences are named and counted")
    what.add_argument("--verify", action="store_true", help="walk the hash chain and name a tampered row")


def _download(download: argparse.ArgumentParser) -> None:
    from bot.cli.download import add_download

    add_download(download)


def _backtest(backtest: argparse.ArgumentParser) -> None:
    from bot.cli.backtest import add_backtest

    add_backtest(backtest)


def _optimize(optimize: argparse.ArgumentParser) -> None:
    from bot.cli.optimize import add_optimize

    add_optimize(optimize)


def _lookahead(lookahead: argparse.ArgumentParser) -> None:
    from bot.cli.lookahead import add_lookahead

    add_lookahead(lookahead)


def _demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument(
        "--port", type=_port, default=0, help="port of the chat page (default: 8090 or next free)"
    )
    demo.add_argument("--seed", type=int, default=DEMO_SEED, help=f"market seed (default: {DEMO_SEED})")
    demo.add_argument(
        "--replay", type=Path, metavar="DIR", help="replay candle files instead of a seeded market"
    )
    demo.add_argument("--from", dest="start_from", metavar="DATE", help="where the replay starts, YYYY-MM-DD")
    demo.add_argument("--speed", type=_speed, default=1.0, help="the clock's speed, 1 to 600 (default: 1)")
    demo.add_argument("--auto", action="store_true", help="trade without asking")
    demo.add_argument(
        "--live",
        action="store_true",
        help="the live path: real orders at the stand-in exchange, disarmed until /golive; always fresh",
    )
    demo.add_argument("--fresh", action="store_true", help="forget earlier demos")


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 0 and 65535")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed between 1 and 600")
    return speed
