"""Environment, `.env` and changes made in chat → one frozen `Settings`.

Laws:
- The only module that reads the environment.
- All faults are reported at once, each with name, value and bound; the value of a secret is never shown.
- Built-in < profile < environment < chat; for a risk setting that the environment names, the stricter of
  environment and chat holds.
- An empty value is an absent one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bot.settings_rules import (
    Fault,
    known_names,
    missing,
    misspelt,
    relations,
    suggestion,
    warnings,
)
from bot.settings_spec import PROFILES, SECTIONS, Profile, SettingRow, Source, Spec
from bot.settings_table import Settings, spec_of, specs, voting_advisers
from bot.settings_values import MAX_TEXT, Universe, looks_secret, masked_url
from core.errors import PerpilotError
from core.opinion import Decider

__all__ = [
    "Fault",
    "Profile",
    "SettingRow",
    "Settings",
    "SettingsError",
    "Source",
    "Spec",
    "Universe",
    "environment",
    "environment_of_others",
    "load_settings",
    "spec_of",
    "specs",
    "with_chat_change",
    "with_chat_changes",
]

_SHOWN = 60
"""Characters of a refused value that a fault repeats."""


class SettingsError(PerpilotError):
    """The settings can't be used; `faults` names every reason, `hints` say what may have caused them."""

    def __init__(
        self, faults: Iterable[Fault], hints: Iterable[str] = (), *, is_at_start: bool = True
    ) -> None:
        self.faults = tuple(faults)
        self.hints = tuple(hints)
        lines = [_line(fault, is_at_start) for fault in self.faults] + list(self.hints)
        count = len(self.faults)
        head = [] if count == 1 else [f"{count} settings are wrong:"]
        super().__init__("\n".join(head + lines))


def _line(fault: Fault, is_at_start: bool) -> str:
    told = is_at_start and fault.source is Source.CHAT
    return f"{fault.text} (changed in chat)" if told else fault.text


def environment(dotenv_path: Path | None = Path(".env")) -> dict[str, str]:
    """The process's environment over what `.env` says; a file that is not there says nothing.

    Raises `SettingsError` for a file that can't be read as `NAME=value` lines.
    """
    return _dotenv(dotenv_path) | dict(os.environ) if dotenv_path is not None else dict(os.environ)


def environment_of_others() -> dict[str, str]:
    """The process's environment without our own names: for processes that are to know no key and no token."""
    return {name: text for name, text in os.environ.items() if name not in known_names()}


def _dotenv(path: Path) -> dict[str, str]:
    from dotenv.parser import parse_stream

    found: dict[str, str] = {}
    faults: list[Fault] = []
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for binding in parse_stream(lines):
                if binding.error or (binding.key is not None and binding.value is None):
                    text = f"line {binding.original.line} of {path.name} is not NAME=value"
                    faults.append(Fault((), text))
                elif binding.key is not None and binding.value is not None:
                    found[binding.key] = binding.value
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError([Fault((), f"{path.name} can't be read: {reason}")]) from error
    if faults:
        raise SettingsError(faults)
    return found


def load_settings(
    environ: Mapping[str, str],
    chat: Mapping[str, str] = MappingProxyType({}),
    *,
    require: Iterable[str] = (),
    uses: Iterable[str] | None = None,
) -> Settings:
    """Checks everything and says where each value came from.

    `chat` maps names to the text typed in chat. `require` names groups of `REQUIREMENTS` that must be set.
    `uses` names sections; faults of others don't stop a command that has no use for them (None: all).
    Raises `SettingsError` with all faults.
    """
    return _checked(environ, chat, frozenset(require), frozenset(uses or SECTIONS), is_at_start=True)


def with_chat_change(settings: Settings, name: str, text: str | None) -> Settings:
    """The settings as they would be with this change; None takes an earlier change back.

    Every rule is checked again over the whole. Where the environment's risk setting is stricter, it keeps
    holding and `notes` says so. Raises `SettingsError`.
    """
    return with_chat_changes(settings, {name: text})


def with_chat_changes(settings: Settings, changes: Mapping[str, str | None]) -> Settings:
    """The same for several at once, checked together. Raises `SettingsError` with all faults."""
    chat, faults = dict(settings.chat), list[Fault]()
    for name, text in changes.items():
        try:
            spec = _editable(name.strip().upper())
        except SettingsError as error:
            faults += error.faults
            continue
        chat.pop(spec.name, None)
        if text is not None and text.strip():
            chat[spec.name] = text.strip()
        elif text is not None:
            faults.append(Fault((spec.name,), f"{spec.name} needs a value"))
    try:
        changed = _checked(settings.environ, chat, settings.require, settings.uses, is_at_start=False)
    except SettingsError as error:
        faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise SettingsError(faults, is_at_start=False)
    return changed


def _editable(name: str) -> Spec:
    try:
        spec = spec_of(name)
    except KeyError:
        meant = suggestion(name)
        hint = f"; did you mean {meant}?" if meant else ""
        text = f"{name[:_SHOWN]!r} is no setting{hint}"
        raise SettingsError([Fault((), text)], is_at_start=False) from None
    if not spec.is_chat_editable:
        way = (
            f"with {spec.changed_with}" if spec.changed_with else "in the environment, followed by a restart"
        )
        text = f"{name} can't be changed here; change it {way}"
        raise SettingsError([Fault((name,), text)], is_at_start=False)
    return spec


@dataclass(slots=True)
class _Reading:
    """Values while they are collected, by environment name."""

    found: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    spoken: dict[str, str] = field(default_factory=dict)
    """The other name under which a setting was given."""

    def attempt(self, spec: Spec, text: str, source: Source) -> Any:
        """The value, or the default with a fault noted."""
        try:
            return _value(spec, text, source)
        except ValueError as error:
            name = self.spoken.get(spec.name, spec.name)
            self.faults.append(Fault((spec.name,), f"{name}={_refused(spec, text)} {error}", source))
            return _default(spec)


def _checked(
    environ: Mapping[str, str],
    chat: Mapping[str, str],
    require: frozenset[str],
    uses: frozenset[str],
    *,
    is_at_start: bool,
) -> Settings:
    ours = {name: text.strip() for name, text in environ.items() if name in known_names() and text.strip()}
    reading = _Reading()
    reading.warnings += misspelt(environ)
    _read_layers(reading, ours, chat)
    _fall_back(reading)
    reading.faults += _unless_already_wrong(reading.faults, relations(reading.found))
    reading.faults += _unless_already_wrong(reading.faults, missing(reading.found, require))
    relevant = [fault for fault in reading.faults if _concerns(fault, uses)]
    if relevant:
        raise SettingsError(relevant, misspelt(environ), is_at_start=is_at_start)
    reading.warnings += warnings(reading.found, reading.sources)
    return Settings(
        **{spec.attribute: reading.found[spec.name] for spec in specs()},
        sources=MappingProxyType(reading.sources),
        warnings=tuple(reading.warnings),
        notes=MappingProxyType(reading.notes),
        environ=MappingProxyType(ours),
        chat=MappingProxyType(dict(chat)),
        require=require,
        uses=uses,
    )


def _unless_already_wrong(known: list[Fault], new: Iterator[Fault]) -> list[Fault]:
    """Without those about a name that has a fault: its value is a stand-in and proves nothing."""
    wrong = {name for fault in known for name in fault.names}
    return [fault for fault in new if wrong.isdisjoint(fault.names)]


def _concerns(fault: Fault, uses: frozenset[str]) -> bool:
    return not fault.names or any(spec_of(name).section in uses for name in fault.names)


def _read_layers(reading: _Reading, ours: Mapping[str, str], chat: Mapping[str, str]) -> None:
    profile_spec = spec_of("PROFILE")
    text = ours.get(profile_spec.name)
    profile = reading.attempt(profile_spec, text, Source.ENVIRONMENT) if text else None
    preset = PROFILES[profile] if profile else {}
    given = _with_aliases(reading, ours)
    for spec in specs():
        if spec is profile_spec:
            reading.found[spec.name] = profile
            reading.sources[spec.name] = Source.ENVIRONMENT if profile else Source.BUILT_IN
            continue
        _read_below_chat(reading, spec, given.get(spec.name), preset.get(spec.name))
        if spec.name in chat:
            _read_chat(reading, spec, chat[spec.name].strip())
    reading.warnings += _strangers(chat)


def _read_below_chat(reading: _Reading, spec: Spec, given: str | None, preset: str | None) -> None:
    if given is not None:
        reading.found[spec.name] = reading.attempt(spec, given, Source.ENVIRONMENT)
        reading.sources[spec.name] = Source.ENVIRONMENT
    elif preset is not None:
        reading.found[spec.name] = _value(spec, preset)
        reading.sources[spec.name] = Source.PROFILE
    else:
        reading.found[spec.name] = _default(spec)
        reading.sources[spec.name] = Source.BUILT_IN


def _read_chat(reading: _Reading, spec: Spec, text: str) -> None:
    if not spec.is_chat_editable:
        reading.warnings.append(f"{spec.name} was changed in chat once; that no longer has an effect.")
        return
    asked = reading.attempt(spec, text, Source.CHAT)
    below = reading.found[spec.name]
    is_bound = spec.is_risk and reading.sources[spec.name] is Source.ENVIRONMENT
    if is_bound and asked != below and spec.strictest(asked, below) == below:
        reading.notes[spec.name] = (
            f"chat asks for {spec.shown(asked)}; the environment's {spec.shown(below)} is stricter and holds"
        )
        return
    reading.found[spec.name] = asked
    reading.sources[spec.name] = Source.CHAT
    if is_bound and asked != below:
        reading.notes[spec.name] = f"stricter than the environment's {spec.shown(below)}, so it holds"


def _strangers(chat: Mapping[str, str]) -> Iterator[str]:
    names = {spec.name for spec in specs()}
    for name in sorted(set(chat) - names):
        yield f"{name[:_SHOWN]!r} was changed in chat, but there is no such setting."


def _with_aliases(reading: _Reading, ours: Mapping[str, str]) -> dict[str, str]:
    """The environment under our own names. Binance's keys are never handed to another exchange."""
    given = dict(ours)
    exchange = ours.get("EXCHANGE", str(spec_of("EXCHANGE").default))
    for spec in specs():
        for alias in spec.aliases:
            if alias not in ours:
                continue
            if alias.startswith("BINANCE") and not exchange.startswith("binance"):
                reading.warnings.append(f"{alias} is ignored because EXCHANGE is not a Binance exchange.")
            elif spec.name not in ours:
                given[spec.name] = ours[alias]
                reading.spoken[spec.name] = alias
            elif ours[spec.name] != ours[alias]:
                reading.warnings.append(f"{alias} and {spec.name} differ; {spec.name} is used.")
    return given


def _fall_back(reading: _Reading) -> None:
    """Values that other settings decide where they were left out."""
    found = reading.found
    chat = found["TELEGRAM_CHAT_ID"]
    owner = (chat,) if chat is not None and chat > 0 else ()
    deciders = (Decider.RULES, Decider.AI)
    fallbacks: dict[str, Callable[[], Any]] = {
        "TELEGRAM_ALLOWED_USER_IDS": lambda: owner,
        "TELEGRAM_VIEWER_IDS": lambda: (),
        "DECIDER": lambda: deciders[len(voting_advisers(found)) > 1],
        "LIVE_CAPITAL_CAP": lambda: found["INITIAL_CAPITAL"],
    }
    for name, choose in fallbacks.items():
        if found[name] is None:
            found[name] = choose()


def _default(spec: Spec) -> Any:
    return None if spec.default is None else _value(spec, spec.default)


def _value(spec: Spec, text: str, source: Source = Source.ENVIRONMENT) -> Any:
    if len(text) > MAX_TEXT:
        raise ValueError(f"is longer than {MAX_TEXT:,} characters")
    kind = spec.chat_kind if source is Source.CHAT and spec.chat_kind is not None else spec.kind
    return kind.read(text)


def _refused(spec: Spec, text: str) -> str:
    """The refused text as a fault may show it."""
    if spec.is_secret:
        return "***"
    shown = masked_url(text) if "://" in text else text
    if "://" not in text and looks_secret(text):
        return "***"
    printable = "".join(mark if mark.isprintable() else "?" for mark in shown)
    return printable if len(printable) <= _SHOWN else printable[:_SHOWN] + "…"
