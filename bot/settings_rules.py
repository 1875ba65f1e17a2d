"""What no setting can know alone: relations between settings, and what deserves a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from bot.settings_spec import Source
from bot.settings_strategies import strategy_faults, strategy_warnings
from bot.settings_table import keyed_advisers, spec_of, specs, voting_advisers
from bot.settings_values import is_loopback
from core.journal import Mode
from core.opinion import Decider

REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "telegram": ("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"),
    "exchange_keys": ("EXCHANGE_API_KEY", "EXCHANGE_SECRET"),
}
"""What a command may call for: group → names that must have a value."""

COMPANIONS = ("POSTGRES_PASSWORD",)
"""Names that `.env` holds for docker-compose.yml; secret, and read by nothing here."""

TESTED_EXCHANGES = ("binanceusdm", "bybit", "okx")
ENOUGH_ADVISERS = 2
"""Answers a verdict of advisers needs."""
_CLOSE = 0.87
"""Similarity above which an unknown name is taken for a misspelt one; finds one slip in eight letters, and
TELEGRAM_TOKEN, but not the names of other programs."""
_PLAIN_TEXT_NAMES = (
    "TELEGRAM_API_URL",
    "EXCHANGE_URL",
    "EXCHANGE_WS_URL",
    "ANTHROPIC_BASE_URL",
    "OPENAI_BASE_URL",
    "XAI_BASE_URL",
    "DEEPSEEK_BASE_URL",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason to refuse the settings."""

    names: tuple[str, ...]
    text: str
    source: Source = Source.ENVIRONMENT


def missing(found: Mapping[str, Any], require: frozenset[str]) -> Iterator[Fault]:
    """Raises `KeyError` for a requirement that is none of `REQUIREMENTS`."""
    for group in sorted(require):
        for name in REQUIREMENTS[group]:
            if found[name] is None:
                yield Fault((name,), f"{name} is not set. {spec_of(name).meaning}")


def relations(found: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults between settings that are each right alone."""
    yield from _ordered(found, "MIN_STOP_LOSS_PERCENT", "MAX_STOP_LOSS_PERCENT")
    yield from _ordered(found, "RISK_PER_TRADE", "MAX_TRADE_LOSS_PERCENT")
    yield from _ordered(found, "YELLOW_DRAWDOWN_PERCENT", "ORANGE_DRAWDOWN_PERCENT")
    yield from _ordered(found, "SWING_STOP_PERCENT", "SWING_STOP_MOST_PERCENT")
    yield from _ordered(found, "FLAG_RSI_LOW", "FLAG_RSI_HIGH")
    yield from _ordered(found, "EMERGENCY_LIQUIDATION_PERCENT", "LIQUIDATION_RISK_PERCENT")
    yield from _ordered(found, "LIQUIDATION_RISK_PERCENT", "MIN_LIQUIDATION_PERCENT")
    chat, users = found["TELEGRAM_CHAT_ID"], found["TELEGRAM_ALLOWED_USER_IDS"]
    if chat is not None and chat < 0 and not users:
        yield Fault(
            ("TELEGRAM_CHAT_ID", "TELEGRAM_ALLOWED_USER_IDS"),
            f"TELEGRAM_CHAT_ID={chat} is a group, so TELEGRAM_ALLOWED_USER_IDS must name who may act in it",
        )
    yield from _guarded_http(found)
    for names, text in strategy_faults(found):
        yield Fault(names, text)
    if found["TELEGRAM_WEBHOOK_URL"] is not None and found["TELEGRAM_WEBHOOK_SECRET"] is None:
        yield Fault(
            ("TELEGRAM_WEBHOOK_URL", "TELEGRAM_WEBHOOK_SECRET"),
            "TELEGRAM_WEBHOOK_URL needs TELEGRAM_WEBHOOK_SECRET, or anyone could send updates to it",
        )


def _ordered(found: Mapping[str, Any], lesser: str, greater: str) -> Iterator[Fault]:
    if found[lesser] > found[greater]:
        text = f"{lesser}={found[lesser]} must not be above {greater}={found[greater]}"
        yield Fault((lesser, greater), text)


def _guarded_http(found: Mapping[str, Any]) -> Iterator[Fault]:
    address = found["HTTP_HOST"]
    if is_loopback(address) or found["HTTP_TOKEN"] or found["HTTP_LOOPBACK_PUBLISHED"]:
        return
    names = ("HTTP_HOST", "HTTP_TOKEN", "HTTP_LOOPBACK_PUBLISHED")
    yield Fault(
        names,
        f"HTTP_HOST={address} is reachable from outside, so HTTP_TOKEN must be set (or "
        "HTTP_LOOPBACK_PUBLISHED=true where the port is published on the host's loopback only)",
    )


def warnings(found: Mapping[str, Any], sources: Mapping[str, Source]) -> Iterator[str]:
    """What a person should hear although the bot can start."""
    if found["XAI_API_KEY"] and not found["ENABLE_GROK"]:
        yield "XAI_API_KEY is set, but Grok does not vote while ENABLE_GROK is false."
    if found["EXCHANGE"] not in TESTED_EXCHANGES:
        yield f"EXCHANGE={found['EXCHANGE']} is not among the tested ones ({', '.join(TESTED_EXCHANGES)})."
    yield from _thin_panel(found, sources)
    yield from strategy_warnings(found)
    if found["AI_DEADLINE_SECONDS"] < found["AI_TIMEOUT_SECONDS"]:
        yield (
            f"AI_DEADLINE_SECONDS={found['AI_DEADLINE_SECONDS']} ends every answer before "
            f"AI_TIMEOUT_SECONDS={found['AI_TIMEOUT_SECONDS']} does."
        )
    for name in _PLAIN_TEXT_NAMES:
        if _is_plain_text_abroad(found[name]):
            yield f"{name} sends keys unencrypted to another machine; https or wss would not."
    for spec in specs():
        if not spec.is_built and sources[spec.name] is Source.ENVIRONMENT:
            yield f"{spec.name} is set, but its function is not built yet: it has no effect."


def _thin_panel(found: Mapping[str, Any], sources: Mapping[str, Source]) -> Iterator[str]:
    """Fewer than two advisers, and settings that count on more."""
    count = len(voting_advisers(found))
    if count >= ENOUGH_ADVISERS:
        return
    is_explicit = sources["DECIDER"] is not Source.BUILT_IN
    if found["DECIDER"] is Decider.AI:
        yield f"DECIDER=ai needs two advisers for a verdict; {count} can {_doing(found)}."
    elif found["TRADING_MODE"] is Mode.AUTO and not is_explicit:
        yield (
            f"TRADING_MODE=auto will not trade: {count} of the two advisers a verdict needs can "
            f"{_doing(found)}, and DECIDER=rules was not set explicitly."
        )


def _doing(found: Mapping[str, Any]) -> str:
    """Where roles take votes away, that is the reason to name."""
    return "answer" if keyed_advisers(found) == voting_advisers(found) else "vote"


def _is_plain_text_abroad(address: str | None) -> bool:
    if address is None:
        return False
    parts = urlsplit(address)
    return parts.scheme in ("http", "ws") and not is_loopback(parts.hostname or "")


def misspelt(environ: Mapping[str, str]) -> Iterator[str]:
    """Warnings for names that are nearly ours."""
    ours = known_names()
    for name in sorted(environ):
        if name in ours:
            continue
        meant = suggestion(name)
        if meant is not None:
            yield f"{name} is no setting and has no effect; did you mean {meant}?"


def suggestion(name: str) -> str | None:
    """The setting that `name` is nearly, or None."""
    ours = known_names()
    if name.upper() in ours:
        return name.upper()
    close = get_close_matches(name.upper(), sorted(ours), n=1, cutoff=_CLOSE)
    return close[0] if close else None


def known_names() -> frozenset[str]:
    """Every environment name with a meaning, other spellings and companions included."""
    own = {spec.name for spec in specs()}
    return frozenset(own.union(COMPANIONS, *(spec.aliases for spec in specs())))
