"""The files around the code: pins, make, container and compose say what they must."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bot

ROOT = Path(__file__).resolve().parents[1]
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed here")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(name: str) -> list[Requirement]:
    lines = (line.split(" #")[0].strip() for line in read(name).splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r "))]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))
    return loaded


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {
        name: text for name, text in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"
    }
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_exactly_and_once(name: str) -> None:
    found = pins(name)
    names = [canonicalize_name(one.name) for one in found]

    assert found
    assert len(names) == len(set(names))
    assert [str(one) for one in found if not re.fullmatch(r"==[\w.]+", str(one.specifier))] == []


def test_whatever_the_requirements_bring_along_is_pinned_too() -> None:
    pinned = {canonicalize_name(one.name) for one in pins("requirements.txt")}
    needed: set[str] = set()
    for one in pins("requirements.txt"):
        try:
            below = [Requirement(text) for text in requires(one.name) or []]
        except PackageNotFoundError:
            continue  # not for this platform: its marker keeps it out
        extras = one.extras or {""}
        needed |= {
            canonicalize_name(each.name)
            for each in below
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras)
        }

    assert len(needed) > 20
    assert needed - pinned == set()


def test_what_is_installed_is_what_is_pinned() -> None:
    wanted = [one for one in pins("requirements.txt") if one.marker is None or one.marker.evaluate()]
    wrong = [
        f"{one} but {version(one.name)}" for one in wanted if not one.specifier.contains(version(one.name))
    ]

    assert wrong == []


def test_one_version_is_told_everywhere() -> None:
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == bot.__version__


def test_warnings_are_errors_and_exceptions_are_named_precisely() -> None:
    filters = tomllib.loads(read("pyproject.toml"))["tool"]["pytest"]["ini_options"]["filterwarnings"]

    assert filters[0] == "error"
    assert [one for one in filters[1:] if one.count(":") < 2] == []


def test_types_are_strict_over_all_of_the_source() -> None:
    mypy = tomllib.loads(read("pyproject.toml"))["tool"]["mypy"]

    assert mypy["strict"] is True
    assert {"bot", "core", "db", "handlers", "main.py", "setup_database.py"} <= set(mypy["files"])


@needs_make
def test_make_alone_lists_every_command() -> None:
    listed = make(ROOT).stdout

    for command in ("demo", "test", "check", "run", "doctor", "bench"):
        assert re.search(rf"^  make {command} +\S", listed, re.MULTILINE)


@needs_make
def test_the_demo_installs_what_the_bot_needs_and_no_development_tools(bare_checkout: Path) -> None:
    said = make(bare_checkout, "-n", "demo", "ARGS=--replay DIR --speed 60")

    assert said.returncode == 0
    assert "-r requirements.txt" in said.stdout
    assert "requirements-dev" not in said.stdout
    assert "main.py demo --replay DIR --speed 60" in said.stdout


@needs_make
def test_the_checks_are_format_lint_types_and_tests(bare_checkout: Path) -> None:
    said = make(bare_checkout, "-n", "test").stdout
    steps = ["-r requirements-dev.txt", "ruff format --check", "ruff check", "-m mypy", "-m pytest"]

    assert [said.find(step) for step in steps] == sorted(said.find(step) for step in steps)
    assert all(step in said for step in steps)


@needs_make
def test_without_a_recent_python_make_ends_in_one_sentence(bare_checkout: Path) -> None:
    old = bare_checkout / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    said = make(bare_checkout, "demo", "PYTHONS=./no-such-python ./old-python")

    assert said.returncode != 0
    assert said.stderr.startswith("Python 3.11 or newer is needed and was not found.\n")
    assert not (bare_checkout / ".venv").exists()


@needs_make
def test_where_no_environment_can_be_made_the_mend_is_named(bare_checkout: Path) -> None:
    crippled = bare_checkout / "python-without-venv"
    crippled.write_text('#!/bin/sh\n[ "$1" = -c ]\n')
    crippled.chmod(0o755)
    said = make(bare_checkout, "demo", "PYTHONS=./python-without-venv")

    assert said.returncode != 0
    assert "can't make a virtual environment: install its venv module" in said.stderr
    assert not (bare_checkout / ".venv").exists()


def test_continuous_integration_runs_make_test_from_anywhere() -> None:
    text = read(".ci/run")

    assert (ROOT / ".ci/run").stat().st_mode & stat.S_IXUSR
    assert "set -euo pipefail" in text
    assert text.rstrip().endswith("make test")
    assert not re.search(r"(?<![.\w])/(home|root|Users|opt|srv|var)/", text)


def test_the_image_installs_before_it_copies_source_and_runs_as_nobody_special() -> None:
    text = read("Dockerfile")
    final = text.rsplit("\nFROM ", 1)[1]

    assert text.count("\nFROM ") == 2
    assert text.index("COPY requirements.txt") < text.index("pip install -r") < text.index("COPY core")
    assert re.search(r"^USER (?!root)\w+$", final, re.MULTILINE)
    assert final.index("USER perpilot") < final.index("CMD [")
    assert "PYTHONUNBUFFERED=1" in final
    assert "PYTHONDONTWRITEBYTECODE=1" in final
    assert "--no-install-recommends curl" in final


def test_the_image_checks_its_health_every_minute() -> None:
    text = read("Dockerfile")

    assert re.search(r"HEALTHCHECK --interval=60s .*\\\n +CMD curl --fail .*/health", text)


def test_the_image_holds_every_room_and_no_secret() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", read("Dockerfile"), re.MULTILINE)
    ignored = read(".dockerignore").splitlines()

    assert {"core", "db", "handlers", "bot", "main.py setup_database.py"} <= set(copied)
    assert "*" in ignored
    assert not {"!.env", "!data/", "!.git"} & set(ignored)
    for name in " ".join(copied).split():
        assert f"!{name}" in ignored or f"!{name}/" in ignored


def test_compose_runs_the_bot_with_postgres_and_keeps_redis_for_later() -> None:
    services = compose()["services"]

    assert set(services) == {"bot", "postgres", "redis"}
    assert services["redis"]["profiles"] == ["redis"]
    assert services["bot"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert all(service["restart"] == "unless-stopped" for service in services.values())
    assert all("healthcheck" in service for service in services.values())


def test_compose_checks_the_bots_health_every_minute() -> None:
    check = compose()["services"]["bot"]["healthcheck"]

    assert check["interval"] == "60s"
    assert check["test"][-1].endswith(":8000/health")


def test_compose_publishes_ports_on_the_hosts_loopback_only() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]

    assert sorted(ports) == ["127.0.0.1:5432:5432", "127.0.0.1:8000:8000"]


def test_compose_tells_the_bot_where_it_is() -> None:
    told = compose()["services"]["bot"]["environment"]

    assert told["HTTP_HOST"] == "0.0.0.0"
    assert told["HTTP_LOOPBACK_PUBLISHED"] == "true"
    assert told["DATABASE_URL"].startswith("postgresql+asyncpg://perpilot:")
    assert "@postgres:5432/" in told["DATABASE_URL"]


def test_compose_has_no_password_of_its_own() -> None:
    text = read("docker-compose.yml")
    uses = re.findall(r"\$\{POSTGRES_PASSWORD([^}]*)\}", text)

    assert len(uses) == 2
    assert all(use.startswith(":?") for use in uses)


def test_compose_keeps_what_must_survive_in_volumes() -> None:
    services = compose()["services"]

    assert set(compose()["volumes"]) == {"bot-data", "postgres-data"}
    assert services["bot"]["volumes"] == ["bot-data:/app/data"]
    assert services["postgres"]["volumes"] == ["postgres-data:/var/lib/postgresql/data"]


def test_compose_uses_only_keys_that_the_older_docker_compose_knows() -> None:
    known = {
        "build", "cap_drop", "depends_on", "env_file", "environment", "healthcheck", "image", "init", "ports",
        "profiles", "read_only", "restart", "security_opt", "stop_grace_period", "tmpfs", "volumes",
    }  # fmt: skip
    loaded = compose()

    assert set(loaded) == {"services", "volumes"}
    assert all(set(service) <= known for service in loaded["services"].values())
    assert isinstance(loaded["services"]["bot"]["env_file"], str)


def test_git_never_sees_secrets_or_what_a_run_leaves_behind() -> None:
    ignored = read(".gitignore").splitlines()

    assert {".env", "/data/", ".venv/", "__pycache__/"} <= set(ignored)


def test_the_licence_is_mit() -> None:
    assert read("LICENSE").startswith("MIT License\n\nCopyright (c) 2026 Perpilot contributors\n")
