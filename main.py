"""Perpilot's command line. `python main.py --help` lists what it can do."""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str]) -> int:
    from bot.cli.options import parser

    options = parser().parse_args(arguments)
    from core.errors import PerpilotError

    try:
        return _run(options.command, options)
    except PerpilotError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(command: str | None, options: argparse.Namespace) -> int:
    env = options.env
    match command:
        case "demo":
            from bot.cli.demo import run_demo

            return run_demo(options)
        case "doctor":
            from bot.cli.doctor import run_doctor

            return run_doctor(env, options.notify)
        case "backtest":
            from bot.cli.backtest import run_backtest

            return run_backtest(options)
        case "optimize":
            from bot.cli.optimize import run_optimize

            return run_optimize(options)
        case "lookahead":
            from bot.cli.lookahead import run_lookahead

            return run_lookahead(options)
        case "download":
            from bot.cli.download import run_download

            return run_download(options)
        case "status" | "pause" | "panic":
            from bot.cli.console import run_console

            return run_console(env, command)
        case "replay":
            from bot.cli.replay import run_replay

            return run_replay(options)
        case _:
            from bot.cli.run import run_bot

            return run_bot(env)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
