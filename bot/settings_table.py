"""The table of all settings: one typed field each, with everything a person may ask about it.

Laws:
- A setting is defined here once; `.env.example`, `/config`, `doctor` and the README read this table.
- Fields are named like their environment variables, in lower case.
- Fractions are fractions although their names say PERCENT: 0.05 is five per cent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from bot.settings_advisers import AdviserSettings
from bot.settings_spec import REQUIRED, SECTIONS, Profile, SettingRow, Source, Spec, Stricter, setting
from bot.settings_values import (
    MIN_TOKEN,
    Kind,
    Universe,
    amount,
    choice,
    database_address,
    flag,
    fraction,
    host,
    pattern,
    secret,
    universe,
    url_secrets,
    user_ids,
    web_url,
    whole,
    whole_id,
)
from core.journal import Mode
from core.opinion import Role
from core.strategy_use import Strategies

_LOWER, _HIGHER = Stricter.LOWER, Stricter.HIGHER
_EQUITY, _PRICE = "fraction of equity", "fraction of price"
_COINS = "BTC,ETH,SOL,BNB,XRP,DOGE,ADA,AVAX,LINK,LTC"
_ANY_CAPITAL = amount("1", "10000000")
_WEB = web_url("http", "https")


_telegram = partial(setting, "telegram")
_exchange = partial(setting, "exchange")
_storage = partial(setting, "storage")
_http = partial(setting, "http")
_trading = partial(setting, "trading")


def _risk(stricter: Stricter, kind: Kind, default: str, unit: str, meaning: str) -> Any:
    return setting("risk", kind, default, unit, meaning, stricter=stricter, is_chat_editable=True)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings(AdviserSettings):
    """Every setting, checked. Made by `bot.settings.load_settings` only."""

    telegram_bot_token: str | None = _telegram(
        secret(r"[0-9]{1,20}:[A-Za-z0-9_-]{3,100}", "a token as BotFather gives it, 123456789:AA..."),
        None,
        "token",
        "The bot's token from @BotFather.",
        fallback=REQUIRED,
        is_secret=True,
    )
    telegram_chat_id: int | None = _telegram(
        whole_id(is_group_allowed=True),
        None,
        "id",
        "The owner's private chat (the owner's user id); a group needs TELEGRAM_ALLOWED_USER_IDS too.",
        fallback=REQUIRED,
    )
    telegram_allowed_user_ids: tuple[int, ...] = _telegram(
        user_ids(), None, "ids", "Owners: may act.", fallback="the owner of the private chat"
    )
    telegram_viewer_ids: tuple[int, ...] = _telegram(
        user_ids(), None, "ids", "Viewers: may look, not touch.", fallback="nobody"
    )
    telegram_api_url: str = _telegram(_WEB, "https://api.telegram.org", "URL", "Bot API server.")
    telegram_webhook_url: str | None = _telegram(
        web_url("https", "http", is_public_encrypted=True),
        None,
        "URL",
        "Public address Telegram calls; needs TELEGRAM_WEBHOOK_SECRET.",
        fallback="long polling",
    )
    telegram_webhook_secret: str | None = _telegram(
        secret(rf"[A-Za-z0-9_-]{{{MIN_TOKEN},256}}", "16 to 256 letters, digits, _ or -"),
        None,
        "secret",
        "Telegram proves itself with it on every webhook call.",
        is_secret=True,
    )
    telegram_silence_minutes: int = _telegram(
        whole(0, 1_440),
        "30",
        "min",
        "Without any answer of Telegram for so long nothing is opened: you would not hear. 0: trade on.",
    )

    exchange: str = _exchange(
        pattern(r"[a-z0-9]{2,40}", "a ccxt exchange id in lower case"),
        "binanceusdm",
        "ccxt id",
        "binanceusdm, bybit and okx are tested; others may work.",
    )
    exchange_api_key: str | None = _exchange(
        secret(),
        None,
        "key",
        "For live trading; download asks Binance for leverage tiers with it.",
        is_secret=True,
        aliases=("BINANCE_API_KEY",),
    )
    exchange_secret: str | None = _exchange(
        secret(r"[\n -~]+", "printable characters"),
        None,
        "secret",
        "For live trading; belongs to the key.",
        is_secret=True,
        aliases=("BINANCE_SECRET_KEY",),
    )
    exchange_password: str | None = _exchange(
        secret(), None, "passphrase", "For live trading only, on exchanges that use one.", is_secret=True
    )
    exchange_testnet: bool = _exchange(flag(), "false", "", "The exchange's own sandbox.")
    exchange_url: str | None = _exchange(
        web_url("http", "https", is_origin=True),
        None,
        "URL",
        "Replaces scheme and host of every REST address of the exchange.",
        fallback="the exchange's",
    )
    exchange_ws_url: str | None = _exchange(
        web_url("ws", "wss", is_origin=True),
        None,
        "URL",
        "Replaces scheme and host of every websocket address of the exchange.",
        fallback="the exchange's",
    )

    database_url: str = _storage(
        database_address(),
        "sqlite+aiosqlite:///data/perpilot.db",
        "URL",
        "SQLite file or PostgreSQL database.",
    )
    redis_url: str | None = _storage(
        web_url("redis", "rediss"),
        None,
        "URL",
        "Shared cache and rate budget.",
        fallback="in process",
        is_built=False,
    )
    log_level: str = _storage(
        choice(("DEBUG", "INFO", "WARNING", "ERROR"), is_upper=True),
        "INFO",
        "",
        "Least severe line that is logged.",
    )

    http_host: str = _http(host(), "127.0.0.1", "address", "Beyond loopback HTTP_TOKEN is required.")
    http_port: int = _http(whole(0, 65_535), "8000", "port", "0 takes any free port.")
    http_token: str | None = _http(
        secret(rf"[!-~]{{{MIN_TOKEN},200}}", "16 to 200 printable characters without spaces"),
        None,
        "token",
        "Bearer token for everything but /health.",
        is_secret=True,
    )
    http_loopback_published: bool = _http(
        flag(), "false", "", "The port is published on the host's loopback only (compose sets it)."
    )

    profile: Profile | None = _trading(
        choice(Profile), None, "", "A set of defaults; single settings override it."
    )
    use_paper_trading: bool = _trading(flag(), "true", "", "No real orders.", stricter=_HIGHER)
    trading_mode: Mode = _trading(
        choice(Mode),
        "semi_auto",
        "",
        "watch: signals only; semi_auto: each trade needs a tap; auto: trades alone.",
        changed_with="/mode",
    )
    symbols: Universe = _trading(
        universe(),
        _COINS,
        "",
        "What is scanned; top:N takes the N largest by 24 h volume.",
        is_chat_editable=True,
    )
    initial_capital: Decimal = _trading(
        _ANY_CAPITAL, "100.00", "USDT", "Opening equity of the paper account."
    )
    live_capital_cap: Decimal = _trading(
        _ANY_CAPITAL,
        None,
        "USDT",
        "Live: the most equity that sizing counts on.",
        fallback="INITIAL_CAPITAL",
    )
    scan_interval_seconds: int = _trading(
        whole(1, 86_400), "300", "s", "Pause between scans.", is_chat_editable=True
    )
    approval_timeout_seconds: int = _trading(
        whole(5, 3_600), "300", "s", "Life of an approval card.", is_chat_editable=True
    )

    max_leverage: int = _risk(_LOWER, whole(1, 10), "5", "x", "Ceiling; nothing ever exceeds it.")
    position_size_percent: Decimal = _risk(
        _LOWER, fraction("0.01", "1"), "0.80", _EQUITY, "Ceiling on the margin of a trade."
    )
    risk_per_trade: Decimal = _risk(
        _LOWER, fraction("0.0001", "0.5"), "0.02", _EQUITY, "Lost at the stop, costs included; size follows."
    )
    max_trade_loss_percent: Decimal = _risk(
        _LOWER, fraction("0.0001", "0.5"), "0.10", _EQUITY, "Hard ceiling on the loss at the stop."
    )
    min_stop_loss_percent: Decimal = _risk(
        _HIGHER, fraction("0.001", "0.5"), "0.05", _PRICE, "Least distance of the stop from the entry."
    )
    max_stop_loss_percent: Decimal = _risk(
        _LOWER, fraction("0.001", "0.5"), "0.10", _PRICE, "Greatest distance of the stop from the entry."
    )
    min_profit_usd: Decimal = _risk(
        _HIGHER, amount("0", "10000"), "2.50", "USDT", "Least net gain at the targets."
    )
    min_ai_confidence: Decimal = _risk(
        _HIGHER, fraction("0.01", "1"), "0.75", "fraction", "Least confidence of a verdict."
    )
    min_opportunity_score: int = _risk(_HIGHER, whole(0, 100), "70", "points", "Least score of an idea.")
    allow_volatile: bool = _risk(_LOWER, flag(), "false", "", "Trade in a volatile regime, at most at 2x.")
    position_check_seconds: int = _risk(
        _LOWER, whole(1, 300), "60", "s", "Longest time between looks at an open position."
    )
    max_open_positions: int = _risk(
        _LOWER, whole(1, 20), "1", "positions", "Open at once, waiting cards included."
    )
    position_cooldown_minutes: int = _risk(
        _HIGHER, whole(0, 10_080), "30", "min", "No new entry on a symbol after a close or a refused entry."
    )
    daily_loss_limit_percent: Decimal = _risk(
        _LOWER,
        fraction("0.001", "0.5"),
        "0.10",
        "fraction of the day's opening equity",
        "Loss of a UTC day that stops entries.",
    )
    max_consecutive_losses: int = _risk(
        _LOWER, whole(1, 20), "3", "losses", "Losses in a row that stop entries."
    )
    max_drawdown_percent: Decimal = _risk(
        _LOWER,
        fraction("0.001", "0.9"),
        "0.20",
        "fraction of the peak",
        "Fall from the highest equity that stops entries.",
    )
    approval_max_drift_percent: Decimal = _risk(
        _LOWER,
        fraction("0", "0.05"),
        "0.005",
        _PRICE,
        "Movement since the card that makes a tap a new quote.",
    )

    sources: Mapping[str, Source] = field(compare=False)
    """By environment name."""
    warnings: tuple[str, ...] = field(compare=False)
    """Sentences worth showing at start and by `doctor`; nothing in them stops the bot."""
    notes: Mapping[str, str] = field(compare=False)
    """By environment name: which of two values holds, where environment and chat differ on a risk setting."""
    environ: Mapping[str, str] = field(compare=False)
    """The environment this was read from, cut to our names, for the next change in chat."""
    chat: Mapping[str, str] = field(compare=False)
    """The changes made in chat, as typed."""
    require: frozenset[str] = field(compare=False)
    uses: frozenset[str] = field(compare=False)

    def __repr__(self) -> str:
        return f"Settings(fingerprint={self.fingerprint()!r})"

    @property
    def advisers(self) -> tuple[str, ...]:
        """Providers that are asked: those with a key, Grok only where it is enabled."""
        return keyed_advisers(self._found())

    @property
    def voters(self) -> tuple[str, ...]:
        """Those of them that vote."""
        return voting_advisers(self._found())

    @property
    def roles(self) -> Mapping[str, Role]:
        """By the name that an adviser has in journal and cards."""
        return {name: getattr(self, f"{provider}_role") for provider, name in ADVISER_NAMES.items()}

    @property
    def strategies_in_use(self) -> Strategies:
        return Strategies(self.strategy_role, self.strategies)

    def _found(self) -> dict[str, Any]:
        return {spec.name: getattr(self, spec.attribute) for spec in specs()}

    @property
    def is_decider_explicit(self) -> bool:
        return self.sources["DECIDER"] is not Source.BUILT_IN

    def describe(self) -> tuple[SettingRow, ...]:
        return tuple(self._row(spec) for spec in specs())

    def shown(self, name: str) -> str:
        """The value of the setting with this environment name as a person may see it."""
        spec = spec_of(name)
        return spec.shown(getattr(self, spec.attribute))

    def secrets(self) -> tuple[str, ...]:
        """Every value that must appear nowhere, passwords inside addresses and unused keys included."""
        found: list[str] = []
        for spec in specs():
            value = getattr(self, spec.attribute)
            if isinstance(value, str):
                found += [value] if spec.is_secret else url_secrets(value)
        owned = {spec.name for spec in specs() if not spec.is_secret}
        found += [text for name, text in self.environ.items() if name not in owned]
        return tuple(dict.fromkeys(found))

    def fingerprint(self) -> str:
        """Twelve hex digits that change when a setting does; secrets play no part."""
        lines = (f"{spec.name}={self.shown(spec.name)}" for spec in specs() if not spec.is_secret)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]

    def _row(self, spec: Spec) -> SettingRow:
        note = "not built yet: has no effect" if not spec.is_built else self.notes.get(spec.name, "")
        return SettingRow(
            name=spec.name,
            section=spec.section,
            shown_value=self.shown(spec.name),
            source=self.sources[spec.name],
            unit=spec.unit,
            bounds=spec.kind.bounds,
            is_built=spec.is_built,
            is_chat_editable=spec.is_chat_editable,
            description=spec.meaning,
            note=note,
        )


@cache
def specs() -> tuple[Spec, ...]:
    """Every setting, section by section, each in the order of its table."""
    found = [
        Spec(name=entry.name.upper(), **entry.metadata["spec"])
        for entry in fields(Settings)
        if "spec" in entry.metadata
    ]
    order = list(SECTIONS)
    return tuple(sorted(found, key=lambda spec: order.index(spec.section)))


@cache
def _by_name() -> Mapping[str, Spec]:
    return {spec.name: spec for spec in specs()}


def spec_of(name: str) -> Spec:
    """Raises `KeyError` for a name that is no setting."""
    return _by_name()[name]


ADVISER_NAMES: Mapping[str, str] = MappingProxyType(
    {"anthropic": "claude", "openai": "gpt", "xai": "grok", "deepseek": "deepseek"}
)
"""Provider → the name its adviser has."""


def keyed_advisers(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Providers that can be asked, whatever their role."""
    keyed = [name for name in ADVISER_NAMES if found[f"{name.upper()}_API_KEY"]]
    return tuple(name for name in keyed if name != "xai" or found["ENABLE_GROK"])


def voting_advisers(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in keyed_advisers(found) if found[f"{name.upper()}_ROLE"] is Role.VOTER)
