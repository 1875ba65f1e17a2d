"""The README is true: its tables come from the code, and its commands, addresses and queries are run.

Laws:
- Every line of a console block has a `Way` in `WAYS`; a line without one fails. Where a line can't be run as
  it stands, its way says what is run in its place.
- The lines run in a checkout of their own with its own `.env` and database, against the stand-ins; on
  PostgreSQL too where TEST_DATABASE_URL names one.
- `python -m tests.test_readme` writes the generated tables anew.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import os
import re
import shlex
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from bot.cards_help import RISKS
from bot.cli.options import parser
from bot.settings_example import render_table
from bot.web.server import ENDPOINTS
from core.analysis import flags
from core.trading import decide, records
from db.session import open_database
from handlers.commands import COMMANDS, sections
from tests.db.conftest import fresh_address
from tests.end_to_end.theatre import TELL_S, Theatre, free_port, theatre, until

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
NAMED_PORT = 8000
"""What the README says; the bot under test listens on a free one."""
TIMES_OUT = 124


# ---------------------------------------------------------------- generated tables


def machine_table() -> str:
    """Every command of `main.py` with its arguments, from the parser itself."""
    top = parser()
    found = next(action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    words = {choice.dest: choice.help for choice in found._choices_actions}
    rows = ["| command | what it does |", "|---|---|"]
    rows.append("| `main.py` | the bot, as `.env` says (paper unless told otherwise) |")
    rows += [f"| `--env ENV` | {_help(top, '--env')}; before the command |"]
    for name, command in found.choices.items():
        rows.append(f"| `main.py {name}` | {words[name]} |")
        rows += [f"| `{_usage(action)}` | {action.help} |" for action in command._actions if _is_own(action)]
    return "\n".join(rows) + "\n"


def _is_own(action: argparse.Action) -> bool:
    return bool(action.option_strings) and "--help" not in action.option_strings


def _usage(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return f"… {action.option_strings[0]}{value}"


def _help(top: argparse.ArgumentParser, option: str) -> str:
    return next(action.help or "" for action in top._actions if option in action.option_strings)


def chat_table() -> str:
    """Every command of the chat, from the table that `/help` and the menu use."""
    rows = ["| command | what it does |", "|---|---|"]
    for title, commands in sections(for_owner=True).items():
        rows.append(f"| **{title}** | |")
        rows += [f"| `/{usage.replace('|', chr(92) + '|')}` | {words} |" for usage, words in commands]
    return "\n".join(rows) + "\n"


def http_table() -> str:
    rows = ["| path | what it shows |", "|---|---|"]
    rows += [f"| `GET {path}` | {words} |" for path, words in ENDPOINTS.items()]
    return "\n".join(rows) + "\n"


TABLES = {"machine": machine_table, "chat": chat_table, "settings": render_table, "http": http_table}


def _part(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name}: generated -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def rewritten(readme: str) -> str:
    for name, table in TABLES.items():
        head, _, rest = readme.partition(f"<!-- {name}: generated -->\n")
        _, mark, tail = rest.partition("<!-- end -->")
        readme = f"{head}<!-- {name}: generated -->\n{table()}{mark}{tail}"
    return readme


# ---------------------------------------------------------------- what the README holds


def page() -> str:
    return README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page(), re.DOTALL | re.MULTILINE)


def console_lines() -> list[str]:
    return list(dict.fromkeys(line for block in blocks("console") for line in block.splitlines()))


def queries() -> list[str]:
    """SQL without its comments, one statement each."""
    plain = re.sub(r"^--.*$", "", "\n".join(blocks("sql")), flags=re.MULTILINE)
    return [" ".join(one.split()) for one in plain.split(";") if one.strip()]


# ---------------------------------------------------------------- how a line is run


@dataclass(frozen=True)
class Way:
    """How a README line is proven."""

    wanted: str = ""
    """What its output must contain."""
    instead: str = ""
    """What is run in its place; empty: the line itself."""
    when: str = "running"
    """`fresh`: before the first start, in the order of the README; `running`: while the bot runs;
    `starts`: a program that runs until it is stopped; `compose`: see `test_compose_...`."""
    needs: str = ""
    """A program or a folder without which the line is skipped, named in the reason."""


PYTHON = ".venv/bin/python"
QUERY = "SELECT * FROM trading_config"
WAYS: dict[str, Way] = {
    "cp .env.example .env": Way(when="fresh"),
    "chmod 600 .env": Way(when="fresh"),
    "make doctor": Way("✅ exchange", when="fresh", needs="make"),
    f"{PYTHON} main.py doctor": Way("✅ telegram", when="fresh"),
    f"{PYTHON} main.py doctor --notify": Way("the tap came back", when="fresh"),
    f"{PYTHON} main.py --help": Way("doctor"),
    f"{PYTHON} main.py demo --help": Way("--replay"),
    f"{PYTHON} setup_database.py": Way("✅ tables"),
    # the stand-in's market is younger than that day
    f"{PYTHON} main.py download --symbols BTC,ETH --timeframe 15m --from 2025-01-01": Way(
        "--symbols", instead=f"{PYTHON} main.py download --help"
    ),
    # candles are downloaded first; `tests/bot/test_cli_backtest.py` runs it
    f"{PYTHON} main.py backtest --strategy trend --symbols BTC,ETH --timeframe 15m": Way(
        "--strategy", instead=f"{PYTHON} main.py backtest --help"
    ),
    # `tests/bot/test_cli_optimize.py` runs it
    f"{PYTHON} main.py optimize --strategy trend --symbols BTC,ETH --timeframe 15m": Way(
        "--vary", instead=f"{PYTHON} main.py optimize --help"
    ),
    f"{PYTHON} main.py lookahead --strategy trend --symbols BTC --timeframe 15m": Way(
        "--strategy", instead=f"{PYTHON} main.py lookahead --help"
    ),
    f"{PYTHON} main.py status": Way("equity"),
    f"{PYTHON} main.py pause": Way("ause"),
    f"{PYTHON} main.py panic": Way("ause"),
    f"{PYTHON} main.py replay --all": Way("equal"),
    f"{PYTHON} main.py replay --verify": Way("whole"),
    # make run is the bot of these tests; main.py is what it runs
    "make run": Way("main.py", instead="make -n run", needs="make"),
    f"{PYTHON} main.py": Way("running already"),
    # a second account of the same machine, started until it is ready, then interrupted as with Ctrl+C
    "make demo": Way("chat http://127.0.0.1:", when="starts", needs="make"),
    f"{PYTHON} main.py demo": Way("main.py demo", instead="make -n demo", needs="make"),
    'make demo ARGS="--fresh --auto"': Way("chat http://127.0.0.1:", when="starts", needs="make"),
    'make demo ARGS="--seed 11 --speed 20"': Way("chat http://127.0.0.1:", when="starts", needs="make"),
    'make demo ARGS="--replay candles --speed 60"': Way(
        "chat http://127.0.0.1:", when="starts", needs="candles"
    ),
    # the suite can't run itself: its steps are shown
    "make test": Way("pytest", instead="make -n test", needs="make"),
    "make bench": Way("tests/benchmarks", instead="make -n bench", needs="make"),
    f'sqlite3 -readonly -header -column data/perpilot.db "{QUERY}"': Way("paper", needs="sqlite3"),
    "curl http://127.0.0.1:8000/": Way('"perpilot"', needs="curl"),
    "curl http://127.0.0.1:8000/health": Way('"components"', needs="curl"),
    "curl http://127.0.0.1:8000/status": Way('"trading_state"', needs="curl"),
    "curl http://127.0.0.1:8000/metrics": Way('"win_rate"', needs="curl"),
    'curl "http://127.0.0.1:8000/metrics?format=prometheus"': Way("# TYPE perpilot_", needs="curl"),
    'curl -H "Accept: text/plain" http://127.0.0.1:8000/metrics': Way("# TYPE perpilot_", needs="curl"),
    'curl -H "Authorization: Bearer $HTTP_TOKEN" http://127.0.0.1:8000/status': Way(
        '"trading_state"', needs="curl"
    ),
    # no containers here: the compose file is read, and what runs inside is run outside
    "docker compose up -d": Way(when="compose"),
    "docker compose logs -f bot": Way(when="compose"),
    "docker compose down": Way(when="compose"),
    "docker compose exec bot python main.py status": Way("equity", instead=f"{PYTHON} main.py status"),
    "docker compose exec bot python main.py panic": Way("ause", instead=f"{PYTHON} main.py panic"),
    "docker compose exec postgres psql -U perpilot perpilot": Way(when="compose"),
}


def lines_for(when: str) -> list[str]:
    return [line for line in console_lines() if line in WAYS and WAYS[line].when == when]


# ---------------------------------------------------------------- a checkout with a running bot


PARTS = ("bot", "core", "db", "handlers", "main.py", "setup_database.py", "Makefile", ".env.example")
PARTS += ("requirements.txt", "requirements-dev.txt", "docker-compose.yml")


def checkout(folder: Path) -> Path:
    """What a clone holds, with an environment in which everything is installed already."""
    folder.mkdir()
    for name in PARTS:
        (folder / name).symlink_to(ROOT / name)
    python = folder / PYTHON
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    for mark in (".made", ".installed", ".installed-dev"):
        (folder / ".venv" / mark).touch()
    if candles := os.environ.get("PERPILOT_DATA"):
        (folder / "candles").symlink_to(Path(candles) / "candles")
    return folder


@dataclass
class Typist:
    """Types README lines in a checkout."""

    folder: Path
    port: int = NAMED_PORT
    """What stands for the README's port."""

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
        return kept | {"TMPDIR": str(self.folder), "HTTP_TOKEN": "", "PYTHONDONTWRITEBYTECODE": "1"}

    async def begin(self, line: str) -> asyncio.subprocess.Process:
        """The line as a person types it, in a process group of its own."""
        typed = line.replace(f":{NAMED_PORT}/", f":{self.port}/").replace("curl ", "curl -sS ")
        return await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            typed,
            cwd=self.folder,
            env=self.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )

    async def run(self, line: str, within_s: float = 60.0) -> tuple[int, str]:
        process = await self.begin(line)
        try:
            said, _ = await asyncio.wait_for(process.communicate(), within_s)
        except TimeoutError:
            await end(process)
            return TIMES_OUT, f"still running after {within_s} s"
        assert process.returncode is not None
        return process.returncode, said.decode()

    async def run_until(self, line: str, wanted: str, within_s: float = 60.0) -> tuple[int, str]:
        """Runs it until it has said `wanted`, then interrupts it as Ctrl+C does, and reads on to its end."""
        process = await self.begin(line)
        assert process.stdout is not None
        said = ""
        try:
            async with asyncio.timeout(within_s):
                while wanted not in said and (heard := await process.stdout.readline()):
                    said += heard.decode()
                os.killpg(process.pid, signal.SIGINT)
                said += (await process.stdout.read()).decode()
                return await process.wait(), said
        except TimeoutError:
            await end(process)
            return TIMES_OUT, said


async def end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


@dataclass(kw_only=True)
class Home(Typist):
    """A checkout with its world and its running bot."""

    stage: Theatre
    said: str = ""
    """What the first steps printed."""


@asynccontextmanager
async def home_on(database: str, folder: Path) -> AsyncIterator[Home]:
    """The README from its first step to a running bot with one open and one closed trade."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(theatre(folder / "theatre"))
        url = await stack.enter_async_context(fresh_address(database, folder))
        home = Home(checkout(folder / "perpilot"), free_port(), stage=stage)
        await first_steps(home, "" if database == "sqlite" else url)
        bot = await home.begin("exec .venv/bin/python main.py > started.txt 2>&1")
        stack.push_async_callback(end, bot)
        await until(lambda: bot.returncode is not None or is_up(home), 40, "the bot runs or ends")
        assert is_up(home), home.said + started(home)
        await trade(home)
        yield home


def started(home: Home) -> str:
    file = home.folder / "started.txt"
    return file.read_text() if file.exists() else ""


def is_up(home: Home) -> bool:
    return "running: account=" in started(home)


async def first_steps(home: Home, database_url: str) -> None:
    """Every `fresh` line; `.env` is filled in as soon as it is there."""
    settings = dict(home.stage.bot.settings) | {
        "HTTP_PORT": str(home.port),
        "MAX_CONSECUTIVE_LOSSES": "1",
        "DATABASE_URL": database_url,
    }
    for line in lines_for("fresh"):
        tap = asyncio.create_task(tap_the_doctor(home)) if "--notify" in line else None
        code, said = await home.run(line)
        home.said += f"$ {line}\n{said}"
        if tap is not None:
            await tap
        if line.startswith("cp "):
            filled = "".join(f"{name}={value}\n" for name, value in settings.items())
            with (home.folder / ".env").open("a") as file:
                file.write(filled)

        assert code == 0, home.said
        assert WAYS[line].wanted in said, home.said


async def tap_the_doctor(home: Home) -> None:
    message = await home.stage.chat.wait_for(lambda m: "doctor" in m.body and bool(m.buttons), 40)
    await home.stage.chat.tap(message, "I see it")


async def trade(home: Home) -> None:
    """SOL stays open; ETH falls through its stop, which also trips a breaker."""
    stage = home.stage
    await stage.enter("/long SOL")
    await stage.enter("/long ETH")
    mark = stage.chat.mark
    stage.move("ETH", -0.12)
    await stage.chat.wait_for(lambda m: "Closed" in m.body and "ETH" in m.body, 20, after=mark)


def lacks(needs: str, folder: Path) -> str:
    """Why a line can't be run here; empty when it can."""
    if needs == "candles":
        return "" if (folder / "candles").is_dir() else "PERPILOT_DATA names no recorded candles"
    return f"{needs} is not installed here" if needs and shutil.which(needs) is None else ""


# ---------------------------------------------------------------- tests of the page


@pytest.mark.parametrize("name", TABLES)
async def test_a_generated_table_equals_what_the_code_says(name: str) -> None:
    shown = _part(name).findall(page())

    assert [part[1] for part in shown] == [TABLES[name]()], "run: python -m tests.test_readme"


async def test_the_risks_are_the_ones_that_the_first_start_shows() -> None:
    for risk in RISKS:
        assert f"\n- {risk}\n" in page()


async def test_every_gate_where_a_decision_can_end_is_explained() -> None:
    tree = ast.parse(Path(decide.__file__).read_text())
    stays = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_stay(node)]
    named = {arg.value for call in stays for arg in call.args[:1] if isinstance(arg, ast.Constant)}
    gates = named | {"verdict", "advisers", "risk", "cleared"}
    assert {"risk", "cleared"} <= set(re.findall(r'return "(\w+)"', Path(records.__file__).read_text()))
    told = re.findall(r"^\| `(\w+)` \| ", page().split("## How a decision is made")[1], re.MULTILINE)

    assert set(told[: len(gates)]) == gates


def _is_stay(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "stay"


async def test_the_red_flags_are_told_with_their_thresholds() -> None:
    limits = flags.FlagLimits()
    told = page()

    assert f"RSI over {limits.rsi_high:g} or under {limits.rsi_low:g}" in told
    assert f"the middle {limits.middle_share * 100:g} %" in told
    assert f"funding beyond {limits.max_funding_per_8h * 100:g} % per 8 h" in told


async def test_every_console_line_has_a_way_and_every_way_a_line() -> None:
    assert set(console_lines()) == set(WAYS)


async def test_links_inside_the_page_lead_somewhere() -> None:
    titles = {line.strip("# ").lower().replace(" ", "-") for line in page().splitlines() if line[:1] == "#"}

    assert set(re.findall(r"\]\(#([\w-]+)\)", page())) <= titles


async def test_every_room_of_the_layout_exists() -> None:
    room = ""
    for line in blocks("text")[-1].splitlines():
        name = line.split()[0]
        room = "" if not line.startswith(" ") else room
        assert (ROOT / room / name).exists(), line
        room = name if not line.startswith(" ") else room


async def test_compose_lines_name_services_that_the_file_has() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    postgres = services["postgres"]["environment"]
    named = [line.split()[-1] for line in lines_for("compose") if "logs" in line]
    entered = [line.split()[3] for line in console_lines() if line.startswith("docker compose exec")]

    assert set(named + entered) <= set(services)
    assert (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]) == ("perpilot", "perpilot")
    assert f"127.0.0.1:{NAMED_PORT}:{NAMED_PORT}" in services["bot"]["ports"]


async def test_help_names_only_what_works() -> None:
    code = (ROOT / "main.py").read_text()
    found = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))

    assert all(f'"{name}"' in code for name in found.choices)


# ---------------------------------------------------------------- tests that run it


CHAT_EXAMPLES = {
    "chart": "/chart SOL",
    "analyze": "/analyze SOL",
    "long": "/long BTC 1% 2x",
    "short": "/short BTC 1%",
    "close": "/close SOL 50",
    "note": "/note x y",
}
MAY_BE_EMPTY = ("ai_analysis_cache", "adviser_calls", "shadow_ideas", "transfers", "armings")
"""Nobody is asked where every symbol is struck before, and nothing is let go, paid in or armed."""


@pytest.mark.timeout(300)  # one bot for all of it: starting it is what takes the time
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_every_query_chat_command_and_console_line_works_on_a_fresh_install(
    database: str, tmp_path: Path
) -> None:
    async with home_on(database, tmp_path) as home:
        wrong = [said for query in queries() if (said := await query_fault(home, query))]
        wrong += [said for entry in COMMANDS if (said := await chat_fault(home, entry.name))]
        wrong += [said for line in lines_for("running") if (said := await line_fault(home, line))]
        log = started(home)

    assert wrong == []
    assert "Traceback" not in log, log


async def query_fault(home: Home, query: str) -> str:
    """Empty once it has found rows; the bot may still be writing down what it told."""
    if any(name in query for name in MAY_BE_EMPTY):
        await rows_of(home, query)
        return ""
    deadline = time.monotonic() + TELL_S
    while not await rows_of(home, query):
        if time.monotonic() > deadline:
            return f"no rows: {query}"
        await asyncio.sleep(0.2)
    return ""


async def rows_of(home: Home, query: str) -> Sequence[object]:
    """Asked through the program's own driver and, of a SQLite file, as another program reads it."""
    database = open_database(address_of(home))
    try:
        rows: Sequence[object] = await database.read(lambda connection: connection.execute(text(query)).all())
    finally:
        await database.close()
    file = home.folder / "data" / "perpilot.db"
    if file.exists():
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            rows = connection.execute(query).fetchall()
        finally:
            connection.close()
    return rows


def address_of(home: Home) -> str:
    lines = (home.folder / ".env").read_text().splitlines()
    url = next(line for line in reversed(lines) if line.startswith("DATABASE_URL=")).partition("=")[2]
    return url or f"sqlite+aiosqlite:///{home.folder / 'data' / 'perpilot.db'}"


async def chat_fault(home: Home, name: str) -> str:
    answer = await home.stage.ask(CHAT_EXAMPLES.get(name, f"/{name}"), within_s=15)
    is_known = "I don't know" not in answer.body and "Usage" not in answer.body
    return "" if is_known else f"/{name}: {answer.body}"


async def line_fault(home: Home, line: str) -> str:
    way = WAYS[line]
    if lacks(way.needs, home.folder) or ("data/perpilot.db" in line and not has_file(home)):
        return ""  # `test_what_is_not_here_is_named` says so
    code, said = await home.run(way.instead or line)
    wanted_code = 1 if way.wanted == "running already" else 0
    is_well = way.wanted in said and "Traceback" not in said and code == wanted_code
    return "" if is_well else f"$ {line}\n{said}\nexit {code}"


def has_file(home: Home) -> bool:
    return (home.folder / "data" / "perpilot.db").exists()


@pytest.mark.parametrize("program", sorted({way.needs for way in WAYS.values()} - {"", "candles"}))
async def test_what_is_not_here_is_named(program: str, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed here; lines that need it were not run")

    assert lacks(program, tmp_path) == ""


@pytest.fixture
def demo_home(tmp_path: Path) -> Typist:
    """A checkout where nothing was ever started; the demo brings its own world."""
    return Typist(checkout(tmp_path / "perpilot"))


@pytest.mark.parametrize("line", lines_for("starts"))
async def test_a_demo_line_starts_says_where_it_is_and_ends_at_an_interrupt(
    demo_home: Typist, line: str
) -> None:
    way = WAYS[line]
    if why := lacks(way.needs, demo_home.folder):
        pytest.skip(why)
    code, said = await demo_home.run_until(line, way.wanted)

    assert code != TIMES_OUT
    assert way.wanted in said
    assert "Traceback" not in said


if __name__ == "__main__":
    README.write_text(rewritten(page()), encoding="utf-8")
