"""Words about the settings for files: `python -m bot.settings_example > .env.example`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from bot.settings_spec import PROFILES, REQUIRED, SECTIONS, Spec
from bot.settings_table import specs

_HEAD = """\
# Perpilot's settings. Copy this file to .env and fill in what you need; nothing else is read.
# A line that stays a comment keeps its default. Fractions are fractions: 0.05 is five per cent.
# .env holds secrets: keep it to yourself (chmod 600 .env).
"""
_COMPOSE = """
# ---- docker compose only ----

# Password of the PostgreSQL container; letters and digits, for example from: openssl rand -hex 24
#POSTGRES_PASSWORD=
"""


def render_example() -> str:
    """The content of `.env.example`."""
    parts = [_HEAD]
    for section, title in SECTIONS.items():
        parts.append(f"\n# ---- {title} ----\n")
        parts += ["\n" + "\n".join(_entry(spec)) + "\n" for spec in specs() if spec.section == section]
    return "".join(parts) + _COMPOSE


def render_table() -> str:
    """All settings as a Markdown table, for the README."""
    lines = ["| name | default | unit | bounds | meaning |", "|---|---|---|---|---|"]
    lines += [
        f"| `{spec.name}` | {_default(spec, '`')} | {spec.unit} | {spec.kind.bounds} | {_meaning(spec)} |"
        for spec in specs()
    ]
    return "\n".join(lines) + "\n"


def _entry(spec: Spec) -> Iterator[str]:
    yield f"# {_meaning(spec)}"
    unit = f"unit: {spec.unit}; " if spec.unit else ""
    yield f"# {unit}{spec.kind.bounds}; default: {_default(spec, '')}"
    if spec.is_chat_editable and spec.stricter is not None:
        yield f"# Set here, chat can only tighten it ({spec.stricter.value} is stricter)."
    if spec.aliases:
        yield f"# Also read from: {', '.join(spec.aliases)}"
    yield f"{'' if spec.fallback == REQUIRED else '#'}{spec.name}={spec.default or ''}"


def _meaning(spec: Spec) -> str:
    text = spec.meaning
    if spec.name == "PROFILE":
        text += " " + "; ".join(f"{name}: {_preset(name)}" for name in PROFILES) + "."
    return text if spec.is_built else f"{text} Not built yet: has no effect."


def _preset(profile: str) -> str:
    return " ".join(f"{name}={text}" for name, text in PROFILES[profile].items())


def _default(spec: Spec, quote: str) -> str:
    return f"{quote}{spec.default}{quote}" if spec.default is not None else spec.fallback


if __name__ == "__main__":
    sys.stdout.write(render_example())
