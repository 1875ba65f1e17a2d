"""What a plan may lose at most, and which share of its size it may have: every rule that knows the account.

Laws:
- The strictest ceiling holds. What is unknown counts as the strictest that it could be.
- Sizing and checks ask the same functions: what is sized by them is cleared by them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from core.market import Regime, Side
from core.money import ONE, ZERO, exact, floor_to
from core.opinion import Verdict
from core.plan import Origin
from core.risk.account import Account, Loss, bounded
from core.risk.limits import Limits

DUST = Decimal("1e-12")
"""USDT; a quotient is rounded down to this, so that its last digit never passes the cap."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A rule that leaves only a part of the size."""

    share: Decimal
    why: str
    """The relation and both values."""


@dataclass(frozen=True, slots=True)
class LossCap:
    """A rule that bounds what one more plan may lose."""

    most: Decimal
    """USDT; zero or below where no room is left."""
    name: str


@dataclass(frozen=True, slots=True)
class SideRisk:
    """Risk on the side of a plan, each loss weighted by its beta to BTC."""

    taken: Decimal
    """USDT, open trades and cards."""
    cap: Decimal
    """USDT."""
    weight: Decimal
    """Of the plan."""

    @property
    def room(self) -> Decimal | None:
        """USDT that the plan may lose; None: as much as it likes, for it does not move with the rest."""
        left = self.cap - self.taken
        if left <= 0:
            return ZERO
        return floor_to(left / self.weight, DUST) if self.weight > 0 else None


def size_ceilings(
    origin: Origin, verdict: Verdict | None, regime: Regime, account: Account, limits: Limits
) -> tuple[Ceiling, ...]:
    """All that hold now, the strictest first; empty: the full size."""
    found = [*_of_judgement(origin, verdict, regime, limits), *_of_account(account, limits)]
    return tuple(sorted((one for one in found if one.share < 1), key=lambda one: one.share))


def share_left(ceilings: tuple[Ceiling, ...]) -> Decimal:
    return ceilings[0].share if ceilings else ONE


def account_share(account: Account, limits: Limits) -> Decimal:
    """What drawdown and probe leave of every trade's size, whoever has the idea."""
    return min((one.share for one in _of_account(account, limits)), default=ONE)


def _of_judgement(
    origin: Origin, verdict: Verdict | None, regime: Regime, limits: Limits
) -> Iterator[Ceiling]:
    if origin is Origin.SCAN:
        confidence = verdict.confidence if verdict is not None else 0.0
        if not confidence >= limits.full_confidence:
            text = f"confidence {confidence:.2f} is under {limits.full_confidence:.2f}"
            yield Ceiling(limits.band_size, text)
        if verdict is not None and not verdict.share >= 1:
            yield Ceiling(exact(verdict.share), "; ".join(verdict.cautions))
    if regime is Regime.VOLATILE:
        yield Ceiling(limits.volatile_size, "the regime is volatile")


def _of_account(account: Account, limits: Limits) -> Iterator[Ceiling]:
    fall = account.drawdown
    if fall is None:
        yield Ceiling(limits.yellow_size, "the drawdown is unknown")
    elif not fall < limits.yellow_drawdown:
        text = f"the drawdown {fall * 100:.2f} % has reached {limits.yellow_drawdown * 100:.2f} %"
        yield Ceiling(limits.yellow_size, text)
    if account.is_probing:
        yield Ceiling(limits.probe_size, "a probe after a breaker reopened")


def loss_caps(side: Side, beta: Decimal | None, account: Account, limits: Limits) -> Iterator[LossCap]:
    """What the account leaves for one more loss; an unknown figure caps nothing, the checks refuse it."""
    on_side = side_risk(side, beta, account, limits)
    if on_side is not None and (room := on_side.room) is not None:
        yield LossCap(
            room, f"what the {side} side may risk, {on_side.taken:.2f} of {on_side.cap:.2f} is taken"
        )
    for left, name in (
        (left_today(account, limits), "the daily limit"),
        (left_down(account, limits), "the drawdown limit"),
    ):
        if left is not None:
            yield LossCap(left - account.open_risk, f"what is left of {name}")


def beta_weight(beta: Decimal | None) -> Decimal:
    """Unknown counts fully; what moves against BTC counts nothing and offsets nothing."""
    return ONE if beta is None else min(max(beta, ZERO), ONE)


def side_risk(side: Side, beta: Decimal | None, account: Account, limits: Limits) -> SideRisk | None:
    """None where nothing that counts is open on that side: one trade alone is bounded by its own risk."""
    equity = account.sizing_equity
    if equity is None:
        return None
    taken = sum(
        (risk.loss_at_stop * beta_weight(risk.beta) for risk in account.open_risks if risk.side is side), ZERO
    )
    if not taken:
        return None
    share = max(ONE, limits.same_direction_share * limits.max_open_positions)
    return SideRisk(taken, share * limits.risk_per_trade * equity, beta_weight(beta))


def left_today(account: Account, limits: Limits) -> Decimal | None:
    """USDT that may still be lost before the daily breaker trips; None: unknown."""
    return _left(account.day_opening, limits.daily_loss, account, account.lost_today)


def left_down(account: Account, limits: Limits) -> Decimal | None:
    """The same for the drawdown."""
    return _left(account.peak, limits.max_drawdown, account, account.lost_from_peak)


def _left(baseline: Decimal | None, limit: Decimal, account: Account, loss: Loss | None) -> Decimal | None:
    """Of both measures of `lost_share` what leaves less."""
    if account.equity is None or baseline is None:
        return None
    whole = limit * baseline - (baseline - account.equity)
    if account.cap is None:
        return whole
    money = loss or Loss(baseline - account.equity, baseline)
    return min(whole, limit * bounded(money.base, account.cap) - money.lost)
