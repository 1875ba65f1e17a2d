"""What reading costs a process that doesn't read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from core.adapters.history.reading import read_history
from tests.adapters.history.shelves import bars, text, write

ROOT = Path(__file__).parents[3]


def loaded_by(code: str) -> set[str]:
    """Which of the table libraries a fresh process has loaded after `code`."""
    ending = "\nimport sys; print(*({'polars', 'pyarrow', 'pandas'} & set(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", code + ending], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return set(ended.stdout.split())


def test_the_bots_own_libraries_load_neither_polars_nor_pyarrow() -> None:
    assert loaded_by("import pandas, core.backtest.history, core.adapters.history.reading") == {"pandas"}


def test_a_history_in_the_cache_is_read_with_numpy_alone(tmp_path: Path) -> None:
    write(tmp_path / "candles/BTCUSDT-5m.csv", text(bars()))
    question = (
        "from pathlib import Path; from core.adapters.history.reading import read_history; "
        f"read_history(Path({str(tmp_path)!r}), 'BTC', '5m')"
    )

    first = loaded_by(question)
    second = loaded_by(question)

    assert (first, second) == ({"polars"}, set())
    assert len(read_history(tmp_path, "BTC", "5m").bars) == 20
