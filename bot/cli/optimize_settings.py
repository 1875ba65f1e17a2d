"""Settings that a search varies: their dimensions, and how a run trades with a value of each.

Laws:
- A value passes the setting's own rule, and the rules between settings, exactly as if it stood in `.env`.
- A setting that a backtest does not depend on is refused: nothing could be learnt about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from bot.limits import limits_of
from bot.settings import Settings, load_settings, spec_of, specs
from bot.settings_rules import relations, suggestion
from bot.settings_spec import Spec
from core.backtest.engine import Setup
from core.backtest.search_space import BadSearch, Dimension, Range

if TYPE_CHECKING:
    from core.risk.limits import Limits

SECTIONS: Final = ("risk", "sizing", "exits", "breakers", "trading")
NEVER: Final = {
    "INITIAL_CAPITAL": "what the account begins with is yours to say",
}
"""Why some are not to be searched."""


@dataclass
class VariedSettings:
    """`SetupOf` of a search; may be sent to another process."""

    environ: Mapping[str, str]
    """Of the sections that a backtest uses, as typed; no secret is among them."""

    def __post_init__(self) -> None:
        self._base: Settings | None = None
        self._found: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"environ": dict(self.environ), "_base": None, "_found": {}}

    @property
    def base(self) -> Settings:
        """As they are."""
        if self._base is None:
            self._base = load_settings(self.environ, uses=SECTIONS)
            self._found = {spec.name: getattr(self._base, spec.attribute) for spec in specs()}
        return self._base

    def __call__(self, named: Mapping[str, float]) -> Setup:
        """Raises `ValueError` for values that contradict each other."""
        return setup_of(self.settings(named))

    def settings(self, named: Mapping[str, float]) -> Settings:
        """As they would be with these values. Raises `ValueError`."""
        base = self.base
        read = {name: spec_of(name).kind.read(value_text(name, value)) for name, value in named.items()}
        for fault in relations(self._found | read):
            if not set(read).isdisjoint(fault.names):
                raise ValueError(fault.text)
        return replace(base, **{spec_of(name).attribute: value for name, value in read.items()})


def varied_settings(environ: Mapping[str, str]) -> VariedSettings:
    """Raises `SettingsError` where those that a backtest uses are wrong."""
    names = {spec.name for spec in specs() if spec.section in SECTIONS} | {"PROFILE"}
    found = VariedSettings({name: text for name, text in environ.items() if name in names})
    assert found.base is not None
    return found


def setup_of(settings: Settings) -> Setup:
    """How a backtest trades with them."""
    return Setup(limits_of(settings), float(settings.initial_capital), settings.max_leverage)


def setting_dimensions(varied: VariedSettings, ranges: Sequence[Range]) -> tuple[Dimension, ...]:
    """Raises `BadSearch` for what is no number, out of its bounds, or without effect here."""
    found = tuple(_dimension(one) for one in ranges)
    for one in found:
        _require_effect(varied, one)
    return found


def setting_text(varied: VariedSettings) -> dict[str, str]:
    """Name → value of all that a backtest uses, as one would type it."""
    base = varied.base
    return {
        spec.name: spec.shown(getattr(base, spec.attribute)) for spec in specs() if spec.section in SECTIONS
    }


def value_text(name: str, value: float) -> str:
    """As one would write it in `.env`."""
    if isinstance(spec_of(name).kind.read(spec_of(name).default or ""), int):
        return f"{value:.0f}"
    return f"{Decimal(f'{value:.6g}'):f}"


def _dimension(asked: Range) -> Dimension:
    spec = _numeric(asked.name)
    low, high = _read(spec, asked.low), _read(spec, asked.high)
    step = None
    if asked.step:
        try:
            step = float(asked.step)
        except ValueError:
            raise BadSearch(f"{asked.name}: {asked.step[:30]!r} is no step") from None
    is_whole = isinstance(low, int)
    if is_whole and step is not None and not step.is_integer():
        raise BadSearch(f"{asked.name} is a whole number: a step of {step:g} does not fit")
    return Dimension(
        asked.name, float(low), float(high), None if is_whole and step == 1 else step, False, is_whole, True
    )


def _numeric(name: str) -> Spec:
    try:
        spec = spec_of(name)
    except KeyError:
        meant = suggestion(name)
        hint = f"did you mean {meant}?" if meant else "neither of the strategy nor of the bot"
        raise BadSearch(f"{name[:40]!r} is nothing that can be varied: {hint}") from None
    if NEVER.get(name):
        raise BadSearch(f"{name} is not to be searched: {NEVER[name]}")
    try:
        value = spec.kind.read(spec.default or "")
    except ValueError:
        value = None
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if spec.section not in SECTIONS or not is_number:
        raise BadSearch(f"{name} is no number that a backtest depends on")
    return spec


def _read(spec: Spec, text: str) -> int | Decimal:
    try:
        value: int | Decimal = spec.kind.read(text.strip())
    except ValueError as error:
        raise BadSearch(f"{spec.name}={text[:30]} {error}") from None
    return value


def _require_effect(varied: VariedSettings, one: Dimension) -> None:
    """Some number that the engine works with must differ between the ends."""
    spec = spec_of(one.name)
    ends = [
        replace(varied.base, **{spec.attribute: spec.kind.read(value_text(one.name, value))})
        for value in (one.low, one.top)
    ]
    low, high = (setup_of(end) for end in ends)
    if low == high or (
        not set(_differing(low.limits, high.limits)) - UNPLAYED and low.leverage == high.leverage
    ):
        raise BadSearch(f"{one.name} has no effect on a backtest: nothing can be learnt about it there")


UNPLAYED: Final = frozenset(
    {
        "allow_volatile",
        "approval_drift",
        "max_spread",
        "volatile_size",
        "is_exit_opinion_on",
        "breakers.liquidation_distance",
        "breakers.stale_data_s",
        "breakers.exchange_errors",
        "breakers.price_shock_atr",
        "breakers.funding_per_8h",
        "breakers.cooldown_s",
        "exits.scalp_stop",
        "exits.swing_stop",
        "exits.swing_stop_most",
        "exits.swing_horizon_h",
        "exits.stop_atr",
        "exits.swing_margin_atr",
        "exits.round_margin_atr",
        "exits.cost_multiple",
    }
)
"""Numbers of the limits that live trading asks of things that bars don't show, or that a strategy's own stop
takes the place of."""


def _differing(one: Limits, other: Limits) -> Iterator[str]:
    """Names of the fields that differ; of those inside another as `outer.inner`."""
    for each in fields(one):
        ours, theirs = getattr(one, each.name), getattr(other, each.name)
        if is_dataclass(ours) and not isinstance(ours, type):
            inner = fields(ours)
            yield from (
                f"{each.name}.{inside.name}"
                for inside in inner
                if getattr(ours, inside.name) != getattr(theirs, inside.name)
            )
        elif ours != theirs:
            yield each.name
