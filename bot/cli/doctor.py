"""`python main.py doctor`: the doctor's round without a running bot."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from bot import doctor
from bot.cli.run import stage_of
from bot.settings import Settings, environment, load_settings
from core.desk import DoctorLine
from core.errors import PerpilotError


def run_doctor(env: Path, notify: bool) -> int:
    """0 when everything that trading needs is well, else 1."""
    logging.disable(logging.CRITICAL)  # the doctor says what is wrong in his own lines
    settings = load_settings(environment(env), require=("telegram",))
    lines = asyncio.run(_examine(settings, notify))
    sys.stdout.write(doctor.as_text(lines) + "\n")
    return 0 if doctor.is_healthy(lines) else 1


async def _examine(settings: Settings, notify: bool) -> tuple[DoctorLine, ...]:
    from bot.cli.examination import examine

    try:
        return await examine(settings, stage_of(settings), notify)
    except PerpilotError as error:
        return (DoctorLine(False, True, "doctor", str(error), ""),)
