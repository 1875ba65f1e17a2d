"""What every start pays for: a slow library that slips into it costs each first answer up to two seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SLOW = {"alembic", "anthropic", "ccxt", "matplotlib", "numba", "openai", "pandas", "polars", "ta"}


def test_the_bot_answers_before_any_slow_library_is_loaded() -> None:
    script = "import json, sys; import bot.cli.run, bot.assembly, bot.chat; print(json.dumps([*sys.modules]))"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60
    )

    loaded = set(json.loads(ended.stdout))

    assert "aiogram" in loaded
    assert loaded & SLOW == set()
